"""Bytes of the protocol as documents."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.cli.documents import describe, describe_cbor, describe_envelope, describe_patch_set
from minirelay.errors import MalformedInput
from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Key, Value, encode
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.push import decode_set, encode_set
from minirelay.protocol.signing import PrivateKey, checksum_address

KEY = PrivateKey.from_bytes(b"\7" * 32)
TIME = datetime(2025, 6, 1, tzinfo=UTC)
SET = seal_patch_set(
    [NewPatch("replace", ("Listings", 7, "Price"), 2**200), NewPatch("remove", ("Tags", "sale"))],
    shop_id=2**255,
    key_card_nonce=3,
    timestamp=TIME,
    key=KEY,
)
PATCHES = [
    {"op": "replace", "path": ["Listings", 7, "Price"], "value": 2**200},
    {"op": "remove", "path": ["Tags", "sale"], "value": None},
]


def test_cbor_values() -> None:
    value: dict[Key, Value] = {"a": [1, b"\0", None], "t": TIME}
    assert describe_cbor(encode(value)) == value
    assert describe(encode(value), "auto") == {"cbor": value}


def test_patch_sets() -> None:
    verified = open_patch_set(SET)
    expected = {
        "shop_id": str(2**255),
        "key_card_nonce": 3,
        "timestamp": TIME,
        "root_hash": verified.header.root_hash,
        "signature": verified.signature,
        "verified": True,
        "signer": KEY.public_key,
        "signer_address": checksum_address(KEY.address),
        "patches": PATCHES,
    }
    assert describe_patch_set(SET) == expected
    assert describe(SET, "auto") == {"patch_set": expected}


def test_patch_sets_that_do_not_verify_are_shown_all_the_same() -> None:
    damaged = SET.replace(b"sale", b"sole")
    description: Any = describe_patch_set(damaged)
    assert description["verified"] is False
    assert "root hash" in description["reason"]
    assert description["patches"][1]["path"] == ["Tags", "sole"]
    assert "signer" not in description


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (wire.PingRequest(), {"PingRequest": {}}),
        (wire.Success(b"\1"), {"Success": {"payload": b"\1"}}),
        (wire.Failure(2, "no"), {"Failure": {"code": 2, "message": "no", "object_id": None}}),
        (wire.SyncStatusRequest(1, 9), {"SyncStatusRequest": {"subscription_id": 1, "unpushed_patches": 9}}),
        (
            wire.SubscriptionRequest(b"\5", 8, (wire.Filter(3, bytes(8)), wire.Filter(99))),
            {
                "SubscriptionRequest": {
                    "shop_id": b"\5",
                    "after_sequence_number": 8,
                    "filters": [{"object_type": "order", "object_id": bytes(8)}, {"object_type": 99}],
                }
            },
        ),
        (wire.PatchSetWriteRequest(b"rubbish"), {"PatchSetWriteRequest": b"rubbish"}),
        (wire.PatchSetWriteRequest(SET), {"PatchSetWriteRequest": describe_patch_set(SET)}),
    ],
)
def test_envelopes(message: wire.Message, expected: object) -> None:
    data = wire.encode_envelope(-5, message)
    assert isinstance(expected, dict)
    assert describe_envelope(data) == {"request_id": -5, **expected}
    assert describe(data, "auto") == {"envelope": {"request_id": -5, **expected}}


def test_pushes_with_what_lies_in_them() -> None:
    pushed = decode_set(encode_set(4, open_patch_set(SET)))
    description: Any = describe_envelope(
        wire.encode_envelope(-1, wire.SubscriptionPushRequest(b"\0\1", (pushed,)))
    )
    (one,) = description["SubscriptionPushRequest"]["sets"]
    assert (one["sequence_number"], one["leaf_index"]) == (4, 0)
    assert one["patches"] == PATCHES
    assert one["header"]["KeyCardNonce"] == 3
    assert one["proofs"][0][1] == 3


@pytest.mark.parametrize("kind", ["cbor", "patch-set", "envelope"])
def test_what_it_is_not(kind: str) -> None:
    with pytest.raises(MalformedInput, match=f"this is no {kind.replace('-', ' ')}: ."):
        describe(b"\xff\xff", kind)


def test_what_is_nothing_says_why_for_each() -> None:
    with pytest.raises(MalformedInput, match=r"no patch set: .*; this is no cbor: .*; this is no envelope: "):
        describe(b"\xff\xff", "auto")


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=80) | st.integers(0, 80).map(lambda at: SET[:at] + b"\xff" + SET[at + 1 :]))
def test_arbitrary_bytes_are_described_or_refused(data: bytes) -> None:
    try:
        assert describe(data, "auto")
    except MalformedInput:
        return
