"""Which money may be swept: never between two parts, never what the contract keeps."""

import pytest
from msgspec.structs import replace

from minirelay.payments.sweep_rules import Lying, Verdict, judge_lying
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.payment_request import PaymentRequest

TTL, TOTAL = 1_000_000, 1000
COIN = PaymentRequest(chain_id=1, ttl=TTL, currency=NATIVE_COIN, amount=TOTAL, payee=b"\x01" * 20, shop_id=1)
TOKEN = replace(COIN, currency=b"\x07" * 20)
V = Verdict


@pytest.mark.parametrize(
    ("request_", "amount", "time", "is_paid", "verdict"),
    [
        (COIN, TOTAL - 1, TTL, False, V.WAIT),
        (COIN, TOTAL - 1, TTL + 1, False, V.SWEEP),
        (COIN, TOTAL - 1, TTL, True, V.SWEEP),
        (COIN, TOTAL, TTL, False, V.SWEEP),
        (COIN, TOTAL + 1, TTL, False, V.SWEEP),
        (COIN, TOTAL + 1, TTL + 1, False, V.SWEEP),
        (TOKEN, TOTAL - 1, TTL, False, V.WAIT),
        (TOKEN, TOTAL - 1, TTL + 1, False, V.SWEEP),
        (TOKEN, TOTAL, TTL + 1, False, V.SWEEP),
        (TOKEN, TOTAL + 1, TTL, False, V.SWEEP),
        (TOKEN, TOTAL + 1, TTL + 1, True, V.LOCKED),
        (TOKEN, 1, TTL - 1, True, V.SWEEP),
    ],
)
def test_what_may_be_swept_by_sum_time_and_order(
    request_: PaymentRequest, amount: int, time: int, is_paid: bool, verdict: Verdict
) -> None:
    lying = Lying(request=request_, amount=amount, transactions=0, time=time, is_order_paid=is_paid)
    assert judge_lying(lying) is verdict
    # On another chain the contract pays nothing, and gives all back only when the time is over.
    elsewhere = V.WAIT if time <= TTL else verdict
    assert judge_lying(replace(lying, is_elsewhere=True)) is elsewhere
    # An address is swept once.
    assert judge_lying(replace(lying, transactions=1)) is V.LEFT
