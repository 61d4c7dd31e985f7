from inventory.errors import *
from inventory.item import Item
from inventory.stock import Stock
