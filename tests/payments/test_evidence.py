"""What is handed on about a request."""

from minirelay.payments.evidence import Evidence, PaidIn
from minirelay.shop.objects import OrderPaid
from tests.payments.settling import BLOCK, TRANSACTION, event
from tests.shop.issued import issued


def test_an_order_names_the_transaction_where_it_is_known() -> None:
    assert PaidIn(BLOCK, TRANSACTION).details == OrderPaid(block_hash=BLOCK.hash, tx_hash=TRANSACTION)
    assert PaidIn(BLOCK).details == OrderPaid(block_hash=BLOCK.hash)


def test_what_is_told_once_is_not_in_what_lasts() -> None:
    row = event(issued(1))
    lasts = Evidence(in_time=4, is_over=True, is_unreadable=True, left=3)
    assert (lasts.is_told_once, lasts.lasting) == (False, lasts)
    for once in (
        Evidence(transfers=(row,)),
        Evidence(gone=(row,)),
        Evidence(has_unproven=True),
        Evidence(is_moved=True),
    ):
        assert (once.is_told_once, once.lasting) == (True, Evidence())
