"""Envelopes: what a client and a relay say to each other, one per frame (spec 01).

The generated code reads and writes them; what it yields is turned into small frozen values here, so that
nothing else in the relay knows protobuf. Ids and keys stay the bytes that arrived: whether their length is
right is a question with an answer (INVALID), not a violation of the wire.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from minirelay.errors import ProtocolViolation, Refusal
from minirelay.protocol import wire_pb2 as wire
from minirelay.protocol.framing import bytes_head, varint, zigzag
from minirelay.protocol.push import SequencedPartialPatchSet, from_message, to_message

_PROTOCOL_ERROR: Final = 1002
_POLICY_VIOLATION: Final = 1008

# Tags of Envelope (request_id, response), of RequestId (raw) and of GenericResponse (payload).
_REQUEST_ID, _RESPONSE, _RAW, _PAYLOAD = 0x0A, 0x12, 0x08, 0x12

# By the length of the number.
_REQUEST_ID_HEADS: Final = tuple(bytes((_REQUEST_ID, 1 + size, _RAW)) for size in range(11))

MAX_FILTERS: Final = 1024
"""Of one subscription. The protocol sets no bound; a frame of 2 MiB would hold 150,000 of them."""


class Success(msgspec.Struct, frozen=True, gc=False):
    """A response: done. payload: empty for a plain success."""

    payload: bytes = b""


class Failure(msgspec.Struct, frozen=True, gc=False):
    """A response: an error. code: as received, perhaps an unknown one."""

    code: int
    message: str
    object_id: int | None = None


class AuthenticateRequest(msgspec.Struct, frozen=True, gc=False):
    """Client: ask for a challenge. public_key: 33 bytes if it is one."""

    public_key: bytes


class ChallengeSolvedRequest(msgspec.Struct, frozen=True, gc=False):
    """Client: answer the challenge. signature: 65 bytes if it is one."""

    signature: bytes


class PatchSetWriteRequest(msgspec.Struct, frozen=True, gc=False):
    """Client: write. patch_set: the CBOR of a SignedPatchSet."""

    patch_set: bytes


class Filter(msgspec.Struct, frozen=True, gc=False):
    """What a subscription selects. object_type: as received, perhaps none of ObjectType."""

    object_type: int
    object_id: bytes | None = None


class SubscriptionRequest(msgspec.Struct, frozen=True, gc=False):
    """Client: subscribe to a shop. shop_id: up to 32 bytes big-endian, if it is one; empty when absent."""

    shop_id: bytes
    start_shop_seq_no: int = 0
    filters: tuple[Filter, ...] = ()


class SubscriptionCancelRequest(msgspec.Struct, frozen=True, gc=False):
    """Client: end a subscription. subscription_id: 2 bytes if it is one."""

    subscription_id: bytes


class GetBlobUploadURLRequest(msgspec.Struct, frozen=True):
    """Client: ask where to upload a blob."""


class PingRequest(msgspec.Struct, frozen=True):
    """Relay: ask for a sign of life."""


class SyncStatusRequest(msgspec.Struct, frozen=True):
    """Relay: tell how many visible patches a subscription still has to get."""

    subscription_id: int
    unpushed_patches: int


class SubscriptionPushRequest(msgspec.Struct, frozen=True):
    """Relay: push patch sets. subscription_id: 2 bytes."""

    subscription_id: bytes
    sets: tuple[SequencedPartialPatchSet, ...]


Response = Success | Failure
ClientRequest = (
    AuthenticateRequest
    | ChallengeSolvedRequest
    | PatchSetWriteRequest
    | SubscriptionRequest
    | SubscriptionCancelRequest
    | GetBlobUploadURLRequest
)
RelayRequest = PingRequest | SyncStatusRequest | SubscriptionPushRequest
Message = Response | ClientRequest | RelayRequest


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One frame. request_id: never 0; a response carries the id of its request."""

    request_id: int
    message: Message


