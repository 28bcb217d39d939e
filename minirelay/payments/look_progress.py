"""Up to when it is known what came to a chain's addresses, so that a restart does not take it for late."""

from collections.abc import Sequence
from typing import Final

from minirelay.chain.findings import Marks
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.store.chain_rows import looked_at_key
from minirelay.store.writes import MetaRow

SLACK_S: Final = 120
"""How much longer than the last poll before a restart an address may not have been looked at."""

KNOWN_PER_S: Final = 1000
"""So many requests are gone through in a second, to note up to when all is known of them."""


def with_slack(noted_at: int) -> int:
    """Return when addresses were looked at for sure, by a note of when they were last, in epoch seconds."""
    return max(0, noted_at - SLACK_S)


class LookProgress:
    """How far all addresses of one chain were looked at; times in epoch seconds, of the chain's blocks."""

    def __init__(self, chain_id: int, requests: WatchedRequests) -> None:
        """Start at the beginning of time."""
        self._chain_id = chain_id
        self._requests = requests
        self._looked_at = self._noted_at = self._known_at = 0

    @property
    def looked_at(self) -> int:
        """When all was looked at last."""
        return self._looked_at

    def load(self, noted_at: int) -> None:
        """Go on from what was noted before a restart."""
        self._noted_at = noted_at
        self._looked_at = with_slack(noted_at)

    def go_back(self, head_time: int) -> None:
        """Take note that there was a reorganisation.

        What lies there is known up to that head only; a restart must not take what comes for late.
        """
        self._looked_at = min(self._looked_at, head_time)
        self._known_at = 0

    async def note(self, marks: Marks) -> Sequence[MetaRow]:
        """Take note of a poll; return the note of up to when everything is known, if it is another one."""
        head = marks.head
        if marks.scanned < head.number:
            return ()
        self._looked_at = max(self._looked_at, head.timestamp)
        self._requests.looked(self._looked_at)
        # Going through very many is done less often; a note from before is as good.
        if head.timestamp < self._known_at + len(self._requests) // KNOWN_PER_S:
            return ()
        self._known_at = head.timestamp
        known_until = await self._requests.known_until(self._looked_at)
        if known_until == self._noted_at:
            return ()
        self._noted_at = known_until
        return (MetaRow(looked_at_key(self._chain_id), known_until.to_bytes(8)),)
