"""Contracts as callers see them: functions with their ABI types, encoded and decoded by eth-abi.

The interfaces are the compiler's JSON, committed in `interfaces/`: a part of the code, read when a module
that names one is imported.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.signing import keccak256

DIRECTORY: Final = Path(__file__).parent / "interfaces"


class Function:
    """A function of a contract. inputs and outputs: types in the ABI's canonical spelling.

    most_bytes: the most that it may return; one word, unless it returns something longer.
    """

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...] = (),
        *,
        most_bytes: int = WORD_BYTES,
    ) -> None:
        self.name = name
        self.most_bytes = most_bytes
        self.inputs = inputs
        self.outputs = outputs

    @cached_property
    def selector(self) -> bytes:
        """Return the 4 bytes that name the function in call data."""
        return keccak256(f"{self.name}({','.join(self.inputs)})".encode())[:4]

    def encode(self, *arguments: object) -> bytes:
        """Encode the call data."""
        return self.selector + encode(self.inputs, arguments)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Decode what a call returned. Raises MalformedInput, whatever the bytes."""
        if len(data) > self.most_bytes:
            raise MalformedInput(f"{self.name} returned more than {self.most_bytes} bytes")
        if not data:
            raise MalformedInput(f"{self.name} returned nothing: there is no such contract")
        try:
            return tuple(decode(self.outputs, data))
        except (DecodingError, ValueError, OverflowError) as error:
            raise MalformedInput(
                f"{self.name} returned something else than {','.join(self.outputs)}"
            ) from error


class Event:
    """An event of a contract. inputs: canonical types of one word each, and whether a topic holds them."""

    def __init__(self, name: str, inputs: tuple[tuple[str, bool], ...]) -> None:
        self.name = name
        self.inputs = inputs

    @cached_property
    def topic(self) -> bytes:
        """Return the 32 bytes that name the event in a log's first topic."""
        return keccak256(f"{self.name}({','.join(kind for kind, _ in self.inputs)})".encode())

    def words(self, topics: Sequence[bytes], data: bytes) -> Iterator[bytes]:
        """Yield a log's values, a word each, in the order in which the event declares them.

        Raises MalformedInput for a log of another shape. Cheap: anybody can fill blocks with logs.
        """
        in_topics = sum(is_indexed for _, is_indexed in self.inputs)
        in_data = len(self.inputs) - in_topics
        if len(topics) != 1 + in_topics or topics[0] != self.topic or len(data) != in_data * WORD_BYTES:
            raise MalformedInput(f"not a log of {self.name}")
        sides = iter(topics[1:]), iter(data[at : at + WORD_BYTES] for at in range(0, len(data), WORD_BYTES))
        return iter([next(sides[not is_indexed]) for _, is_indexed in self.inputs])


class _Parameter(msgspec.Struct, frozen=True):
    type: str
    components: tuple["_Parameter", ...] = ()
    indexed: bool = False

    @property
    def canonical(self) -> str:
        """Return the type as it stands in a signature: a tuple by what it is made of."""
        if not self.components:
            return self.type
        inner = ",".join(component.canonical for component in self.components)
        return f"({inner}){self.type.removeprefix('tuple')}"


class _Entry(msgspec.Struct, frozen=True):
    type: str
    name: str = ""
    inputs: tuple[_Parameter, ...] = ()
    outputs: tuple[_Parameter, ...] = ()


class Abi:
    """The interface of a contract. text: the compiler's JSON.

    It is decoded when it is asked for something: a relay needs a few functions at its start, then none.
    """

    def __init__(self, name: str, text: bytes) -> None:
        self.name = name
        self._text = text

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Decode the whole interface, as other libraries take it."""
        return msgspec.json.decode(self._text, type=list[dict[str, Any]])

    def function(self, name: str, *, most_bytes: int = WORD_BYTES) -> Function:
        """Return a function by its name. Raises LookupError unless there is exactly one."""
        entry = self._entry("function", name)
        inputs, outputs = (
            tuple(parameter.canonical for parameter in side) for side in (entry.inputs, entry.outputs)
        )
        return Function(name, inputs, outputs, most_bytes=most_bytes)

    def event(self, name: str) -> Event:
        """Return an event by its name. Raises LookupError unless there is exactly one."""
        entry = self._entry("event", name)
        return Event(name, tuple((one.canonical, one.indexed) for one in entry.inputs))

    def _entry(self, kind: str, name: str) -> _Entry:
        entries = msgspec.json.decode(self._text, type=list[_Entry])
        found = [entry for entry in entries if (entry.type, entry.name) == (kind, name)]
        if len(found) != 1:
            raise LookupError(f"{self.name} has {len(found)} {kind}s {name}")
        return found[0]


def load_abi(name: str) -> Abi:
    """Return the committed interface of a contract."""
    return Abi(name, (DIRECTORY / f"{name}.json").read_bytes())


def address_of_word(word: bytes) -> bytes:
    """Read an address, 20 bytes, from its word. Raises MalformedInput."""
    padding, address = word[:-ADDRESS_BYTES], word[-ADDRESS_BYTES:]
    if any(padding):
        raise MalformedInput("not an address")
    return address


def address_bytes(text: str) -> bytes:
    """Turn an address, as eth-abi gives it, into its 20 bytes."""
    return bytes.fromhex(text[2:])
