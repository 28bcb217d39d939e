"""What the store is asked for a view: patches by type, by object, by owner; at least all that the view sees.

What of it the view sees in fact, `View.sees` says to each patch that is found (`shop/visibility.py`).
"""

from typing import NamedTuple

from minirelay.protocol.objects import ObjectType
from minirelay.shop.visibility import View
from minirelay.store.messages import Counts, Selection, TypesSeen


class LogQuery(NamedTuple):
    """What to look for. types: whole types, of any owner. selections: rows of the index besides."""

    types: frozenset[ObjectType]
    selections: tuple[Selection, ...]

    @property
    def types_seen(self) -> TypesSeen:
        """Return of which types all is looked for, and of which others some."""
        others = frozenset([one.object_type for one in self.selections])
        return TypesSeen(self.types, others - self.types)

    @property
    def needs_scan(self) -> bool:
        """Return whether the log has to be read set by set; else `selections` are few rows of its index."""
        return bool(self.types)

    def count_types(self, start: Counts, end: Counts) -> int:
        """Count the patches of the whole types between two points of the log."""
        return end.of(*self.types) - start.of(*self.types)


def query_of(view: View) -> LogQuery:
    """Return what finds all that a view sees, nothing of it twice."""
    selections = [Selection(*one) for one in sorted(view.objects)]
    selections += [Selection(one, None, view.owner) for one in sorted(view.own_types)]
    selections += [Selection(*one, view.owner) for one in sorted(view.own_objects)]
    return LogQuery(view.types, tuple(selections))
