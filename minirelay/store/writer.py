"""The one task that writes: groups what all shops have queued into transactions."""

import asyncio

from minirelay.store.messages import Commit


class Writer:
    """Commit in groups, one transaction at a time.

    epoch: goes up by one whenever a transaction failed that held a commit; everything queued by then fails
    too. A commit that was judged on a state of an older epoch is refused with StaleEpoch. `on_failure` (to
    be set) is called on the loop right after the epoch went up, before any future fails: drop every
    shop's state there. Take the epoch *before* loading a state.
    """

    epoch: int

    def commit(self, commit: Commit) -> asyncio.Future[None]:
        """Queue a commit; the future resolves after the fsync.

        It fails with StoreUnavailable (StaleEpoch), StoreClosed. Never raises these itself.
        """
        raise NotImplementedError

    def remember(self, key: str, value: bytes) -> asyncio.Future[None]:
        """Queue a row of `meta`; same transaction as the commits around it."""
        raise NotImplementedError

    def barrier(self) -> asyncio.Future[None]:
        """Wait for what was queued so far, and fail as that fails; done at once if there is nothing."""
        raise NotImplementedError

    def probe(self) -> asyncio.Future[None]:
        """Check that the disk takes writes: a real, tiny transaction."""
        raise NotImplementedError
