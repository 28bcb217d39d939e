"""The one kind of gap that a log may have: that of a restore (spec 09, "Backup and restore").

A relay that was restored from a backup must not give out numbers again that clients were told. So each log
goes on with a multiple of 2^14 that depends on the time of the restore, far beyond all that was told; the
relay's own nonces do the same. A reader knows a gap by that: any other jump is a fault.
"""

from typing import Final

GAP_STEP: Final = 2**14
RESTORED: Final = "this log was restored from a backup: start again from 0"
"""What a client hears that asks for what comes after a number inside a gap. Clients match it."""

_SECONDS_PER_MINUTE: Final = 60


def number_after_restore(end: int, restored_at: int) -> int:
    """Compute the number with which a log goes on after a restore, and the relay's next nonce there.

    end: the greatest number that the log has or is known to have had, 0 for none. restored_at: unix seconds.
    Another minute gives another number, and so does an end that is not below the number itself.
    """
    return max(GAP_STEP * (restored_at // _SECONDS_PER_MINUTE), (end // GAP_STEP + 1) * GAP_STEP)


def may_follow(seq: int, after: int) -> bool:
    """Return whether a set may come right behind another one in a log: as the next, or behind a gap."""
    return seq == after + 1 or (seq > after and seq % GAP_STEP == 0)
