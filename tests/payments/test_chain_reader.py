"""Reading tokens and payees in the background."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest

from minirelay.chain.chain import Chain
from minirelay.dev.deployment import Deployment
from minirelay.payments.chain_reader import FIRST_RETRY_S, PAYEE_AGE_S, TOKEN_AGE_S, ChainReader
from minirelay.payments.decimals_memory import StoredDecimals
from minirelay.payments.known_facts import KnownFacts
from minirelay.payments.read_schedule import ContractFact, Wanted
from minirelay.relay.clock import utc_now
from minirelay.shop.checkout_facts import PayeeOf, TokenFacts, TokenOf
from minirelay.shop.quote import NoRates
from minirelay.store.database import Store
from tests.chain.nodes import CHAIN_ID, Clock, Node, chain_over, said
from tests.dev.contracts.contract_calls import PAYEE

PAYMENTS = b"\x11" * 20
TOKEN = TokenOf((CHAIN_ID, b"\x22" * 20))
SOMEBODY = PayeeOf((CHAIN_ID, b"\x33" * 20))
ONE_WORD = "0x" + "00" * 31 + "01"


class Contracts:
    """A node with contracts that can be told what to say. answers: by address."""

    def __init__(self) -> None:
        self.answers: dict[bytes, Any] = {}
        self.calls: list[dict[str, str]] = []
        self.node = Node(results={"eth_call": self._call})
        self._changed = asyncio.Event()

    async def _call(self, _request: Any, question: Any) -> Any:
        call = question["params"][0]
        self.calls.append(call)
        self._changed.set()
        return said(question, result=self.answers.get(bytes.fromhex(call["to"][2:]), "0x"))

    async def until_asked(self, address: bytes, times: int) -> None:
        while sum(call["to"] == "0x" + address.hex() for call in self.calls) < times:
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def running(
    chain: Chain, clock: Clock, **options: Any
) -> AsyncIterator[tuple[ChainReader, KnownFacts]]:
    known = KnownFacts([CHAIN_ID], NoRates())
    reader = ChainReader(chain, known, clock=clock, **({"payments": PAYMENTS} | options))
    task = asyncio.create_task(reader.run())
    yield reader, known
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def learn(reader: ChainReader, known: KnownFacts, *facts: ContractFact) -> None:
    for fact in facts:
        reader.begin_waiting(fact)
    for fact in facts:
        await known.wait_for(fact)
        reader.end_waiting(fact)


async def settle(reader: ChainReader, known: KnownFacts) -> None:
    """Wait until what is being read now was read: another one comes behind it."""
    await learn(reader, known, PayeeOf((CHAIN_ID, token_bytes(20))))


async def test_what_a_shop_names_is_read_from_the_chain(chain: Chain, deployment: Deployment) -> None:
    eddies = TokenOf((CHAIN_ID, bytes.fromhex(deployment.eddies[2:])))
    payee = PayeeOf((CHAIN_ID, bytes.fromhex(PAYEE[2:])))
    async with running(chain, Clock(), payments=bytes.fromhex(deployment.payments[2:])) as (reader, known):
        reader.keep(1, Wanted([eddies, payee], payee.place[1]))
        await known.wait_for(eddies)
        await known.wait_for(payee)
    facts = known.facts(1)
    assert (facts.tokens, facts.payees) == ({eddies.place: TokenFacts(2)}, {payee.place: True})


async def test_tokens_are_read_again_once_a_day_and_payees_every_hour() -> None:
    contracts, clock = Contracts(), Clock()
    contracts.answers[TOKEN.place[1]] = ONE_WORD
    async with chain_over(contracts.node) as bench, running(bench.chain, clock) as (reader, known):
        reader.keep(1, Wanted([TOKEN, SOMEBODY], SOMEBODY.place[1]))
        await known.wait_for(TOKEN)
        await known.wait_for(SOMEBODY)
        clock.now += PAYEE_AGE_S
        reader.keep(2, Wanted())
        await contracts.until_asked(SOMEBODY.place[1], 2)
        await settle(reader, known)
        assert sum(call["to"] == "0x" + TOKEN.place[1].hex() for call in contracts.calls) == 3
        clock.now += TOKEN_AGE_S
        reader.keep(2, Wanted())
        await contracts.until_asked(TOKEN.place[1], 6)


async def test_a_change_of_decimals_is_told(caplog: pytest.LogCaptureFixture) -> None:
    contracts, clock = Contracts(), Clock()
    contracts.answers[TOKEN.place[1]] = ONE_WORD
    async with chain_over(contracts.node) as bench, running(bench.chain, clock) as (reader, known):
        reader.keep(1, Wanted([TOKEN]))
        await known.wait_for(TOKEN)
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
        contracts.answers[TOKEN.place[1]] = "0x" + "00" * 31 + "06"
        clock.now += TOKEN_AGE_S
        reader.keep(2, Wanted())
        await contracts.until_asked(TOKEN.place[1], 6)
        await settle(reader, known)
    assert known.facts(1).tokens[TOKEN.place].decimals == 6
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (vars(record)["before"], vars(record)["now"]) == (1, 6)


async def test_a_change_of_decimals_from_one_run_to_the_next_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    contracts = Contracts()
    for word in ("01", "01", "06"):
        contracts.answers[TOKEN.place[1]] = "0x" + "00" * 31 + word
        async with (
            await Store.open(tmp_path) as store,
            chain_over(contracts.node) as bench,
            running(bench.chain, Clock(), memory=StoredDecimals(store, utc_now)) as (reader, known),
        ):
            reader.keep(1, Wanted([TOKEN]))
            await known.wait_for(TOKEN)
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (vars(record)["before"], vars(record)["now"]) == (1, 6)


async def test_what_can_not_be_used_is_looked_at_again_soon_then_ever_later() -> None:
    contracts, clock = Contracts(), Clock()
    async with chain_over(contracts.node) as bench, running(bench.chain, clock) as (reader, known):
        reader.keep(1, Wanted([TOKEN]))
        await known.wait_for(TOKEN)
        assert known.token(TOKEN.place) == TokenFacts(None, False)
        for times, pause_s in ((2, FIRST_RETRY_S), (3, 2 * FIRST_RETRY_S), (4, 4 * FIRST_RETRY_S)):
            clock.now += pause_s - 1
            await settle(reader, known)
            assert len([call for call in contracts.calls if call["data"] == "0x313ce567"]) == times - 1
            clock.now += 1
            reader.keep(2, Wanted())
            await contracts.until_asked(TOKEN.place[1], 3 * times)
            await settle(reader, known)


async def test_a_token_that_can_not_be_moved_on_is_taken_where_that_is_allowed() -> None:
    contracts = Contracts()
    contracts.answers[TOKEN.place[1]] = "0x" + "00" * 31 + "02"
    for allows in (False, True):
        async with (
            chain_over(contracts.node) as bench,
            running(bench.chain, Clock(), allows_unsweepable=allows) as (reader, known),
        ):
            await learn(reader, known, TOKEN)
        assert known.token(TOKEN.place) == TokenFacts(2, allows)


async def test_a_token_is_tried_with_a_payee_of_its_shop() -> None:
    contracts = Contracts()
    async with chain_over(contracts.node) as bench, running(bench.chain, Clock()) as (reader, known):
        reader.keep(1, Wanted([TOKEN], SOMEBODY.place[1]))
        await known.wait_for(TOKEN)
    assert SOMEBODY.place[1].hex() in contracts.calls[2]["data"]


async def test_a_write_that_waits_is_served_once_the_chain_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minirelay.payments.chain_reader.UNREACHABLE_PAUSE_S", 0.01)
    contracts = Contracts()

    async def broken(_request: Any, _question: Any) -> Any:
        contracts.node.behaviour = None
        bench.clock.now += 1000
        raise ConnectionError

    contracts.node.behaviour = broken
    async with chain_over(contracts.node) as bench, running(bench.chain, Clock()) as (reader, known):
        reader.begin_waiting(SOMEBODY)
        while not known.has(SOMEBODY):
            bench.clock.now += 1000
            with suppress(TimeoutError):
                await asyncio.wait_for(known.wait_for(SOMEBODY), 0.02)
    assert known.facts(1).payees == {SOMEBODY.place: True}
