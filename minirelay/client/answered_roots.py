"""The root hashes that writes were answered with, held against those that following the log gives.

An answer carries the root after the client's own set and what the relay added right behind it (spec 01). A
relay whose log was put back by hand may give numbers again that clients were told: a client that resumes
there has another shop than the relay, and its next write shows it.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from minirelay.client.errors import VerificationFailed

MOST_WRITES: Final = 4096
"""So many writes are remembered until their sets come by; the oldest is forgotten first."""


@dataclass(slots=True)
class _Write:
    """A write of this client. answer: its root. seq: of its set, 0 before it came by.

    roots: after its set, and after each relay-signed set right behind it. is_over: another set follows.
    """

    answer: bytes | None = None
    seq: int = 0
    roots: list[bytes] = field(default_factory=list)
    is_over: bool = False


class AnsweredRoots:
    """Compares, for one follower that sees everything. All methods raise VerificationFailed."""

    def __init__(self) -> None:
        """Begin without a write."""
        self._writes: OrderedDict[int, _Write] = OrderedDict()
        self._last: int | None = None

    def sent(self, nonce: int) -> None:
        """Take note of a write that leaves now."""
        self._writes[nonce] = _Write()
        if len(self._writes) > MOST_WRITES:
            self._writes.popitem(last=False)

    def answered(self, nonce: int, root_hash: bytes) -> None:
        """Take note of the root hash that a write was answered with."""
        write = self._writes.get(nonce)
        if write is not None:
            write.answer = root_hash
            self._compare(nonce, write)

    def unanswered(self, nonce: int) -> None:
        """Forget a write that was refused, or whose answer won't come."""
        self._writes.pop(nonce, None)

    def applied_own(self, seq: int, nonce: int, root_hash: Callable[[], bytes | None]) -> None:
        """Take note of a set of this client's own key card. root_hash: None where it can't be known."""
        self.applied_another()
        write = self._writes.get(nonce)
        if write is not None:
            write.seq, self._last = seq, nonce
            self._add_root(write, root_hash())

    def applied_relays(self, root_hash: Callable[[], bytes | None]) -> None:
        """Take note of a set that the relay signed."""
        write = None if self._last is None else self._writes.get(self._last)
        if write is not None:
            self._add_root(write, root_hash())

    def applied_another(self) -> None:
        """Take note of a set of another key card: what the relay added to the last write is complete."""
        nonce, self._last = self._last, None
        write = None if nonce is None else self._writes.get(nonce)
        if nonce is not None and write is not None:
            write.is_over = True
            self._compare(nonce, write)

    def _add_root(self, write: _Write, root_hash: bytes | None) -> None:
        if root_hash is not None:
            write.roots.append(root_hash)

    def _compare(self, nonce: int, write: _Write) -> None:
        if write.answer is None or not write.is_over:
            return
        del self._writes[nonce]
        if write.roots and write.answer not in write.roots:
            raise VerificationFailed(
                write.seq,
                "the relay answered this write with another root hash than following the log gives, so this "
                "copy is not the relay's shop; perhaps it was restored from a backup: follow again from 0",
            )
