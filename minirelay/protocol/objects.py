"""The kinds of objects a shop is made of (spec 01 "Messages")."""

from enum import IntEnum


class ObjectType(IntEnum):
    """The object types of the wire; 0 is unspecified and never valid."""

    LISTING = 1
    TAG = 2
    ORDER = 3
    ACCOUNT = 4
    MANIFEST = 5
    INVENTORY = 6
