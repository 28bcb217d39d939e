"""The registries on the chain, as far as a client asks them (spec 07): plain JSON-RPC, `eth_call`."""

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import aiohttp

from minirelay.client.errors import RegistryUnavailable
from minirelay.client.http import read_body
from minirelay.errors import MalformedInput
from minirelay.protocol.abi import Function, address_bytes
from minirelay.protocol.json_rpc import (
    Answer,
    Request,
    Result,
    decode_answer,
    encode_request,
    read_data,
    write_data,
)
from minirelay.protocol.registries import GET_ALL_RELAYS, RELAY_OWNER_OF

T = TypeVar("T")

DEFAULT_SHOP_REG: Final = bytes.fromhex("48c203BA47c78EB8286dAFd4F14B297181dae3cb")
DEFAULT_RELAY_REG: Final = bytes.fromhex("4E0Df5Db4975f3e4999B623d6a768DaE80B12a9C")

TIMEOUT_S: Final = 10.0

_HEADERS: Final = {"Content-Type": "application/json"}
_REQUEST_ID: Final = 1
"""There is one request in an exchange."""


class Registry:
    """Reads RelayReg and ShopReg. Whatever keeps it from an answer raises RegistryUnavailable."""

    def __init__(self, rpc_url: str, relay_reg: bytes, shop_reg: bytes) -> None:
        """rpc_url: a JSON-RPC endpoint. relay_reg, shop_reg: the contracts' addresses, 20 bytes."""
        self._rpc_url = rpc_url
        self._relay_reg = relay_reg
        self._shop_reg = shop_reg

    async def relay_owners(self, shop_id: int, tokens: Iterable[int]) -> frozenset[bytes]:
        """Give the owners, 20 bytes each, of these relay tokens and of those that the shop lists."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S)) as http:
            listed = await self._listed(http, shop_id)
            owners = [await self._owner(http, token) for token in dict.fromkeys((*tokens, *listed))]
        return frozenset(owner for owner in owners if owner is not None)

    async def _listed(self, http: aiohttp.ClientSession, shop_id: int) -> tuple[int, ...]:
        return await self._call(http, self._shop_reg, GET_ALL_RELAYS, shop_id, read=tuple) or ()

    async def _owner(self, http: aiohttp.ClientSession, token: int) -> bytes | None:
        return await self._call(http, self._relay_reg, RELAY_OWNER_OF, token, read=address_bytes)

    async def _call(
        self,
        http: aiohttp.ClientSession,
        contract: bytes,
        function: Function,
        argument: int,
        *,
        read: Callable[[Any], T],
    ) -> T | None:
        """Give what a function returns; None if the contract reverts, which is its no."""
        call = {"to": write_data(contract), "data": write_data(function.encode(argument))}
        answer = await self._ask(http, Request("eth_call", [call, "latest"], function.most_bytes))
        if isinstance(answer, Result):
            try:
                return read(function.decode(read_data(answer.value))[0])
            except MalformedInput as error:
                raise RegistryUnavailable(
                    f"there is no registry at 0x{contract.hex()}, or the endpoint gives nonsense: {error}"
                ) from error
        if answer.is_revert:
            return None
        raise RegistryUnavailable(f"the registry's endpoint refused: {answer.message}")

    async def _ask(self, http: aiohttp.ClientSession, request: Request) -> Answer:
        body = encode_request(_REQUEST_ID, request)
        try:
            async with http.post(self._rpc_url, data=body, headers=_HEADERS) as response:
                return decode_answer(await read_body(response, request.most_bytes), _REQUEST_ID)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, MalformedInput) as error:
            reason = str(error) or type(error).__name__
            raise RegistryUnavailable(f"the registry's endpoint gave no answer: {reason}") from error
