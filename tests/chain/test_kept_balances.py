"""Balances that wait for their block to be deep."""

from minirelay.chain.findings import BalancesAt, FoundBalance
from minirelay.chain.kept_balances import NUMBERS_AT_ONCE, KeptBalances
from minirelay.protocol.addresses import NATIVE_COIN
from tests.chain.chain_values import block

A, B = ((NATIVE_COIN, bytes([one] * 20)) for one in (1, 2))


def balance(pair: tuple[bytes, bytes], amount: int = 5) -> FoundBalance:
    return FoundBalance(*pair, amount)


def kept(*balances: tuple[tuple[bytes, bytes], int]) -> KeptBalances:
    balances_kept = KeptBalances()
    for pair, number in balances:
        balances_kept.keep(block(number), balance(pair))
    return balances_kept


def test_the_oldest_of_a_pair_is_kept() -> None:
    balances = kept((A, 5), (A, 6), (B, 6))
    assert len(balances) == 2
    assert A in balances
    balances.confirm({5: block(5), 6: block(6)})
    assert balances.of([A, B]) == (
        BalancesAt(block(5), (balance(A),)),
        BalancesAt(block(6), (balance(B),)),
    )


def test_only_what_is_deep_and_still_on_the_chain_is_due() -> None:
    balances = kept((A, 5), (B, 6))
    assert balances.due(10) == []
    balances.confirm({5: block(5), 6: block(6)})
    assert (balances.due(4), balances.due(5), balances.due(6)) == ([], [A], [A, B])
    balances.begin_poll()
    assert balances.due(10) == []


def test_what_was_in_another_block_is_forgotten() -> None:
    balances = kept((A, 5), (B, 6))
    balances.confirm({5: block(5, fork=1)})
    assert A not in balances
    assert B in balances


def test_what_was_given_or_reorganised_is_forgotten() -> None:
    balances = kept((A, 5), (B, 6))
    balances.forget_above(5)
    assert B not in balances
    balances.forget([A, B])
    assert len(balances) == 0


def test_a_few_blocks_are_asked_for_again_the_oldest_first() -> None:
    pairs = [(NATIVE_COIN, bytes([one] * 20)) for one in range(20)]
    balances = kept(*((pair, 50 - number) for number, pair in enumerate(pairs)), (A, 31))
    assert balances.numbers() == list(range(31, 31 + NUMBERS_AT_ONCE))
