"""Bytes of the protocol as documents that people can read: CBOR values, patch sets, envelopes."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from minirelay.cli.output import Document
from minirelay.errors import MalformedInput, MinirelayError, ProtocolViolation, Refusal
from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import decode
from minirelay.protocol.ids import show_shop
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch import Patch, decode_patch
from minirelay.protocol.patch_set import DecodedPatchSet, decode_patch_set, verify
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.protocol.signing import address_of, checksum_address


def describe(data: bytes, kind: str) -> Document:
    """Describe bytes. kind: cbor, patch-set, envelope, or auto. Raises MalformedInput."""
    if kind != "auto":
        try:
            return {kind.replace("-", "_"): _KINDS[kind](data)}
        except (Refusal, MalformedInput, ProtocolViolation) as error:
            raise MalformedInput(f"this is no {kind.replace('-', ' ')}: {error}") from error
    reasons = []
    for name in _KINDS:
        try:
            return describe(data, name)
        except MalformedInput as error:
            reasons.append(str(error))
    raise MalformedInput("; ".join(reasons))


def describe_cbor(data: bytes) -> Document:
    """Describe one CBOR value. Raises MalformedInput."""
    return decode(data)


def describe_patch_set(data: bytes) -> Document:
    """Describe a patch set, whether its root and signature are right or not. Raises Refusal."""
    decoded = decode_patch_set(data)
    return {
        **_header(decoded),
        "signature": decoded.signature,
        **_verdict(decoded),
        "patches": [_patch(patch) for patch in decoded.patches],
    }


def describe_envelope(data: bytes) -> Document:
    """Describe a frame of the WebSocket. Raises ProtocolViolation."""
    envelope = wire.decode_envelope(data)
    return {"request_id": envelope.request_id, **_message(envelope.message)}


_KINDS: Final[Mapping[str, Callable[[bytes], Document]]] = {
    "patch-set": describe_patch_set,
    "cbor": describe_cbor,
    "envelope": describe_envelope,
}


def _header(decoded: DecodedPatchSet) -> dict[str, Document]:
    header = decoded.header
    return {
        "shop_id": show_shop(header.shop_id),
        "key_card_nonce": header.key_card_nonce,
        "timestamp": header.timestamp,
        "root_hash": header.root_hash,
    }


def _verdict(decoded: DecodedPatchSet) -> dict[str, Document]:
    try:
        verified = verify(decoded)
    except Refusal as refusal:
        return {"verified": False, "reason": str(refusal)}
    signer = verified.signer
    return {"verified": True, "signer": signer, "signer_address": checksum_address(address_of(signer))}


def _patch(patch: Patch) -> Document:
    return {"op": patch.op, "path": list(patch.path), "value": patch.value}


def _message(message: wire.Message) -> dict[str, Document]:
    name = type(message).__name__
    match message:
        case wire.PatchSetWriteRequest():
            return {name: _or_bytes(describe_patch_set, message.patch_set)}
        case wire.SubscriptionPushRequest():
            sets = [_pushed(one) for one in message.sets]
            return {name: {"subscription_id": message.subscription_id, "sets": sets}}
        case wire.SubscriptionRequest():
            return {
                name: {
                    "shop_id": message.shop_id,
                    "after_sequence_number": message.start_shop_seq_no,
                    "filters": [_filter(one) for one in message.filters],
                }
            }
    fields = msgspec.structs.asdict(message)
    return {name: fields}


def _filter(one: wire.Filter) -> Document:
    known = one.object_type in ObjectType.__members__.values()
    kind: Document = ObjectType(one.object_type).name.lower() if known else one.object_type
    return (
        {"object_type": kind} if one.object_id is None else {"object_type": kind, "object_id": one.object_id}
    )


def _pushed(one: SequencedPartialPatchSet) -> Document:
    return {
        "sequence_number": one.seq,
        "leaf_index": one.leaf_index,
        "header": _or_bytes(decode, one.header),
        "signature": one.signature,
        "patches": [_or_bytes(lambda raw: _patch(decode_patch(raw)), patch) for patch in one.patches],
        "proofs": [_or_bytes(decode, proof) for proof in one.proofs],
    }


def _or_bytes(read: Callable[[bytes], Document], data: bytes) -> Document:
    """Describe what lies inside something else; as plain bytes if it is not what it should be."""
    try:
        return read(data)
    except MinirelayError:
        return data
