"""By which moment requests expire."""

from minirelay.chain.findings import Marks
from minirelay.payments.final_time import FinalTime
from tests.payments.found import block

NOW = 10_000


def marks(*, final: int) -> Marks:
    return Marks(block(9), scanned=9, deep=8, deep_block=block(8), final=final, final_time=10 * final)


def test_requests_expire_by_the_final_block_whatever_the_relays_clock_says() -> None:
    one = FinalTime(lambda: NOW, is_development=False)
    assert one.of(marks(final=4)) == 40
    assert one.of(marks(final=9)) == 90


def test_where_the_head_stands_still_between_transactions_the_relays_clock_counts_if_it_is_final() -> None:
    one = FinalTime(lambda: NOW, is_development=True)
    assert one.of(marks(final=8)) == 80
    assert one.of(marks(final=9)) == NOW
    # Time can be let pass on it.
    assert FinalTime(lambda: 80, is_development=True).of(marks(final=9)) == 90
