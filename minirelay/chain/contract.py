"""Calling contracts on a chain, and proving that they are what the settings say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from minirelay.chain.chain import Chain
from minirelay.chain.errors import ContractFault, Reverted, WrongContract
from minirelay.chain.question import Question
from minirelay.errors import MalformedInput
from minirelay.protocol.abi import Function
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data
from minirelay.protocol.signing import checksum_address

T = TypeVar("T")

_CONTROL: Final[Question[object]] = Question(Request("eth_chainId"), read_quantity)


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

        try:
            return await self.chain.call(
                self.address,
                function.encode(*arguments),
                lambda data: self._read(function, data, read),
                data_bytes=function.most_bytes,
            )
        except Reverted as reverted:
            raise Reverted(f"{self}: {function.name}: {reverted}") from reverted

    def question(self, function: Function, *arguments: object, read: Callable[[Any], T]) -> Question[T]:
        """Make the question for such a call; which block it is about, is not said yet."""
        call = {"to": write_data(self.address), "data": write_data(function.encode(*arguments))}
        request = Request("eth_call", [call], function.most_bytes)
        return Question(request, lambda result: self._read(function, read_data(result), read))

    def _read(self, function: Function, data: bytes, read: Callable[[Any], T]) -> T:
        try:
            return read(function.decode(data)[0])
        except MalformedInput as error:
            raise MalformedInput(f"{self}: {error}") from error

    async def require_there(self) -> None:
        """Check that whatever is at the address answers, where the endpoint does; for who enters the address.

        While a relay runs, an endpoint that lags or lies is the likelier reason: that is `prove`. Raises
        WrongContract, ChainUnreachable.
        """
        asked = self.question(self._probe, *([0] * len(self._probe.inputs)), read=bool)
        asked = replace(asked, request=asked.request.about("latest"))
        (answer,) = await self.chain.ask_about([asked], _CONTROL)
        if isinstance(answer, ContractFault):
            raise WrongContract(
                f"there is no {self._name} at {checksum_address(self.address)} on chain "
                f"{self.chain.chain_id}; set {self._setting}"
            )

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
