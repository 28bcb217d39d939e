"""Payments for orders that are gone: told once, within bounds, and only those of shops of here."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from minirelay.chain.block import Block
from minirelay.chain.errors import AnswerTooLong, BudgetSpent
from minirelay.chain.findings import Findings, FoundLog, Marks
from minirelay.chain.question import Question
from minirelay.payments import stray_payments
from minirelay.payments.payment_target import PAYMENT_MADE
from minirelay.payments.stray_payments import AT_ONCE, MOST_ALERTS, MOST_ASKED, SLACK_S, StrayPayments
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import write_data
from minirelay.protocol.payments_contract import PAYMENTS
from minirelay.shop.payment_request import PaymentRequest, abi_values, payment_id
from minirelay.store.database import Store
from minirelay.store.missing_time import note_missing
from minirelay.store.operator_alerts import STRAY_PAYMENT, OperatorAlert
from minirelay.store.writes import Commit
from tests.store.examples import shop_row

CHAIN, CONTRACT = 1337, b"\xcc" * 20
SINCE, UNTIL = 1_700_000_000, 1_700_003_600
GENESIS = 1_700_000_010
SHOP = shop_row().shop_id


def request(number: int, shop_id: int = SHOP) -> PaymentRequest:
    return PaymentRequest(
        chain_id=CHAIN, ttl=number, currency=NATIVE_COIN, amount=5, payee=b"\x01" * 20, shop_id=shop_id
    )


def block(number: int, time: int = GENESIS) -> Block:
    return Block(number, number.to_bytes(32), bytes(32), time)


@dataclass
class Chain:
    """A chain that knows transactions. spent: it answers nothing. asked: questions in each exchange."""

    transactions: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    times: dict[bytes, int] = field(default_factory=dict)
    is_spent: bool = False
    asked: list[int] = field(default_factory=list)

    def pay(
        self, paid: PaymentRequest, number: int, *, to: bytes = CONTRACT, time: int = GENESIS
    ) -> FoundLog:
        """Pay with a call of the contract; give the log."""
        at = block(number, time)
        transaction = payment_id(paid)[::-1]
        data = PAYMENTS.function("pay").encode(abi_values(paid))
        self.transactions[transaction] = {
            "blockHash": write_data(at.hash),
            "to": write_data(to),
            "input": write_data(data),
        }
        self.times[at.hash] = time
        return FoundLog(CONTRACT, (PAYMENT_MADE, payment_id(paid)), b"", at.id, transaction, number)

    async def request_many(self, questions: Sequence[Question[Any]], at: BlockId | None = None) -> list[Any]:
        return [question.read(self._answer(question)) for question in self._count(questions)]

    async def request_unless_long(self, questions: Sequence[Question[Any]]) -> list[Any | AnswerTooLong]:
        return await self.request_many(questions)

    def _count(self, questions: Sequence[Question[Any]]) -> Sequence[Question[Any]]:
        if self.is_spent:
            raise BudgetSpent("no request is left")
        self.asked.append(len(questions))
        return questions

    def _answer(self, question: Question[Any]) -> object:
        key = bytes.fromhex(str(question.request.params[0])[2:])
        if question.request.method == "eth_getTransactionByHash":
            return self.transactions[key]
        if key not in self.times:
            return None
        number = int.from_bytes(key)
        return {
            "number": hex(number),
            "hash": write_data(key),
            "parentHash": write_data(bytes(32)),
            "timestamp": hex(self.times[key]),
        }


@dataclass
class Relay:
    store: Store
    chain: Chain
    strays: StrayPayments

    async def poll(self, *logs: FoundLog, deep: Block | None = None) -> list[str]:
        """Poll, and store what comes of it; give what is told of."""
        wanted = tuple(log for log in logs if self.strays.wants(log))
        at = deep or block(9)
        marks = Marks(head=at, scanned=at.number, deep=at.number, deep_block=at, final=0, final_time=0)
        findings = Findings(chain_id=CHAIN, marks=marks, deep=wanted)
        rows = await self.strays.take(findings, self.chain)
        for row in rows:
            await self.store.writer.commit(row)
        return [row.detail for row in rows if isinstance(row, OperatorAlert)]

    async def restart(self) -> None:
        self.strays = await StrayPayments.open(CHAIN, CONTRACT, self.store.reader, lambda: UNTIL)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path) as store:
        yield store


@pytest.fixture
async def relay(store: Store) -> Relay:
    await store.writer.commit(Commit(epoch=store.writer.epoch, shop=1, new_shop=shop_row()))
    await store.writer.connection.run(lambda db: note_missing(db, SINCE, UNTIL))
    strays = await StrayPayments.open(CHAIN, CONTRACT, store.reader, lambda: UNTIL)
    return Relay(store, Chain(), strays)


async def alerts(store: Store) -> list[tuple[str, int]]:
    return [(one.kind, one.count) for one in (await store.reader.alerts()).alerts]


async def test_a_payment_of_an_order_that_is_gone_is_told_once(relay: Relay) -> None:
    paid = relay.chain.pay(request(1), 3)
    (told,) = await relay.poll(paid)
    assert told.startswith(f"5 units of 0x{'0' * 40} were paid on chain {CHAIN} to 0x01")
    assert f"payment 0x{payment_id(request(1)).hex()}, transaction 0x" in told
    await relay.restart()
    # Logs come again after a restart.
    await relay.poll(paid)
    assert await alerts(relay.store) == [(STRAY_PAYMENT, 2)]
    assert await relay.store.reader.unknown_payments(CHAIN) == []


async def test_what_is_not_of_a_shop_of_here_is_nobodys_business(relay: Relay) -> None:
    other, contract = (
        relay.chain.pay(request(1, SHOP - 1), 3),
        relay.chain.pay(request(2), 4, to=b"\xdd" * 20),
    )
    forged = msgspec.structs.replace(
        relay.chain.pay(request(3), 5), topics=(PAYMENT_MADE, payment_id(request(4)))
    )
    assert await relay.poll(other, contract, forged) == []
    assert await alerts(relay.store) == []


async def test_what_was_paid_after_that_time_is_none(relay: Relay) -> None:
    late = relay.chain.pay(request(1), 3, time=UNTIL + SLACK_S + 1)
    gone = relay.chain.pay(request(2), 4)
    del relay.chain.times[gone.block.hash]
    in_time = relay.chain.pay(request(3), 5, time=UNTIL)
    (told,) = await relay.poll(late, gone, in_time)
    assert payment_id(request(3)).hex() in told


async def test_logs_of_others_are_not_wanted(relay: Relay) -> None:
    paid = relay.chain.pay(request(1), 3)
    assert not relay.strays.wants(msgspec.structs.replace(paid, address=bytes(20)))
    assert not relay.strays.wants(msgspec.structs.replace(paid, topics=(PAYMENT_MADE,)))
    assert relay.strays.wants(paid)
    assert [*relay.strays.ids(relay.strays.filters()[0]), *relay.strays.balances(0)] == []
    assert not relay.strays.is_needed()


async def test_few_are_asked_about_at_a_time_and_none_is_forgotten(relay: Relay) -> None:
    count = 3 * AT_ONCE
    logs = [relay.chain.pay(request(number), number) for number in range(1, count + 1)]
    assert len(await relay.poll(*logs)) == AT_ONCE
    assert len(await relay.store.reader.unknown_payments(CHAIN)) == 2 * AT_ONCE
    await relay.restart()
    told = [detail for _ in range(3) for detail in await relay.poll()]
    assert len(told) == 2 * AT_ONCE
    assert max(relay.chain.asked) <= AT_ONCE
    assert await relay.store.reader.unknown_payments(CHAIN) == []
    assert len(await alerts(relay.store)) == count


async def test_while_the_chain_answers_nothing_they_wait(relay: Relay) -> None:
    relay.chain.is_spent = True
    paid = relay.chain.pay(request(1), 3)
    assert await relay.poll(paid) == []
    assert len(await relay.store.reader.unknown_payments(CHAIN)) == 1
    relay.chain.is_spent = False
    assert len(await relay.poll()) == 1


async def test_when_that_time_is_deep_nothing_is_read_any_more(relay: Relay) -> None:
    assert relay.strays.filters()
    await relay.poll(deep=block(9, UNTIL + SLACK_S))
    assert relay.strays.filters()
    await relay.poll(deep=block(10, UNTIL + SLACK_S + 1))
    assert relay.strays.filters() == ()
    assert not relay.strays.wants(relay.chain.pay(request(1), 3))


async def test_without_a_restore_nothing_is_looked_for(store: Store) -> None:
    strays = await StrayPayments.open(CHAIN, CONTRACT, store.reader, lambda: UNTIL)
    assert strays.filters() == ()
    assert not strays.wants(Chain().pay(request(1), 3))


async def test_strangers_cannot_make_it_ask_without_end(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_ASKED <= 10_000
    monkeypatch.setattr(stray_payments, "MOST_ASKED", 5)
    wanted = [relay.strays.wants(relay.chain.pay(request(number), number)) for number in range(1, 9)]
    assert wanted == [True] * 5 + [False] * 3
    # Of those that it wants, it wants to be told again.
    assert relay.strays.wants(relay.chain.pay(request(1), 1))


async def test_of_very_many_only_some_are_told_of_one_by_one(relay: Relay) -> None:
    logs = [relay.chain.pay(request(number), number) for number in range(1, MOST_ALERTS + 10)]
    told = await relay.poll(*logs)
    while new := await relay.poll():
        told += new
    assert len(told) == MOST_ALERTS + 1
    assert told[-1] == f"more payments on chain {CHAIN} for orders that are gone than are told of"
