"""What the tests of issued requests share."""

from collections.abc import Iterable

from minirelay.shop.issued_requests import DAY_S, IssuedRequest
from minirelay.shop.payment_request import PaymentRequest
from tests.shop.patching import PAYEE, TOKEN, number

NOW = 1_800_000_000
CHAIN = 1337
CARD = 7


def issued(
    name: int, order: int = 5, *, ttl: int = NOW + DAY_S, at: int = NOW, card: int = CARD, **more: object
) -> IssuedRequest:
    fields = {"currency": TOKEN, "amount": 10, "payee": PAYEE} | more
    request = PaymentRequest(chain_id=CHAIN, ttl=ttl, shop_id=1, **fields)  # type: ignore[arg-type]
    return IssuedRequest(
        id=name.to_bytes(32),
        order_id=number(order),
        card=card,
        request=request,
        pricing=(CHAIN, TOKEN),
        price=10,
        region="x",
        listing_hashes=(bytes(32),),
        issued_at=at,
        issued_at_block=1,
    )


def ids(rows: Iterable[IssuedRequest]) -> list[int]:
    """The numbers of requests that `issued` made."""
    return [int.from_bytes(row.id) for row in rows]
