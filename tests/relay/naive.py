"""Who sees what, by a full scan of the log: nothing but the pushed bytes and the sentences of spec 05."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from minirelay.protocol.envelope import Filter
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, decode_patch
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import recover

PUBLIC = {ObjectType.MANIFEST, ObjectType.ACCOUNT, ObjectType.LISTING, ObjectType.TAG}


@dataclass(frozen=True)
class Viewer:
    """Who looks. role: visitor, guest or clerk, as the session was when it subscribed."""

    role: str
    public_key: bytes = b""


VISITOR = Viewer("visitor")


@dataclass(frozen=True)
class LoggedPatch:
    """One patch of the log. creator: of an order patch, the card that signed the `add` of its stretch."""

    seq: int
    leaf: int
    patch: Patch
    creator: bytes


@dataclass
class NaiveLog:
    """A log, as somebody has it who sees everything."""

    patches: list[LoggedPatch] = field(default_factory=list)
    creators: dict[bytes, bytes] = field(default_factory=dict)
    end: int = 0

    def append(self, sets: Iterable[SequencedPartialPatchSet]) -> None:
        """Take the next sets, whole or in parts."""
        for one in sets:
            signer = recover(one.header, one.signature)
            self.end = one.seq
            for leaf, raw in enumerate(one.patches, start=one.leaf_index):
                patch = decode_patch(raw)
                self.patches.append(LoggedPatch(one.seq, leaf, patch, self._creator(patch, signer)))

    def _creator(self, patch: Patch, signer: bytes) -> bytes:
        if patch.object_type is not ObjectType.ORDER:
            return b""
        is_whole = not patch.fields
        if patch.op == "add" and is_whole:
            self.creators[patch.object_id] = signer
        if patch.op == "remove" and is_whole:
            return self.creators.pop(patch.object_id)
        return self.creators[patch.object_id]

    def visible(
        self, viewer: Viewer, filters: Sequence[Filter] = (), start: int = 0
    ) -> list[tuple[int, int]]:
        """Return sequence number and leaf index of all that a subscription gets, in order."""
        return [
            (one.seq, one.leaf)
            for one in self.patches
            if one.seq > start and may_see(viewer, one) and is_selected(filters, one.patch)
        ]


def may_see(viewer: Viewer, one: LoggedPatch) -> bool:
    """Return what a role sees without filters."""
    if viewer.role == "clerk" or one.patch.object_type in PUBLIC:
        return True
    return viewer.role == "guest" and one.creator == viewer.public_key != b""


def is_selected(filters: Sequence[Filter], patch: Patch) -> bool:
    """Return whether one of the filters wants it; no filters want everything."""
    return not filters or any(
        one.object_type == patch.object_type and one.object_id in (None, patch.object_id) for one in filters
    )
