import time

import pytest

from minirelay.dev.chain.json_text import MAX_DEPTH, read_json


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"'a'", b"[1,]", b"NaN", b"[Infinity]", b'{"a": -Infinity}', b"\xff", b'"', b"1" * 5000],
)
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_json_is_read() -> None:
    assert read_json('{"a": [1, 2.5, "ü[", null, true]}'.encode()) == {"a": [1, 2.5, "ü[", None, True]}


def test_depth_is_bounded() -> None:
    read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    read_json(b"[[],[]," * 10 + b"1" + b"]" * 10)
    for opening in (b"[", b'{"a":'):
        with pytest.raises(ValueError, match="nested deeper"):
            read_json(opening * (MAX_DEPTH + 1))


@pytest.mark.parametrize("depth", [100_000, 2_000_000])
def test_no_depth_overflows_the_stack(depth: int) -> None:
    with pytest.raises(ValueError, match="nested deeper"):
        read_json(b"[" * depth)


def test_brackets_in_strings_are_no_nesting() -> None:
    assert read_json(b'"' + b"[" * 1000 + b'"') == "[" * 1000
    assert read_json(b'["\\"' + b"{" * 1000 + b'\\\\", 1]') == ['"' + "{" * 1000 + "\\", 1]


@pytest.mark.parametrize("text", [b'"' + b'\\"' * 1_000_000, b'"' + b"a" * 4_000_000, b'\\"' * 1_000_000])
def test_strings_without_an_end_take_no_time(text: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError):
        read_json(text)
    assert time.perf_counter() - start < 2
