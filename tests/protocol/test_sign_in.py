"""Sign-in messages: the grammar of ERC-4361, line by line."""

import base64
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.sign_in import SignInMessage, Uri, parse, render, split_uri
from minirelay.protocol.signing import address_of, recover

from .strategies import STEADY
from .vectors import load

ENROLL = load("enroll")
CASES = ENROLL["cases"]
ADDRESS = "0x881b6F98B7f93c452c0469AD9bb51B197B5bdC3a"
FULL = f"""https://shop.example:8443 wants you to sign in with your Ethereum account:
{ADDRESS}

I am the clerk (really), aren't I?

URI: https://shop.example:8443/cart?x=1#top
Version: 1
Chain ID: 31337
Nonce: 00000000
Issued At: 2025-06-01T09:00:00Z
Expiration Time: 2025-06-01T10:00:00.5Z
Not Before: 2025-06-01T10:00:00+02:00
Request ID: a%20request:7
Resources:
- mass-relayid:1
- https://example.com/a/b?c=d"""
PLAIN = f"""shop.example wants you to sign in with your Ethereum account:
{ADDRESS}


URI: https://shop.example/
Version: 1
Chain ID: 1
Nonce: abcdEFGH1
Issued At: 2025-06-01T09:00:00Z"""


def named(case: Any) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", [case for case in CASES if case["message"] != "hello"], ids=named)
def test_vectors_are_parsed(case: Any) -> None:
    message = parse(case["message"])
    assert message.nonce in ("00000000", "12345678")
    assert message.issued_at == datetime(2025, 6, 1, 9, 0, 0, tzinfo=UTC)
    assert len(message.resources) in (2, 3, 4)
    if "milliseconds" not in case["name"]:
        assert render(message) == case["message"]


@pytest.mark.parametrize("case", [case for case in CASES if case["status"] == 201], ids=named)
def test_accepted_vectors_say_what_the_relay_asks_for(case: Any) -> None:
    message = parse(case["message"])
    signer = recover(case["message"].encode(), base64.b64decode(case["signature"]))
    assert address_of(signer) == message.address == bytes.fromhex(ENROLL["wallet"]["address"][2:])
    relay, shop, card = message.resources
    assert relay == f"mass-relayid:{ENROLL['relay_id']}"
    assert shop == f"mass-shopid:{ENROLL['shop_id']}"
    assert card.removeprefix("mass-keycard:").removeprefix("0x") == ENROLL["key_card"]
    expected = case["referer"] or ENROLL["base_url"]
    assert message.domain == split_uri(message.uri).host == split_uri(expected).host
    if case["referer"] is None:
        assert split_uri(message.uri).path == "/v4/enroll_key_card"


def test_vector_outside_the_grammar_is_refused() -> None:
    with pytest.raises(MalformedInput):
        parse("hello")


def test_every_field_is_read() -> None:
    assert parse(FULL) == SignInMessage(
        scheme="https",
        domain="shop.example:8443",
        address=bytes.fromhex(ADDRESS[2:]),
        statement="I am the clerk (really), aren't I?",
        uri="https://shop.example:8443/cart?x=1#top",
        chain_id=31337,
        nonce="00000000",
        issued_at=datetime(2025, 6, 1, 9, 0, 0, tzinfo=UTC),
        expiration_time=datetime(2025, 6, 1, 10, 0, 0, tzinfo=UTC),
        not_before=datetime(2025, 6, 1, 8, 0, 0, tzinfo=UTC),
        request_id="a%20request:7",
        resources=("mass-relayid:1", "https://example.com/a/b?c=d"),
    )


def test_optional_fields_may_be_absent() -> None:
    message = parse(PLAIN)
    assert message.scheme is message.statement is message.request_id is None
    assert message.expiration_time is message.not_before is None
    assert message.resources == ()


def test_without_a_statement_one_or_two_lines_are_blank() -> None:
    assert parse(PLAIN.replace("\n\n\nURI", "\n\nURI")) == parse(PLAIN)


