"""Heads, as checkout is told of them."""

from datetime import UTC, datetime

from minirelay.payments.heads import Heads
from minirelay.shop.checkout_facts import ChainHead
from tests.chain.chain_values import block

NOW = 1_800_000_000


def heads(*, is_proven: bool, is_development: bool = False) -> tuple[Heads, list[tuple[int, ChainHead]]]:
    told: list[tuple[int, ChainHead]] = []
    one = Heads(
        5,
        lambda chain_id, head: told.append((chain_id, head)),
        lambda: datetime.fromtimestamp(NOW, UTC),
        is_development=is_development,
        is_proven=is_proven,
    )
    return one, told


def test_a_head_is_told_with_the_time_at_which_it_was_read() -> None:
    one, told = heads(is_proven=True, is_development=True)
    one.note(block(7))
    one.note(block(7))
    assert told == [(5, ChainHead(7, block(7).timestamp, NOW, True))] * 2


def test_no_head_is_told_before_the_contract_is_proven_then_the_newest() -> None:
    one, told = heads(is_proven=False)
    one.note(block(7))
    one.note(block(8))
    assert told == []
    one.prove()
    one.note(block(9))
    assert [head.number for _, head in told] == [8, 9]


def test_a_proof_before_the_first_head_tells_nothing() -> None:
    one, told = heads(is_proven=False)
    one.prove()
    assert told == []
    one.note(block(1))
    assert len(told) == 1
