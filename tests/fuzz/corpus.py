"""Sound inputs to begin with: the conformance data, and what the package itself writes."""

import base64
import json
from functools import cache
from typing import Any

from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Value, encode, encode_list_of
from minirelay.protocol.mmr import proofs
from minirelay.protocol.patch_set import open_patch_set
from minirelay.protocol.push import encode_push, encode_set
from minirelay.protocol.signing import PrivateKey
from tests.fuzz.frame_mutations import join_frames
from tests.fuzz.shop_patches import sound_patches
from tests.protocol.vectors import load
from tests.shop.random_patches import START

CARD = PrivateKey.from_bytes(b"\5" * 32)
CHALLENGE = bytes(32)
"""What sessions are asked to sign, with this key card."""

MOST_BYTES = 4096
"""Larger inputs are left out: most changes would miss what matters in them."""


def _small(inputs: list[bytes]) -> list[bytes]:
    return [data for data in inputs if len(data) <= MOST_BYTES]


@cache
def objects() -> list[bytes]:
    """Return objects of all kinds in canonical CBOR."""
    found = [bytes.fromhex(value) for shop in load("shop_root") for value in _leaves(shop["objects"])]
    found += [bytes.fromhex(value) for state in load("patches")["states"] for value in _leaves(state)]
    found += [value for _, _, value in START.objects()]
    return sorted(set(_small(found)))


def _leaves(value: Any) -> list[str]:
    """List the texts that are CBOR: a hash or an address is none, by its length."""
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value] if isinstance(value, str) and len(value) > 64 else []


@cache
def cbor_items() -> list[bytes]:
    """Return items of every form, refused ones too."""
    found = [bytes.fromhex(case["cbor"]) for case in load("cbor") if "cbor" in case]
    # The others are many more, and have no odd forms.
    return found * 8 + [*objects(), *patches(), *patch_sets()]


@cache
def patch_sets() -> list[bytes]:
    """Return signed patch sets, most of them valid."""
    return _small([bytes.fromhex(case["cbor"]) for case in load("patchsets")])


@cache
def patches() -> list[bytes]:
    """Return single patches."""
    found = [bytes.fromhex(case["patch"]) for case in load("patches")["cases"]]
    for example in load("examples"):
        found += [encode(patch) for patch in example["patches"]]
    found += sound_patches()
    return sorted(set(_small(found)))


@cache
def patch_lists() -> list[bytes]:
    """Return CBOR lists of patches, as they stand in a set."""
    singles = patches()
    lists = [encode_list_of([patch]) for patch in singles]
    return [*lists, *(encode_list_of(singles[start : start + 3]) for start in range(0, len(singles), 3))]


@cache
def pushed_sets() -> list[bytes]:
    """Return sets in the form in which they are pushed."""
    valid = [bytes.fromhex(case["cbor"]) for case in load("patchsets") if case["valid"]]
    return [encode_set(number + 1, open_patch_set(data)) for number, data in enumerate(_small(valid))]


@cache
def envelopes() -> list[bytes]:
    """Return envelopes of every kind."""
    found = [bytes.fromhex(case["bytes"]) for case in load("envelopes")]
    found.append(encode_push(-3, b"\0\1", pushed_sets()[:3]))
    found.append(wire.encode_envelope(7, wire.PatchSetWriteRequest(patch_sets()[0])))
    filters = tuple(
        wire.Filter(kind, object_id)
        for kind in range(1, 7)
        for object_id in (None, bytes(8), bytes(20), b"tag")
    )
    found.append(wire.encode_envelope(8, wire.SubscriptionRequest(b"\x12\x67", 2**63, filters)))
    found.append(wire.encode_envelope(9, wire.Failure(1, "Item not found", 2**64 - 1)))
    return found


@cache
def subscriptions() -> list[bytes]:
    """Return subscription requests with few and many filters."""
    kinds = range(1, 7)
    ids = (None, bytes(7) + b"\1", bytes(20), b"tag")
    each = [wire.Filter(kind, object_id) for kind in kinds for object_id in ids]
    wanted = [(one,) for one in each] + [tuple(each[start : start + 3]) for start in range(0, 22, 4)]
    return [wire.encode_envelope(1, wire.SubscriptionRequest(b"\x12\x67", 0, one)) for one in wanted]


@cache
def mmr_proofs() -> list[bytes]:
    """Return lists of a leaf number, a number of leaves and the proof of that leaf."""
    found = []
    for count in (1, 2, 3, 5, 8, 17):
        made = proofs([bytes((number,)) for number in range(count)])
        found += [encode_list_of((encode(leaf), encode(count), made[leaf])) for leaf in range(count)]
    return found


@cache
def sign_in_messages() -> list[bytes]:
    """Return sign-in messages, good and bad."""
    return [case["message"].encode() for case in load("enroll")["cases"]]


@cache
def enrolment_bodies() -> list[bytes]:
    """Return bodies of enrolment requests."""
    return [
        json.dumps({"message": case["message"], "signature": case["signature"]}).encode()
        for case in load("enroll")["cases"]
    ]


@cache
def json_documents() -> list[bytes]:
    """Return JSON of all kinds."""
    plain: list[Any] = [
        None,
        True,
        0,
        -1,
        2**64,
        1.5,
        1e300,
        "",
        "\u00e9\ud83d\ude00",
        [],
        {},
        [[{"a": [1, {}]}]],
    ]
    plain += [{"message": "x", "signature": base64.b64encode(bytes(65)).decode()}, {"a": {"b": [1, 2, "}"]}}]
    return [*(json.dumps(value).encode() for value in plain), *enrolment_bodies()]


def frames(*messages: wire.Message) -> bytes:
    """Put the envelopes of a conversation together."""
    return join_frames([wire.encode_envelope(number + 1, message) for number, message in enumerate(messages)])


@cache
def conversations() -> list[bytes]:
    """Return what a client says in one session."""
    subscribe = wire.SubscriptionRequest(b"\x12\x67")
    write: Value = None
    sign_on = (
        wire.AuthenticateRequest(CARD.public_key),
        wire.ChallengeSolvedRequest(CARD.sign(CHALLENGE)),
    )
    return [
        frames(*sign_on, subscribe),
        frames(*sign_on, wire.PatchSetWriteRequest(patch_sets()[0]), wire.GetBlobUploadURLRequest()),
        frames(*sign_on, wire.SubscriptionCancelRequest(b"\0\1"), *sign_on),
        frames(sign_on[0], wire.ChallengeSolvedRequest(bytes(65)), sign_on[1]),
        frames(subscribe, wire.SubscriptionCancelRequest(b"\0\1"), wire.GetBlobUploadURLRequest()),
        frames(
            wire.AuthenticateRequest(b"\3" * 33), wire.PatchSetWriteRequest(encode(write)), wire.PingRequest()
        ),
        frames(wire.PatchSetWriteRequest(patch_sets()[0]), wire.SyncStatusRequest(1, 2), wire.Success()),
        frames(wire.Failure(11, "enough"), wire.SubscriptionPushRequest(b"\0\1", ())),
    ]
