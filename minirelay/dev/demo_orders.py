"""The demo shop's orders: one customer's, one in each state that an order has before it is paid."""

from typing import Final

from minirelay.client import patches
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.objects import AddressDetails, ChainAddress, OrderedItem

OPEN_ORDER: Final = 1001
COMMITTED_ORDER: Final = 1002
UNPAID_ORDER: Final = 1003

ADDRESS: Final = AddressDetails(
    name="Ada Lovelace",
    address1="Hafenstraße 12",
    city="Hamburg",
    postal_code="20457",
    country="DE",
    email_address="ada@example.org",
)


def demo_orders(chain_id: int, payee: bytes, eddies: str | None) -> list[NewPatch]:
    """Make the customer's orders, as one patch set.

    payee: 20 bytes, as the manifest has it. eddies: the address of the two-decimals token as 0x hex; None to
    have the unpaid order paid in the chain's coin.
    """
    currency = NATIVE_COIN if eddies is None else bytes.fromhex(eddies[2:])
    return [
        *patches.add_order(OPEN_ORDER, [_item(4), _item(10, quantity=2)]),
        *patches.add_order(COMMITTED_ORDER, [_item(8, "harbour")]),
        *patches.commit_order(COMMITTED_ORDER),
        *patches.add_order(UNPAID_ORDER, [_item(1, "250g", "espresso", quantity=2), _item(9)]),
        *patches.set_shipping_address(UNPAID_ORDER, ADDRESS),
        *patches.commit_order(UNPAID_ORDER),
        *patches.choose_payment(
            UNPAID_ORDER,
            ChainAddress(chain_id=chain_id, address=currency),
            ChainAddress(chain_id=chain_id, address=payee),
        ),
    ]


def _item(listing_id: int, *variations: str, quantity: int = 1) -> OrderedItem:
    return OrderedItem(listing_id=listing_id, variation_ids=list(variations) or None, quantity=quantity)
