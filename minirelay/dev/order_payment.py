"""Paying an order of a running `minirelay dev`: finds what it asks for, pays it, and tells what happens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from minirelay.dev.paying import (
    MOST_WAIT_S,
    How,
    Paid,
    Purse,
    pass_time,
    pay,
    received_at_address,
    show_amount,
)
from minirelay.dev.unpaid import find_unpaid, is_noticed_over
from minirelay.errors import ConfigError
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be paid, and how. Raises ConfigError for what can't be.

    order_id, shop_id: None for any. share: of the amount, None for what is missing of it. is_late: after the
    time for paying.
    """

    order_id: int | None
    shop_id: int | None
    how: How
    share: Fraction | None = None
    is_late: bool = False

    def __post_init__(self) -> None:
        """Check that these go together."""
        if self.how in (How.CONTRACT, How.WALLET) and (self.is_late or self.share not in (None, 1)):
            raise ConfigError(
                f"in the way `{self.how.value}` the contract takes the exact amount, and in time only; "
                f"pay in the way `{How.ADDRESS.value}`"
            )


async def pay_order(purse: Purse, reader: Reader, wish: Wish, tell: Callable[[str], None]) -> Paid:
    """Pay the newest request that a wish means.

    reader: of the relay's database. tell: takes lines for people. Raises ConfigError if there is none or it
    can't be paid so; ChainError, StoreError.
    """
    issued = await find_unpaid(reader, wish.order_id, wish.shop_id)
    total = await show_amount(purse, issued.request.currency, issued.request.amount)
    tell(f"order {int.from_bytes(issued.order_id)} asks for {total} ({issued.state.value})")
    if wish.is_late:
        await _let_pass(purse, reader, issued, tell)
    share = wish.share or await _missing_share(purse, issued, wish.how)
    paid = await pay(purse, issued.request, wish.how, share)
    tell(f"paid {paid.amount}")
    tell(f"  to {paid.to}")
    if not paid.is_mined:
        tell("it is in no block yet: `minirelay dev-chain mine` makes one")
    return paid


async def _missing_share(purse: Purse, issued: IssuedRequest, how: How) -> Fraction:
    """Return how much of a request is not at its address yet. Contracts, and the wrong currency, pay all."""
    request = issued.request
    is_wrong = how is How.TOKEN and request.currency == NATIVE_COIN
    if is_wrong or how in (How.CONTRACT, How.WALLET):
        return Fraction(1)
    missing = request.amount - max(issued.received, await received_at_address(purse, request))
    if missing <= 0:
        raise ConfigError("all of it is there: the relay has yet to count it; part or over pay more")
    return Fraction(missing, request.amount)


async def _let_pass(purse: Purse, reader: Reader, issued: IssuedRequest, tell: Callable[[str], None]) -> None:
    await pass_time(purse.chain, issued.request.ttl + 1)
    moment = datetime.fromtimestamp(issued.request.ttl, UTC).isoformat().replace("+00:00", "Z")
    tell(f"the chain's clock is now past {moment}")
    if not await is_noticed_over(reader, issued, MOST_WAIT_S):
        tell("the relay has not noticed yet: it may count this as in time")
