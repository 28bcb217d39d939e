"""What must hold for every input of the decoders of the protocol, client side included.

Each function takes any bytes. What it does not catch is a finding, and so is a failed assertion.
"""

# Either outcome is right, and each is checked where it turns up.
# ruff: noqa: PT017

import json
from collections.abc import Callable
from datetime import datetime

import cbor2

from minirelay.client.errors import VerificationFailed
from minirelay.client.received import Position, only_public, open_received, without_known
from minirelay.errors import Code, MalformedInput, ProtocolViolation, Refusal
from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Value, decode, encode
from minirelay.protocol.json_reading import decode_json
from minirelay.protocol.mmr import leaf_index, proofs, root, verify_proof
from minirelay.protocol.patch_set import (
    DecodedPatchSet,
    decode_parts,
    decode_patch_set,
    join_patch_set,
    open_patch_set,
    verify,
)
from minirelay.protocol.push import (
    SequencedPartialPatchSet,
    SetCutter,
    cut,
    decode_set,
    encode_set,
)
from minirelay.protocol.sign_in import parse, render
from tests.protocol import second_reading
from tests.protocol.sets import SHOP_ID, signed
from tests.protocol.vectors import load

SHOP_ID_OF_VECTORS = int(load("patchsets")[0]["shop_id"])

# Bounds of ours that a plain reading of the specification does not have.
_OWN_BOUNDS = ("too many lists and maps for the size", "too many integer keys")


def envelope(data: bytes) -> None:
    """Envelopes, as a client reads them and as the relay does."""
    whole = _decoded(wire.decode_envelope, data)
    mine = _decoded(wire.decode_client_envelope, data)
    if isinstance(whole, str) or isinstance(mine, str):
        assert whole == mine
        return
    assert wire.decode_envelope(wire.encode_envelope(whole.request_id, whole.message)) == whole
    assert (mine.request_id, type(mine.message)) == (whole.request_id, type(whole.message))
    if isinstance(mine.message, wire.SubscriptionRequest):
        assert isinstance(whole.message, wire.SubscriptionRequest)
        assert mine.message.filters == whole.message.filters[: wire.MAX_FILTERS + 1]
    elif not isinstance(mine.message, wire.SubscriptionPushRequest):
        assert mine == whole


def _decoded(read: Callable[[bytes], wire.Envelope], data: bytes) -> wire.Envelope | str:
    try:
        return read(data)
    except ProtocolViolation as violation:
        assert violation.close_code in (1002, 1008)
        assert 0 < len(violation.reason.encode()) < 120
        return violation.reason


def cbor(data: bytes) -> None:
    """CBOR: a second reading accepts the same; what is read is written and read again."""
    try:
        value = decode(data)
    except MalformedInput as malformed:
        if str(malformed) not in _OWN_BOUNDS:
            assert not _second_reading_accepts(data), malformed
        return
    assert _same(value, second_reading.read(data))
    written = encode(value)
    assert _same(decode(written), value)
    assert encode(decode(written)) == written
    assert _same(value, cbor2.loads(written))


def _second_reading_accepts(data: bytes) -> bool:
    try:
        second_reading.read(data)
    except (second_reading.RefusedError, RecursionError):
        return False
    return True


