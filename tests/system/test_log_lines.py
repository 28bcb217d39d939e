"""What the lines of the log say: whose they are, and nothing that is private (spec 09, "Logs")."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest
from web3 import Web3

from minirelay.client import RelayRefused
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.logs import JsonFormatter
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS
from tests.shop.checkouts import ADDRESS
from tests.system.killable import SECRET, WALLET, KillableRelay, killable_relay
from tests.system.paid_orders import PAID, paid_orders
from tests.system.payers import ROUTES
from tests.system.serving import OWNER
from tests.system.traffic import Traffic, listing

WRITES = 30
LINE_BYTES = 2**16


def fields(line: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", line))


def of(relay: KillableRelay, event: str) -> list[dict[str, str]]:
    return [fields(line) for line in relay.log if event in line]


@pytest.fixture
async def relay(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[KillableRelay]:
    async with killable_relay(tmp_path, dev_chain, deployment) as relay:
        await relay.start("--set", "log_level=debug", "--set", "log_burst=1000")
        yield relay


async def test_each_line_about_a_write_names_its_session_and_request(relay: KillableRelay) -> None:
    async with Traffic.at(relay, WALLET.address, Random(1)) as traffic:
        accepted, _ = await traffic.client()
        refused, _ = await traffic.client(guest=True)

        async def write(number: int) -> None:
            await accepted.write(listing(number, "x"))

        async def write_in_vain(number: int) -> None:
            with pytest.raises(RelayRefused):
                await refused.write(listing(number, "x"))

        # Both write at once, so that a turn of the shop's sequencer has writes of both.
        for number in range(1, WRITES + 1):
            await asyncio.gather(write_in_vain(1000 + number), write(number))
    assert await relay.stop() == 0
    told_accepted, told_refused = of(relay, "a write was accepted"), of(relay, "a write was refused")
    assert len(told_refused) == WRITES
    assert len(told_accepted) >= WRITES
    # One session each, another one, and each request by its number.
    (theirs,) = {one["session"] for one in told_accepted}
    (others,) = {one["session"] for one in told_refused}
    assert theirs != others
    for told in (told_accepted, told_refused):
        assert len({one["request_id"] for one in told}) == len(told)
    # What is about all of them is of none.
    (summary,) = of(relay, "writes were refused")
    assert "session" not in summary


async def test_as_json_each_line_is_an_object_that_says_when_what_and_whose(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with killable_relay(tmp_path, dev_chain, deployment) as relay:
        await relay.start("--log-format", "json", "--set", "log_level=debug", "--set", "log_burst=1000")
        async with Traffic.at(relay, WALLET.address, Random(1)) as traffic:
            client, _ = await traffic.client()
            await client.write(listing(1, 'two\nlines, "quoted"'))
        assert await relay.stop() == 0
    told = [json.loads(line) for line in relay.log]
    assert all({"time", "level", "event"} <= set(one) for one in told)
    accepted = [one for one in told if one["event"] == "a write was accepted"]
    assert accepted
    assert all(one["session"] and one["request_id"] for one in accepted)
    assert told[-1]["event"] == "stopped"


async def test_a_request_over_http_has_an_id_on_its_lines(relay: KillableRelay) -> None:
    async with Traffic.at(relay, WALLET.address, Random(1)) as traffic:
        for _ in range(3):
            await traffic.client()
    assert await relay.stop() == 0
    told = of(relay, "a key card was enrolled")
    assert len({one["request"] for one in told}) == len(told) == 3


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Collect all that the relay logs, however closely it is looked at, as it would be written."""
    found: list[str] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    handler, ours = Collecting(), logging.getLogger("minirelay")
    handler.setFormatter(JsonFormatter(LINE_BYTES))
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    try:
        yield found
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)


async def test_no_customers_address_and_no_key_is_ever_logged(
    tmp_path: Path,
    dev_chain: DevChain,
    deployment: Deployment,
    contracts: Contracts,
    w3: Web3,
    lines: list[str],
) -> None:
    shop = paid_orders(tmp_path, dev_chain, deployment, contracts, w3, VARIANTS[0])
    async with shop.relay():
        order, request = await shop.order()
        await asyncio.to_thread(ROUTES[0].pay, shop.payer, request, request.amount)
        await shop.until(order, PAID)
        # A set that is refused has an address in it, too.
        with pytest.raises(RelayRefused):
            await shop.guest.write(listing(5, str(ADDRESS["Name"])))
    text = "\n".join(lines)
    assert "a payment request is paid" in text
    assert f'"order": {order}' in text
    personal = [str(value) for value in ADDRESS.values() if len(str(value)) > 3]
    assert len(personal) >= 3
    secrets = [SECRET.hex(), OWNER.private_key[2:]]
    assert [one for one in [*personal, *secrets] if one.lower() in text.lower()] == []
