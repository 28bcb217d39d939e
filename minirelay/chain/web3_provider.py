"""web3 over the endpoints of a chain: their failover and bounds, and only answers that web3 can use.

Nothing imports this before something is sent (`sending.open_web3`): web3 takes 12 MiB and half a second.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from web3 import AsyncWeb3
from web3.middleware import AttributeDictMiddleware, ValidationMiddleware
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from minirelay.chain.chain import Chain
from minirelay.chain.errors import NodeRefused
from minirelay.errors import MalformedInput
from minirelay.protocol.json_rpc import read_data, read_quantity, write_data

_TIP: Final = "eth_maxPriorityFeePerGas"


class ChainProvider(AsyncJSONBaseProvider):
    """Hands each request of web3 to the endpoints of a chain. What these raise goes through web3 as it is."""

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        self._chain = chain

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask the chain. Raises what `Chain.request` does; RuntimeError for methods of no use in sending."""
        read = _READ.get(method)
        if read is None:
            raise RuntimeError(f"{method} is not among the methods that sending needs")
        try:
            result = await self._chain.request(method, params, read)
        except NodeRefused:
            if method != _TIP:
                raise
            result = await self._tip_by_gas_price()
        return {"jsonrpc": "2.0", "id": 0, "result": result}

    async def _tip_by_gas_price(self) -> str:
        """Return a tip where an endpoint suggests none."""
        block = await self._chain.request("eth_getBlockByNumber", ["latest", False], _block)
        price = await self._chain.quantity("eth_gasPrice")
        return hex(max(0, price - read_quantity(block["baseFeePerGas"])))


def connect(chain: Chain) -> AsyncWeb3[ChainProvider]:
    """Make a web3 that asks the endpoints of this chain, without names to resolve or gas to guess."""
    middleware = [(AttributeDictMiddleware, "attrdict"), (ValidationMiddleware, "validation")]
    return AsyncWeb3(ChainProvider(chain), middleware=middleware)


def _quantity(value: object) -> str:
    return hex(read_quantity(value))


def _data(value: object) -> str:
    return write_data(read_data(value))


def _block(value: object) -> dict[str, str]:
    return _members(value, {"baseFeePerGas": _quantity})


def _receipt(value: object) -> dict[str, str] | None:
    members = {"transactionHash": _data, "status": _quantity, "blockNumber": _quantity}
    return None if value is None else _members(value, members)


def _members(value: object, members: Mapping[str, Callable[[object], str]]) -> dict[str, str]:
    """Read these of an object, and nothing else: web3 has no use for the rest, and can't be hurt by it."""
    if not isinstance(value, dict):
        raise MalformedInput("not an object")
    return {name: read(value.get(name)) for name, read in members.items()}


_READ: Final[Mapping[str, Callable[[object], Any]]] = {
    "eth_chainId": _quantity,
    "eth_estimateGas": _quantity,
    "eth_getBlockByNumber": _block,
    "eth_getTransactionCount": _quantity,
    "eth_getTransactionReceipt": _receipt,
    _TIP: _quantity,
    "eth_sendRawTransaction": _data,
}
