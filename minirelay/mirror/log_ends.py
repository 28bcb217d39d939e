"""How far the logs of hosted shops go, for anchoring: what is durable, and what is behind it."""

from collections.abc import Sequence

from minirelay.chain.anchoring import LogEnd
from minirelay.relay.relay import Relay


class LogEnds:
    """The logs of a running relay: `chain.anchor_runner.ShopLogs`."""

    def __init__(self, relay: Relay) -> None:
        """relay: that runs."""
        self._relay = relay
        self._unused: dict[int, int] = {}
        """Ends of the logs of shops that this process has not touched: they stay as they were."""

    async def ends(self) -> Sequence[LogEnd]:
        """Return the ends of all hosted shops' logs. Raises StoreError."""
        ends = {}
        reader = self._relay.store.reader
        for row in await reader.shops():
            if row.shop_id not in self._unused:
                self._unused[row.shop_id], _ = await reader.tail(row.row_id)
            ends[row.shop_id] = self._unused[row.shop_id]
        for hosted in self._relay.shops:
            ends[hosted.row.shop_id] = hosted.feed.seq
        return [LogEnd(shop_id, seq) for shop_id, seq in ends.items()]

    async def root_hash(self, shop_id: int) -> tuple[int, bytes]:
        """Return the number of a shop's last durable set, and the root hash behind it, 32 bytes.

        Raises StoreError, Refusal NOT_FOUND for a shop that is not served here.
        """
        return await self._relay.root_hash(shop_id)