def decode_envelope(data: bytes) -> Envelope:
    """Decode a frame. Unknown fields are ignored, as proto3 does.

    Raises ProtocolViolation: the bytes are no envelope, it has no request id or 0, or no message.
    """
    return _decode(data, _DECODERS)


def decode_client_envelope(data: bytes) -> Envelope:
    """Decode a frame from a client, in a time that a stranger's two megabytes can't stretch.

    What only the relay may send comes without its content, since it is refused whatever is in it. Of a
    subscription's filters there is at most one more than MAX_FILTERS. Raises ProtocolViolation.
    """
    return _decode(data, _CLIENT_DECODERS)


def _decode(data: bytes, decoders: dict[str, Callable[[Any], Message]]) -> Envelope:
    try:
        envelope = wire.Envelope.FromString(data)
    except DecodeError as error:
        raise ProtocolViolation(_PROTOCOL_ERROR, "not an envelope") from error
    request_id = envelope.request_id.raw
    if request_id == 0:
        raise ProtocolViolation(_POLICY_VIOLATION, "an envelope needs a request id other than 0")
    kind = envelope.WhichOneof("message")
    if kind is None:
        raise ProtocolViolation(_POLICY_VIOLATION, "an envelope without a message")
    return Envelope(request_id, decoders[kind](getattr(envelope, kind)))


def _decode_response(message: wire.Envelope.GenericResponse) -> Response:
    if message.WhichOneof("response") != "error":
        return Success(message.payload)
    error = message.error
    object_id = error.additional_info.object_id if error.HasField("additional_info") else None
    return Failure(error.code, error.message, object_id)


def _decode_subscription(message: wire.SubscriptionRequest, most: int | None = None) -> SubscriptionRequest:
    filters = tuple(
        Filter(selected.object_type, selected.object_id.raw if selected.HasField("object_id") else None)
        for selected in islice(message.filters, most)
    )
    return SubscriptionRequest(message.shop_id.raw, message.start_shop_seq_no, filters)


def _decode_push(message: wire.SubscriptionPushRequest) -> SubscriptionPushRequest:
    return SubscriptionPushRequest(message.subscription_id, tuple(map(from_message, message.sets)))


_DECODERS: Final[dict[str, Callable[[Any], Message]]] = {
    "response": _decode_response,
    "patch_set_write_request": lambda message: PatchSetWriteRequest(message.patch_set),
    "subscription_request": _decode_subscription,
    "subscription_cancel_request": lambda message: SubscriptionCancelRequest(message.subscription_id),
    "subscription_push_request": _decode_push,
    "sync_status_request": lambda message: SyncStatusRequest(
        message.subscription_id, message.unpushed_patches
    ),
    "ping_request": lambda _: PingRequest(),
    "get_blob_upload_url_request": lambda _: GetBlobUploadURLRequest(),
    "auth_request": lambda message: AuthenticateRequest(message.public_key.raw),
    "challenge_solution_request": lambda message: ChallengeSolvedRequest(message.signature.raw),
}

_CLIENT_DECODERS: Final[dict[str, Callable[[Any], Message]]] = {
    **_DECODERS,
    "subscription_request": partial(_decode_subscription, most=MAX_FILTERS + 1),
    "subscription_push_request": lambda _: SubscriptionPushRequest(b"", ()),
}


def encode_envelope(request_id: int, message: Message) -> bytes:
    """Encode any message for the wire. request_id: not 0, a sint64."""
    kind, encode = _ENCODERS[type(message)]
    envelope = wire.Envelope(request_id=wire.RequestId(raw=request_id), **{kind: encode(message)})
    return envelope.SerializeToString()


def _encode_success(message: Success) -> wire.Envelope.GenericResponse:
    return wire.Envelope.GenericResponse(payload=message.payload or None)


def _encode_failure(message: Failure) -> wire.Envelope.GenericResponse:
    error = wire.Error(message=message.message)
    error.code = message.code  # type: ignore[assignment]
    if message.object_id is not None:
        error.additional_info.object_id = message.object_id
        error.additional_info.SetInParent()
    return wire.Envelope.GenericResponse(error=error)


