"""Whole patch sets: decoding, verifying, sealing."""

import dataclasses
from bisect import bisect_left
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import Code, Refusal
from minirelay.protocol.cbor import Key, Value, decode, encode, encode_list_of, encode_map_of
from minirelay.protocol.cbor_limits import most_containers
from minirelay.protocol.mmr import most_proof_bytes, proofs, root, verify_proof
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import (
    DecodedPatchSet,
    NewPatch,
    VerifiedPatchSet,
    decode_parts,
    decode_patch_set,
    join_patch_set,
    open_patch_set,
    seal_patch_set,
    sign_patch_set,
    verify,
)
from minirelay.protocol.push import encode_set
from minirelay.protocol.signing import PrivateKey, address_of, checksum_address
from minirelay.protocol.sizes import (
    MAX_HEADER_BYTES,
    MAX_PATCHES_PER_SET,
    MAX_SET_BYTES,
    MOST_LOGGED_CONTAINERS,
    most_patch_bytes,
)

from .sets import KEY, MORNING, SHOP_ID, a_patch, sealed, signed
from .strategies import STEADY, spoilt
from .vectors import load

CASES = load("patchsets")
SOUND = bytes.fromhex(CASES[0]["cbor"])


def named(case: Any) -> str:
    return str(case["name"])


def refused(data: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        open_patch_set(data)
    assert caught.value.code is Code.INVALID
    return caught.value.message


@pytest.mark.parametrize("case", [case for case in CASES if case["valid"]], ids=named)
def test_valid_vectors_are_opened(case: Any) -> None:
    opened = open_patch_set(bytes.fromhex(case["cbor"]))
    assert opened.signer.hex() == case["public_key"]
    assert checksum_address(address_of(opened.signer)) == case["address"]
    assert opened.header.shop_id == int(case["shop_id"])
    leaves = [patch.raw for patch in opened.patches]
    assert root(leaves) == opened.header.root_hash
    assert opened.proofs == proofs(leaves)


@pytest.mark.parametrize("case", [case for case in CASES if not case["valid"]], ids=named)
def test_invalid_vectors_are_refused_with_their_words(case: Any) -> None:
    data = bytes.fromhex(case["cbor"])
    if case["name"] == "other signer":
        # A sound set; that its signer is nobody in this session is for the relay to see.
        assert open_patch_set(data).signer.hex() != case["public_key"]
    else:
        assert refused(data).startswith(case["error"])


def test_bytes_are_kept_as_received() -> None:
    case = next(case for case in CASES if case["name"] == "browser style, nested null")
    data = bytes.fromhex(case["cbor"])
    opened = open_patch_set(data)
    assert opened.header.raw in data
    assert opened.patches[0].raw in data
    assert encode(decode(opened.header.raw)) != opened.header.raw
    assert decode(opened.header.raw) == decode(data)["Header"]  # type: ignore[call-overload,index]


def test_parts_of_a_set_make_the_same_set() -> None:
    opened = open_patch_set(SOUND)
    again = decode_parts(opened.header.raw, opened.signature, [patch.raw for patch in opened.patches])
    assert again == decode_patch_set(SOUND)
    assert verify(again) == opened


def test_keys_may_come_in_any_order_and_indefinite() -> None:
    opened = open_patch_set(SOUND)
    shuffled = (
        b"\xbf"
        + encode("Patches")
        + b"\x9f"
        + opened.patches[0].raw
        + b"\xff"
        + encode("Signature")
        + b"\x5f"
        + encode(opened.signature[:5])
        + encode(opened.signature[5:])
        + b"\xff"
        + encode("Header")
        + opened.header.raw
        + b"\xff"
    )
    assert open_patch_set(shuffled) == opened


def rekeyed(names: dict[str, str], **more: bytes) -> bytes:
    opened = open_patch_set(SOUND)
    parts: dict[str, bytes] = {
        "Header": opened.header.raw,
        "Signature": encode(opened.signature),
        "Patches": encode_list_of([patch.raw for patch in opened.patches]),
    }
    entries: dict[Key, bytes] = {names.get(name, name): part for name, part in parts.items()}
    entries.update(more)
    return encode_map_of(entries)


def test_fields_may_be_spelled_in_other_cases() -> None:
    assert open_patch_set(
        rekeyed({"Header": "header", "Signature": "SIGNATURE", "Patches": "patches"})
    ) == open_patch_set(SOUND)


@pytest.mark.parametrize("junk", [b"\x80", b"\xf6", b"\x05", b"\x81\x05", b"\x40"])
@pytest.mark.parametrize("name", ["header", "signature", "patches", "PATCHES"])
def test_exact_spelling_wins(name: str, junk: bytes) -> None:
    assert open_patch_set(rekeyed({}, **{name: junk})) == open_patch_set(SOUND)


@pytest.mark.parametrize("name", ["Header", "Signature", "Patches"])
def test_two_inexact_spellings_are_refused(name: str) -> None:
    assert "two spellings" in refused(rekeyed({name: name.lower()}, **{name.upper(): b"\x80"}))


def test_unknown_fields_are_ignored() -> None:
    assert open_patch_set(rekeyed({}, Comment=b"\x65hello", patch=b"\x80")) == open_patch_set(SOUND)


@pytest.mark.parametrize(
    ("name", "words"),
    [("Header", "invalid header"), ("Signature", "invalid signature length"), ("Patches", "no patches")],
)
def test_every_field_must_be_there(name: str, words: str) -> None:
    assert refused(rekeyed({name: "Other"})).startswith(words)
    assert refused(rekeyed({name: "Other"}, **{name: b"\xf6"})).startswith(words)


@pytest.mark.parametrize("patches", ["00", "a0", "6161", "40", "f5"])
def test_patches_are_a_list(patches: str) -> None:
    assert refused(rekeyed({"Patches": "Other"}, Patches=bytes.fromhex(patches))).startswith(
        "invalid CBOR encoding"
    )


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\0" * 66, "x" * 65, 5, None, ["x"]])
def test_signature_is_65_bytes(signature: Value) -> None:
    assert refused(rekeyed({"Signature": "Other"}, Signature=encode(signature))).startswith(
        "invalid signature length"
    )


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        ({"Op": "test", "Path": ["Listings", 1], "Value": 1}, "invalid patch"),
        ({"Op": "add", "Path": [], "Value": 1}, "invalid patch"),
        ({"Op": "add", "Path": ["Listings", 1]}, "invalid patch"),
        (5, "invalid patch"),
        (None, "invalid patch"),
    ],
)
def test_every_patch_is_checked(leaf: Value, words: str) -> None:
    sound = encode({"Op": "remove", "Path": ["Listings", 1]})
    assert refused(signed([sound, encode(leaf)])).startswith(words)


