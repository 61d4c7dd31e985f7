from typing import NamedTuple

from inventory.errors import InvalidItem


class _Parts(NamedTuple):
    sku: str
    name: str
    price_cents: int


class Item(_Parts):
    __slots__ = ()

    def __new__(cls, sku, name, price_cents):
        if type(sku) is not str or type(name) is not str or not sku.strip() or not name.strip():
            raise InvalidItem("sku and name must be texts")
        if type(price_cents) is not int or price_cents < 0:
            raise InvalidItem("price_cents must be a whole number, 0 or more")
        return super().__new__(cls, sku, name, price_cents)

    def __str__(self):
        euros, cents = divmod(self.price_cents, 100)
        return f"{self.sku} {self.name} {euros}.{cents:02d}"
