"""What was found for one watch: in blocks that are not deep yet, and what of it was given since. Pure."""

from collections.abc import Iterable, Iterator

from minirelay.chain.findings import FoundLog
from minirelay.protocol.block_id import BlockId


class _BlockLogs:
    """What was found in one block. given: the indexes of what the watch took as deep."""

    def __init__(self, block: BlockId) -> None:
        self.block = block
        self.logs: dict[int, FoundLog] = {}
        self.given: set[int] = set()
        self.is_confirmed = True


class SeenLogs:
    """Logs by their block and index; of each number, those of one block."""

    def __init__(self) -> None:
        self._blocks: dict[int, _BlockLogs] = {}

    def __len__(self) -> int:
        """Count the logs that are not given yet."""
        return sum(len(one.logs) for one in self._blocks.values())

    def begin_poll(self) -> None:
        """Take note that nothing is known again yet to be on the chain."""
        for one in self._blocks.values():
            one.is_confirmed = False

    def add(self, logs: Iterable[FoundLog]) -> None:
        """Add what was read just now. What was of another block of that number is forgotten."""
        for log in logs:
            number = log.block.number
            known = self._blocks.get(number)
            if known is None or known.block != log.block:
                known = self._blocks[number] = _BlockLogs(log.block)
            known.is_confirmed = True
            if log.index not in known.given:
                known.logs[log.index] = log

    def unconfirmed(self, number: int) -> list[BlockId]:
        """List the blocks up to a number with logs that are not given, and were not read in this poll."""
        waiting = (one for one in self._blocks.values() if one.logs and not one.is_confirmed)
        return sorted(
            (one.block for one in waiting if one.block.number <= number), key=lambda block: block.number
        )

    def confirm(self, block: BlockId) -> None:
        """Take note of the block that has this number now: what was found in another one is forgotten."""
        known = self._blocks.get(block.number)
        if known is not None and known.block != block:
            del self._blocks[block.number]
        elif known is not None:
            known.is_confirmed = True

    def forget_above(self, number: int) -> None:
        """Forget what is in blocks above a number: a reorganisation."""
        self._blocks = {one: logs for one, logs in self._blocks.items() if one <= number}

    def forget_below(self, number: int) -> None:
        """Forget what was given of blocks below a number, which are not read again."""
        self._blocks = {one: logs for one, logs in self._blocks.items() if one >= number or logs.logs}

    def give_up_to(self, number: int) -> None:
        """Take note that the watch took what `up_to` lists."""
        for known in self._confirmed_up_to(number):
            known.given.update(known.logs)
            known.logs = {}

    def up_to(self, number: int) -> tuple[FoundLog, ...]:
        """List what is in blocks up to a number that are known to be on the chain, if it is not given yet."""
        return _in_order(self._confirmed_up_to(number))

    def above(self, number: int) -> tuple[FoundLog, ...]:
        """List what is in blocks above a number."""
        return _in_order(known for one, known in self._blocks.items() if one > number)

    def _confirmed_up_to(self, number: int) -> Iterator[_BlockLogs]:
        return (known for one, known in self._blocks.items() if one <= number and known.is_confirmed)


def _in_order(blocks: Iterable[_BlockLogs]) -> tuple[FoundLog, ...]:
    found = [log for one in blocks for log in one.logs.values()]
    return tuple(sorted(found, key=lambda log: (log.block.number, log.index)))
