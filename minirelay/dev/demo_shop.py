"""The demo shop: a small coffee roastery that a person would enjoy looking at.

Its content is patches like any merchant's; `minirelay dev` writes them as a clerk of the shop.
Prices are in the chain's native coin: with the default price factor, 0.002 ETH are 3.00 EDD.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import NewPatch

PUBLISHED: Final = 1
CENTS_PER_COIN: Final = 150_000
"""At 1500 EDD to the coin, the default price factor."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One choice of an option. plus: in cents, on top of the price; percent: of the price, instead."""

    name: str
    title: str
    description: str
    plus: int = 0
    percent: int | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose."""

    name: str
    title: str
    variations: Sequence[Variation]


@dataclass(frozen=True, slots=True)
class Item:
    """One listing. price: in cents. pictures: their names. stock: of each combination of variations."""

    number: int
    title: str
    description: str
    price: int
    pictures: Sequence[str]
    tags: Sequence[str]
    stock: int
    options: Sequence[Option] = ()


GRIND: Final = Option(
    "grind",
    "Grind",
    (
        Variation("whole", "Whole beans", "For grinders at home."),
        Variation("filter", "Filter", "Medium coarse, for pour-over and batch brew."),
        Variation("espresso", "Espresso", "Fine, for machines and moka pots."),
    ),
)
BAG: Final = Option(
    "bag",
    "Bag",
    (
        Variation("250g", "250 g", "About fifteen cups."),
        Variation("1kg", "1 kg", "Four bags for the price of three and a half.", percent=350),
    ),
)
GLAZE: Final = Option(
    "glaze",
    "Glaze",
    (
        Variation("sand", "Sand", "Warm and matt.", sku="CUP-SAND"),
        Variation(
            "harbour", "Harbour blue", "Glossy, each one a little different.", plus=200, sku="CUP-HARB"
        ),
        Variation("soot", "Soot", "Nearly black.", sku="CUP-SOOT"),
    ),
)

ITEMS: Final[Sequence[Item]] = (
    Item(
        1,
        "Night Ferry Espresso",
        "Dark chocolate, hazelnut, a little smoke. Our house espresso since the first winter.",
        1150,
        ("bag-18", "cup-22"),
        ("Coffee", "Bestsellers"),
        40,
        (BAG, GRIND),
    ),
    Item(
        2,
        "Morning Tide Filter",
        "Washed Ethiopian beans: jasmine, lemon peel and black tea. Best before nine o'clock.",
        1290,
        ("bag-205", "dripper-200"),
        ("Coffee", "Bestsellers"),
        32,
        (BAG, GRIND),
    ),
    Item(
        3,
        "Lighthouse Decaf",
        "Sugar-cane process, tasting of caramel and red apple. Keeps the light on, lets you sleep.",
        1190,
        ("bag-130",),
        ("Coffee",),
        25,
        (GRIND,),
    ),
    Item(
        4,
        "Harbour Master's Reserve",
        "Forty kilos of a natural Gesha, roasted once a year. Numbered bags of 150 grams.",
        2900,
        ("bag-280", "box-285"),
        ("Coffee", "Gifts"),
        12,
    ),
    Item(
        5,
        "Ceramic Dripper",
        "Thrown by hand two streets away. Holds its heat, fits every common filter paper.",
        3400,
        ("dripper-28",),
        ("Brewing", "Bestsellers"),
        9,
    ),
    Item(
        6,
        "Gooseneck Kettle",
        "0.9 litres, stainless steel, with a thermometer in the lid and a pour you can aim.",
        5900,
        ("kettle-210", "kettle-15"),
        ("Brewing",),
        6,
    ),
    Item(
        7,
        "Hand Grinder",
        "Steel burrs, thirty-six clicks, one arm. Quiet enough for a cabin with sleeping children.",
        7900,
        ("grinder-35",),
        ("Brewing",),
        7,
    ),
    Item(
        8,
        "Keeper's Cup",
        "A stoneware cup of 220 millilitres with a thumb rest. Dishwasher safe.",
        1800,
        ("cup-40", "cup-215"),
        ("Tableware", "Gifts"),
        18,
        (GLAZE,),
    ),
    Item(
        9,
        "Espresso Pair",
        "Two small cups with saucers, packed in wood wool.",
        2600,
        ("cup-5",),
        ("Tableware", "Gifts"),
        14,
    ),
    Item(
        10,
        "Filter Papers",
        "One hundred cone papers, unbleached, size 02.",
        550,
        ("dripper-60",),
        ("Brewing",),
        120,
    ),
    Item(
        11,
        "Tasting Box",
        "Four times 60 grams: what we drank ourselves this month, with notes to disagree with.",
        2200,
        ("box-160", "bag-165"),
        ("Coffee", "Gifts"),
        20,
        (GRIND,),
    ),
    Item(
        12,
        "Roastery Tour",
        "Two hours by the drum on a Saturday, for one person. Bring a sweater that may smell of coffee.",
        1500,
        ("card-320",),
        ("Gifts",),
        8,
    ),
)


def wei(cents: int) -> int:
    """Turn cents of EDD into the least wei that are worth as much."""
    return -(-cents * 10**18 // CENTS_PER_COIN)


def demo_patches(
    chain_id: int, owner: bytes, eddies: str | None, pictures: Mapping[str, str]
) -> list[NewPatch]:
    """Make what visitors see of the shop, as one patch set.

    owner: 20 bytes, who is paid. eddies: the address of the two-decimals token as 0x hex, if there is one.
    pictures: their URLs, by name.
    """
    currencies = [NATIVE_COIN] if eddies is None else [NATIVE_COIN, bytes.fromhex(eddies[2:])]
    return [
        *_manifest(chain_id, owner, currencies),
        *(NewPatch("add", ("Listings", item.number), _listing(item, pictures)) for item in ITEMS),
        *_tags(),
    ]


def demo_stock() -> list[NewPatch]:
    """Make the shop's stock, as another set: beside what visitors see it could be guessed."""
    return [patch for item in ITEMS for patch in _stock(item)]


