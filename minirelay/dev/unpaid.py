"""Which requests of a running `minirelay dev` can be paid: read from its database, by the relay or beside it.

As a client one would need a key card that no other session holds, and could see one shop only.
"""

import asyncio
from typing import Final

from minirelay.errors import ConfigError
from minirelay.protocol.ids import show_shop
from minirelay.shop.issued_requests import IssuedRequest, RequestState
from minirelay.store.payment_records import Rests
from minirelay.store.reader import Reader

POLL_S: Final = 0.1
_ANOTHER: Final = (
    "choose a payment for an order in a client, or start `minirelay dev` anew without --data: an order of "
    "its demo shop waits then"
)
SETTLED = frozenset({RequestState.PAID, RequestState.OVER, RequestState.DUPLICATE})


async def find_unpaid(reader: Reader, order_id: int | None, shop_id: int | None) -> IssuedRequest:
    """Return the newest request that is not paid. order_id, shop_id: of this order, of this shop.

    Requests that are expired, or that other ones replaced, count: what becomes of money for them is what is
    tried out here. Raises ConfigError if there is none, StoreError.
    """
    chains = await reader.watched_counts()
    watched = [one.issued for chain_id in chains for one in await reader.watched_requests(Rests(chain_id))]
    found = [
        one
        for one in watched
        if one.state not in SETTLED
        and order_id in (None, int.from_bytes(one.order_id))
        and shop_id in (None, one.request.shop_id)
    ]
    if not found:
        raise ConfigError(_described(order_id, shop_id))
    return max(found, key=lambda one: (one.is_open, one.issued_at, one.request.ttl))


async def is_noticed_over(reader: Reader, issued: IssuedRequest, most_wait_s: float) -> bool:
    """Wait until the relay has noticed that the time to pay is over; return whether it has.

    What comes before that may count as in time: the relay sees it together with the block that ended the
    time. Raises StoreError.
    """
    try:
        async with asyncio.timeout(most_wait_s):
            while await _is_open(reader, issued.id):  # noqa: ASYNC110 (the relay decides it)
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False
    return True


async def _is_open(reader: Reader, request_id: bytes) -> bool:
    return any(one.issued.is_open for one in await reader.find_payment_requests(request_id, request_id))


def _described(order_id: int | None, shop_id: int | None) -> str:
    where = "" if shop_id is None else f" in shop {show_shop(shop_id)}"
    if order_id is None:
        return f"no order{where} waits for a payment; {_ANOTHER}"
    return f"order {order_id}{where} waits for no payment: it is paid, or none was chosen for it"
