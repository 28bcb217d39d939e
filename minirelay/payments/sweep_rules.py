"""Which money at payment addresses may be swept, and why the rest may not (spec 06, "sweep").

Pure: the sweeper can be deployed at an address only once, so sweeping too early loses what comes later, and
what the deployed contract has locked can't be moved by anybody.
"""

from enum import StrEnum

import msgspec

from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.payment_request import PaymentRequest


class Verdict(StrEnum):
    """What can be done about money at an address.

    SWEEP: it can go to the payee. WAIT: it is a part, and the rest may come until the TTL. LOCKED: the
    contract never gives it away. LEFT: somebody swept the address, and this stayed or came later. REFUSED:
    tried without being sent, it does not reach the payee. UNTRIED: this chain can't try it. UNREAD: what lies
    there is not known, which is never taken for nothing.
    """

    SWEEP = "sweep"
    WAIT = "wait"
    LOCKED = "locked"
    LEFT = "left"
    REFUSED = "refused"
    UNTRIED = "untried"
    UNREAD = "unread"


class Lying(msgspec.Struct, frozen=True, kw_only=True):
    """What lies at the address of a request, at one block. transactions: of the address; 1: it was swept.

    time: of the block, epoch seconds. is_order_paid: by this request or by another. is_elsewhere: it lies on
    another chain than the request's, where the contract pays nothing, and only gives back.
    """

    request: PaymentRequest
    amount: int
    transactions: int
    time: int
    is_order_paid: bool
    is_elsewhere: bool = False


def judge_lying(lying: Lying) -> Verdict:
    """Return whether something that lies at an address is to be swept, as far as that is known untried."""
    request = lying.request
    is_over = lying.time > request.ttl
    if lying.transactions:
        return Verdict.LEFT
    if is_over and request.currency != NATIVE_COIN and lying.amount > request.amount:
        return Verdict.LOCKED
    if lying.is_elsewhere:
        # Before that it gives back too little only, and what comes later would be lost.
        return Verdict.SWEEP if is_over else Verdict.WAIT
    if lying.amount >= request.amount or lying.is_order_paid or is_over:
        return Verdict.SWEEP
    return Verdict.WAIT