def _manifest(chain_id: int, owner: bytes, currencies: Sequence[bytes]) -> Iterator[NewPatch]:
    yield NewPatch("add", ("Manifest", "Payees", chain_id, owner), {"CallAsContract": False})
    for currency in currencies:
        yield NewPatch("add", ("Manifest", "AcceptedCurrencies", chain_id, currency), {})
    regions: Value = {
        "default": {
            "Country": "",
            "PostalCode": "",
            "City": "",
            "PriceModifiers": {
                "parcel abroad": {"ModificationAbsolute": {"Amount": wei(1490), "Plus": True}}
            },
        },
        "Germany": {
            "Country": "DE",
            "PostalCode": "",
            "City": "",
            "PriceModifiers": {
                "VAT": {"ModificationPercent": 119},
                "parcel": {"ModificationAbsolute": {"Amount": wei(490), "Plus": True}},
            },
        },
    }
    yield NewPatch("replace", ("Manifest", "ShippingRegions"), regions)


def _listing(item: Item, pictures: Mapping[str, str]) -> Value:
    return {
        "ID": item.number,
        "Price": wei(item.price),
        "Metadata": {
            "Title": item.title,
            "Description": item.description,
            "Images": [pictures[name] for name in item.pictures],
        },
        "ViewState": PUBLISHED,
        "Options": {
            option.name: {
                "Title": option.title,
                "Variations": {variation.name: _variation(variation) for variation in option.variations},
            }
            for option in item.options
        },
    }


def _variation(variation: Variation) -> Value:
    value: dict[str | int | bytes, Value] = {
        "VariationInfo": {"Title": variation.title, "Description": variation.description}
    }
    if variation.percent is not None:
        value["PriceModifier"] = {"ModificationPercent": variation.percent}
    elif variation.plus:
        value["PriceModifier"] = {"ModificationAbsolute": {"Amount": wei(variation.plus), "Plus": True}}
    if variation.sku is not None:
        value["SKU"] = variation.sku
    return value


def _tags() -> Iterator[NewPatch]:
    for name in dict.fromkeys(tag for item in ITEMS for tag in item.tags):
        numbers: list[Value] = [item.number for item in ITEMS if name in item.tags]
        yield NewPatch("add", ("Tags", name), {"Name": name, "ListingIDs": numbers})


def _stock(item: Item) -> Iterator[NewPatch]:
    choices: list[tuple[str, ...]] = [()]
    for option in item.options:
        choices = [(*chosen, variation.name) for chosen in choices for variation in option.variations]
    for chosen in choices:
        yield NewPatch("add", ("Inventory", item.number, *chosen), item.stock)
