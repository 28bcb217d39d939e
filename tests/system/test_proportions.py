"""Decoding what strangers send costs time and memory in proportion to its size, whatever is in it.

Three measures: function calls (exact, but blind to work inside one call), CPU time (the best of some runs,
and with much room: quadratic would be 16 times the linear), and the most memory at a time.
"""

import json
import sys
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from minirelay.client.errors import VerificationFailed
from minirelay.client.received import open_received
from minirelay.errors import MalformedInput, ProtocolViolation, Refusal
from minirelay.protocol.cbor import decode, encode, encode_list_of
from minirelay.protocol.enrolment import open_enrolment as open_body
from minirelay.protocol.envelope import decode_client_envelope, decode_envelope
from minirelay.protocol.framing import bytes_field
from minirelay.protocol.header import decode_header
from minirelay.protocol.json_reading import decode_json
from minirelay.protocol.mmr import leaf_index
from minirelay.protocol.patch_set import decode_patch_set, open_patch_set
from minirelay.protocol.push import decode_set
from minirelay.protocol.sign_in import parse
from minirelay.shop.canonical import read
from minirelay.shop.objects import AddressDetails, Listing, Manifest, Order, Tag
from tests.protocol.sets import a_patch, sealed, signed
from tests.shop.random_patches import ADDRESS, META, OPEN_ORDER, PLAIN_LISTING

pytestmark = pytest.mark.alone

KIB = 1024
SMALL, LARGE = 4 * KIB, 64 * KIB
RATIO = LARGE // SMALL
MOST_MEMORY = 64
"""Times the input: a field of two bytes becomes a Python object of forty, in a tuple, in a list."""

Decode = Callable[[bytes], object]
Make = Callable[[int], bytes]


