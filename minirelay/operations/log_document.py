"""The sets of a shop's log as JSON, for people: who wrote what, without customers' addresses."""

from datetime import UTC
from typing import Any, Final

from minirelay.errors import MalformedInput, Refusal
from minirelay.operations.readable import ADDRESS_FIELDS, HIDDEN, MOST_ITEMS, readable
from minirelay.protocol.header import decode_header
from minirelay.protocol.patch import decode_patch
from minirelay.protocol.push import decode_set
from minirelay.protocol.signing import recover
from minirelay.store.messages import WireSet

Document = dict[str, Any]

MOST_PATCH_BYTES: Final = 64 * 1024
"""A larger patch is named by its size only."""


def signer_of(stored: WireSet) -> bytes | None:
    """Return the public key that signed a set, 33 bytes; None if none can have."""
    pushed = decode_set(stored.wire)
    try:
        return recover(pushed.header, pushed.signature)
    except MalformedInput:
        return None


def describe_set(stored: WireSet, author: Document) -> Document:
    """Describe a set. author: who wrote it. Raises MalformedInput, Refusal for what no log holds."""
    pushed = decode_set(stored.wire)
    header = decode_header(pushed.header)
    return {
        "sequence_number": stored.seq,
        "at": header.timestamp.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "author": author,
        "size_bytes": len(stored.wire),
        "patch_count": stored.patch_count,
        "patches": [_patch(patch) for patch in pushed.patches[:MOST_ITEMS]],
    }


def _patch(raw: bytes) -> Document:
    if len(raw) > MOST_PATCH_BYTES:
        return {"op": None, "path": [], "value": f"({len(raw):,} bytes)"}
    try:
        patch = decode_patch(raw)
    except (Refusal, MalformedInput):
        return {"op": None, "path": [], "value": f"({len(raw):,} bytes)"}
    is_hidden = any(part in ADDRESS_FIELDS for part in patch.path) and patch.value is not None
    return {
        "op": patch.op,
        # Ids in it are whole numbers of 64 bits.
        "path": [str(part) if isinstance(part, int) else readable(part) for part in patch.path],
        "value": HIDDEN if is_hidden else readable(patch.value),
    }