def test_bignum_in_the_path_of_any_patch_is_refused() -> None:
    sound = encode({"Op": "add", "Path": ["Listings", 1], "Value": 2**70})
    path = encode_list_of([encode("Listings"), bytes.fromhex("c24101")])
    bad = encode_map_of({"Op": encode("remove"), "Path": path})
    assert len(open_patch_set(signed([sound, sound])).patches) == 2
    assert "bignum" in refused(signed([sound, bad]))
    assert "bignum" in refused(signed([bad, sound]))


def test_header_is_checked() -> None:
    leaf = encode({"Op": "remove", "Path": ["Listings", 1]})
    assert open_patch_set(signed([leaf], ShopID=b"\x05")).header.shop_id == 5
    assert refused(signed([leaf], KeyCardNonce=0)).startswith("invalid header")
    assert refused(signed([leaf], Timestamp="soon")).startswith("invalid header")


def test_another_order_of_patches_is_another_root() -> None:
    leaves = [encode({"Op": "remove", "Path": ["Listings", number]}) for number in (1, 2)]
    assert refused(signed(leaves, RootHash=root(leaves[::-1]))) == "unexpected root hash"


def test_a_signature_with_high_s_is_refused() -> None:
    opened = open_patch_set(SOUND)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = int.from_bytes(opened.signature[32:64])
    twin = opened.signature[:32] + (order - s).to_bytes(32) + bytes((55 - opened.signature[64],))
    data = join_patch_set(opened.header.raw, twin, [patch.raw for patch in opened.patches])
    assert refused(data).startswith("invalid signature")


@pytest.mark.parametrize("count", [1, 2, 3, 250, MAX_PATCHES_PER_SET])
def test_sets_up_to_the_largest_are_opened(count: int) -> None:
    opened = open_patch_set(sealed([a_patch(number) for number in range(count)]))
    assert len(opened.patches) == len(opened.proofs) == count
    assert verify_proof(opened.patches[-1].raw, opened.proofs[-1], opened.header.root_hash) == count - 1


