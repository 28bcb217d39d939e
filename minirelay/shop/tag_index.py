"""Which tag names which listing, while one patch set changes tags.

Two questions must not cost a search per patch: is this listing in that tag already (`append`), and does any
tag name this listing (`remove` of a listing). The first is answered by counting one tag's listings when it is
first asked about. The second starts with searches that decode hardly a tag, since few removals are the rule;
from some removals on it counts the listings of all tags, once per patch set. The counts are kept in step.
"""

from collections import Counter
from collections.abc import Collection
from typing import Final

from minirelay.protocol.cbor import encode
from minirelay.shop import counted_loading
from minirelay.shop.hamt import Hamt
from minirelay.shop.object_cache import ObjectCache
from minirelay.shop.objects import Tag
from minirelay.shop.work import COMPARED_ENTRIES, SEARCHED_BYTES, TAG, Work

SEARCHES: Final = 16
"""Counting all tags costs some 20 to 50 searches."""


class TagIndex:
    """Counts of listings, per tag and over all tags; a listing may stand in a tag more than once."""

    def __init__(self, tags: ObjectCache[Tag], trie: Hamt, work: Work | None = None) -> None:
        """tags: as they are now, at any time. trie: those that the patch set started from."""
        self._work = Work() if work is None else work
        self._tags = tags
        self._trie = trie
        self._in_tag: dict[bytes, Counter[int]] = {}
        self._in_any: Counter[int] | None = None
        self._searches = 0

    def holds(self, tag_key: bytes, listing_id: int) -> bool:
        """Return whether a tag names a listing."""
        members = self._in_tag.get(tag_key)
        if members is None:
            tag = self._tags.look(tag_key)
            listing_ids = tag.listing_ids if tag is not None else ()
            self._work.spend(len(listing_ids))
            members = self._in_tag[tag_key] = Counter(listing_ids)
        return members[listing_id] > 0

    def is_tagged(self, listing_id: int) -> bool:
        """Return whether any tag names a listing."""
        if self._in_any is None:
            if self._searches < SEARCHES:
                self._searches += 1
                return self._search(listing_id)
            self._in_any = self._count()
        return self._in_any[listing_id] > 0

    def note(self, tag_key: bytes, *, gone: Collection[int] = (), come: Collection[int] = ()) -> None:
        """Follow a change of a tag's listings that is made at the same time."""
        for counts in (self._in_tag.get(tag_key), self._in_any):
            if counts is not None:
                counts.subtract(gone)
                counts.update(come)

    def _search(self, listing_id: int) -> bool:
        for tag in self._tags.touched():
            self._work.spend(len(tag.listing_ids) // COMPARED_ENTRIES)
            if listing_id in tag.listing_ids:
                return True
        # Bytes without the number's encoding can't hold the number; others are decoded to be sure.
        encoded = encode(listing_id)
        for data in self._tags.untouched(self._trie):
            self._work.spend(TAG + len(data) // SEARCHED_BYTES)
            if encoded in data and listing_id in self._load(data):
                return True
        return False

    def _count(self) -> Counter[int]:
        counts: Counter[int] = Counter()
        for tag in self._tags.touched():
            self._work.spend(len(tag.listing_ids))
            counts.update(tag.listing_ids)
        for data in self._tags.untouched(self._trie):
            self._work.spend(TAG)
            counts.update(self._load(data))
        return counts

    def _load(self, data: bytes) -> list[int]:
        return counted_loading.load(Tag, data, self._work).listing_ids
