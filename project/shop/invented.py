"""An invented past for the shop: customers, products and two years of orders.

Runs on: wherever it is called; knows the models, never the database connection. Same day, same data: everything comes
out of one seeded random generator.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from project.shop.models import Category, Customer, Order, Product, Region

DAYS = 730
GROWTH = 0.9  # the last day sells this much more than the first, as a share
WEEKDAYS = [0.9, 0.85, 0.9, 1.0, 1.25, 1.35, 0.75]

COUNTRIES = {
    Region.NORTH: ["Denmark", "Norway", "Sweden", "Finland"],
    Region.WEST: ["France", "Belgium", "Netherlands", "Ireland"],
    Region.SOUTH: ["Italy", "Spain", "Portugal", "Greece"],
    Region.EAST: ["Germany", "Austria", "Poland", "Czechia"],
}
# fmt: off
FIRST_NAMES = [
    "Ada", "Aino", "Anna", "Bruno", "Carla", "Chiara", "David", "Elena", "Emil", "Freja", "Greta", "Hugo", "Ida",
    "Ines", "Jakub", "Jana", "Joana", "Karl", "Lars", "Lea", "Leo", "Lucia", "Marek", "Maria", "Mateo", "Mina", "Nils",
    "Nora", "Olga", "Oskar", "Paolo", "Pia", "Rosa", "Sofia", "Theo", "Vera", "Yara", "Zofia",
]
LAST_NAMES = [
    "Almeida", "Andersen", "Bakker", "Bauer", "Berg", "Bianchi", "Costa", "Dubois", "Eriksen", "Ferrari", "Fischer",
    "Garcia", "Hansen", "Horvat", "Jansen", "Kask", "Kowalski", "Laine", "Lambert", "Lopez", "Maier", "Martin", "Meyer",
    "Moreau", "Murphy", "Novak", "Olsen", "Papadakis", "Peeters", "Ricci", "Romano", "Rossi", "Santos", "Schmid",
    "Silva", "Svoboda", "Virtanen", "Weber",
]
# fmt: on

FAMILIES = ["Atlas", "Borealis", "Comet", "Delta", "Ember", "Fjord", "Grove", "Harbor", "Isle", "Juniper"]
THINGS: dict[Category, tuple[str, int, float]] = {  # noun, price in euros, how often it is bought
    Category.LIGHTING: ("lamp", 89, 1.5),
    Category.SEATING: ("chair", 179, 1.1),
    Category.TABLES: ("table", 420, 0.5),
    Category.STORAGE: ("shelf", 240, 0.7),
    Category.TEXTILES: ("blanket", 64, 1.6),
    Category.KITCHEN: ("bowl", 28, 2.0),
}

CHANNELS = {Order.Channel.WEB: 0.52, Order.Channel.STORE: 0.33, Order.Channel.PARTNER: 0.15}


@dataclass(frozen=True)
class Purchase:
    """One order with what was bought, before it has a number."""

    order: Order
    lines: list[tuple[Product, int, Decimal]]


def products(random: Random) -> list[Product]:
    """Ten families of six things each."""
    found = []
    for family_number, family in enumerate(FAMILIES):
        for category, (noun, price, _) in THINGS.items():
            factor = (0.75 + family_number * 0.08) * random.uniform(0.9, 1.15)
            cents = Decimal("0.90") if price < 200 else Decimal("0.00")
            found.append(
                Product(
                    name=f"{family} {noun}",
                    category=category,
                    price=Decimal(round(price * factor)) + cents,
                    in_stock=random.randint(0, 240),
                )
            )
    return found


def customers(random: Random, count: int, today: datetime) -> list[Customer]:
    """`count` people with different addresses, all known for at least as long as the orders go back."""
    found = []
    for number in range(count):
        first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
        region = random.choices(list(COUNTRIES), weights=[2, 3, 2.5, 4])[0]
        found.append(
            Customer(
                name=f"{first} {last}",
                email=f"{first}.{last}.{number}@example.com".lower(),
                country=random.choice(COUNTRIES[region]),
                region=region,
                since=(today - timedelta(days=DAYS + random.randint(1, 900))).date(),
            )
        )
    return found


def purchases(
    random: Random, count: int, buyers: list[Customer], goods: list[Product], now: datetime
) -> Iterator[Purchase]:
    """`count` orders of the last two years, oldest first."""
    first_day = now - timedelta(days=DAYS)
    weights = [_demand(first_day + timedelta(days=day), day) for day in range(DAYS)]
    days = sorted(random.choices(range(DAYS), weights=weights, k=count))
    loyalty = [random.paretovariate(1.6) for _ in buyers]
    chosen = random.choices(buyers, weights=loyalty, k=count)
    appeal = [THINGS[Category(product.category)][2] * random.uniform(0.4, 1.8) for product in goods]
    for day, customer in zip(days, chosen, strict=True):
        opened = (first_day + timedelta(days=day)).replace(hour=8, minute=0, second=0, microsecond=0)
        placed_at = min(opened + timedelta(minutes=_minute_of_day(random)), now)
        lines = _lines(random, goods, appeal, age=(DAYS - day) / DAYS)
        order = Order(
            customer=customer,
            placed_at=placed_at,
            status=_status(random, now - placed_at),
            channel=random.choices(list(CHANNELS), weights=_channel_weights(day))[0],
            region=customer.region,
            total=sum((price * quantity for _, quantity, price in lines), Decimal(0)),
        )
        yield Purchase(order, lines)


def _demand(moment: datetime, day: int) -> float:
    """How busy a day is: growth over the two years, a high before Christmas, a dip in summer, the weekend."""
    year = 2 * math.pi * moment.timetuple().tm_yday / 365
    season = 1 + 0.22 * math.cos(year) - 0.08 * math.cos(2 * year)
    christmas = 1.5 if (moment.month, moment.day) >= (11, 24) and (moment.month, moment.day) <= (12, 20) else 1
    return (1 + GROWTH * day / DAYS) * season * christmas * WEEKDAYS[moment.weekday()]


def _minute_of_day(random: Random) -> int:
    """Minutes after eight, most of them around four in the afternoon."""
    return round(random.triangular(0, 14 * 60, 8 * 60))


def _channel_weights(day: int) -> list[float]:
    """The web's share grows over the two years, the stores' shrinks."""
    shift = 0.12 * (day / DAYS - 0.5)
    return [CHANNELS[Order.Channel.WEB] + shift, CHANNELS[Order.Channel.STORE] - shift, CHANNELS[Order.Channel.PARTNER]]


def _status(random: Random, age: timedelta) -> Order.Status:
    """Old orders are done with, those of the last days are under way."""
    if age < timedelta(days=2):
        return random.choices([Order.Status.NEW, Order.Status.PAID], weights=[2, 3])[0]
    if age < timedelta(days=6):
        return random.choices([Order.Status.PAID, Order.Status.SHIPPED], weights=[1, 2])[0]
    done = [Order.Status.SHIPPED, Order.Status.RETURNED, Order.Status.CANCELLED]
    return random.choices(done, weights=[93, 4, 3])[0]


def _lines(random: Random, goods: list[Product], appeal: list[float], age: float) -> list[tuple[Product, int, Decimal]]:
    """One to four different products; prices were up to six percent lower two years ago."""
    wanted = dict.fromkeys(random.choices(goods, weights=appeal, k=random.choices([1, 2, 3, 4], [5, 4, 2, 1])[0]))
    cheaper = Decimal(str(round(1 - 0.06 * age, 4)))
    return [
        (product, random.choices([1, 2, 4], [7, 3, 1])[0], (product.price * cheaper).quantize(Decimal("0.01")))
        for product in wanted
    ]