def repeated(unit: bytes, begin: bytes = b"", end: bytes = b"") -> Make:
    """Make inputs out of many equal parts."""
    return lambda size: begin + unit * ((size - len(begin) - len(end)) // len(unit)) + end


def counted(unit: Callable[[int], bytes], begin: bytes = b"", end: bytes = b"") -> Make:
    """Make inputs out of many parts that differ."""

    def make(size: int) -> bytes:
        step = len(unit(0))
        return begin + b"".join(unit(number) for number in range(size // step)) + end

    return make


def inside(tag: int, make: Make) -> Make:
    """Put an input into a field of a message."""
    return lambda size: bytes_field(tag, make(size))


def framed(tag: int, make: Make) -> Make:
    """Put an input into a message of an envelope."""
    return lambda size: b"\x0a\x02\x08\x02" + bytes_field(tag, make(size))


def with_fields(plain: dict[Any, Any], **fields: Callable[[int], Any]) -> Make:
    """Make an object of which some fields are large. The functions get a size."""
    return lambda size: encode(plain | {name: make(size) for name, make in fields.items()})


def as_object(kind: type) -> Decode:
    return lambda data: read(kind, decode(data))


def as_push(data: bytes) -> object:
    return open_received(decode_set(data), 1)


def as_text(data: bytes) -> object:
    return parse(data.decode())


def body(message: Callable[[int], str]) -> Make:
    return lambda size: json.dumps(
        {"message": message(size), "signature": b64encode(bytes(65)).decode()}
    ).encode()


def spelled(number: int) -> bytes:
    """Write a key of seven letters in one of its spellings, with null behind it."""
    letters = "".join(
        letter.upper() if number >> place & 1 else letter for place, letter in enumerate("patches")
    )
    return encode(letters) + b"\x80"


def address(unit: str) -> Make:
    """Make an address with a long e-mail address."""
    return with_fields(ADDRESS, EmailAddress=lambda size: unit * (size // len(unit)))


E_MAILS = ("a", "@", "a@", ".", "a@.", "@.")
PLAIN = (
    "shop.example wants you to sign in with your Ethereum account:\n0x{}\n\n\nURI: https://shop.example/\n"
    "Version: 1\nChain ID: 1\nNonce: 00000000\nIssued At: 2025-06-01T09:00:00Z"
).format("11" * 20)

CASES: dict[str, tuple[Decode, Make]] = {
    "filters": (decode_client_envelope, framed(0x22, repeated(b"\x1a\x02\x18\x01"))),
    "filters, for a client": (decode_envelope, framed(0x22, repeated(b"\x1a\x02\x18\x01"))),
    "one request again and again": (
        decode_client_envelope,
        repeated(b"\x1a\x02\x0a\x00", b"\x0a\x02\x08\x02"),
    ),
    "requests in turns": (decode_client_envelope, repeated(b"\x1a\0\x22\0\x32\0", b"\x0a\x02\x08\x02")),
    "unknown fields": (decode_client_envelope, repeated(b"\xa8\x06\x01", b"\x0a\x02\x08\x02")),
    "groups": (decode_client_envelope, repeated(b"\xab\x06", b"\x0a\x02\x08\x02")),
    "pushes to a relay": (decode_client_envelope, framed(0x32, repeated(b"\x12\0"))),
    "pushes to a client": (decode_envelope, framed(0x32, repeated(b"\x12\0"))),
    "empty patches to a client": (decode_envelope, framed(0x32, inside(0x12, repeated(b"\x2a\0")))),
    "a long refusal": (decode_envelope, framed(0x12, inside(0x0A, inside(0x12, repeated(b"x"))))),
    "pushed patches": (as_push, repeated(b"\x2a\1\xa0\x32\1\x80")),
    "a pushed set": (as_push, lambda size: b"\x1a\x01\xa0" + repeated(b"\x2a\0\x32\0")(size)),
    "patches that are none": (decode_patch_set, repeated(b"\xf6", b"\xa1\x67Patches\x9f", b"\xff")),
    "numbers for patches": (decode_patch_set, repeated(b"\x00", b"\xa1\x67Patches\x9f", b"\xff")),
    "patches": (open_patch_set, lambda size: sealed([a_patch(number) for number in range(size // 60)])),
    "one patch": (open_patch_set, lambda size: sealed([a_patch(1, size)])),
    "odd patches": (open_patch_set, lambda size: signed([b"\xa0"] * (size // 2))),
    "a long path": (
        open_patch_set,
        lambda size: signed([encode({"Op": "add", "Path": ["Orders", *([1] * size)], "Value": 1})]),
    ),
    "a path of bignums": (
        open_patch_set,
        lambda size: signed([b"\xa2\x62Op\x63add\x64Path\x9f" + b"\xc2\x41\x01" * (size // 3) + b"\xff"]),
    ),
    "keys of a patch": (
        open_patch_set,
        lambda size: signed(
            [counted(lambda number: b"\x63%03x\xf6" % (number % 4096), b"\xbf", b"\xff")(size // 6)]
        ),
    ),
    "spellings of patches": (decode_patch_set, counted(lambda n: spelled(n % 128), b"\xbf", b"\xff")),
    "keys of a header": (decode_header, counted(lambda number: b"\x65%05x\xf6" % number, b"\xbf", b"\xff")),
    "a proof": (leaf_index, lambda size: encode([0, 2**256 - 1, [bytes(32)] * (size // 34)])),
    "a proof of nothing": (
        leaf_index,
        lambda size: encode_list_of([b"\0", b"\1", encode_list_of([b"\x80"] * size)]),
    ),
    "nested JSON": (lambda data: decode_json(data, object), repeated(b"[")),
    "wide JSON": (lambda data: decode_json(data, object), repeated(b"[],", b"[", b"[]]")),
    "a JSON number": (lambda data: decode_json(data, object), repeated(b"9")),
    "a JSON fraction": (lambda data: decode_json(data, object), repeated(b"9", b"0.")),
    "an exponent": (lambda data: decode_json(data, object), repeated(b"9", b"1e")),
    "JSON escapes": (lambda data: decode_json(data, object), repeated(b"\\u00e9", b'"', b'"')),
    "JSON quotes": (lambda data: decode_json(data, object), repeated(b'\\"', b"[" * 100 + b'"')),
    "JSON keys": (
        lambda data: decode_json(data, object),
        counted(lambda number: b'"%05x":1,' % number, b"{", b'"":1}'),
    ),
    "one JSON key": (
        lambda data: open_body(data),
        repeated(b'"message":"x",', b"{", b'"signature":""}'),
    ),
    "a body's unknown fields": (open_body, repeated(b'"a":[1],', b"{", b'"signature":""}')),
    "a body's number": (open_body, repeated(b"9", b'{"a":', b"}")),
    "a long signature": (open_body, repeated(b"AAAA", b'{"message":"","signature":"', b'"}')),
    "a long message": (open_body, body(lambda size: "x" * size)),
    "a message of lines": (open_body, body(lambda size: "\n" * (size // 2))),
    "a message's resources": (
        open_body,
        body(lambda size: PLAIN + "\nResources:" + "\n- a:b" * (size // 8)),
    ),
    "a message's statement": (
        as_text,
        lambda size: PLAIN.replace("\n\n\n", "\n\n" + "a " * (size // 2) + "\n\n").encode(),
    ),
    "a message's domain": (as_text, lambda size: ("a@" * (size // 2) + PLAIN).encode()),
    "a listing's images": (
        as_object(Listing),
        with_fields(PLAIN_LISTING, Metadata=lambda size: {**META, "Images": ["i"] * (size // 2)}),
    ),
    "a listing's blanks": (
        as_object(Listing),
        with_fields(PLAIN_LISTING, Metadata=lambda size: {"Title": " " * size, "Description": "d"}),
    ),
    "a listing's options": (
        as_object(Listing),
        with_fields(
            PLAIN_LISTING,
            Options=lambda size: {f"{number:05}": {"Title": "t"} for number in range(size // 14)},
        ),
    ),
    "a variation's name": (
        as_object(Listing),
        with_fields(PLAIN_LISTING, Options=lambda size: {" " * size + "|": {"Title": "t"}}),
    ),
    "unknown fields of an object": (
        as_object(Tag),
        lambda size: encode({"Name": "n", **{f"{number:06}": None for number in range(size // 8)}}),
    ),
    "a tag's listings": (as_object(Tag), lambda size: encode({"Name": "n", "ListingIDs": [1] * size})),
    "a manifest's chains": (
        as_object(Manifest),
        lambda size: encode(
            {"ShopID": 1, "Payees": {number << 40: {} for number in range(min(1000, size // 10))}}
        ),
    ),
    "an order's items": (
        as_object(Order),
        with_fields(OPEN_ORDER, Items=lambda size: [{"ListingID": 1, "Quantity": 1}] * (size // 22)),
    ),
    **{f"an e-mail address of {unit}": (as_object(AddressDetails), address(unit)) for unit in E_MAILS},
}


def run(decode: Decode, data: bytes) -> None:
    with suppress(MalformedInput, ProtocolViolation, Refusal, VerificationFailed):
        decode(data)


def calls(decode: Decode, data: bytes) -> int:
    """Count the functions that are called, those in C included."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        run(decode, data)
    finally:
        sys.setprofile(None)
    return count


def seconds(decode: Decode, data: bytes) -> float:
    """Measure the CPU time of the best of some runs."""
    took = []
    for _ in range(3):
        start = time.process_time()
        run(decode, data)
        took.append(time.process_time() - start)
    return min(took)


@pytest.mark.parametrize("name", CASES)
def test_work_is_in_proportion_to_the_input(name: str) -> None:
    decode, make = CASES[name]
    small, large = make(SMALL), make(LARGE)
    run(decode, small)  # what is made once, and cached, is made here
    assert calls(decode, large) < 1.25 * RATIO * (calls(decode, small) + 10)
    assert seconds(decode, large) < 6 * RATIO * (seconds(decode, small) + 0.0002)


@pytest.mark.parametrize("name", CASES)
def test_memory_is_in_proportion_to_the_input(name: str) -> None:
    decode, make = CASES[name]
    run(decode, make(SMALL))
    data = make(LARGE)
    tracemalloc.start()
    try:
        run(decode, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_MEMORY * len(data)
