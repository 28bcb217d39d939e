"""Envelopes, against the vectors, the reference types, and hostile bytes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from massmarket.envelope_pb2 import Envelope as ReferenceEnvelope

from minirelay.errors import Code, ProtocolViolation, Refusal
from minirelay.protocol.envelope import (
    MAX_FILTERS,
    AuthenticateRequest,
    ChallengeSolvedRequest,
    Envelope,
    Failure,
    Filter,
    GetBlobUploadURLRequest,
    Message,
    PatchSetWriteRequest,
    PingRequest,
    SubscriptionCancelRequest,
    SubscriptionPushRequest,
    SubscriptionRequest,
    Success,
    SyncStatusRequest,
    decode_client_envelope,
    decode_envelope,
    encode_envelope,
    encode_ping,
    encode_response_error,
    encode_response_ok,
    encode_response_payload,
    encode_sync_status,
)
from minirelay.protocol.push import SequencedPartialPatchSet

from .strategies import STEADY, spoilt, uint64s
from .vectors import case, load

CASES = load("envelopes")
SOUND = [found for found in CASES if found["fields"] is not None]
VIOLATIONS = [found for found in CASES if found["fields"] is None]

octets = st.binary(max_size=70)
request_ids = st.integers(-(2**63), 2**63 - 1).filter(bool)
pushed_sets = st.builds(
    SequencedPartialPatchSet,
    uint64s,
    st.integers(0, 2**32 - 1),
    octets,
    octets,
    st.lists(octets, max_size=3).map(tuple),
    st.lists(octets, max_size=3).map(tuple),
)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Success, octets),
    st.builds(Failure, st.integers(0, 2**31 - 1), st.text(max_size=40), st.none() | uint64s),
    st.builds(AuthenticateRequest, octets),
    st.builds(ChallengeSolvedRequest, octets),
    st.builds(PatchSetWriteRequest, octets),
    st.builds(
        SubscriptionRequest,
        octets,
        uint64s,
        st.lists(st.builds(Filter, st.integers(0, 2**31 - 1), st.none() | octets), max_size=3).map(tuple),
    ),
    st.builds(SubscriptionCancelRequest, octets),
    st.builds(GetBlobUploadURLRequest),
    st.builds(PingRequest),
    st.builds(SyncStatusRequest, uint64s, uint64s),
    st.builds(SubscriptionPushRequest, octets, st.lists(pushed_sets, max_size=3).map(tuple)),
)


def named(vector: Any) -> str:
    return str(vector["name"])


@pytest.mark.parametrize("vector", SOUND, ids=named)
def test_vectors_are_decoded_and_come_out_again(vector: Any) -> None:
    data = bytes.fromhex(vector["bytes"])
    envelope = decode_envelope(data)
    assert envelope.request_id == vector["fields"]["request_id"]
    assert encode_envelope(envelope.request_id, envelope.message) == data


@pytest.mark.parametrize("vector", VIOLATIONS, ids=named)
def test_vectors_that_close_the_connection_are_violations(vector: Any) -> None:
    with pytest.raises(ProtocolViolation) as violation:
        decode_envelope(bytes.fromhex(vector["bytes"]))
    assert violation.value.close_code in (1002, 1008)
    assert 0 < len(violation.value.reason) < 120


def message_of(name: str) -> Message:
    return decode_envelope(bytes.fromhex(case("envelopes", name)["bytes"])).message


def test_vectors_say_what_their_fields_say() -> None:
    fields = {found["name"]: found["fields"] for found in SOUND}
    error = fields["error response"]["response"]["error"]
    assert message_of("error response") == Failure(error["code"], error["message"], error["object_id"])
    assert message_of("payload response") == Success(b"\0\x01")
    assert message_of("empty response") == Success()
    auth = fields["auth request"]["auth_request"]
    assert message_of("auth request") == AuthenticateRequest(bytes.fromhex(auth["public_key"]))
    solution = fields["challenge solution"]["challenge_solution_request"]
    assert message_of("challenge solution") == ChallengeSolvedRequest(bytes.fromhex(solution["signature"]))
    write = fields["patch set write"]["patch_set_write_request"]
    assert message_of("patch set write") == PatchSetWriteRequest(bytes.fromhex(write["patch_set"]))
    asked = fields["subscription request"]["subscription_request"]
    assert message_of("subscription request") == SubscriptionRequest(
        int(asked["shop_id"]).to_bytes(32), 42, (Filter(1), Filter(3, (7).to_bytes(8)))
    )
    assert message_of("subscription cancel") == SubscriptionCancelRequest(b"\0\x01")
    assert message_of("sync status") == SyncStatusRequest(1, 1234)
    assert message_of("ping") == PingRequest()
    assert message_of("blob url") == GetBlobUploadURLRequest()
    pushed = fields["subscription push"]["subscription_push_request"]["sets"][0]
    assert message_of("subscription push") == SubscriptionPushRequest(
        b"\0\x01",
        (
            SequencedPartialPatchSet(
                3,
                0,
                bytes.fromhex(pushed["header"]),
                bytes.fromhex(pushed["signature"]),
                tuple(map(bytes.fromhex, pushed["patches"])),
                tuple(map(bytes.fromhex, pushed["proofs"])),
            ),
        ),
    )


@given(request_ids, messages)
@settings(STEADY, max_examples=300)
def test_what_is_encoded_is_decoded_again(request_id: int, message: Message) -> None:
    assert decode_envelope(encode_envelope(request_id, message)) == Envelope(request_id, message)


@given(request_ids, messages)
@settings(STEADY, max_examples=300)
def test_the_reference_types_read_the_same_bytes(request_id: int, message: Message) -> None:
    data = encode_envelope(request_id, message)
    reference = ReferenceEnvelope.FromString(data)
    reference.DiscardUnknownFields()
    assert reference.SerializeToString() == data


@pytest.mark.parametrize(
    ("message", "reference"),
    [
        (Success(b"root"), {"response": {"payload": b"root"}}),
        (Failure(2, "no"), {"response": {"error": {"code": 2, "message": "no"}}}),
        (
            Failure(9, "none left", 2**63),
            {
                "response": {
                    "error": {"code": 9, "message": "none left", "additional_info": {"object_id": 2**63}}
                }
            },
        ),
        (AuthenticateRequest(b"k" * 33), {"auth_request": {"public_key": {"raw": b"k" * 33}}}),
        (
            ChallengeSolvedRequest(b"s" * 65),
            {"challenge_solution_request": {"signature": {"raw": b"s" * 65}}},
        ),
        (PatchSetWriteRequest(b"set"), {"patch_set_write_request": {"patch_set": b"set"}}),
        (
            SubscriptionRequest(b"\x07", 42, (Filter(1), Filter(4, b"a" * 20))),
            {
                "subscription_request": {
                    "start_shop_seq_no": 42,
                    "shop_id": {"raw": b"\x07"},
                    "filters": [{"object_type": 1}, {"object_type": 4, "object_id": {"raw": b"a" * 20}}],
                }
            },
        ),
        (SubscriptionCancelRequest(b"\0\1"), {"subscription_cancel_request": {"subscription_id": b"\0\1"}}),
        (GetBlobUploadURLRequest(), {"get_blob_upload_url_request": {}}),
        (PingRequest(), {"ping_request": {}}),
        (SyncStatusRequest(1, 2), {"sync_status_request": {"subscription_id": 1, "unpushed_patches": 2}}),
        (
            SubscriptionPushRequest(
                b"\0\1",
                (SequencedPartialPatchSet(3, 4, b"header", b"signature", (b"a", b"b"), (b"c", b"d")),),
            ),
            {
                "subscription_push_request": {
                    "subscription_id": b"\0\1",
                    "sets": [
                        {
                            "shop_seq_no": 3,
                            "patch_leaf_index": 4,
                            "header": b"header",
                            "signature": b"signature",
                            "patches": [b"a", b"b"],
                            "proofs": [b"c", b"d"],
                        }
                    ],
                }
            },
        ),
    ],
    ids=lambda part: type(part).__name__ if not isinstance(part, dict) else "",
)
def test_the_reference_types_write_the_same_bytes(message: Message, reference: dict[str, Any]) -> None:
    expected = ReferenceEnvelope(request_id={"raw": -7}, **reference).SerializeToString()
    assert encode_envelope(-7, message) == expected
    assert decode_envelope(expected) == Envelope(-7, message)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        bytes.fromhex("0a02080a"),
        bytes.fromhex("0a0008"),
        bytes.fromhex("4200") + bytes.fromhex("0a00"),
        bytes.fromhex("0a020800") + b"\x42\x00",  # the id is there and 0
        bytes.fromhex("0a0b08ffffffffffffffffffff01") + b"\x42\x00",  # a number of more than ten bytes
        bytes.fromhex("0a0208024280808080808080808080") + b"\x01",  # a length without an end
        bytes.fromhex("0a020802") + b"\x42\xff\xff\xff\xff\x0f",  # a length beyond the input
        bytes.fromhex("0a0208027a00"),  # only a field that nobody knows
        bytes.fromhex("0a020802120b0a09080212056ec3286f6b"),  # a message that is no UTF-8
        bytes.fromhex("0a020802") + b"\x0b" * 5000,  # groups in groups
        bytes.fromhex("0a020802") + b"\x43" * 5000,
        b"\x0c",
        b"\x0f\x00",
    ],
    ids=lambda data: data[:12].hex(),
)
def test_bytes_that_are_no_envelope_are_violations(data: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode_envelope(data)


def test_unknown_fields_are_ignored() -> None:
    ping = encode_ping(-5)
    assert decode_envelope(ping + bytes.fromhex("fa3f03616263" + "f83f07")) == Envelope(-5, PingRequest())


def test_the_last_of_two_messages_counts() -> None:
    both = encode_envelope(5, PatchSetWriteRequest(b"set")) + bytes.fromhex("4200")
    assert decode_envelope(both) == Envelope(5, PingRequest())


def test_any_id_but_0_may_be_used() -> None:
    for request_id in (1, -1, 2**63 - 1, -(2**63)):
        assert decode_envelope(encode_ping(request_id)).request_id == request_id


def test_what_is_absent_is_empty() -> None:
    assert decode_envelope(bytes.fromhex("0a0208025200")).message == AuthenticateRequest(b"")
    assert decode_envelope(bytes.fromhex("0a0208025a00")).message == ChallengeSolvedRequest(b"")
    assert decode_envelope(bytes.fromhex("0a0208021a00")).message == PatchSetWriteRequest(b"")
    assert decode_envelope(bytes.fromhex("0a0208022200")).message == SubscriptionRequest(b"")
    assert decode_envelope(bytes.fromhex("0a02080222021a00")).message == SubscriptionRequest(
        b"", 0, (Filter(0),)
    )
    assert decode_envelope(bytes.fromhex("0a0208022a00")).message == SubscriptionCancelRequest(b"")


def test_an_object_id_may_be_there_and_empty() -> None:
    asked = SubscriptionRequest(b"", 0, (Filter(2, b""), Filter(2)))
    assert decode_envelope(encode_envelope(1, asked)).message == asked


def test_an_object_id_of_0_is_not_no_object_id() -> None:
    for failure in (Failure(1, "not found", 0), Failure(1, "not found")):
        assert decode_envelope(encode_envelope(1, failure)).message == failure


def test_codes_and_types_that_nobody_knows_are_kept() -> None:
    assert decode_envelope(encode_envelope(1, Failure(99, "what"))).message == Failure(99, "what")
    asked = SubscriptionRequest(b"", 0, (Filter(99),))
    assert decode_envelope(encode_envelope(1, asked)).message == asked


@given(request_ids, octets)
@STEADY
def test_responses_by_hand_are_those_of_protobuf(request_id: int, payload: bytes) -> None:
    assert encode_response_ok(request_id) == encode_envelope(request_id, Success())
    assert decode_envelope(encode_response_payload(request_id, payload)) == Envelope(
        request_id, Success(payload)
    )
    if payload:
        assert encode_response_payload(request_id, payload) == encode_envelope(request_id, Success(payload))


@pytest.mark.parametrize("object_id", [None, 0, 7, 2**64 - 1])
def test_a_refusal_is_sent_with_code_words_and_object(object_id: int | None) -> None:
    refusal = Refusal(Code.OUT_OF_STOCK, "not enough stock", object_id)
    assert decode_envelope(encode_response_error(-3, refusal)).message == Failure(
        9, "not enough stock", object_id
    )


def test_the_relays_requests() -> None:
    assert decode_envelope(encode_ping(-1)) == Envelope(-1, PingRequest())
    assert decode_envelope(encode_sync_status(-2, 1, 1234)) == Envelope(-2, SyncStatusRequest(1, 1234))


@given(st.sampled_from(CASES).flatmap(lambda vector: spoilt(bytes.fromhex(vector["bytes"]))))
@settings(STEADY, max_examples=600)
def test_spoilt_envelopes_are_decoded_or_violations(data: bytes) -> None:
    try:
        envelope = decode_envelope(data)
    except ProtocolViolation:
        return
    assert envelope.request_id != 0
    assert decode_envelope(encode_envelope(envelope.request_id, envelope.message)) == envelope


@given(st.binary(max_size=40))
@settings(STEADY, max_examples=600)
def test_any_bytes_are_decoded_or_violations(data: bytes) -> None:
    try:
        envelope = decode_envelope(data)
    except ProtocolViolation:
        return
    assert envelope.request_id != 0


@given(request_ids, messages)
@STEADY
def test_a_clients_frame_is_decoded_like_any_other_but_for_pushes(request_id: int, message: Message) -> None:
    data = encode_envelope(request_id, message)
    if isinstance(message, SubscriptionPushRequest):
        message = SubscriptionPushRequest(b"", ())
    assert decode_client_envelope(data) == Envelope(request_id, message)


@pytest.mark.parametrize("vector", VIOLATIONS, ids=named)
def test_a_clients_violations_are_violations(vector: Any) -> None:
    with pytest.raises(ProtocolViolation):
        decode_client_envelope(bytes.fromhex(vector["bytes"]))


def test_of_a_clients_filters_one_more_than_allowed_is_read() -> None:
    asked = SubscriptionRequest(b"", 0, (Filter(1),) * (MAX_FILTERS + 100))
    read = decode_client_envelope(encode_envelope(1, asked)).message
    assert isinstance(read, SubscriptionRequest)
    assert len(read.filters) == MAX_FILTERS + 1
