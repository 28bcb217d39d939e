"""Transactions of development accounts, sent through web3 to whatever node runs the development chain."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from eth_typing import HexStr
from hexbytes import HexBytes
from web3 import AsyncWeb3
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.types import Nonce, TxParams, Wei

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import Endpoint, http_endpoints
from minirelay.chain.errors import EndpointFailure
from minirelay.chain.sending import ContractCall, open_web3
from minirelay.config.urls import EndpointUrl
from minirelay.dev.accounts import Account
from minirelay.errors import ChainError, MalformedInput
from minirelay.protocol.json_rpc import Request, Result, read_quantity

RECEIPT_POLL_S = 0.05
RECEIPT_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A transaction to send: a 20-byte address, call data, wei."""

    to: bytes
    data: bytes = b""
    value: int = 0


async def connect(http: aiohttp.ClientSession, url: str) -> Chain:
    """Find out which chain a node is on. http: from `open_http`. Raises ChainError."""
    try:
        answer = await Endpoint(http, EndpointUrl(url)).ask(Request("eth_chainId"))
        chain_id = read_quantity(answer.value if isinstance(answer, Result) else None)
    except (EndpointFailure, MalformedInput) as error:
        raise ChainError(f"{url} can't be asked on which chain it is: {error}") from error
    return Chain(chain_id, http_endpoints([EndpointUrl(url)], http))


async def send(chain: Chain, sender: Account, outgoing: Sequence[Outgoing]) -> None:
    """Send transactions of one account, and wait until all are mined. Raises ChainError if one fails."""
    web3 = await _connect_as(chain, sender)
    hashes = [await web3.eth.send_transaction(_described(web3, sender, one)) for one in outgoing]
    await _await_mined(chain, hashes)


async def send_call(chain: Chain, sender: Account, call: ContractCall) -> None:
    """Call a contract in a transaction of an account, and wait until it is mined. Raises ChainError."""
    web3 = await _connect_as(chain, sender)
    contract = web3.eth.contract(address=web3.to_checksum_address(call.address), abi=call.abi.entries)
    function = contract.functions[call.function](*call.arguments)
    await _await_mined(chain, [await function.transact({"from": web3.to_checksum_address(sender.address)})])


async def submit(chain: Chain, sender: Account, outgoing: Sequence[Outgoing], gas: int) -> list[bytes]:
    """Send transactions of one account one behind the other; return their hashes. None is waited for.

    gas: of each; nothing is estimated, since what the later ones need is not mined yet. Raises ChainError.
    """
    web3 = await _connect_as(chain, sender)
    nonce = await web3.eth.get_transaction_count(web3.to_checksum_address(sender.address), "pending")
    hashes = []
    for number, one in enumerate(outgoing):
        described = _described(web3, sender, one)
        described["gas"], described["nonce"] = gas, Nonce(nonce + number)
        hashes.append(bytes(await web3.eth.send_transaction(described)))
    return hashes


async def are_mined(chain: Chain, hashes: Sequence[bytes], timeout_s: float) -> bool:
    """Wait until transactions are mined; return whether they are in time. Raises ChainError if one failed."""
    web3 = await open_web3(chain)
    for digest in hashes:
        try:
            # web3's own time limit is a `wait_for`, which before Python 3.12 forgets that we are cancelled.
            async with asyncio.timeout(timeout_s):
                receipt = await web3.eth.wait_for_transaction_receipt(
                    HexBytes(digest), timeout=None, poll_latency=RECEIPT_POLL_S
                )
        except TimeoutError:
            return False
        if receipt["status"] != 1:
            raise ChainError("a transaction was mined but failed")
    return True


async def send_raw(chain: Chain, signed: bytes) -> None:
    """Send a signed transaction, and wait until it is mined. Raises ChainError if it fails."""
    web3 = await open_web3(chain)
    await _await_mined(chain, [await web3.eth.send_raw_transaction(signed)])


async def _connect_as(chain: Chain, sender: Account) -> AsyncWeb3[Any]:
    web3 = await open_web3(chain)
    signing = SignAndSendRawMiddlewareBuilder.build(HexStr(sender.private_key))
    web3.middleware_onion.inject(signing, layer=0)
    return web3


def _described(web3: AsyncWeb3[Any], sender: Account, one: Outgoing) -> TxParams:
    return {
        "from": web3.to_checksum_address(sender.address),
        "to": web3.to_checksum_address(one.to),
        "data": one.data,
        "value": Wei(one.value),
    }


async def _await_mined(chain: Chain, hashes: Sequence[Any]) -> None:
    if not await are_mined(chain, hashes, RECEIPT_TIMEOUT_S):
        raise ChainError(f"a transaction was not mined within {RECEIPT_TIMEOUT_S:.0f} s")
