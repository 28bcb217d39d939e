"""Calling contracts: functions with their ABI types, encoded and decoded by eth-abi."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from minirelay.chain.answer_bounds import WORD_BYTES
from minirelay.chain.chain import Chain
from minirelay.chain.errors import Reverted, WrongContract
from minirelay.errors import MalformedInput
from minirelay.protocol.signing import checksum_address, keccak256

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
    """A contract at its address on a chain."""

    def __init__(self, chain: Chain, address: bytes, *, name: str, setting: str, probe: Function) -> None:
        """address: 20 bytes. setting: of the chain, where people enter the address.

        probe: a function that no other contract has, and that never reverts in this one.
        """
        self.chain = chain
        self.address = address
        self._name = name
        self._setting = f"chains.{chain.chain_id}.{setting}"
        self._probe = probe
        self._is_proven = False

    def __str__(self) -> str:
        return f"{self._name} at {checksum_address(self.address)} ({self._setting})"

    async def call(self, function: Function, *arguments: object, read: Callable[[Any], T]) -> T:
        """Call a function that returns one value, on the latest block.

        read: gets the value as eth-abi gives it (addresses are text). Raises Reverted, ChainUnreachable; both
        name the contract.
        """

        def read_result(data: bytes) -> T:
            try:
                return read(function.decode(data)[0])
            except MalformedInput as error:
                raise MalformedInput(f"{self}: {error}") from error

        try:
            return await self.chain.call(
                self.address, function.encode(*arguments), read_result, data_bytes=function.most_bytes
            )
        except Reverted as reverted:
            raise Reverted(f"{self}: {function.name}: {reverted}") from reverted

    async def prove(self) -> None:
        """Check once that it is what it should be: a no of another contract is none.

        Raises WrongContract, ChainUnreachable.
        """
        if self._is_proven:
            return
        try:
            await self.call(self._probe, *([0] * len(self._probe.inputs)), read=bool)
        except Reverted as reverted:
            raise WrongContract(
                f"{self._setting}: the contract at {checksum_address(self.address)} on chain "
                f"{self.chain.chain_id} is no {self._name}; set the address of {self._name}"
            ) from reverted
        self._is_proven = True


def address_bytes(text: str) -> bytes:
    """Turn an address, as eth-abi gives it, into its 20 bytes."""
    return bytes.fromhex(text[2:])
