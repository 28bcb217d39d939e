"""Contracts as callers see them: functions with their ABI types, encoded and decoded by eth-abi.

The interfaces are the compiler's JSON, committed in `interfaces/`: a part of the code, read when a module
that names one is imported.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from minirelay.errors import MalformedInput
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


class _Parameter(msgspec.Struct, frozen=True):
    type: str
    components: tuple["_Parameter", ...] = ()

    @property
    def canonical(self) -> str:
        """The type as it stands in a signature: a tuple by what it is made of."""
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
        entries = msgspec.json.decode(self._text, type=list[_Entry])
        found = [entry for entry in entries if (entry.type, entry.name) == ("function", name)]
        if len(found) != 1:
            raise LookupError(f"{self.name} has {len(found)} functions {name}")
        inputs, outputs = (
            tuple(parameter.canonical for parameter in side) for side in (found[0].inputs, found[0].outputs)
        )
        return Function(name, inputs, outputs, most_bytes=most_bytes)


def load_abi(name: str) -> Abi:
    """Return the committed interface of a contract."""
    return Abi(name, (DIRECTORY / f"{name}.json").read_bytes())


def address_bytes(text: str) -> bytes:
    """Turn an address, as eth-abi gives it, into its 20 bytes."""
    return bytes.fromhex(text[2:])
