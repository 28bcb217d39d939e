"""Orders in a relay's log and store as checkout leaves them, judged and stored on the shop's own head."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import open_patch_set
from minirelay.relay.pending_sets import PendingSets
from minirelay.shop.access import Role
from minirelay.shop.checkout import Checkout
from minirelay.shop.checkout_facts import ChainHead, Facts, TokenFacts
from minirelay.shop.checkout_records import CheckoutRecords
from minirelay.shop.ownership import Author
from minirelay.shop.quote import Rate
from minirelay.shop.relay_sets import relay_sets
from minirelay.store.checkout_rows import CheckoutRows
from tests.raw_client import Spec, Talker
from tests.relay.house import RELAY_KEY, SHOP, House, listing
from tests.shop.checkouts import ADDRESS, CHAIN, LIMITS, NOW, REGIONS
from tests.shop.patching import NATIVE, OTHER_PAYEE, PAYEE, TOKEN

COMMITTED, CHOSEN = 3, 4
AT: Final = datetime.fromtimestamp(NOW, UTC)
STOCK: Final = 1000


@dataclass
class StoredCheckouts:
    """Writes sets with all that they cause. records: of the one shop."""

    house: House
    shop_id: int = SHOP
    records: CheckoutRecords = field(default_factory=CheckoutRecords)
    now: int = NOW

    async def write(self, talker: Talker, *patches: Spec) -> None:
        """Write a client's set and what the relay adds. Raises Refusal."""
        assert talker.key is not None
        hosted = await self.house.relay.shops.find(self.shop_id)
        assert hosted is not None
        head = await hosted.sequencer.opened()
        card = head.cards[talker.key.public_key]
        author = Author(Role.GUEST if card.is_guest else Role.CLERK, card.row_id)
        checkout = Checkout(self.records, author, head.owners, self.facts, LIMITS)
        pending, before = PendingSets(head), head.state
        applied = pending.apply(author, open_patch_set(talker.seal(*patches)), None, checkout)
        outcome = checkout.outcome(before, applied.state)
        for own in relay_sets(outcome.patches):
            pending.apply_own(own, RELAY_KEY, AT)
        rows = CheckoutRows.of(hosted.row.row_id, outcome, self.now)
        await self.house.store.writer.commit(head.append(pending.accepted(further=rows)))
        self.records.enter(outcome.records)

    @property
    def facts(self) -> Facts:
        return Facts(
            now=self.now,
            chains={CHAIN: ChainHead(1000, self.now, self.now)},
            tokens={(CHAIN, TOKEN): TokenFacts(2)},
            payees={(CHAIN, PAYEE): True, (CHAIN, OTHER_PAYEE): True},
            rate=lambda _pricing, _chosen: Rate(1, 1500),
        )


def open_shop(*listings: int) -> list[Spec]:
    """What a clerk writes so that guests can buy these listings."""
    payees: Value = {PAYEE: {"CallAsContract": False}, OTHER_PAYEE: {"CallAsContract": False}}
    regions: Any = REGIONS
    return [
        ("replace", ("Manifest", "Payees"), {CHAIN: payees}),
        ("replace", ("Manifest", "AcceptedCurrencies"), {CHAIN: {TOKEN: {}, NATIVE: {}}}),
        ("replace", ("Manifest", "PricingCurrency"), {"ChainID": CHAIN, "Address": TOKEN}),
        ("replace", ("Manifest", "ShippingRegions"), regions),
        *[listing(number) for number in listings],
        *[("add", ("Inventory", number), STOCK) for number in listings],
    ]


def commit_order(order: int, **items: int) -> list[Spec]:
    """Make an order and commit it. items: quantities by listing, like `l1=2`."""
    lines: Value = [{"ListingID": int(name[1:]), "Quantity": quantity} for name, quantity in items.items()]
    ship_to: Any = ADDRESS
    return [
        ("add", ("Orders", order), {"ID": order, "Items": lines, "State": 1, "ShippingAddress": ship_to}),
        ("replace", ("Orders", order, "State"), COMMITTED),
    ]


def choose_payment(order: int, payee: bytes = PAYEE, currency: bytes = TOKEN) -> list[Spec]:
    """Choose how an order is paid."""
    address: Value = {"ChainID": CHAIN, "Address": payee}
    return [
        ("replace", ("Orders", order, "ChosenPayee"), {"Address": address, "CallAsContract": False}),
        ("replace", ("Orders", order, "ChosenCurrency"), {"ChainID": CHAIN, "Address": currency}),
        ("replace", ("Orders", order, "State"), CHOSEN),
    ]
