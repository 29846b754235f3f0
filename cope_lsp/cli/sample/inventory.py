"""A small stock of goods: what is there, what it is worth, what must be ordered."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Item:
    name: str
    price: float
    count: int = 0

    def value(self):
        """Return the worth of all pieces."""
        return self.price * self.count


class Inventory:
    def __init__(self, items=None):
        self.items = items or []

    def add(self, item):
        self.items.append(item)

    def names(self):
        return [item.name for item in self.items]

    def total(self):
        """Return the worth of everything."""
        return sum(item.value() for item in self.items)

    def missing(self):
        """Return the items of which nothing is left."""
        return [item for item in self.items if item.count == 0]


def load(path):
    with open(path) as file:
        data = json.load(file)
    return Inventory([Item(**entry) for entry in data])


def save(inventory, path):
    text = json.dumps([vars(item) for item in inventory.items])
    Path(path).write_text(text)


def main():
    inventory = load("stock.json")
    print(inventory.total())


if __name__ == "__main__":
    main()