def test_a_statement_may_look_like_a_field() -> None:
    message = parse(PLAIN.replace("\n\n\nURI", "\n\nURI: https://evil.example/\n\nURI"))
    assert message.statement == "URI: https://evil.example/"
    assert message.uri == "https://shop.example/"


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("Request ID: ", "request_id", ""),
        ("Resources:", "resources", ()),
        ("Resources:\n- a:", "resources", ("a:",)),
    ],
)
def test_optional_fields_may_be_empty(line: str, field: str, value: object) -> None:
    assert getattr(parse(f"{PLAIN}\n{line}"), field) == value


@pytest.mark.parametrize("number", range(1, 16))
def test_no_line_may_be_missing_or_twice(number: int) -> None:
    lines = FULL.split("\n")
    optional = {3, 10, 11, 12, 14, 15}
    without = "\n".join(lines[:number] + lines[number + 1 :])
    if number in optional:
        assert parse(without) != parse(FULL)
    else:
        with pytest.raises(MalformedInput):
            parse(without)
    if number < 14:
        with pytest.raises(MalformedInput):
            parse("\n".join([*lines[: number + 1], *lines[number:]]))


@pytest.mark.parametrize("number", range(5, 14))
def test_fields_have_one_order(number: int) -> None:
    lines = FULL.split("\n")
    lines[number], lines[number + 1] = lines[number + 1], lines[number]
    with pytest.raises(MalformedInput):
        parse("\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # line breaks and blanks
        ("\n", "\r\n"),
        ("\nURI", "\n\nURI"),
        ("account:\n", "account:\n\n"),
        ("09:00:00Z", "09:00:00Z\n"),
        ("09:00:00Z", "09:00:00Z "),
        ("09:00:00Z", "09:00:00Z\nanything"),
        ("09:00:00Z", "09:00:00Z\nNonce: 00000000"),
        ("\n\n\nURI", "\n \nURI"),
        ("\n\n\nURI", "\n\n\n\nURI"),
        # the first line
        ("shop.example wants", " wants"),
        ("shop.example wants", "shop example wants"),
        ("shop.example wants", "https:// wants"),
        ("shop.example wants", "1https://shop.example wants"),
        ("shop.example wants", "shop.example/path wants"),
        ("shop.example wants", "shop.example:80a wants"),
        ("shop.example wants", "shöp.example wants"),
        ("shop.example wants", "shop.example%zz wants"),
        ("wants you", "wants You"),
        ("account:", "account"),
        # the address
        (ADDRESS, ADDRESS[:-1]),
        (ADDRESS, ADDRESS + "0"),
        (ADDRESS, ADDRESS[2:]),
        (ADDRESS, "0X" + ADDRESS[2:]),
        (ADDRESS, ADDRESS.replace("b6F", "B6f")),
        (ADDRESS, ADDRESS[:-1] + "g"),
        (ADDRESS, ADDRESS[:-1] + "٣"),
        # the statement
        ("\n\n\nURI", "\n\nGrüezi\n\nURI"),
        ("\n\n\nURI", "\n\ntab\there\n\nURI"),
        ("\n\n\nURI", "\n\nnul\0here\n\nURI"),
        ("\n\n\nURI", "\n\nbreak\u2028here\n\nURI"),
        ("\n\n\nURI", "\n\ntwo\nlines\n\nURI"),
        # the uri
        ("https://shop.example/", ""),
        ("https://shop.example/", "shop.example"),
        ("https://shop.example/", "//shop.example/"),
        ("https://shop.example/", "https://shop.example/a b"),
        ("https://shop.example/", "https://shop.example/%2"),
        ("https://shop.example/", "https://shop.example/#a#b"),
        ("https://shop.example/", "https://shop.example:port/"),
        ("https://shop.example/", "https://a@b@shop.example/"),
        ("https://shop.example/", "https://shop.example/<script>"),
        ("https://shop.example/", "https://shöp.example/"),
        ("https://shop.example/", "https://[::1/"),
        # version, chain, nonce
        ("Version: 1", "Version: 2"),
        ("Version: 1", "Version: 01"),
        ("Version: 1", "Version:1"),
        ("Chain ID: 1", "Chain ID: "),
        ("Chain ID: 1", "Chain ID: -1"),
        ("Chain ID: 1", "Chain ID: 0x1"),
        ("Chain ID: 1", "Chain ID: 1_0"),
        ("Chain ID: 1", "Chain ID: ١"),
        ("Chain ID: 1", "Chain ID: " + "1" * 79),
        ("Chain ID: 1", "Chain ID: " + "1" * 100_000),
        ("abcdEFGH1", "abcdEFG"),
        ("abcdEFGH1", "abcdEFG-1"),
        ("abcdEFGH1", "abcdEFGHï"),
        ("abcdEFGH1", "abcdEFGH "),
        # times
        ("2025-06-01T09:00:00Z", "2025-06-01"),
        ("2025-06-01T09:00:00Z", "2025-06-01T09:00:00"),
        ("2025-06-01T09:00:00Z", "2025-06-31T09:00:00Z"),
        ("2025-06-01T09:00:00Z", "now"),
        # optional fields
        ("09:00:00Z", "09:00:00Z\nExpiration Time: never"),
        ("09:00:00Z", "09:00:00Z\nNot Before: 2025-06-01T09:00:00Z\nExpiration Time: 2025-06-01T09:00:00Z"),
        ("09:00:00Z", "09:00:00Z\nRequest ID: a b"),
        ("09:00:00Z", "09:00:00Z\nRequest ID: a/b"),
        ("09:00:00Z", "09:00:00Z\nResources:\n- not a uri"),
        ("09:00:00Z", "09:00:00Z\nResources:\n-a:b"),
        ("09:00:00Z", "09:00:00Z\nResources:\n- a:b\n"),
        ("09:00:00Z", "09:00:00Z\nResources: a:b"),
        ("09:00:00Z", "09:00:00Z\nResources:\n- a:b\nc:d"),
    ],
)
def test_what_is_outside_the_grammar_is_refused(old: str, new: str) -> None:
    changed = PLAIN.replace(old, new)
    assert changed != PLAIN
    with pytest.raises(MalformedInput):
        parse(changed)


