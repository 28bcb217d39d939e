"""The registries on the chain, as far as a client asks them (spec 07): plain JSON-RPC, `eth_call`."""

from collections.abc import Iterable
from typing import Any, Final

import aiohttp
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from minirelay.client.errors import RegistryUnavailable
from minirelay.client.http import read_json
from minirelay.protocol.reverts import is_revert
from minirelay.protocol.signing import keccak256

DEFAULT_SHOP_REG: Final = bytes.fromhex("48c203BA47c78EB8286dAFd4F14B297181dae3cb")
DEFAULT_RELAY_REG: Final = bytes.fromhex("4E0Df5Db4975f3e4999B623d6a768DaE80B12a9C")

TIMEOUT_S: Final = 10.0


class Reverted(Exception):
    """The contract says no."""


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
        try:
            found: tuple[int, ...] = await self._call(
                http, self._shop_reg, "getAllRelays(uint256)", shop_id, "uint256[]"
            )
        except Reverted:
            return ()
        return found

    async def _owner(self, http: aiohttp.ClientSession, token: int) -> bytes | None:
        try:
            owner: str = await self._call(http, self._relay_reg, "ownerOf(uint256)", token, "address")
        except Reverted:
            return None
        return bytes.fromhex(owner.removeprefix("0x"))

    async def _call(
        self, http: aiohttp.ClientSession, contract: bytes, signature: str, argument: int, returns: str
    ) -> Any:
        data = keccak256(signature.encode())[:4] + encode(["uint256"], [argument])
        call = {"to": f"0x{contract.hex()}", "data": f"0x{data.hex()}"}
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
        answer = await self._ask(http, request)
        try:
            return decode([returns], bytes.fromhex(answer.removeprefix("0x")))[0]
        except (ValueError, DecodingError) as error:
            raise RegistryUnavailable(
                f"there is no registry at 0x{contract.hex()}, or the endpoint gives nonsense"
            ) from error

    async def _ask(self, http: aiohttp.ClientSession, request: dict[str, Any]) -> str:
        try:
            async with http.post(self._rpc_url, json=request) as response:
                answer = await read_json(response)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
            reason = str(error) or type(error).__name__
            raise RegistryUnavailable(f"the registry's endpoint gave no answer: {reason}") from error
        match answer:
            case {"result": str(result)}:
                return result
            case {"error": {"code": int(code), "message": str(message), **more}}:
                if is_revert(code, message, more.get("data")):
                    raise Reverted(message)
                raise RegistryUnavailable(f"the registry's endpoint refused: {message}")
        raise RegistryUnavailable("the registry's endpoint gave nonsense")
