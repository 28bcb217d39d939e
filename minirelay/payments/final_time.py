"""The moment by which requests expire, as a chain has it (spec 06 "Expiry", spec 07)."""

from collections.abc import Callable

from minirelay.chain.findings import Marks


class FinalTime:
    """That of one chain."""

    def __init__(self, clock: Callable[[], int], *, is_development: bool) -> None:
        """clock: the relay's, epoch seconds. is_development: it counts where the chain's stands still."""
        self._clock = clock
        self._is_development = is_development

    def of(self, marks: Marks) -> int:
        """Return it, in epoch seconds: no head that was not read counts."""
        if self._is_development and marks.final >= marks.head.number:
            return max(marks.final_time, self._clock())
        return marks.final_time
