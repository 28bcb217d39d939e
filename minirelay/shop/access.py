"""Who may write what, and see what (spec 05 "Roles"); asked just before each patch is applied."""

from enum import Enum, auto
from typing import Final

from minirelay.errors import Code, Refusal, invalid, not_found
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop.order_states import STATE_FIELD
from minirelay.shop.path_table import object_number

PUBLIC_TYPES: Final = frozenset({ObjectType.MANIFEST, ObjectType.ACCOUNT, ObjectType.LISTING, ObjectType.TAG})
"""What every client sees, visitors included."""

RELAY_ORDER_FIELDS: Final = frozenset({"PaymentDetails", STATE_FIELD, "TxDetails", "CanceledAt"})


class Role(Enum):
    """What a session, or the author of a patch set, is in a shop."""

    VISITOR = auto()
    GUEST = auto()
    CLERK = auto()
    RELAY = auto()


def may_see(role: Role, object_type: ObjectType, owns: bool) -> bool:
    """Return whether a role sees an object. owns: it is an order that this key card created."""
    if role is Role.CLERK or object_type in PUBLIC_TYPES:
        return True
    return role is Role.GUEST and object_type is ObjectType.ORDER and owns


def check_patch(role: Role, patch: Patch, *, owns: bool, present: bool) -> None:
    """Refuse a patch that this role may not write, whatever is in it.

    owns: the order exists and this key card created it. present: the order exists. Asked of guests only.
    Raises Refusal: NOT_AUTHENTICATED (visitor), NOT_FOUND (guest), INVALID (clerk). A relay beyond its bounds
    (spec 02) is a bug: RuntimeError.
    """
    if role is Role.CLERK:
        _check_clerk(patch)
    elif role is Role.GUEST:
        _check_guest(patch, owns, present)
    elif role is Role.RELAY:
        _check_relay(patch)
    else:
        raise Refusal(Code.NOT_AUTHENTICATED, "authenticate before you write")


def _check_clerk(patch: Patch) -> None:
    if patch.object_type is ObjectType.ACCOUNT and not _takes_key_card(patch):
        raise invalid("of accounts, clerks may only remove key cards")


def _takes_key_card(patch: Patch) -> bool:
    return patch.op == "remove" and len(patch.fields) == 2 and patch.fields[0] == "KeyCards"


def _check_guest(patch: Patch, owns: bool, present: bool) -> None:
    if patch.object_type is not ObjectType.ORDER:
        raise not_found("guests write orders only")
    is_creation = patch.op == "add" and not patch.fields
    if owns or (is_creation and not present):
        return
    raise not_found("there is no such order of yours", object_number(patch))


def _check_relay(patch: Patch) -> None:
    if not is_for_relay(patch):
        raise RuntimeError(f"the relay must not {patch.op} {patch.path!r}")


def is_for_relay(patch: Patch) -> bool:
    """Return whether the relay itself may write this: what spec 02 lists, and removing accounts (07)."""
    match patch.object_type, patch.op, *patch.fields:
        case (
            (ObjectType.MANIFEST, "replace")
            | (ObjectType.ACCOUNT, "add" | "remove")
            | (ObjectType.ACCOUNT, "append", "KeyCards")
            | (ObjectType.INVENTORY, "decrement", *_)
        ):
            return True
        case (ObjectType.ORDER, "add" | "replace", field):
            return field in RELAY_ORDER_FIELDS
    return False
