"""What must hold for whatever values a client puts into objects and patches."""

# Either outcome is right, and each is checked where it turns up.
# ruff: noqa: PT017

import copy
from typing import Any

from minirelay.errors import Code, MalformedInput, Refusal
from minirelay.protocol.cbor import Value, decode
from minirelay.protocol.ids import NOBODY
from minirelay.protocol.patch import Patch, decode_patch
from minirelay.protocol.patch_set import open_patch_set
from minirelay.shop.access import Role
from minirelay.shop.canonical import dump, load, read
from minirelay.shop.checkout import Checkout
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.checkout_records import CheckoutRecords
from minirelay.shop.draft import Draft
from minirelay.shop.normalise import Misspelt, normalise
from minirelay.shop.objects import (
    Account,
    AddressDetails,
    Listing,
    Manifest,
    Order,
    PriceModifier,
    Tag,
)
from minirelay.shop.ownership import Author
from minirelay.shop.patch_application import apply_patch_set
from minirelay.shop.state import ShopState
from tests.fuzz.wire_targets import elements
from tests.limits import WRITES
from tests.protocol.sets import signed
from tests.shop.patching import check_sound
from tests.shop.random_patches import START

KINDS: tuple[Any, ...] = (Manifest, Account, Listing, Tag, Order, AddressDetails, PriceModifier)
AUTHORS = (Author(Role.CLERK, 1), Author(Role.GUEST, 7), Author(Role.GUEST, 8))
OWNERS = {(1).to_bytes(8): 7, (2).to_bytes(8): NOBODY}


def canonical(data: bytes) -> None:
    """Objects of every kind: what is read has one form, which is read and stored again as it is."""
    value = _value(data)
    for kind in KINDS:
        try:
            made = read(kind, value)
        except Refusal as refusal:
            assert refusal.code == Code.INVALID
            assert refusal.message.startswith((kind.__name__, f"a key of {kind.__name__}"))
            continue
        stored = dump(made)
        assert load(kind, stored) == made
        assert read(kind, decode(stored)) == made


def spelling(data: bytes) -> None:
    """Spellings: what is brought to the exact one is exact, and what came in is not changed."""
    value = _value(data)
    before = copy.deepcopy(value)
    for kind in KINDS:
        try:
            exact = normalise(kind, value)
        except Misspelt as misspelt:
            assert misspelt.reason
        else:
            assert normalise(kind, exact) == exact
        assert value == before


def _value(data: bytes) -> Value:
    try:
        return decode(data)
    except MalformedInput:
        return None


def draft(data: bytes) -> None:
    """Patches on a shop: a refusal leaves no trace, and what is accepted is sound."""
    patches = _patches(data)
    for one in patches:
        _apply([one])
    _apply(patches)


def _apply(patches: list[Patch]) -> None:
    working = Draft(START)
    try:
        for one in patches:
            working.apply(one)
        after, changes = working.finish()
    except Refusal as refusal:
        assert refusal.message
        assert START.root_hash == ROOT
        return
    assert START.root_hash == ROOT
    check_sound(START, after, changes)


def _patches(data: bytes) -> list[Patch]:
    found = []
    for leaf in elements(data):
        try:
            one = decode_patch(leaf)
        except Refusal as refusal:
            assert refusal.code == Code.INVALID
        else:
            assert {str, int, bytes} >= set(map(type, one.path))
            found.append(one)
    return found


def patch_application(data: bytes) -> None:
    """Signed sets of patches, as clerks and guests write them: refused, or sound."""
    leaves = elements(data)
    if not leaves:
        return
    try:
        patch_set = open_patch_set(signed(leaves))
    except Refusal:
        return
    for author in AUTHORS:
        try:
            checkout = Checkout(CheckoutRecords(), author, OWNERS, Facts(0), WRITES.checkout)
            made = apply_patch_set(START, OWNERS, author, patch_set, policy=checkout)
            checkout.outcome(START, made.state)
        except Refusal as refusal:
            assert refusal.message
            continue
        assert made.state.root_hash == ShopState.from_objects(made.state.objects()).root_hash
        assert len(made.patch_owners) == len(leaves)


ROOT = START.root_hash
