"""The payments of all chains: what was watched before a start, and who hears of what writes change."""

import logging
from collections.abc import Mapping, Sequence

from minirelay.payments.stray_searches import StraySearches
from minirelay.payments.watcher import PaymentWatch
from minirelay.shop.checkout_records import RecordChanges
from minirelay.store.chain_rows import imported_looked_at, looked_at_key
from minirelay.store.messages import ShopRow
from minirelay.store.reader import Reader

log = logging.getLogger(__name__)


class PaymentWatches:
    """A watch for each chain that can be paid on: a `CheckoutFollower`."""

    def __init__(self, watches: Sequence[PaymentWatch], searches: StraySearches | None = None) -> None:
        """watches: one for each chain. searches: for what their addresses do not ask for."""
        self.searches = StraySearches([]) if searches is None else searches
        self._watches: Mapping[int, PaymentWatch] = {one.chain_id: one for one in watches}

    def of_chain(self, chain_id: int) -> PaymentWatch | None:
        """Return the watch of a chain, None if it can't be paid on."""
        return self._watches.get(chain_id)

    async def load(self, reader: Reader) -> None:
        """Watch what is stored as watched, of all shops. Before any shop is written to. Raises StoreError.

        Requests on a chain that is configured no more are left as they are.
        """
        for chain_id, count in (await reader.watched_counts()).items():
            watch = self._watches.get(chain_id)
            if watch is None:
                extra = {"chain": chain_id, "count": count}
                log.warning("payments on a chain that is not configured are not watched", extra=extra)
            else:
                await _load(watch, reader)

    async def finish(self) -> None:
        """Wait until what is being decided is durable. Once nothing is polled any more."""
        for watch in self._watches.values():
            await watch.finish()

    def changed(self, shop: ShopRow, records: RecordChanges) -> None:
        """Take note of what a write changed, and is durable."""
        if records.requests or records.closed:
            for watch in self._watches.values():
                watch.changed(shop, records)


async def _load(watch: PaymentWatch, reader: Reader) -> None:
    progress = await reader.chain_progress(watch.chain_id)
    rests = watch.requests.resting.rests(0 if progress is None else progress.mark.final_time)
    watched = await reader.watched_requests(rests)
    stored = await reader.payment_transfers([one.issued.id for one in watched])
    note = await reader.get_meta(looked_at_key(watch.chain_id))
    looked_at = 0 if note is None else int.from_bytes(note)
    watch.load(watched, stored, looked_at, await reader.resting_prefixes(rests))
    for shop in {one.shop for one in watched}:
        imported = await reader.get_meta(looked_at_key(watch.chain_id, shop))
        at = imported_looked_at(imported, note or b"")
        if at is not None:
            watch.note_imported(shop, at)
