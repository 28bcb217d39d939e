from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from minirelay.dev.accounts import ACCOUNTS, FAUCET
from minirelay.dev.chain.process import DevChain
from minirelay.dev.faucet import find_payer, top_up
from minirelay.dev.rpc import Call, Rpc
from minirelay.errors import ChainError

NEWCOMER = "0x1234567890123456789012345678901234567890"


async def balance(rpc: Rpc, address: str) -> int:
    return int(await rpc.call("eth_getBalance", address, "latest"), 16)


@pytest.fixture
def url(dev_chain: DevChain) -> str:
    return dev_chain.rpc_url


async def test_account_gets_what_is_missing(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        rpc = Rpc(session, url)
        await top_up(rpc, NEWCOMER, 100)
        assert await balance(rpc, NEWCOMER) == 100
        await top_up(rpc, NEWCOMER, 250)
        assert await balance(rpc, NEWCOMER) == 250


async def test_account_that_has_enough_gets_nothing(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        rpc = Rpc(session, url)
        await top_up(rpc, NEWCOMER, 100)
        before = await rpc.call("eth_blockNumber")
        await top_up(rpc, NEWCOMER, 100)
        await top_up(rpc, NEWCOMER, 1)
        assert await rpc.call("eth_blockNumber") == before


async def test_faucet_pays_so_that_the_ten_accounts_stay_untouched(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        rpc = Rpc(session, url)
        assert await find_payer(rpc) == FAUCET
        await top_up(rpc, NEWCOMER, 100)
        for account in ACCOUNTS:
            assert await rpc.call("eth_getTransactionCount", account.address, "latest") == "0x0"


class Elsewhere(Rpc):
    """A chain that doesn't know some accounts, as Anvil and Hardhat don't know the faucet."""

    unknown: tuple[str, ...] = ()

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        results = await super().batch(calls)
        return [
            "0x0" if method == "eth_getBalance" and params[0] in self.unknown else result
            for (method, params), result in zip(calls, results, strict=True)
        ]


async def test_last_of_the_ten_pays_where_there_is_no_faucet(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        rpc = Elsewhere(session, url)
        rpc.unknown = (FAUCET.address,)
        assert await find_payer(rpc) == ACCOUNTS[-1]
        await top_up(rpc, NEWCOMER, 100)
        assert await rpc.call("eth_getTransactionCount", ACCOUNTS[-1].address, "latest") == "0x1"


async def test_nobody_pays_on_a_strange_chain(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        rpc = Elsewhere(session, url)
        rpc.unknown = (FAUCET.address, ACCOUNTS[-1].address)
        with pytest.raises(ChainError, match="no development account has coins"):
            await top_up(rpc, NEWCOMER, 100)