@pytest.mark.parametrize("text", ["", "\n", "hello", FULL.splitlines()[0], "\0" * 100])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        parse(text)


@pytest.mark.parametrize(
    "domain",
    ["localhost:4444", "127.0.0.1", "[::1]:8080", "shop.example", "shop.example:", "me@shop.example"],
)
def test_domain_is_an_authority(domain: str) -> None:
    message = parse(PLAIN.replace("shop.example wants", f"{domain} wants"))
    assert (message.scheme, message.domain) == (None, domain)


@pytest.mark.parametrize("statement", ["x", 'It\'s 100% "safe" <b>', "~" * 5000, " ", "a  b"])
def test_statement_is_any_line_of_printable_ascii(statement: str) -> None:
    message = parse(PLAIN.replace("\n\n\nURI", f"\n\n{statement}\n\nURI"))
    assert message.statement == statement


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.lower()])
def test_address_is_checksummed_or_in_lower_case(address: str) -> None:
    assert parse(PLAIN.replace(ADDRESS, address)).address == bytes.fromhex(ADDRESS[2:])


def test_longest_chain_id_is_read() -> None:
    assert parse(PLAIN.replace("Chain ID: 1", f"Chain ID: {2**256 - 1}")).chain_id == 2**256 - 1


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("http://localhost:4444/v4/enroll_key_card", Uri("http", "localhost:4444", "/v4/enroll_key_card")),
        ("HTTPS://Shop.Example", Uri("https", "shop.example", "")),
        ("https://shop.example?x=/y", Uri("https", "shop.example", "")),
        ("https://shop.example#a", Uri("https", "shop.example", "")),
        ("https://shop.example@evil.example/x", Uri("https", "evil.example", "/x")),
        ("https://user:pass@shop.example:1/x", Uri("https", "shop.example:1", "/x")),
        ("https://[2001:db8::1]:80/", Uri("https", "[2001:db8::1]:80", "/")),
        ("https:///path", Uri("https", "", "/path")),
        ("mass-shopid:12", Uri("mass-shopid", "", "12")),
        ("did:key:z6Mk", Uri("did", "", "key:z6Mk")),
        ("a:", Uri("a", "", "")),
    ],
)
def test_uris_are_split(text: str, uri: Uri) -> None:
    assert split_uri(text) == uri


