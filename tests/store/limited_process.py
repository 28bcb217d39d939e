"""A process whose files may not grow any more, to be run with a data directory as its argument.

It goes on until writing fails, checks what is left, has the limit lifted, and goes on from what is on disk.
"""

import asyncio
import resource
import sys
from pathlib import Path

from minirelay.store.database import Store
from minirelay.store.errors import StaleEpoch, StoreUnavailable
from tests.store.examples import ShopLog, beginning

FILE_LIMIT_BYTES = 400_000
NO_ROOM_BYTES = 1000


def limit_files(size_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


async def write_until_it_fails(store: Store, log: ShopLog) -> int:
    """Return the last sequence number that was reported as committed."""
    while True:
        commits = [log.add() for _ in range(8)]
        results = await asyncio.gather(*map(store.writer.commit, commits), return_exceptions=True)
        if any(results):
            # They were in one transaction: all of them failed, or none.
            assert all(isinstance(result, StoreUnavailable) for result in results), results
            return commits[0].sets[0].seq - 1


async def main(directory: Path) -> None:
    async with await Store.open(directory) as store:
        await asyncio.gather(*map(store.writer.commit, beginning()))
        limit_files(FILE_LIMIT_BYTES)
        stale = ShopLog()
        acknowledged = await write_until_it_fails(store, stale)
        assert acknowledged > 0
        assert store.writer.epoch == 1
        limit_files(NO_ROOM_BYTES)
        (probe,) = await asyncio.gather(store.writer.probe(), return_exceptions=True)
        assert isinstance(probe, StoreUnavailable), probe
        assert store.writer.epoch == 1
        seq, counts = await store.reader.tail(1)
        assert seq == acknowledged

        limit_files(resource.RLIM_INFINITY)
        await store.writer.probe()
        (refused,) = await asyncio.gather(store.writer.commit(stale.add()), return_exceptions=True)
        assert isinstance(refused, StaleEpoch), refused
        log = ShopLog(epoch=store.writer.epoch, seq=seq, counts=counts)
        await asyncio.gather(*[store.writer.commit(log.add()) for _ in range(500)])
        page = await store.reader.page(1, after_seq=0, upto_seq=log.seq, max_patches=10**6, max_bytes=10**9)
        assert [one.seq for one in page] == list(range(1, acknowledged + 501))
        sys.stdout.write(f"{acknowledged} {log.seq}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
