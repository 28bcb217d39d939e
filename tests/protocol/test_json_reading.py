"""JSON of strangers, bounded in depth."""

import json
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.json_reading import MAX_DEPTH, decode_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(alphabet='[]{}"\\ä', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.text(alphabet='a"[{\\'), inner, max_size=8)
    ),
    max_leaves=100,
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(VALUES)
def test_what_the_standard_library_wrote(value: object) -> None:
    assert decode_json(json.dumps(value).encode(), object) == value


def test_the_deepest_that_may_be() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        text = opening * MAX_DEPTH + "1" + closing * MAX_DEPTH
        assert json.dumps(decode_json(text.encode(), object)).replace(" ", "") == text
        with pytest.raises(MalformedInput, match="deeper than 64"):
            decode_json(f"[{text}]".encode(), object)


@pytest.mark.parametrize(
    "pattern", [b"[", b'{"a":', b'{"a":[', b'{"\\"":', b'["]",', b'["\\"]",', b'{"a":"}","b":']
)
def test_however_deep_it_is_refused(pattern: bytes) -> None:
    with pytest.raises(MalformedInput):
        decode_json(pattern * 200_000, object)


def test_wide_is_not_deep() -> None:
    assert decode_json(b"[" + b"[{}]," * 10_000 + b"[]]", list[list[object]])[-1] == []


def test_brackets_in_text_are_none() -> None:
    text = '["' + "[{" * 1000 + '\\"[["]'
    assert decode_json(text.encode(), object) == json.loads(text)


def test_text_without_an_end_is_searched_once() -> None:
    """Searched again from each quote, this would take hours."""
    with pytest.raises(MalformedInput):
        decode_json(b"[" * 100 + b'"' + b'\\"' * 2_000_000, object)


class Named(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    "data", [b"", b"null", b'{"name": 1}', b"{}", b'{"name": "\xff"}', b'{"name": "x"} 1']
)
def test_something_else_than_the_type(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        decode_json(data, Named)
    assert decode_json(b'{"name": "x", "more": [1]}', Named) == Named("x")


def test_no_depth_ends_the_process_whatever_the_recursion_limit() -> None:
    code = """
import sys
from minirelay.errors import MalformedInput
from minirelay.protocol.json_reading import decode_json
sys.setrecursionlimit(10_000_000)
try:
    decode_json(b"[" * 5_000_000, object)
except MalformedInput:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr
