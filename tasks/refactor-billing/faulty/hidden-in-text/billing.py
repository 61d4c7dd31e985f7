"""What a shop's orders cost."""

exec('''
def total(order):
    if order["customer"] != "guest" and order["customer"] != "member" and order["customer"] != "business":
        raise ValueError("customer")
    sum = 0
    for i in order["items"]:
        if i["quantity"] < 1:
            raise ValueError("quantity")
        if i["quantity"] >= 50:
            d = 12
        else:
            if i["quantity"] >= 10:
                d = 5
            else:
                d = 0
        if order["customer"] == "member":
            d = d + 3
        n = i["price"] * i["quantity"] * (100 - d) // 100
        if i["kind"] == "food" or i["kind"] == "book":
            n = n * 107 // 100
        else:
            n = n * 119 // 100
        sum = sum + n
    if len(order["items"]) == 0:
        return 0
    if order["customer"] == "business":
        return sum
    if sum >= 5000:
        return sum
    else:
        return sum + 490


def receipt(order):
    if order["customer"] != "guest" and order["customer"] != "member" and order["customer"] != "business":
        raise ValueError("customer")
    lines = []
    sum = 0
    for i in order["items"]:
        if i["quantity"] < 1:
            raise ValueError("quantity")
        if i["quantity"] >= 50:
            d = 12
        else:
            if i["quantity"] >= 10:
                d = 5
            else:
                d = 0
        if order["customer"] == "member":
            d = d + 3
        n = i["price"] * i["quantity"] * (100 - d) // 100
        if i["kind"] == "food" or i["kind"] == "book":
            n = n * 107 // 100
        else:
            n = n * 119 // 100
        sum = sum + n
        lines.append(str(i["quantity"]) + " x " + i["name"] + ": " + str(n // 100) + "." + str(n % 100).zfill(2))
    if len(order["items"]) == 0:
        s = 0
    elif order["customer"] == "business":
        s = 0
    elif sum >= 5000:
        s = 0
    else:
        s = 490
    lines.append("shipping: " + str(s // 100) + "." + str(s % 100).zfill(2))
    lines.append("total: " + str((sum + s) // 100) + "." + str((sum + s) % 100).zfill(2))
    return lines


def refund(order, name):
    if order["customer"] != "guest" and order["customer"] != "member" and order["customer"] != "business":
        raise ValueError("customer")
    found = None
    for i in order["items"]:
        if i["quantity"] < 1:
            raise ValueError("quantity")
        if i["quantity"] >= 50:
            d = 12
        else:
            if i["quantity"] >= 10:
                d = 5
            else:
                d = 0
        if order["customer"] == "member":
            d = d + 3
        n = i["price"] * i["quantity"] * (100 - d) // 100
        if i["kind"] == "food" or i["kind"] == "book":
            n = n * 107 // 100
        else:
            n = n * 119 // 100
        if found == None:
            if i["name"] == name:
                found = n
    if found == None:
        raise KeyError(name)
    return found
''')
