"""Calling contracts: functions with their ABI types, encoded and decoded by eth-abi."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from minirelay.chain.answer_bounds import WORD_BYTES
from minirelay.chain.chain import Chain
from minirelay.errors import MalformedInput
from minirelay.protocol.signing import keccak256

T = TypeVar("T")


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
        """Give the 4 bytes that name the function in call data."""
        return keccak256(f"{self.name}({','.join(self.inputs)})".encode())[:4]

    def encode(self, *arguments: object) -> bytes:
        """Write the call data."""
        return self.selector + encode(self.inputs, arguments)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Read what a call returned. Raises MalformedInput, whatever the bytes."""
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


class Contract:
    """A contract at its address (20 bytes) on a chain."""

    def __init__(self, chain: Chain, address: bytes) -> None:
        self.chain = chain
        self.address = address

    async def call(self, function: Function, *arguments: object, read: Callable[[Any], T]) -> T:
        """Call a function that returns one value, on the latest block.

        read: gets the value as eth-abi gives it (addresses are text). Raises Reverted, ChainUnreachable.
        """
        return await self.chain.call(
            self.address,
            function.encode(*arguments),
            lambda data: read(function.decode(data)[0]),
            data_bytes=function.most_bytes,
        )


def address_bytes(text: str) -> bytes:
    """Turn an address, as eth-abi gives it, into its 20 bytes."""
    return bytes.fromhex(text[2:])