def test_one_patch_more_is_refused() -> None:
    leaf = encode({"Op": "remove", "Path": ["Tags", "a"]})
    assert "too many patches" in refused(signed([leaf] * (MAX_PATCHES_PER_SET + 1)))


def largest(count: int) -> int:
    """How many bytes the largest patch in a set of so many may have."""
    header = open_patch_set(sealed([a_patch(0)])).header.raw
    return most_patch_bytes(len(header), 65, most_proof_bytes(count))


@pytest.mark.parametrize("count", [1, 100])
def test_a_patch_that_could_not_be_pushed_alone_is_refused(count: int) -> None:
    small = encode({"Op": "remove", "Path": ["Listings", 1]})
    frame = len(encode({"Op": "add", "Path": ["Listings", 1], "Value": "x" * 70_000})) - 70_000
    for surplus in (0, 1):
        value = "x" * (largest(count) - frame + surplus)
        large = encode({"Op": "add", "Path": ["Listings", 1], "Value": value})
        assert len(large) == largest(count) + surplus
        data = signed([small] * (count - 1) + [large])
        if surplus:
            assert "too large" in refused(data)
        else:
            assert len(encode_set(2**64 - 1, open_patch_set(data))) > MAX_SET_BYTES - 1000


LEAF = encode({"Op": "remove", "Path": ["Listings", 1]})


def with_header_of(size: int) -> bytes:
    """Make a set whose header has this many bytes, thanks to an unknown field."""
    fixed = len(open_patch_set(signed([LEAF], Comment="x" * 300)).header.raw) - 300
    return signed([LEAF], Comment="x" * (size - fixed))


def test_a_header_has_at_most_1024_bytes() -> None:
    opened = open_patch_set(with_header_of(MAX_HEADER_BYTES))
    assert len(opened.header.raw) == MAX_HEADER_BYTES == 1024
    for size in (MAX_HEADER_BYTES + 1, 920_000, MAX_SET_BYTES):
        assert refused(with_header_of(size)) == "invalid header: it has more than 1024 bytes"


def hollow(containers: int, padding: int = 0) -> bytes:
    """Make a patch with this many lists and maps, and a text to make it longer."""
    value: Value = [[[] for _ in range(containers - 4)], "x" * padding]
    return encode({"Op": "replace", "Path": ["Manifest", "Payees"], "Value": value})


def may_have(containers: int, padding: int, *, besides: int = 0) -> bool:
    """Return whether a patch, or a set with so many more bytes than it, may have that many."""
    return containers <= most_containers(len(hollow(containers, padding)) + besides)


def edge(padding: int) -> int:
    """Find how many containers a patch with this padding may have at most."""
    return bisect_left(range(16_384), True, key=lambda number: not may_have(number, padding)) - 1


@pytest.mark.parametrize("padding", [0, 10_000])
def test_a_patch_has_no_more_containers_than_it_could_have_alone(padding: int) -> None:
    most = edge(padding)
    room = hollow(4, 60_000)
    assert may_have(most + 1, padding, besides=len(room))
    for leaves in ([hollow(most, padding), room], [room, hollow(most, padding)]):
        opened = open_patch_set(signed(leaves))
        assert [decode(patch.raw) for patch in opened.patches] == list(map(decode, leaves))
    for leaves in ([hollow(most + 1, padding), room], [room, hollow(most + 1, padding)]):
        assert "too many lists and maps" in refused(signed(leaves))


def test_a_set_has_no_more_containers_than_its_size_allows_whatever_its_patches_could_have() -> None:
    one = hollow(edge(0))
    assert len(open_patch_set(signed([one])).patches) == 1
    assert "too many lists and maps" in refused(signed([one, one]))


@given(st.lists(st.tuples(st.integers(4, 6000), st.integers(0, 12_000)), min_size=1, max_size=5))
@settings(STEADY, max_examples=150)
def test_each_part_of_an_accepted_set_can_be_read_by_itself(shapes: list[tuple[int, int]]) -> None:
    leaves = [hollow(*shape) for shape in shapes]
    data = signed(leaves)
    try:
        opened = open_patch_set(data)
    except Refusal:
        whole = sum(containers for containers, _ in shapes) + 3 > most_containers(len(data))
        assert whole or not all(may_have(*shape) for shape in shapes)
        return
    assert [decode(patch.raw) for patch in opened.patches] == [decode(leaf) for leaf in leaves]
    assert decode(opened.header.raw)
    assert verify(decode_parts(opened.header.raw, opened.signature, leaves)) == opened


