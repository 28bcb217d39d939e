"""What the tests of checkout share: a shop, written to the way a sequencer does it, and its customers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.cbor import encode
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, Patch, decode_patch
from minirelay.shop.access import Role
from minirelay.shop.checkout import Checkout, CheckoutOutcome
from minirelay.shop.checkout_facts import ChainHead, Facts, TokenFacts
from minirelay.shop.checkout_records import CheckoutLimits, CheckoutRecords
from minirelay.shop.issued_requests import IssuedRequest, Place
from minirelay.shop.order_states import OrderState
from minirelay.shop.ownership import RELAY_ITSELF, Author
from minirelay.shop.patch_application import AppliedPatchSet, PatchApplication, Policy
from minirelay.shop.quote import Rate
from minirelay.shop.relay_sets import relay_sets
from minirelay.shop.reservation_changes import ReservationLimits
from minirelay.shop.state import ShopState
from minirelay.shop.work import Work
from tests.shop.patching import (
    INVENTORY,
    LISTING,
    MANIFEST_VALUE,
    ORDER,
    OTHER_PAYEE,
    PAYEE,
    TOKEN,
    number,
    patch,
    shop,
    value_of,
)

CLERK = 0
GUEST, OTHER_GUEST = 7, 8
CHAIN = 1337
NOW = 1_800_000_000
HOUR, DAY = 3600, 86_400
LIMITS = CheckoutLimits(
    reservations=ReservationLimits(lasts_s=HOUR, units_per_card=10_000),
    orders_per_card=100,
    requests_per_order=10,
    requests_per_card_a_day=300,
)

OPEN, CANCELED, COMMITTED = OrderState.OPEN, OrderState.CANCELED, OrderState.COMMITTED
CHOSEN, UNPAID, PAID = OrderState.PAYMENT_CHOSEN, OrderState.UNPAID, OrderState.PAID

ADDRESS = {
    "Name": "Ada",
    "Address1": "Street 1",
    "City": "Bonn",
    "PostalCode": "53111",
    "Country": "DE",
    "EmailAddress": "ada@example.org",
}
REGIONS = {
    "default": {"Country": "", "PostalCode": "", "City": ""},
    "home": {"Country": "DE", "PostalCode": "", "City": ""},
    "far": {
        "Country": "NZ",
        "PostalCode": "",
        "City": "",
        "PriceModifiers": {"post": {"ModificationAbsolute": {"Amount": 500, "Plus": True}}},
    },
}
MANIFEST: dict[str, Any] = MANIFEST_VALUE | {"ShippingRegions": REGIONS}


def listing(number_: int, price: int = 1000, *variations: str, state: int = 1) -> dict[str, Any]:
    """A published listing with variations."""
    value: dict[str, Any] = {
        "ID": number_,
        "Price": price,
        "Metadata": {"Title": "x", "Description": "x"},
        "ViewState": state,
    }
    if variations:
        info = {"VariationInfo": {"Title": "x", "Description": "x"}}
        value["Options"] = {"o": {"Title": "o", "Variations": dict.fromkeys(variations, info)}}
    return value


def item(number_: int, quantity: int = 1, *variations: str) -> dict[str, Any]:
    """An item of an order."""
    return {"ListingID": number_, "Quantity": quantity, "VariationIDs": list(variations)}


def payee(address: bytes = PAYEE, chain: int = CHAIN) -> dict[str, Any]:
    return {"Address": {"ChainID": chain, "Address": address}, "CallAsContract": False}


def currency(address: bytes = TOKEN, chain: int = CHAIN) -> dict[str, Any]:
    return {"ChainID": chain, "Address": address}


def a_shop(listings: Iterable[dict[str, Any]], stock: dict[bytes, int], manifest: Any = None) -> ShopState:
    """A shop with listings and stock."""
    objects: list[tuple[ObjectType, bytes, Any]] = [(LISTING, number(one["ID"]), one) for one in listings]
    objects += [(INVENTORY, key, count) for key, count in stock.items()]
    return shop(*objects, manifest=manifest or MANIFEST)


# -- what clients write


def add_order(order: int, *items: dict[str, Any], state: int = 1, **more: Any) -> Patch:
    return patch("add", "Orders", order, value={"ID": order, "Items": list(items), "State": state} | more)


def move(order: int, state: OrderState) -> Patch:
    return patch("replace", "Orders", order, "State", value=int(state))


def address(order: int, op: str = "add", **changed: str) -> Patch:
    return patch(op, "Orders", order, "ShippingAddress", value=ADDRESS | changed)


def choose(order: int, coin: bytes = TOKEN, to: bytes = PAYEE, chain: int = CHAIN) -> list[Patch]:
    return [
        patch("replace", "Orders", order, "ChosenCurrency", value=currency(coin, chain)),
        patch("replace", "Orders", order, "ChosenPayee", value=payee(to, chain)),
        move(order, CHOSEN),
    ]


def cancel(order: int) -> list[Patch]:
    at = cbor2.CBORTag(0, "2027-01-15T08:00:00Z")
    return [patch("add", "Orders", order, "CanceledAt", value=at), move(order, CANCELED)]


def buy(order: int, *items: dict[str, Any], coin: bytes = TOKEN) -> list[Patch]:
    """Everything in one set: a new order, its address, its commit and its payment choice."""
    return [add_order(order, *items), address(order), move(order, COMMITTED), *choose(order, coin)]


@dataclass
class CheckoutShop:
    """A shop, its records, and the world as far as checkout asks for it."""

    state: ShopState
    owners: dict[bytes, int] = field(default_factory=dict)
    records: CheckoutRecords = field(default_factory=CheckoutRecords)
    limits: CheckoutLimits = LIMITS
    now: int = NOW
    chains: dict[int, ChainHead | None] = field(default_factory=dict)
    tokens: dict[Place, TokenFacts] = field(default_factory=dict)
    payees: dict[Place, bool] = field(default_factory=dict)
    rate: Any = None
    without_chains: bool = False
    log: list[tuple[Author, Sequence[Patch]]] = field(default_factory=list)
    work: Work = field(default_factory=Work)

    def __post_init__(self) -> None:
        self.first = self.state
        self.tokens.setdefault((CHAIN, TOKEN), TokenFacts(2))
        for one in (PAYEE, OTHER_PAYEE):
            self.payees.setdefault((CHAIN, one), True)
        if self.rate is None:
            self.rate = Rate(1, 1500)

    @property
    def facts(self) -> Facts:
        """What is known now; the chain's head comes every second, if no other is told."""
        own = {} if self.without_chains else {CHAIN: ChainHead(self.now - NOW + 1000, self.now, self.now)}
        return Facts(
            now=self.now,
            chains={**own, **self.chains},
            tokens=self.tokens,
            payees=self.payees,
            rate=lambda _pricing, _chosen: self.rate or None,
        )

    def write(self, card: int, *patches: Patch) -> CheckoutOutcome:
        """Write a client's set, and what the relay adds. Raises what refuses it; then nothing was changed."""
        author = Author(Role.GUEST if card else Role.CLERK, card)
        self.work = Work()
        checkout = Checkout(self.records, author, self.owners, self.facts, self.limits, self.work)
        applied = apply(self.state, self.owners, author, patches, checkout)
        outcome = checkout.outcome(self.state, applied.state)
        sets = [[relay_patch(one) for one in one_set] for one_set in relay_sets(outcome.patches)]
        state, owners = applied.state, {**self.owners, **applied.owners}
        for one_set in sets:
            state = apply(state, owners, RELAY_ITSELF, one_set).state
        self.state, self.owners = state, owners
        self.log += [(author, patches), *((RELAY_ITSELF, one_set) for one_set in sets)]
        self.records.enter(outcome.records)
        return outcome

    def refused(self, card: int, *patches: Patch) -> Refusal:
        """Write what is refused, and leaves no trace."""
        before = self.state
        with pytest.raises(Refusal) as caught:
            self.write(card, *patches)
        assert caught.value.message
        assert self.state is before
        return caught.value

    def order(self, order: int) -> Any:
        """An order as a plain value, None if there is none."""
        return value_of(self.state, ORDER, number(order))

    def order_state(self, order: int) -> OrderState:
        return OrderState(self.order(order)["State"])

    def details(self, order: int) -> Any:
        return self.order(order)["PaymentDetails"]

    def requests(self, order: int) -> tuple[IssuedRequest, ...]:
        return self.records.requests.of_order(number(order))

    def reserved(self, key: bytes) -> int:
        return self.records.reservations.of_stock(key, self.now)

    def replayed(self) -> ShopState:
        """The state that the log alone comes to, by the rules that need nothing else."""
        state, owners = self.first, dict[bytes, int]()
        for author, patches in self.log:
            applied = apply(state, owners, author, patches)
            state, owners = applied.state, {**owners, **applied.owners}
        return state


def apply(
    state: ShopState,
    owners: Mapping[bytes, int],
    author: Author,
    patches: Iterable[Patch],
    policy: Policy | None = None,
) -> AppliedPatchSet:
    """Apply the patches of a set; without a policy as a replay does it."""
    application = PatchApplication(state, owners, policy=policy)
    application.apply(author, patches)
    return application.finish()


def relay_patch(one: NewPatch) -> Patch:
    """A patch of the relay's as it comes out of a sealed set."""
    return decode_patch(encode({"Op": one.op, "Path": list(one.path), "Value": one.value}))


def what(refusal: Refusal) -> tuple[Code, int | None]:
    """What a refusal tells a client, but for its words."""
    return refusal.code, refusal.object_id


INV = (Code.INVALID, None)


def nf(number_: int) -> tuple[Code, int]:
    return Code.NOT_FOUND, number_


def oos(number_: int) -> tuple[Code, int]:
    return Code.OUT_OF_STOCK, number_


def ops(patches: Sequence[NewPatch]) -> list[tuple[Any, ...]]:
    """Operation and path of patches, without the table and the id."""
    return [(one.op, *one.path[2:]) for one in patches]
