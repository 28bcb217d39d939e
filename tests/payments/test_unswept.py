"""What people are told of money that lies at payment addresses."""

import pytest

from minirelay.payments.sweep_rules import Verdict
from minirelay.payments.unswept import WHY, Unswept
from tests.payments.test_auto_sweep import PAID


def lying(verdict: Verdict, chain_id: int = 1) -> Unswept:
    return Unswept(candidate=PAID, chain_id=chain_id, address=bytes(20), amount=1, verdict=verdict)


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_has_words(verdict: Verdict) -> None:
    assert lying(verdict).why == WHY[verdict]
    assert lying(verdict, 10).why


def test_what_lies_on_another_chain_than_its_request_is_told_apart() -> None:
    assert (lying(Verdict.SWEEP).is_elsewhere, lying(Verdict.SWEEP, 10).is_elsewhere) == (False, True)
    for verdict in (Verdict.SWEEP, Verdict.WAIT):
        assert "its request is of another one" in lying(verdict, 10).why
    assert lying(Verdict.LEFT, 10).why == WHY[Verdict.LEFT]
