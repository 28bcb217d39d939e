"""Balances that are enough, kept until their block is deep (spec 07 "A poll", 3). Pure."""

from collections.abc import Collection, Mapping

from minirelay.chain.balance_chunks import Pair
from minirelay.chain.block import Block
from minirelay.chain.findings import BalancesAt, FoundBalance

NUMBERS_AT_ONCE = 8


class KeptBalances:
    """Of each pair the oldest balance that was enough and is not decided yet."""

    def __init__(self) -> None:
        self._kept: dict[Pair, tuple[Block, FoundBalance]] = {}
        self._confirmed: set[int] = set()

    def __len__(self) -> int:
        """Count them."""
        return len(self._kept)

    def __contains__(self, pair: Pair) -> bool:
        """Return whether one of this pair is kept."""
        return pair in self._kept

    def begin_poll(self) -> None:
        """Take note that nothing is known again yet to be on the chain."""
        self._confirmed.clear()

    def keep(self, block: Block, balance: FoundBalance) -> None:
        """Keep a balance, unless there is an older one."""
        self._kept.setdefault((balance.token, balance.holder), (block, balance))

    def numbers(self) -> list[int]:
        """List the numbers of the oldest blocks, a few: to be asked for again before anything is decided."""
        return sorted({block.number for block, _ in self._kept.values()})[:NUMBERS_AT_ONCE]

    def confirm(self, numbered: Mapping[int, Block]) -> None:
        """Take note of blocks that have such numbers now: what was in other ones is forgotten."""
        self._kept = {
            pair: kept
            for pair, kept in self._kept.items()
            if numbered.get(kept[0].number, kept[0]) == kept[0]
        }
        self._confirmed.update(numbered)

    def due(self, deep: int) -> list[Pair]:
        """List the pairs whose block is deep (deep: the newest number), and is still on the chain."""
        return [
            pair
            for pair, (block, _) in self._kept.items()
            if block.number <= deep and block.number in self._confirmed
        ]

    def of(self, pairs: Collection[Pair]) -> tuple[BalancesAt, ...]:
        """Return the balances of these pairs, by block."""
        by_block: dict[Block, list[FoundBalance]] = {}
        for pair in pairs:
            block, balance = self._kept[pair]
            by_block.setdefault(block, []).append(balance)
        blocks = sorted(by_block, key=lambda block: block.number)
        return tuple(BalancesAt(block, tuple(by_block[block])) for block in blocks)

    def forget(self, pairs: Collection[Pair]) -> None:
        """Forget what was given."""
        for pair in pairs:
            self._kept.pop(pair, None)

    def forget_above(self, number: int) -> None:
        """Forget what is in blocks above a number: a reorganisation."""
        self._kept = {pair: kept for pair, kept in self._kept.items() if kept[0].number <= number}