def _same(one: object, other: object) -> bool:
    """Compare, types included: to Python, 1 and True are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        typed = {(type(key), key): value for key, value in other.items()}
        return len(one) == len(other) and all(
            (type(key), key) in typed and _same(value, typed[type(key), key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other
    return type(one) is type(other) and one == other


def json_document(data: bytes) -> None:
    """JSON: what is accepted is what the standard library makes of it."""
    try:
        value = decode_json(data, object)
    except MalformedInput:
        return
    assert value == json.loads(data)


def patch_set(data: bytes) -> None:
    """Patch sets: exact bytes are kept, and make the same set again."""
    try:
        decoded = decode_patch_set(data)
    except Refusal as refusal:
        _check_invalid(refusal)
        return
    _check_parts(decoded, data)
    try:
        verify(decoded)
    except Refusal as refusal:
        _check_invalid(refusal)


def _check_parts(decoded: DecodedPatchSet, data: bytes) -> None:
    header, leaves = decoded.header.raw, [patch.raw for patch in decoded.patches]
    assert header in data
    assert all(leaf in data for leaf in leaves)
    assert decode_parts(header, decoded.signature, leaves) == decoded
    assert decode_patch_set(join_patch_set(header, decoded.signature, leaves)) == decoded


def _check_invalid(refusal: Refusal) -> None:
    assert refusal.code == Code.INVALID
    assert refusal.message
    assert refusal.object_id is None


def signed_patches(data: bytes) -> None:
    """Sets with a right root and signature over any patches: pushed, cut, split and proved as they are."""
    leaves = elements(data)
    if not leaves:
        return
    try:
        opened = open_patch_set(signed(leaves))
    except Refusal as refusal:
        _check_invalid(refusal)
        return
    assert [patch.raw for patch in opened.patches] == leaves
    pushed = encode_set(5, opened)
    cutter = SetCutter(pushed)
    assert cutter.count == len(leaves)
    assert cutter.part(range(len(leaves))) == (pushed, len(leaves), None)
    part = cut(pushed, range(len(leaves) // 2, len(leaves)))
    for one in (pushed, part):
        received = open_received(decode_set(one), SHOP_ID)
        assert [patch.raw for patch in received.patches] == leaves[received.leaf_index :]
        assert received.signer == opened.signer


def elements(data: bytes) -> list[bytes]:
    """Take a CBOR list apart into well-formed elements, written as the package writes them."""
    try:
        value = decode(data)
    except MalformedInput:
        return []
    return [encode(element) for element in value] if isinstance(value, list) else []


def push(data: bytes) -> None:
    """Pushes, as a client takes them: proved, or refused in one way."""
    try:
        pushed = decode_set(data)
    except MalformedInput:
        return
    _receive(pushed)


def push_envelope(data: bytes) -> None:
    """Envelopes with pushes, as a client takes them."""
    try:
        message = wire.decode_envelope(data).message
    except ProtocolViolation:
        return
    if isinstance(message, wire.SubscriptionPushRequest):
        for pushed in message.sets:
            _receive(pushed)


def _receive(pushed: SequencedPartialPatchSet) -> None:
    for position in (Position(pushed.seq, 0), Position(pushed.seq + 1), Position(0)):
        try:
            without_known(pushed, position)
            only_public(pushed)
        except (MalformedInput, Refusal):
            pass
    try:
        received = open_received(pushed, SHOP_ID_OF_VECTORS)
    except VerificationFailed as failed:
        assert failed.seq == pushed.seq
        return
    assert len(received.patches) == len(received.leaves) == len(pushed.patches)


def mmr_proof(data: bytes) -> None:
    """Proofs: none proves a leaf at a place where it is not, or another leaf."""
    match _value(data):
        case [int(leaf), int(count), proof] if 0 < count <= 64:
            raw = encode(proof)
        case _:
            raw, leaf, count = data, 0, 1
    leaves = [bytes((number,)) for number in range(count)]
    try:
        claimed = leaf_index(raw)
    except MalformedInput:
        claimed = None
    try:
        proved = verify_proof(bytes((leaf % 256,)), raw, root(leaves))
    except MalformedInput:
        return
    assert proved == claimed == leaf % 256
    assert decode(raw) == decode(proofs(leaves)[proved])


def _value(data: bytes) -> Value:
    try:
        return decode(data)
    except MalformedInput:
        return None


def sign_in(data: bytes) -> None:
    """Sign-in messages: what is read is written and read again."""
    try:
        message = parse(data.decode("utf-8", "replace"))
    except MalformedInput:
        return
    assert parse(render(message)) == message
