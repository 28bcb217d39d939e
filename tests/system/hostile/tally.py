"""How much was sent, and what was found."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Tally:
    """The count that all intruders share. warm_up: every so many, the relay's memory is read."""

    total: int
    warm_up: int
    read_memory: Callable[[], int]
    sent: int = 0
    memory: list[int] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, kind: str) -> None:
        """Count one mutated frame or request."""
        self.sent += 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.sent % self.warm_up == 0:
            self.memory.append(self.read_memory())
        if self.sent >= self.total:
            self.is_over.set()

    def note(self, outcome: str) -> None:
        """Count what came of one."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def find(self, what: str) -> None:
        """Report what must not be; nothing more is sent."""
        self.findings.append(what)
        self.is_over.set()
