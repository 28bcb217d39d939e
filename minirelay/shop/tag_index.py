"""Which tag names which listing, while one patch set changes tags.

Two questions must not cost a search per patch: is this listing in that tag already (`append`), and does any
tag name this listing (`remove` of a listing). The first is answered by counting one tag's listings when it is
first asked about, the second by going through all tags of the shop, once per patch set and only if a listing
is removed. From then on both are kept in step.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable

from minirelay.shop.objects import Tag


class TagIndex:
    """Counts of listings, per tag and over all tags; a listing may stand in a tag more than once."""

    def __init__(self, look: Callable[[bytes], Tag | None], look_at_all: Callable[[], Iterable[Tag]]) -> None:
        """look: give one tag as it is now. look_at_all: go through all of them."""
        self._look = look
        self._look_at_all = look_at_all
        self._in_tag: dict[bytes, Counter[int]] = {}
        self._in_any: Counter[int] | None = None

    def holds(self, tag_key: bytes, listing_id: int) -> bool:
        """Say whether a tag names a listing."""
        members = self._in_tag.get(tag_key)
        if members is None:
            tag = self._look(tag_key)
            members = self._in_tag[tag_key] = Counter(tag.listing_ids if tag is not None else ())
        return members[listing_id] > 0

    def is_tagged(self, listing_id: int) -> bool:
        """Say whether any tag names a listing."""
        if self._in_any is None:
            self._in_any = Counter()
            for tag in self._look_at_all():
                self._in_any.update(tag.listing_ids)
        return self._in_any[listing_id] > 0

    def note(self, tag_key: bytes, *, gone: Collection[int] = (), come: Collection[int] = ()) -> None:
        """Follow a change of a tag's listings that is made at the same time."""
        for counts in (self._in_tag.get(tag_key), self._in_any):
            if counts is not None:
                counts.subtract(gone)
                counts.update(come)
