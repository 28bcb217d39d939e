"""Calls of contracts, as far as a client makes them: plain JSON-RPC, one endpoint, `eth_call`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from minirelay.client.errors import ChainUnavailable
from minirelay.client.http import read_body
from minirelay.errors import MalformedInput
from minirelay.protocol.abi import Function
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.json_rpc import (
    Answer,
    Request,
    Result,
    decode_answer,
    encode_request,
    read_data,
    read_quantity,
    write_data,
)

TIMEOUT_S: Final = 10.0

_HEADERS: Final = {"Content-Type": "application/json"}
_REQUEST_ID: Final = 1
"""There is one request in an exchange."""

Address = bytes | str
"""Of a contract or a wallet, as programs give it: 20 bytes, or 0x and their hex."""


def read_address(given: Address) -> bytes:
    """Return the 20 bytes of an address. Raises ValueError for what is none."""
    address = bytes.fromhex(given.removeprefix("0x")) if isinstance(given, str) else given
    if len(address) != ADDRESS_BYTES:
        raise ValueError(f"an address has {ADDRESS_BYTES} bytes, not {len(address)}")
    return address


class EthCalls:
    """Asks an endpoint, over a connection of its own. Whatever keeps it from an answer: ChainUnavailable."""

    def __init__(self, http: aiohttp.ClientSession, rpc_url: str) -> None:
        """rpc_url: a JSON-RPC endpoint."""
        self._http = http
        self._rpc_url = rpc_url

    @classmethod
    @asynccontextmanager
    async def to(cls, rpc_url: str) -> "AsyncIterator[EthCalls]":
        """Make calls for the length of a block."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S)) as http:
            yield cls(http, rpc_url)

    async def call(self, contract: bytes, function: Function, *arguments: object) -> tuple[Any, ...] | None:
        """Return what a function returns; None if the contract reverts, which is its no.

        contract: its address, 20 bytes.
        """
        call = {"to": write_data(contract), "data": write_data(function.encode(*arguments))}
        answer = await self._ask(Request("eth_call", [call, "latest"], function.most_bytes))
        if not isinstance(answer, Result):
            if answer.is_revert:
                return None
            raise ChainUnavailable(f"the endpoint refused: {answer.message}")
        try:
            return function.decode(read_data(answer.value))
        except MalformedInput as error:
            where = write_data(contract)
            raise ChainUnavailable(
                f"there is no such contract at {where}, or the endpoint gives nonsense: {error}"
            ) from error

    async def chain_id(self) -> int:
        """Return the id of the endpoint's chain."""
        answer = await self._ask(Request("eth_chainId"))
        if not isinstance(answer, Result):
            raise ChainUnavailable(f"the endpoint refused: {answer.message}")
        try:
            return read_quantity(answer.value)
        except MalformedInput as error:
            raise ChainUnavailable(f"the endpoint gives nonsense: {error}") from error

    async def _ask(self, request: Request) -> Answer:
        body = encode_request(_REQUEST_ID, request)
        try:
            async with self._http.post(self._rpc_url, data=body, headers=_HEADERS) as response:
                return decode_answer(await read_body(response, request.most_bytes), _REQUEST_ID)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, MalformedInput) as error:
            reason = str(error) or type(error).__name__
            raise ChainUnavailable(f"the endpoint gave no answer: {reason}") from error