def _encode_filter(message: Filter) -> wire.SubscriptionRequest.Filter:
    encoded = wire.SubscriptionRequest.Filter()
    encoded.object_type = message.object_type  # type: ignore[assignment]
    if message.object_id is not None:
        encoded.object_id.raw = message.object_id
        encoded.object_id.SetInParent()
    return encoded


def _encode_subscription(message: SubscriptionRequest) -> wire.SubscriptionRequest:
    return wire.SubscriptionRequest(
        start_shop_seq_no=message.start_shop_seq_no,
        shop_id=wire.Uint256(raw=message.shop_id),
        filters=map(_encode_filter, message.filters),
    )


def _encode_push(message: SubscriptionPushRequest) -> wire.SubscriptionPushRequest:
    sets = map(to_message, message.sets)
    return wire.SubscriptionPushRequest(subscription_id=message.subscription_id, sets=sets)


_ENCODERS: Final[dict[type[Message], tuple[str, Callable[[Any], Any]]]] = {
    Success: ("response", _encode_success),
    Failure: ("response", _encode_failure),
    AuthenticateRequest: (
        "auth_request",
        lambda message: wire.AuthenticateRequest(public_key=wire.PublicKey(raw=message.public_key)),
    ),
    ChallengeSolvedRequest: (
        "challenge_solution_request",
        lambda message: wire.ChallengeSolvedRequest(signature=wire.Signature(raw=message.signature)),
    ),
    PatchSetWriteRequest: (
        "patch_set_write_request",
        lambda message: wire.PatchSetWriteRequest(patch_set=message.patch_set),
    ),
    SubscriptionRequest: ("subscription_request", _encode_subscription),
    SubscriptionCancelRequest: (
        "subscription_cancel_request",
        lambda message: wire.SubscriptionCancelRequest(subscription_id=message.subscription_id),
    ),
    SubscriptionPushRequest: ("subscription_push_request", _encode_push),
    SyncStatusRequest: (
        "sync_status_request",
        lambda message: wire.SyncStatusRequest(
            subscription_id=message.subscription_id, unpushed_patches=message.unpushed_patches
        ),
    ),
    PingRequest: ("ping_request", lambda _: wire.PingRequest()),
    GetBlobUploadURLRequest: ("get_blob_upload_url_request", lambda _: wire.GetBlobUploadURLRequest()),
}


def encode_response_ok(request_id: int) -> bytes:
    """Encode a plain success."""
    return _request_id(request_id) + bytes_head(_RESPONSE, 0)


def encode_response_payload(request_id: int, payload: bytes) -> bytes:
    """Encode a success with a payload. Put together by hand, since every write is answered with one."""
    return _request_id(request_id) + _payload_head(len(payload)) + payload


@lru_cache(maxsize=64)
def _payload_head(size: int) -> bytes:
    """Encode what stands in front of a payload; almost all are root hashes."""
    head = bytes_head(_PAYLOAD, size)
    return bytes_head(_RESPONSE, len(head) + size) + head


def encode_response_error(request_id: int, refusal: Refusal) -> bytes:
    """Encode a refusal."""
    return encode_envelope(request_id, Failure(refusal.code, refusal.message, refusal.object_id))


def encode_ping(request_id: int) -> bytes:
    """Encode a ping. request_id: the relay's own, so negative, as for all its requests."""
    return encode_envelope(request_id, PingRequest())


def encode_sync_status(request_id: int, subscription_id: int, unpushed_patches: int) -> bytes:
    """Encode how many visible patches a subscription still has to get."""
    return encode_envelope(request_id, SyncStatusRequest(subscription_id, unpushed_patches))


def _request_id(request_id: int) -> bytes:
    number = varint(zigzag(request_id))
    return _REQUEST_ID_HEADS[len(number)] + number
