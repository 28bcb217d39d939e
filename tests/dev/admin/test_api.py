"""What the page of `minirelay dev` asks, over the operator's socket and listener."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from web3 import Web3

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.admin.api import BLOCKS, DEV, GO, MINE, REORGANISE, STOP
from minirelay.dev.chain.process import DevChain
from minirelay.dev.demo_orders import UNPAID_ORDER
from minirelay.dev.derivation import DEMO_SHOP_ID
from minirelay.dev.development import Development, run_development
from tests.chain_fixtures import rpc
from tests.dev.test_development import options
from tests.web.admin.asking import operator_of

PAY = f"/v1/dev/orders/{DEMO_SHOP_ID}/{UNPAID_ORDER}/pay"


@pytest.fixture
async def development(dev_chain: DevChain, tmp_path: Path) -> AsyncIterator[Development]:
    async with run_development(options(dev_chain, data=tmp_path, has_demo=True)) as running:
        yield running


@pytest.fixture
async def operator(development: Development, tmp_path: Path) -> AsyncIterator[ClientSession]:
    async with operator_of(tmp_path) as http:
        yield http


async def get(http: ClientSession, path: str) -> Any:
    async with http.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def post(http: ClientSession, path: str, content: object = None, status: int = 200) -> Any:
    async with http.post(path, json={} if content is None else content) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def order_state(http: ClientSession) -> str:
    found = await get(http, f"/v1/shops/{DEMO_SHOP_ID}/orders?limit=100")
    (one,) = [one for one in found["items"] if one["id"] == str(UNPAID_ORDER)]
    return str(one["state"])


async def test_it_tells_what_scripts_are_told_and_what_wallets_have(
    development: Development, operator: ClientSession
) -> None:
    told = await get(operator, DEV)
    assert (told["base_url"], told["rpc_url"]) == (development.base_url, development.rpc_url)
    assert told["chain_id"] == 31337
    assert set(told["contracts"]) == {"ShopReg", "RelayReg", "Payments", "Eddies"}
    demo = development.demo_shop
    assert demo is not None
    assert told["demo_shop"] == {
        "shop_id": str(demo.shop_id),
        "owner": demo.owner.address,
        "key_card": demo.key_card,
    }
    assert [one["private_key"] for one in told["wallets"]] == [one.private_key for one in ACCOUNTS]
    assert all(set(one) == {"address", "private_key", "coins", "eddies"} for one in told["wallets"])
    assert 10**18 <= int(told["relay_wallet"]["coins"]) <= 10**19
    assert "private_key" not in told["relay_wallet"]


async def test_order_that_is_paid_turns_paid_and_its_block_says_how(
    development: Development, operator: ClientSession
) -> None:
    assert await order_state(operator) == "unpaid"
    paid = await post(operator, PAY, {"how": "contract"})
    assert paid["is_mined"]
    assert paid["amount"].endswith(" EDD")
    assert paid["to"] == development.contracts.payments
    assert paid["said"].startswith(f"order {UNPAID_ORDER} asks for {paid['amount']} (waiting)\n")
    async with asyncio.timeout(20):
        while await order_state(operator) != "paid":  # noqa: ASYNC110 (the relay decides it)
            await asyncio.sleep(0.05)
    page = await get(operator, f"{BLOCKS}?limit=1")
    ((transaction,),) = [one["transactions"] for one in page["blocks"]]
    assert transaction["contract"] == "Payments"
    assert transaction["call"]["function"] == "pay"
    assert (transaction["from"], transaction["is_ok"]) == (ACCOUNTS[5].address, True)
    assert "PaymentMade" in [one["event"] for one in transaction["events"]]
    again = await post(operator, PAY, status=409)
    assert f"order {UNPAID_ORDER} in shop" in again["error"]


async def test_parts_come_from_the_wallet_that_is_named(operator: ClientSession, w3: Web3) -> None:
    part = await post(operator, PAY, {"part": "25%", "wallet": 7})
    (block,) = (await get(operator, f"{BLOCKS}?limit=1"))["blocks"]
    (transaction,) = block["transactions"]
    assert transaction["from"] == ACCOUNTS[7].address
    assert transaction["contract"] == "Eddies"
    assert transaction["call"]["function"] == "transfer"
    to, amount = transaction["call"]["arguments"]
    assert to == {"name": "to", "value": part["to"]}
    assert f"{int(amount['value']) / 100:.2f} EDD" == part["amount"]


async def test_two_at_once_are_paid_one_after_the_other(operator: ClientSession) -> None:
    both = await asyncio.gather(*(post(operator, PAY, {"part": "10%"}) for _ in range(2)))
    assert [one["is_mined"] for one in both] == [True, True]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ({"how": "barter"}, 400, "one of contract, address, token, wallet"),
        ({"part": "50%", "over": "1%"}, 400, "exclude each other"),
        ({"part": "half"}, 400, "no percentage"),
        ({"how": "contract", "part": "5%"}, 400, "the exact amount"),
        ({"wallet": 10}, 400, "from 0 to 9"),
        ({"late": "yes"}, 400, "true or false"),
        ({"part": "0.000001"}, 409, "is nothing"),
        ({"part": 50}, 409, "text"),
    ],
)
async def test_what_can_not_be_paid_so_is_refused_and_changes_nothing(
    operator: ClientSession, w3: Web3, content: object, status: int, words: str
) -> None:
    head = w3.eth.block_number
    assert words in (await post(operator, PAY, content, status))["error"]
    assert w3.eth.block_number == head


async def test_order_that_is_not_there(operator: ClientSession) -> None:
    for shop, order in ((DEMO_SHOP_ID, 5), (7, UNPAID_ORDER)):
        refused = await post(operator, f"/v1/dev/orders/{shop}/{order}/pay", status=409)
        assert "waits for no payment" in refused["error"]
    await post(operator, f"/v1/dev/orders/{2**256}/1/pay", status=400)


async def test_blocks_are_made_stopped_and_replaced(operator: ClientSession, w3: Web3) -> None:
    head = w3.eth.block_number
    assert (await post(operator, MINE, {"blocks": 2}))["said"] == f"mined 2; the head is block {head + 2}"
    try:
        await post(operator, STOP)
        assert rpc(w3, "anvil_getAutomine") is False
        await post(operator, GO)
        assert rpc(w3, "anvil_getAutomine") is True
    finally:
        rpc(w3, "evm_setAutomine", True)
    assert "1 replaced" in (await post(operator, REORGANISE, {"depth": 1, "moves": True}))["said"]
    assert w3.eth.block_number == head + 3


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        (MINE, {"blocks": 0}, 400),
        (MINE, {"blocks": 10_001}, 400),
        (MINE, {"blocks": "1"}, 409),
        (REORGANISE, {"depth": 10_001}, 400),
        (REORGANISE, {"depth": 10_000}, 409),
        (REORGANISE, {"moves": 1}, 400),
    ],
)
async def test_how_many_blocks_is_bounded(
    operator: ClientSession, w3: Web3, path: str, content: object, status: int
) -> None:
    head = w3.eth.block_number
    await post(operator, path, content, status)
    assert w3.eth.block_number == head


async def test_page_does_not_ask_for_more_than_it_may(operator: ClientSession) -> None:
    await post(operator, MINE, {"blocks": 60})
    assert len((await get(operator, f"{BLOCKS}?limit=1000"))["blocks"]) == 50
    assert len((await get(operator, BLOCKS))["blocks"]) == 20
    async with operator.get(f"{BLOCKS}?before=x") as answer:
        assert answer.status == 400


@asynccontextmanager
async def browser(development: Development) -> AsyncIterator[ClientSession]:
    async with ClientSession(development.server.login_links.url, cookie_jar=CookieJar(unsafe=True)) as http:
        yield http


async def test_whoever_is_not_logged_in_or_on_another_page_changes_nothing(
    development: Development, w3: Web3
) -> None:
    head = w3.eth.block_number
    origin = development.server.login_links.url
    assert origin is not None
    async with browser(development) as http:
        for path in (DEV, BLOCKS):
            async with http.get(path) as answer:
                assert answer.status == 401
        async with http.post(MINE, json={}) as answer:
            assert answer.status == 401
        async with http.get(development.server.login_links.make()) as answer:
            assert answer.status == 200
        session = await get(http, "/v1/session")
        assert session["extras"] == ["dev"]
        for path in (MINE, STOP, GO, REORGANISE, PAY):
            async with http.post(path, json={}, headers={"Origin": origin}) as answer:
                assert answer.status == 403, path
        assert w3.eth.block_number == head
        told = {"Origin": origin, "X-CSRF-Token": session["csrf"]}
        async with http.post(MINE, json={}, headers=told) as answer:
            assert answer.status == 200
    assert w3.eth.block_number == head + 1


async def test_chain_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    with ExitStack() as own:
        chain = own.enter_context(DevChain.start())
        async with run_development(options(chain, data=tmp_path)), operator_of(tmp_path) as http:
            assert (await get(http, DEV))["demo_shop"] is None
            own.close()
            for path in (DEV, BLOCKS):
                async with http.get(path) as answer:
                    assert answer.status == 409
                    assert "can't be asked" in (await answer.json())["error"]
