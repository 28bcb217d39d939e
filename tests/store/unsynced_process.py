"""A process whose disk can't be synced from some point on; it ends as if it was killed.

To be run with a data directory, the file that makes syncing fail, and the sizes of the sets to be refused.
"""

import asyncio
import os
import sys
from pathlib import Path

from minirelay.store.database import Store
from minirelay.store.errors import StoreUnavailable
from tests.failing_fsync import FailingFsync
from tests.store.examples import ShopLog, beginning

ACKNOWLEDGED = 3


async def main(directory: Path, failing: FailingFsync, sizes: list[int]) -> None:
    store = await Store.open(directory)
    log = ShopLog()
    await asyncio.gather(*map(store.writer.commit, beginning()))
    await asyncio.gather(*(store.writer.commit(log.add()) for _ in range(ACKNOWLEDGED)))
    failing.begin()
    refused = [store.writer.commit(log.add(size_bytes=size)) for size in sizes]
    results = await asyncio.gather(*refused, return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results), results
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(
        main(Path(sys.argv[1]), FailingFsync({}, Path(sys.argv[2])), [int(size) for size in sys.argv[3:]])
    )
