from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

import pytest
from aiohttp import ClientSession

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.config.urls import EndpointUrl
from minirelay.dev.accounts import ACCOUNTS, FAUCET
from minirelay.dev.chain.process import DevChain
from minirelay.dev.faucet import balance_of, find_payer, top_up
from minirelay.dev.sending import connect
from minirelay.errors import ChainError

T = TypeVar("T")
NEWCOMER = "0x1234567890123456789012345678901234567890"


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with open_http() as session:
        yield session


@pytest.fixture
async def chain(dev_chain: DevChain, http: ClientSession) -> Chain:
    return await connect(http, dev_chain.rpc_url)


async def sent_by(chain: Chain, address: str) -> int:
    return await chain.quantity("eth_getTransactionCount", address, "latest")


async def test_account_gets_what_is_missing(chain: Chain) -> None:
    await top_up(chain, NEWCOMER, 100)
    assert await balance_of(chain, NEWCOMER) == 100
    await top_up(chain, NEWCOMER, 250)
    assert await balance_of(chain, NEWCOMER) == 250


async def test_account_that_has_enough_gets_nothing(chain: Chain) -> None:
    await top_up(chain, NEWCOMER, 100)
    before = await chain.quantity("eth_blockNumber")
    await top_up(chain, NEWCOMER, 100)
    await top_up(chain, NEWCOMER, 1)
    assert await chain.quantity("eth_blockNumber") == before


async def test_faucet_pays_so_that_the_ten_accounts_stay_untouched(chain: Chain) -> None:
    assert await find_payer(chain) == FAUCET
    await top_up(chain, NEWCOMER, 100)
    for account in ACCOUNTS:
        assert await sent_by(chain, account.address) == 0


class Elsewhere(Chain):
    """A chain that doesn't know some accounts, as Anvil and Hardhat don't know the faucet."""

    unknown: tuple[str, ...] = ()

    async def request(
        self, method: str, params: Sequence[object], read: Callable[[object], T], *, data_bytes: int = 0
    ) -> T:
        if method == "eth_getBalance" and params[0] in self.unknown:
            return read("0x0")
        return await super().request(method, params, read, data_bytes=data_bytes)


@pytest.fixture
def elsewhere(dev_chain: DevChain, http: ClientSession) -> Elsewhere:
    return Elsewhere(31337, http_endpoints([EndpointUrl(dev_chain.rpc_url)], http))


async def test_last_of_the_ten_pays_where_there_is_no_faucet(elsewhere: Elsewhere) -> None:
    elsewhere.unknown = (FAUCET.address,)
    assert await find_payer(elsewhere) == ACCOUNTS[-1]
    await top_up(elsewhere, NEWCOMER, 100)
    assert await sent_by(elsewhere, ACCOUNTS[-1].address) == 1


async def test_nobody_pays_on_a_strange_chain(elsewhere: Elsewhere) -> None:
    elsewhere.unknown = (FAUCET.address, ACCOUNTS[-1].address)
    with pytest.raises(ChainError, match="no development account has coins"):
        await top_up(elsewhere, NEWCOMER, 100)
