"""CBOR in and out, against the vectors, a second reading, and two other implementations."""

import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cbor2
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from massmarket.cbor_encoder import cbor_encode

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor import Value, decode, encode, encode_list_of, encode_map_of

from .second_reading import RefusedError, read
from .strategies import STEADY, keys, spoilt, texts, uint64s, values
from .vectors import load

CASES = load("cbor")
ACCEPTED = [case for case in CASES if not case.get("refused")]
REFUSED = [case for case in CASES if case.get("refused")]
# What clients send in another form than the relay writes.
READ_ONLY = {
    "timestamp epoch int",
    "timestamp epoch float",
    "undefined counts as null",
    "indefinite text",
    "indefinite map",
    "long form integer",
    "small bignum",
}


def octets(case: Any) -> bytes:
    if "cbor_repeat" in case:
        unit, count = case["cbor_repeat"]
        return bytes.fromhex(unit) * int(count)
    return bytes.fromhex(case["cbor"])


def named(case: Any) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", REFUSED, ids=named)
def test_refused_vectors_are_refused(case: Any) -> None:
    with pytest.raises(MalformedInput):
        decode(octets(case))


@pytest.mark.parametrize("case", ACCEPTED, ids=named)
def test_accepted_vectors_are_accepted_and_canonical_ones_come_out_again(case: Any) -> None:
    written = encode(decode(octets(case)))
    assert (written == octets(case)) == (case["name"] not in READ_ONLY)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("7f61616162ff", "ab"),
        ("bf616101ff", {"a": 1}),
        ("1b0000000000000001", 1),
        ("c24101", 1),
        ("f7", None),
        ("c11a682dc748", datetime(2025, 5, 21, 12, 30, 0, tzinfo=UTC)),
        ("c1fb41da0b71d2100000", datetime(2025, 5, 21, 12, 30, 0, tzinfo=UTC)),
        ("c074323032352d30352d32315431323a33303a30305a", datetime(2025, 5, 21, 12, 30, 0, tzinfo=UTC)),
        ("74323032352d30352d32315431323a33303a30305a", "2025-05-21T12:30:00Z"),
        ("1a682dc748", 1747830600),
    ],
)
def test_every_form_of_a_value_means_the_same(data: str, value: Value) -> None:
    decoded = decode(bytes.fromhex(data))
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    "data",
    [
        "c0c074323032352d30352d32315431323a33303a30305a",  # a time over a time
        "c054323032352d30352d32315431323a33303a30305a",  # a time in bytes
        "c094323032352d30352d32315431323a33303a30305a",  # a time in a list
        "c1c24101",  # epoch seconds as a bignum
        "c120",  # before 1970
        "c1f9bc00",  # minus one half
        "c1f97c00",  # infinity
        "c1fb7ff8000000000000",  # not a number
        "c11b0000ffffffffffff",  # beyond the year 9999
        "c1f4",  # a time that is false
        "c06161",  # no time at all
        "c25821" + "01" * 33,  # beyond 256 bits
        "c2c24101",  # a bignum over a bignum
        "c401",  # a decimal fraction
        "d9d9f7a0",  # the self-described tag
        "db00000000000000ff00",  # a tag in eight bytes
        "a1c2410100",  # a bignum as a key
        "a1f500",  # true as a key
        "a1f600",  # null as a key
        "a12000",  # a negative number as a key
        "a1800000",  # a list as a key
        "a1a00000",  # a map as a key
        "a1c11a682dc74800",  # a time as a key
        "a2616100" + "7f6161ff" + "00",  # the same text, definite and not
        "a24161005f4161ff00",  # the same bytes, definite and not
        "a2616100" + "780161" + "00",  # the same text, its length in two forms
        "bf616100616100ff",  # twice in an indefinite map
        "a20a001b000000000000000a00",  # the same integer, eight bytes long
        "5f5f4161ffff",  # an indefinite chunk
        "7f7f6161ffff",
        "7f61c361a4ff",  # a character divided between chunks
        "7f7c",  # a chunk of reserved length
        "5f00ff",  # a number as a chunk
        "7fff00",  # bytes after an empty text
        "1f",  # an integer without an end
        "df00",  # a tag without an end
        "3f",
        "f8f4",  # false in two bytes
        "e0",  # an unassigned simple value
        "fa3f800000",  # a float
        "bf00ff",  # a key without a value
        "a1",  # a key that is missing
        "9b000000007fffffff00",  # two thousand million elements
        "bb7fffffffffffffff",
        "7b7fffffffffffffff61",
    ],
)
def test_hostile_items_are_refused(data: str) -> None:
    with pytest.raises(MalformedInput):
        decode(bytes.fromhex(data))
    with pytest.raises(RefusedError):
        read(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("d80074323032352d30352d32315431323a33303a30305a", datetime(2025, 5, 21, 12, 30, 0, tzinfo=UTC)),
        ("c07f6a323032352d30352d32316a5431323a33303a30305aff", datetime(2025, 5, 21, 12, 30, 0, tzinfo=UTC)),
        ("c25f410141ffff", 511),
        ("c240", 0),
        ("c25822" + "0000" + "ff" * 32, 2**256 - 1),
        ("c1f93c00", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("c1fa3fc00000", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("5fff", b""),
        ("7fff", ""),
        ("9fff", []),
        ("bfff", {}),
        ("a30000610000410000", {0: 0, "\0": 0, b"\0": 0}),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61619f01ff6162a0ff", {"a": [1], "b": {}}),
        ("98020102", [1, 2]),
        ("b9000161610a", {"a": 10}),
    ],
)
def test_unusual_but_well_formed_items_are_accepted(data: str, value: Value) -> None:
    assert decode(bytes.fromhex(data)) == value
    assert read(bytes.fromhex(data)) == value


@given(values)
@STEADY
def test_what_is_written_is_read_again(value: Value) -> None:
    assert decode(encode(value)) == value


@given(values)
@STEADY
def test_what_is_written_is_what_cbor2_calls_canonical(value: Value) -> None:
    def for_cbor2(part: Value) -> Any:
        match part:
            case datetime():
                return cbor2.CBORTag(0, part.replace(tzinfo=None).isoformat() + "Z")
            case list():
                return [for_cbor2(element) for element in part]
            case dict():
                # cbor2 sorts shorter encodings first (RFC 7049); RFC 8949 sorts bytewise.
                pairs = sorted(part.items(), key=lambda pair: cbor2.dumps(pair[0]))
                return {key: for_cbor2(content) for key, content in pairs}
        return part

    assert encode(value) == cbor2.dumps(for_cbor2(value))


# Of one kind each, as in all objects: where kinds are mixed, the reference sorts shorter keys first.
@given(
    st.one_of(
        [st.dictionaries(kind, st.binary(max_size=8)) for kind in (texts, uint64s, st.binary(max_size=40))]
    )
)
@STEADY
def test_what_is_written_is_what_the_reference_types_write(entries: dict[str | int | bytes, Value]) -> None:
    assert encode(entries) == cbor_encode(entries)


@given(values.flatmap(lambda value: spoilt(encode(value))))
@example(b"")
@settings(STEADY, max_examples=300)
def test_accepts_exactly_what_a_second_reading_accepts(data: bytes) -> None:
    try:
        expected = read(data)
    except RefusedError:
        with pytest.raises(MalformedInput):
            decode(data)
    else:
        decoded = decode(data)
        assert decoded == expected
        assert repr(decoded) == repr(expected)


@given(st.binary(max_size=12))
@settings(STEADY, max_examples=1000)
def test_any_few_bytes_are_read_as_by_a_second_reading(data: bytes) -> None:
    try:
        expected = read(data)
    except RefusedError:
        expected = RefusedError
    try:
        decoded: object = decode(data)
    except MalformedInput:
        decoded = RefusedError
    assert repr(decoded) == repr(expected)


# As long as a number would be if the reserved widths were powers of two as well.
RESERVED = ["00" * (1 << exponent) for exponent in range(4, 8)]


@pytest.mark.parametrize("head", range(256))
def test_every_first_byte_is_judged_like_a_second_reading_judges_it(head: int) -> None:
    for tail in (
        "",
        "00",
        "6161",
        "41614161",
        "616100616200",
        "00" * 9,
        "f93c00",
        "6161ff",
        "4161ff",
        *RESERVED,
    ):
        data = bytes((head,)) + bytes.fromhex(tail)
        try:
            expected = repr(read(data))
        except RefusedError:
            expected = "refused"
        try:
            found = repr(decode(data))
        except MalformedInput:
            found = "refused"
        assert found == expected, data.hex()


@given(values.flatmap(lambda value: spoilt(encode(value))))
@settings(STEADY, max_examples=150)
def test_never_accepts_what_cbor2_finds_malformed(data: bytes) -> None:
    try:
        decoded = decode(data)
    except MalformedInput:
        return
    assume("datetime" not in repr(decoded))
    found = cbor2.loads(data, allow_duplicate_keys=False)
    assert repr(found).replace("undefined", "None") == repr(decoded)


def test_writing_sorts_keys_by_the_bytes_of_their_encoding() -> None:
    entries: dict[str | int | bytes, Value] = {"b": 0, "aa": 0, b"": 0, 256: 0, 10: 0, "ä": 0, "": 0}
    assert (
        encode(entries).hex()
        == "a7" + "0a00" + "19010000" + "4000" + "6000" + "616200" + "62616100" + "62c3a400"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65535, "19ffff"),
        (65536, "1a00010000"),
        (2**32 - 1, "1affffffff"),
        (2**32, "1b0000000100000000"),
        (2**64 - 1, "1bffffffffffffffff"),
        (2**64, "c249010000000000000000"),
        ("x" * 24, "7818" + "78" * 24),
        (b"x" * 256, "590100" + "78" * 256),
        ([True, False, None], "83f5f4f6"),
    ],
)
def test_everything_is_written_in_its_shortest_form(value: Value, written: str) -> None:
    assert encode(value).hex() == written


def test_times_are_written_in_utc_and_whole_seconds() -> None:
    time = datetime(2025, 5, 21, 14, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert encode(time).hex() == "c074323032352d30352d32315431323a33303a30305a"


@pytest.mark.parametrize("value", [-1, 2**256, datetime(2025, 1, 1)])
def test_values_outside_the_protocol_are_not_written(value: Value) -> None:
    with pytest.raises(ValueError, match=r"zone|integer"):
        encode(value)


@pytest.mark.parametrize(
    "value", [1.5, (1, 2), {1.5: 1}, {True: 1}, {None: 1}, {(1,): 1}, object(), {1}, bytearray()]
)
def test_types_outside_the_protocol_are_not_written(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


@given(st.lists(values, max_size=30), st.dictionaries(keys, values, max_size=6))
@STEADY
def test_containers_of_encoded_parts_are_the_same_bytes(
    elements: list[Value], entries: dict[str | int | bytes, Value]
) -> None:
    assert encode_list_of([encode(element) for element in elements]) == encode(elements)
    assert encode_map_of({key: encode(value) for key, value in entries.items()}) == encode(entries)


def test_long_keys_are_not_kept() -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            encode({f"{number:0100000}": 1})
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200_000