def nested(depth: int) -> bytes:
    value: Value = 5
    for _ in range(depth - 1):
        value = [value]
    return encode({"Op": "add", "Path": ["Listings", 1], "Value": value})


def test_nesting_counts_from_the_outside_of_the_set() -> None:
    open_patch_set(signed([nested(30)]))
    assert "nested deeper" in refused(signed([nested(31)]))
    decode(nested(32))


def integer_keys(count: int) -> bytes:
    value: dict[Key, Value] = dict.fromkeys(range(count), 0)
    return encode({"Op": "add", "Path": ["Listings", 1], "Value": value})


def test_integer_keys_count_over_the_whole_set() -> None:
    open_patch_set(signed([integer_keys(1000), integer_keys(24)]))
    assert "integer keys" in refused(signed([integer_keys(1000), integer_keys(25)]))


@pytest.mark.parametrize(
    ("header", "leaves"),
    [
        ({"Comment": "x" * 920_000}, [LEAF] * 10),
        ({"Comment": [[] for _ in range(5000)]}, [LEAF]),
        ({}, [hollow(100_000)]),
        ({}, [LEAF] * (MAX_PATCHES_PER_SET + 1)),
        ({}, [encode({"Op": "add", "Path": ["Listings", 1], "Value": "x" * MAX_SET_BYTES})]),
    ],
    ids=["long header", "hollow header", "hollow patch", "many patches", "large patch"],
)
def test_what_a_log_holds_from_before_the_limits_is_read_again(
    header: dict[Key, Value], leaves: list[bytes]
) -> None:
    fields: dict[Key, Value] = {
        "KeyCardNonce": 1,
        "ShopID": 1,
        "Timestamp": MORNING,
        "RootHash": root(leaves),
    }
    raw = encode(fields | header)
    signature = KEY.sign(raw)
    assert refused(join_patch_set(raw, signature, leaves))
    opened = verify(decode_parts(raw, signature, leaves))
    assert [patch.raw for patch in opened.patches] == leaves
    assert opened.signer == KEY.public_key


def test_what_is_read_from_a_log_costs_bounded_memory() -> None:
    leaf = hollow(MOST_LOGGED_CONTAINERS)
    decode_parts(open_patch_set(SOUND).header.raw, bytes(65), [leaf])
    with pytest.raises(Refusal, match="too many lists and maps"):
        decode_parts(open_patch_set(SOUND).header.raw, bytes(65), [hollow(MOST_LOGGED_CONTAINERS + 1)])


def test_a_verified_set_is_made_by_verifying_alone() -> None:
    with pytest.raises(TypeError, match="verify"):
        VerifiedPatchSet()
    opened = open_patch_set(SOUND)
    with pytest.raises(dataclasses.FrozenInstanceError):
        opened.signer = b""  # type: ignore[misc]
    with pytest.raises(TypeError):
        dataclasses.replace(opened, signer=b"")
    with pytest.raises(AttributeError):
        decode_patch_set(SOUND).signature = b""  # type: ignore[misc]


def test_a_decoded_set_is_not_yet_verified() -> None:
    bad_root = next(case for case in CASES if case["name"] == "bad root")
    assert isinstance(decode_patch_set(bytes.fromhex(bad_root["cbor"])), DecodedPatchSet)


def test_sealing_is_the_inverse_of_opening() -> None:
    patches = [
        NewPatch("add", ("Tags", "a"), {"Name": "a", "ListingIDs": [2**64 - 1]}),
        NewPatch("remove", ("Accounts", b"\x01" * 20)),
        NewPatch("replace", ("Manifest", "Payees", 1, b"\x02" * 20), {"CallAsContract": True}),
    ]
    key = PrivateKey.from_bytes(b"\x09" * 32)
    data = seal_patch_set(patches, shop_id=SHOP_ID, key_card_nonce=8, timestamp=MORNING, key=key)
    opened = open_patch_set(data)
    assert opened.signer == key.public_key
    assert (opened.header.shop_id, opened.header.key_card_nonce, opened.header.timestamp) == (
        SHOP_ID,
        8,
        MORNING,
    )
    assert [NewPatch(patch.op, patch.path, patch.value) for patch in opened.patches] == patches
    assert [patch.object_type for patch in opened.patches] == [
        ObjectType.TAG,
        ObjectType.ACCOUNT,
        ObjectType.MANIFEST,
    ]
    assert data == encode(decode(data))


