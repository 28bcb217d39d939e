"""A peek at an envelope sees what decoding it sees."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.bench import envelope_peek
from minirelay.errors import MalformedInput, not_found
from minirelay.protocol import envelope as wire
from minirelay.protocol.push import SequencedPartialPatchSet

IDS = [1, 63, 64, 2**31, 2**62, -1, -64, -65, -(2**62)]


def one_set(seq: int, patches: int) -> SequencedPartialPatchSet:
    return SequencedPartialPatchSet(
        seq, 0, b"header", b"s" * 65, (b"patch",) * patches, (b"proof",) * patches
    )


@pytest.mark.parametrize("request_id", IDS)
@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (wire.Success(), envelope_peek.RESPONSE),
        (wire.Success(b"payload"), envelope_peek.RESPONSE),
        (wire.Failure(2, "no"), envelope_peek.RESPONSE),
        (wire.PingRequest(), envelope_peek.PING),
        (wire.SyncStatusRequest(1, 5), envelope_peek.SYNC_STATUS),
        (wire.SubscriptionPushRequest(b"\0\1", (one_set(3, 1),)), envelope_peek.PUSH),
    ],
)
def test_kinds(request_id: int, message: wire.Message, kind: int) -> None:
    assert envelope_peek.kind_of(wire.encode_envelope(request_id, message)) == kind


def test_the_relays_own_encoding_of_answers() -> None:
    for answer in (wire.encode_response_ok(5), wire.encode_response_payload(5, bytes(32))):
        assert envelope_peek.kind_of(answer) == envelope_peek.RESPONSE
        assert not envelope_peek.is_refusal(answer)
    refusal = wire.encode_response_error(5, not_found("there is none", 7))
    assert envelope_peek.is_refusal(refusal)
    assert envelope_peek.why_refused(refusal) == "1 there is none"


@pytest.mark.parametrize("size", [1, 100, 127, 128, 300, 20_000])
def test_refusals_of_any_length(size: int) -> None:
    assert envelope_peek.is_refusal(wire.encode_envelope(1, wire.Failure(2, "x" * size)))
    assert not envelope_peek.is_refusal(wire.encode_envelope(1, wire.Success(b"\x0a" * size)))


@pytest.mark.parametrize("request_id", IDS)
def test_agreeing_answers_with_the_same_id(request_id: int) -> None:
    request = wire.encode_envelope(request_id, wire.PingRequest())
    assert wire.decode_envelope(envelope_peek.agree(request)) == wire.Envelope(request_id, wire.Success())


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=70), st.sampled_from(IDS))
def test_patches_of_a_push(counts: list[int], request_id: int) -> None:
    sets = tuple(one_set(seq, count) for seq, count in enumerate(counts, start=1))
    push = wire.encode_envelope(request_id, wire.SubscriptionPushRequest(b"\0\1", sets))
    assert envelope_peek.patches_in(push) == (sum(counts), len(counts))


@pytest.mark.parametrize(
    "envelope", [b"", b"\x0a", b"\x0a\x02\x08", b"\x0a\x02\x08\x02", b"\x12\x00\x00\x00"]
)
def test_what_does_not_begin_with_a_request_id(envelope: bytes) -> None:
    with pytest.raises(MalformedInput):
        envelope_peek.kind_of(envelope)
