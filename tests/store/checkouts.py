"""A shop with orders, whose checkout is stored write by write as the relay does it."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from minirelay.errors import Refusal
from minirelay.protocol.ids import NOBODY
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_records import CheckoutRecords
from minirelay.shop.issued_requests import priced
from minirelay.shop.reservations import Reservation
from minirelay.store.checkout_rows import CheckoutRows
from minirelay.store.database import Store
from minirelay.store.messages import ShopRow, StoredObject
from minirelay.store.writes import Commit
from tests.shop.checkouts import (
    CHAIN,
    CLERK,
    COMMITTED,
    CheckoutShop,
    a_shop,
    add_order,
    address,
    buy,
    cancel,
    choose,
    item,
    listing,
    move,
)
from tests.shop.patching import MANIFEST_VALUE, NATIVE, OTHER_PAYEE, PAYEE, TOKEN, number, patch
from tests.store.examples import GUEST, OTHER_GUEST

SHOP: Final = ShopRow(1, MANIFEST_VALUE["ShopID"], 0)
STOCK: Final = 10_000


@dataclass
class StoredShop:
    """A shop whose outcomes are stored. written: them, in their order."""

    shop: CheckoutShop
    written: list[CheckoutOutcome] = field(default_factory=list)

    def write(self, card: int, *patches: Patch) -> Commit:
        """Write a client's set; give what is to be stored. Raises Refusal."""
        outcome = self.shop.write(card, *patches)
        self.written.append(outcome)
        rows = CheckoutRows.of(SHOP.row_id, outcome, self.shop.now)
        return Commit(epoch=0, shop=SHOP.row_id, further=rows)

    def objects(self) -> list[StoredObject]:
        """All objects of the shop, as they are stored."""
        return [
            StoredObject(kind, key, value, self.owner(key) if kind is ObjectType.ORDER else NOBODY)
            for kind, key, value in self.shop.state.objects()
        ]

    def owner(self, order_id: bytes) -> int:
        return self.shop.owners.get(order_id, NOBODY)

    async def load(self, store: Store) -> CheckoutRecords:
        """Read back what is stored."""
        return await store.reader.load_checkout(SHOP, self.objects(), self.shop.now)


def stored_shop(*, listings: int = 3) -> StoredShop:
    """A shop that sells in a token and in the native coin."""
    sold = [listing(one, 1000 + one) for one in range(1, listings + 1)]
    stock = {number(one): STOCK for one in range(1, listings + 1)}
    return StoredShop(CheckoutShop(a_shop(sold, stock)))


def random_write(random: Random, shop: StoredShop, orders: int) -> Commit | None:
    """Do something to one of some orders; None if it was refused."""
    order, card = random.randrange(1, orders + 1), random.choice([CLERK, GUEST, OTHER_GUEST])
    lines = [item(random.randrange(1, 4), random.randrange(0, 3)) for _ in range(random.randrange(1, 4))]
    coin, to = random.choice([TOKEN, NATIVE]), random.choice([PAYEE, OTHER_PAYEE])
    country = random.choice(["DE", "NZ", "FR"])
    choices: list[list[Patch]] = [
        [add_order(order, *lines)],
        [add_order(order, *lines), move(order, COMMITTED)],
        buy(order, *lines, coin=coin),
        [address(order, Country=country)],
        [address(order, "replace", Country=country)],
        [move(order, COMMITTED)],
        choose(order, coin, to),
        choose(order, coin, to),
        cancel(order),
        [patch("remove", "Orders", order)],
        [patch("remove", "Manifest", "Payees", CHAIN, OTHER_PAYEE)],
        [patch("add", "Manifest", "Payees", CHAIN, OTHER_PAYEE, value={"CallAsContract": False})],
    ]
    shop.shop.now += random.randrange(0, 2000)
    try:
        return shop.write(card, *random.choice(choices))
    except Refusal:
        return None


def assert_same(found: CheckoutRecords, expected: CheckoutRecords, orders: int, now: int) -> None:
    """Compare all that checkout asks of its records."""
    assert meaning(found, now) == meaning(expected, now)
    assert dict(found.reservations.reserved(now)) == dict(expected.reservations.reserved(now))
    for card in (CLERK, GUEST, OTHER_GUEST):
        assert found.live_orders.of_card(card) == expected.live_orders.of_card(card)
        assert found.reservations.of_card(card, now) == expected.reservations.of_card(card, now)
        counts = [records.requests.issued_since(card, now - 86_400) for records in (found, expected)]
        assert counts[0] == counts[1]
    for order_id in map(number, range(1, orders + 1)):
        assert found.live_orders.get(order_id) == expected.live_orders.get(order_id)
        requests = found.requests.of_order(order_id)
        assert requests == expected.requests.of_order(order_id)
        for one in requests:
            wanted, ttl = priced(one.request), one.request.ttl
            assert found.requests.first_free(wanted, ttl) == expected.requests.first_free(wanted, ttl)


def meaning(records: CheckoutRecords, now: int) -> dict[bytes, Reservation]:
    """The reservations by order id, without what makes no difference any more."""
    rows = {order_id: row.at(now) for order_id, row in records.reservations.rows().items()}
    return {order_id: row for order_id, row in rows.items() if not row.says_nothing(now)}