def test_signing_is_sealing_and_opening_in_one() -> None:
    odd = MORNING.replace(microsecond=5).astimezone(timezone(timedelta(hours=3)))
    whole: Value = {"ID": 7, "CanceledAt": odd, "Items": [{"ListingID": 2**64 - 1, "Quantity": 1}]}
    patches = [
        NewPatch("add", ("Orders", 7), whole),
        NewPatch("remove", ("Accounts", b"\x01" * 20)),
        NewPatch("append", ("Accounts", b"\x01" * 20, "KeyCards"), b"\x02" * 33),
        NewPatch("replace", ("Orders", 7, "PaymentDetails"), {"Total": 2**200, "ListingHashes": [bytes(32)]}),
        NewPatch("decrement", ("Inventory", 3, "red"), 4),
        NewPatch("replace", ("Tags", "a", "Name"), None),
    ]
    for count in range(1, len(patches) + 1):
        args: Any = {"shop_id": SHOP_ID, "key_card_nonce": 2**40, "timestamp": odd, "key": KEY}
        made = sign_patch_set(patches[:count], **args)
        assert made == open_patch_set(seal_patch_set(patches[:count], **args))


def test_what_could_not_be_accepted_is_not_signed() -> None:
    args: Any = {"shop_id": SHOP_ID, "key_card_nonce": 1, "timestamp": MORNING, "key": KEY}
    many = [a_patch(number) for number in range(MAX_PATCHES_PER_SET + 1)]
    with pytest.raises(Refusal, match="too many patches"):
        sign_patch_set(many, **args)
    with pytest.raises(Refusal, match="too large to be pushed"):
        sign_patch_set([a_patch(1, MAX_SET_BYTES)], **args)
    with pytest.raises(Refusal, match="no kind of object"):
        sign_patch_set([NewPatch("add", ("Nothing", 1), 1)], **args)


def test_sealing_writes_the_bytes_of_the_vectors() -> None:
    private_key = load("signing")[0]["private_key"]
    for case in CASES:
        if case["name"] in ("one patch, canonical", "three patches, canonical", "remove with null value"):
            data = bytes.fromhex(case["cbor"])
            opened = open_patch_set(data)
            again = seal_patch_set(
                [NewPatch(patch.op, patch.path, patch.value) for patch in opened.patches],
                shop_id=opened.header.shop_id,
                key_card_nonce=opened.header.key_card_nonce,
                timestamp=opened.header.timestamp,
                key=PrivateKey.from_bytes(bytes.fromhex(private_key)),
            )
            assert again == data


@given(
    st.sampled_from([case["cbor"] for case in CASES if len(case["cbor"]) < 2000])
    .map(bytes.fromhex)
    .flatmap(spoilt)
)
@settings(STEADY, max_examples=400)
def test_spoilt_sets_are_opened_or_invalid(data: bytes) -> None:
    try:
        opened = open_patch_set(data)
    except Refusal:
        assert refused(data)
        return
    assert opened.header.raw in data
    assert all(patch.raw in data for patch in opened.patches)


@given(st.integers(0, 400), st.integers(0, 255))
@settings(STEADY, max_examples=250)
def test_no_changed_byte_goes_unnoticed(place: int, value: int) -> None:
    data = sealed([a_patch(0), a_patch(1)])
    changed = bytearray(data)
    place %= len(data)
    changed[place] = value
    try:
        opened = open_patch_set(bytes(changed))
    except Refusal:
        return
    # Another form of the signature, or of a key that is not signed. Never other bytes signed by this key.
    if opened.signer == KEY.public_key:
        assert opened.header.raw in data
        assert all(patch.raw in data for patch in opened.patches)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x80",
        b"\xa0",
        b"\xf6",
        b"\xff",
        b"\xbf\xff",
        b"\x81" * 5000,
        b"\xbb" + b"\xff" * 8,
        b"\xa1\x67Patches\x9f",
        b"\xa1\x67Patches",
    ],
    ids=lambda data: data[:10].hex(),
)
def test_bytes_that_are_no_set_are_refused(data: bytes) -> None:
    assert refused(data)
