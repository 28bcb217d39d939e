"""What its operator has the running relay do: one process writes (spec 09 "The operator's listener").

Whoever reaches it may do all of it: who may, the edge decides (`web/admin_socket.py`).
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from minirelay.blobs.cid import read_cid, write_cid
from minirelay.blobs.library import Blob, BlobLibrary
from minirelay.errors import MinirelayError
from minirelay.store.alerts import Alert, AlertAcknowledgement, AlertPage
from minirelay.store.database import Store

log = logging.getLogger(__name__)

_MOST_ID: Final = 2**63 - 1


class OperatorError(MinirelayError):
    """What the operator asked for can't be done; the message says why, in words."""


class NoSuchPayment(OperatorError):
    """There is no such payment request, or there are several."""


class UnknownAlert(OperatorError):
    """There is no such alert."""


class UnknownBlob(OperatorError):
    """There is no such file."""


class Operator:
    """The operator's commands."""

    def __init__(self, store: Store, blobs: BlobLibrary, now: Callable[[], datetime]) -> None:
        """now: the relay's clock."""
        self._store = store
        self._blobs = blobs
        self._now = now

    async def acknowledge(self, alert_id: int) -> Alert:
        """Take note that an alert was seen to; return it, durably so. Raises UnknownAlert, StoreError.

        Doing it again changes nothing. It comes back by itself when there is more of the same.
        """
        await self._alert(alert_id)
        await self._store.writer.commit(AlertAcknowledgement(alert_id, int(self._now().timestamp())))
        alert = await self._alert(alert_id)
        log.info("an alert was acknowledged", extra={"alert": alert_id, "kind": alert.kind})
        return alert

    async def alerts(self, *, with_acknowledged: bool) -> AlertPage:
        """List what a person has to see to, the most important first. Raises StoreError."""
        return await self._store.reader.alerts(with_acknowledged=with_acknowledged)

    async def remove_blob(self, cid: str) -> Blob:
        """Remove a file, from all shops and whatever names it; return what it was.

        Raises MalformedInput, UnknownBlob, StoreError.
        """
        digest = read_cid(cid)
        blob = await self._blobs.find(digest)
        if blob is None:
            raise UnknownBlob(f"there is no file {cid}; `minirelay blobs --all` lists those that there are")
        await self._blobs.remove(blob)
        log.info("a file was removed by the operator", extra={"cid": write_cid(digest), "size": blob.size})
        return blob

    async def _alert(self, alert_id: int) -> Alert:
        alert = await self._store.reader.alert(alert_id) if 0 < alert_id <= _MOST_ID else None
        if alert is None:
            raise UnknownAlert(
                f"there is no alert {alert_id}; `minirelay alerts --all` lists those that there are"
            )
        return alert
