"""A well-behaved client that goes on all the time: what it writes is acknowledged, and comes back."""

import asyncio
from itertools import count

from minirelay.client import Follower, PrivateKey, ReceivedSet, RelayClient
from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import NewPatch

FIRST_LISTING = 2**40
LISTINGS = 50
PAUSE_S = 0.002
TIMEOUT_S = 60.0


class Bystander:
    """One clerk. acknowledged: how many of its writes were; returned: how many came back as pushes."""

    def __init__(self, client: RelayClient, key: PrivateKey) -> None:
        self.acknowledged = 0
        self.returned = 0
        self._client = client
        self._public_key = key.public_key
        self._titles: dict[int, str] = {}

    def observe(self, _follower: Follower, received: ReceivedSet) -> None:
        """Note a set that was pushed, proved and applied."""
        self.returned += received.signer == self._public_key

    async def write(self, stop: asyncio.Event) -> None:
        """Write one set after the other. Raises ClientError if one is refused or lost."""
        await self._write([_listing(FIRST_LISTING + number) for number in range(LISTINGS)])
        for number in count():
            if stop.is_set():
                return
            await self._retitle(number)
            await asyncio.sleep(PAUSE_S)

    async def check(self, follower: Follower) -> None:
        """Check, when everybody else has stopped, that all of it came back and the state is the relay's."""
        root = await self._retitle(self.acknowledged)
        async with asyncio.timeout(TIMEOUT_S):
            await follower.wait_for(lambda _: self.returned >= self.acknowledged)
        assert self.returned == self.acknowledged
        assert follower.root_hash == root
        for listing_id, title in self._titles.items():
            listing = follower.listing(listing_id)
            assert listing is not None
            assert listing.metadata.title == title

    async def _retitle(self, number: int) -> bytes:
        listing_id, title = FIRST_LISTING + number % LISTINGS, f"Title {number}"
        self._titles[listing_id] = title
        path = ("Listings", listing_id, "Metadata", "Title")
        return await self._write([NewPatch("replace", path, title)])

    async def _write(self, patches: list[NewPatch]) -> bytes:
        root = await asyncio.wait_for(self._client.write(patches), TIMEOUT_S)
        self.acknowledged += 1
        return root


def _listing(number: int) -> NewPatch:
    value: Value = {
        "ID": number,
        "Price": 1,
        "Metadata": {"Title": "Title", "Description": "Of somebody who minds their own business"},
    }
    return NewPatch("add", ("Listings", number), value)
