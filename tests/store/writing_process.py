"""A process that writes until it is killed, to be run with a data directory as its argument.

Each line that it prints is a sequence number that was reported as committed, after a line "open" with the one
it started from.
"""

import asyncio
import random
import sys
from pathlib import Path

from minirelay.protocol.objects import ObjectType
from minirelay.store.database import Store
from minirelay.store.messages import ObjectRow
from tests.store.examples import CARD, ShopLog, beginning, listing

COUNTER = b"counter"
LEAVES = 3


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(directory: Path) -> None:
    store = await Store.open(directory)
    seq, counts = await store.reader.tail(1)
    if seq == 0 and not await store.reader.shops():
        await asyncio.gather(*map(store.writer.commit, beginning()))
    log = ShopLog(seq=seq, counts=counts)
    say(f"open {seq}")
    while True:
        futures = []
        for _ in range(random.randint(1, 20)):
            number = log.seq + 1
            counter = ObjectRow(ObjectType.LISTING, COUNTER, number.to_bytes(8, "big"))
            leaves = [listing(number % 7 + leaf) for leaf in range(LEAVES)]
            commit = log.add(*leaves, changes=(counter,), nonces={CARD: number}, relay_nonce=number)
            futures.append(store.writer.commit(commit))
        await asyncio.gather(*futures)
        say(log.seq)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
