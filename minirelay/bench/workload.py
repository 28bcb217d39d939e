"""What is written: listings, and patch sets of one patch, all signed before the clock starts."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from minirelay.bench.session import LoadSession
from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import NewPatch, seal_patch_set
from minirelay.protocol.signing import PrivateKey

FILLING_SET: Final = 50
"""Patches in a set that fills a shop."""

FILLING_IN_FLIGHT: Final = 16
FILLING_CHUNK: Final = 10_000
"""Listings that are signed, then written: all of a large shop at once would take much memory here."""

# Visits the listings in an order that is none: prime, and no neighbour of a power of two.
_STRIDE: Final = 7919


@dataclass(slots=True)
class Author:
    """Writes patch sets with one key card. first_listing: listings of former runs come before it."""

    key_card: PrivateKey
    shop_id: int
    first_listing: int = field(default_factory=lambda: time.time_ns() // 1000)
    nonce: int = field(default_factory=lambda: time.time_ns() // 1000)

    def seal(self, *patches: NewPatch) -> bytes:
        """Sign a patch set."""
        self.nonce += 1
        return seal_patch_set(
            patches,
            shop_id=self.shop_id,
            key_card_nonce=self.nonce,
            timestamp=datetime.now(UTC),
            key=self.key_card,
        )

    def listing_id(self, number: int) -> int:
        """Return the id of a listing, counted from 0."""
        return self.first_listing + number

    def add_listing(self, number: int) -> NewPatch:
        """Make the patch that adds a listing."""
        listing = self.listing_id(number)
        return NewPatch("add", ("Listings", listing), _listing(listing, number))

    def change_price(self, number: int, price: int) -> NewPatch:
        """Make the patch that gives a listing another price."""
        return NewPatch("replace", ("Listings", self.listing_id(number), "Price"), price)

    def filling(self, listings: range) -> Iterator[bytes]:
        """Seal the sets that add these listings."""
        for start in range(listings.start, listings.stop, FILLING_SET):
            numbers = range(start, min(start + FILLING_SET, listings.stop))
            yield self.seal(*map(self.add_listing, numbers))

    def price_changes(self, listings: int, count: int) -> list[bytes]:
        """Seal sets of one patch, spread over the first so many listings."""
        return [
            self.seal(self.change_price(turn * _STRIDE % listings, self.nonce + turn))
            for turn in range(count)
        ]


def fill(session: LoadSession, author: Author, listings: range) -> float:
    """Add listings in sets of 50; give the seconds that the relay took, without the signing."""
    seconds = 0.0
    for start in range(listings.start, listings.stop, FILLING_CHUNK):
        chunk = range(start, min(start + FILLING_CHUNK, listings.stop))
        seconds += session.write_all(frames_of(session, list(author.filling(chunk))), FILLING_IN_FLIGHT)
    return seconds


def frames_of(session: LoadSession, patch_sets: Sequence[bytes]) -> list[bytes]:
    """Make the frames that write patch sets in this session."""
    return [session.frame_of_write(patch_set) for patch_set in patch_sets]


def _listing(listing_id: int, number: int) -> Value:
    return {
        "ID": listing_id,
        "Price": 10**18 + number,
        "Metadata": {
            "Title": f"Bowl number {number}",
            "Description": "Stoneware, glazed by hand; no two are alike. 18 cm, für den Ofen geeignet.",
            "Images": [f"https://shop.example/images/{number}.jpg"],
        },
        "ViewState": 1,
    }
