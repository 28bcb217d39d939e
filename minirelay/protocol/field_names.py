"""Field names in other cases than spec 02 has them, as the protocol's own documentation writes them."""

from collections.abc import Mapping

from minirelay.errors import invalid
from minirelay.protocol.cbor import Key


def find_field(entries: Mapping[Key, object], name: str, what: str) -> Key | None:
    """Find the key under which a field stands: its exact name, else the same letters in another case.

    what: what to call the map in words. Raises Refusal INVALID if two inexact keys stand for the field.
    """
    if name in entries:
        return name
    folded = name.lower()
    # Only ASCII letters have cases here: U+212A, the Kelvin sign, would fold to a "k" as well.
    found = [key for key in entries if isinstance(key, str) and key.isascii() and key.lower() == folded]
    if len(found) > 1:
        raise invalid(f"{what}: {name} in two spellings")
    return found[0] if found else None


def get_field(entries: Mapping[Key, object], name: str, what: str) -> object:
    """Get the value of a field; None when absent. Raises like `find_field`."""
    if name in entries:
        return entries[name]
    key = find_field(entries, name, what)
    return None if key is None else entries[key]