@pytest.mark.parametrize("text", [FULL, PLAIN])
def test_a_message_is_rendered_as_it_was(text: str) -> None:
    rendered = render(parse(text))
    assert parse(rendered) == parse(text)
    assert rendered == text.replace(":00.5Z", ":00Z").replace("10:00:00+02:00", "08:00:00Z")


@pytest.mark.parametrize(
    "changes",
    [
        {"statement": "two\nlines"},
        {"statement": ""},
        {"nonce": "00000000\nIssued At: 2025-06-01T09:00:00Z"},
        {"nonce": "short"},
        {"domain": "a b"},
        {"domain": ""},
        {"uri": "nowhere"},
        {"chain_id": -1},
        {"request_id": "a b"},
        {"resources": ("a:b\n- c:d",)},
        {"resources": ("nowhere",)},
    ],
)
def test_fields_outside_the_grammar_are_not_rendered(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedInput):
        render(msgspec.structs.replace(parse(PLAIN), **changes))


@given(st.sampled_from([FULL, PLAIN]), st.integers(0, 400), st.text(max_size=3), st.integers(0, 3))
@settings(STEADY, max_examples=500)
def test_any_changed_text_is_parsed_or_refused(text: str, place: int, inserted: str, dropped: int) -> None:
    place %= len(text)
    changed = text[:place] + inserted + text[place + dropped :]
    try:
        message = parse(changed)
    except MalformedInput:
        return
    assert parse(render(message)) == message


def refuse_or_parse(text: str) -> None:
    try:
        parse(text)
    except MalformedInput:
        return


SIZES = (20_000, 320_000)


@pytest.mark.parametrize(
    ("old", "unit", "end"),
    [
        ("shop.example wants", "a", " wants"),
        ("shop.example wants", "a@", " wants"),
        ("shop.example wants", "a:", " wants"),
        ("shop.example wants", "%41", "! wants"),
        ("shop.example wants", "a", "/ wants"),
        ("https://shop.example/", "https://" + "a" * 50, " "),
        ("https://shop.example/", "a:", ""),
        ("https://shop.example/", "https://a@", "/"),
        ("\n\n\nURI", "\n\n", "URI"),
        ("\n\n\nURI", "\n\nURI: a:b", "\nURI"),
        ("abcdEFGH1", "a", "-"),
        ("09:00:00Z", "09:00:00Z\nResources:" + "\n- a:b", "\n"),
        ("09:00:00Z", "0", "Z"),
    ],
)
def test_hostile_length_takes_linear_time(old: str, unit: str, end: str) -> None:
    took = []
    for size in SIZES:
        text = PLAIN.replace(old, unit * (size // len(unit)) + end)
        start = time.process_time()
        refuse_or_parse(text)
        took.append(time.process_time() - start)
    # Sixteen times the length: quadratic time would be 256 times as long.
    assert took[1] < 100 * (took[0] + 0.001)


@pytest.mark.parametrize(
    ("old", "unit"), [("shop.example wants", "a"), ("https://shop.example/", "https://a/a")]
)
def test_hostile_length_takes_no_more_memory_than_a_few_copies(old: str, unit: str) -> None:
    text = PLAIN.replace(old, unit * (SIZES[0] // len(unit)))
    tracemalloc.start()
    try:
        refuse_or_parse(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(text)
