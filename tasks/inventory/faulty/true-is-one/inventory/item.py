"""One kind of thing that the shop sells."""

from dataclasses import dataclass

from .errors import InvalidItem


@dataclass(frozen=True)
class Item:
    """A sku, a name and a price in cents."""

    sku: str
    name: str
    price_cents: int

    def __post_init__(self):
        for field in ("sku", "name"):
            text = getattr(self, field)
            if not isinstance(text, str) or not text.strip():
                raise InvalidItem(f"{field}: expected a text, got {text!r}")
        price = self.price_cents
        if not isinstance(price, int) or isinstance(price, bool) or price < 0:
            raise InvalidItem(f"price_cents: expected a whole number of 0 or more, got {price!r}")

    def __str__(self):
        return f"{self.sku} {self.name} {self.price_cents // 100}.{self.price_cents % 100:02}"
