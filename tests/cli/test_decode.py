"""`minirelay decode`: sources, kinds, output."""

import base64
import json
from pathlib import Path

import pytest

from minirelay.cli.decode import from_text, read_source
from minirelay.errors import MalformedInput
from tests.cli.commands import assert_one_line, minirelay

DATA = bytes.fromhex("a16161830102f6")
JSON = {"cbor": {"a": [1, 2, None]}}


@pytest.mark.parametrize(
    "text",
    [
        DATA.hex(),
        DATA.hex().upper(),
        f"0x{DATA.hex()}",
        " a1 61 61\n83 01 02 f6\n",
        base64.b64encode(DATA).decode(),
        base64.b64encode(DATA).decode().rstrip("="),
    ],
)
def test_texts_that_stand_for_bytes(text: str) -> None:
    assert from_text(text.encode()) == DATA
    assert read_source(text) == DATA


def test_base64_for_urls() -> None:
    data = bytes(range(200, 256))
    assert from_text(base64.urlsafe_b64encode(data)) == data


@pytest.mark.parametrize("content", [b"", b"\xa1\x61", b"not base64!", b"abcde", b"=", b"\x00"])
def test_what_stands_for_nothing_is_taken_as_it_is(content: bytes) -> None:
    assert from_text(content) == content


@pytest.mark.parametrize("content", [DATA, DATA.hex().encode(), base64.b64encode(DATA) + b"\n"])
def test_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "value"
    path.write_bytes(content)
    assert read_source(str(path)) == DATA


@pytest.mark.parametrize("source", ["no such file!", "x" * 5001, "a\0b!", "/no/such/file.cbor"])
def test_sources_that_are_none(source: str) -> None:
    with pytest.raises(MalformedInput, match="neither hexadecimal nor base64, and there is no such file"):
        read_source(source)


def test_json() -> None:
    outcome = minirelay("decode", "--json", DATA.hex())
    assert (outcome.code, json.loads(outcome.out)) == (0, JSON)


def test_text() -> None:
    outcome = minirelay("decode", DATA.hex())
    assert (outcome.code, outcome.out) == (0, "cbor:\n  a:\n    - 1\n    - 2\n    - null\n")


def test_standard_input() -> None:
    for content in (DATA.decode("latin-1"), DATA.hex()):
        outcome = minirelay("decode", "-", "--json", stdin=content)
        assert (outcome.code, json.loads(outcome.out)) == (0, JSON)


def test_kinds_can_be_chosen() -> None:
    outcome = minirelay("decode", "--as", "cbor", "--json", DATA.hex())
    assert json.loads(outcome.out) == JSON
    assert_one_line(minirelay("decode", "--as", "envelope", DATA.hex()), 1, "this is no envelope")
    assert_one_line(minirelay("decode", "--as", "xml", DATA.hex()), 2, "'xml' is not one of")


def test_what_it_was_taken_for_is_said(tmp_path: Path) -> None:
    # Base64, if it is no file.
    mistyped = "value/cbor"
    words = "there is no such file, and as text it stands for 7 bytes: this is no"
    assert_one_line(minirelay("decode", mistyped), 1, words)
    (tmp_path / "value").write_bytes(b"!")
    assert_one_line(minirelay("decode", str(tmp_path / "value")), 1, f"{tmp_path}/value, 1 byte: this is no")
    assert_one_line(minirelay("decode", "-", stdin="!"), 1, "standard input, 1 byte: this is no")


def test_rubbish_is_one_line() -> None:
    assert_one_line(minirelay("decode", "ffff"), 1, "this is no patch set", "no cbor", "no envelope")
    assert_one_line(minirelay("decode", "!"), 1, "there is no such file")
