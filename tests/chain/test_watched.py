"""One watch, with what waits for it."""

from minirelay.chain.chain import Chain
from minirelay.chain.counted_reader import CountedReader
from minirelay.chain.findings import FoundBalance, FoundLog, Marks
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.watched import Watched
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.block_id import BlockId
from tests.chain.chain_values import block
from tests.chain.polling import CONTRACT, ENOUGH, MADE, KeepingWatch, coins

HOLDER, OTHER = b"\1" * 20, b"\2" * 20


def watched() -> tuple[Watched[str], KeepingWatch]:
    watch = KeepingWatch()
    one: Watched[str] = Watched(5, watch)
    one.begin_poll(10)
    return one, watch


def log(number: int = 10, address: bytes = CONTRACT, event: bytes = MADE) -> FoundLog:
    named = BlockId(number, block(number).hash)
    return FoundLog(address, (event, bytes(32)), b"", named, bytes(32), 0)


def balance(holder: bytes, amount: int = ENOUGH, count: int | None = None) -> FoundBalance:
    return FoundBalance(NATIVE_COIN, holder, amount, count)


def marks(deep: int) -> Marks:
    return Marks(block(20), 20, deep, None, 0, 0)


async def take(one: Watched[str], deep: int) -> None:
    await one.take(marks(deep), CountedReader(Chain(5, []), RequestBudget(0)))


def test_logs_of_its_filters_that_it_wants_are_for_it() -> None:
    one, watch = watched()
    assert one.keeps(log())
    assert not one.keeps(log(address=HOLDER))
    assert not one.keeps(log(event=bytes(32)))
    watch.wanted = lambda found: False
    assert not one.keeps(log())


async def test_logs_beyond_what_counts_as_read_are_forgotten_when_a_poll_begins() -> None:
    one, watch = watched()
    one.seen.add([log(10), log(11)])
    one.begin_poll(10)
    await take(one, 5)
    assert [found.block.number for found in watch.last.seen] == [10]


async def test_what_was_taken_is_given_again_until_it_is_settled() -> None:
    one, watch = watched()
    one.seen.add([log(10)])
    await take(one, 10)
    await take(one, 10)
    one.settle(marks(10), 0)
    await take(one, 10)
    assert [len(findings.deep) for findings in watch.takes] == [1, 1, 0]


def test_only_balances_that_may_be_enough_and_are_not_kept_need_a_count() -> None:
    one, watch = watched()
    watch.pairs = [coins(HOLDER)]
    assert one.pairs(0, 0, set()) == [coins(HOLDER)]
    assert one.needs_count(balance(HOLDER))
    assert not one.needs_count(balance(HOLDER, ENOUGH - 1))
    assert not one.needs_count(balance(OTHER))
    one.take_balances(block(10), [balance(HOLDER, count=0)], {})
    one.begin_poll(10)
    one.pairs(0, 0, set())
    assert not one.needs_count(balance(HOLDER))


def test_what_was_read_at_this_head_is_not_asked_for_again_but_what_is_due_is() -> None:
    one, watch = watched()
    watch.pairs = [coins(HOLDER), coins(OTHER)]
    one.pairs(0, 0, set())
    one.take_balances(block(10), [balance(OTHER, count=0)], {})
    assert one.pairs(0, 0, {coins(HOLDER), coins(OTHER)}) == []
    one.kept.confirm({10: block(10)})
    assert one.pairs(10, 0, {coins(HOLDER), coins(OTHER)}) == [coins(OTHER)]


async def test_what_is_due_is_given_only_together_with_what_is_there_now() -> None:
    one, watch = watched()
    watch.pairs = [coins(HOLDER)]
    one.pairs(0, 0, set())
    one.take_balances(block(10), [balance(HOLDER, count=0)], {})
    one.begin_poll(20)
    one.kept.confirm({10: block(10)})
    one.pairs(10, 0, set())
    await take(one, 10)
    assert not watch.last.deep_balances
    one.take_balances(block(20), [balance(HOLDER)], {})
    await take(one, 10)
    assert not watch.last.deep_balances
    one.pairs(10, 0, set())
    one.take_balances(block(20), [balance(HOLDER, count=1)], {})
    await take(one, 10)
    assert [at.block.number for at in watch.last.deep_balances] == [10]
    one.settle(marks(10), 0)
    assert len(one.kept) == 0


async def test_balances_of_others_are_not_told() -> None:
    one, watch = watched()
    watch.pairs = [coins(HOLDER)]
    one.pairs(0, 0, set())
    one.take_balances(block(10), [balance(OTHER)], {})
    await take(one, 5)
    assert watch.last.balances is None


async def test_what_is_wrong_with_tokens_that_were_asked_about_is_told() -> None:
    one, watch = watched()
    watch.pairs = [(OTHER, HOLDER)]
    one.pairs(0, 0, set())
    one.take_balances(block(10), [], {OTHER: "reverted", HOLDER: "reverted"})
    await take(one, 5)
    assert watch.last.token_faults == {OTHER: "reverted"}
    one.begin_poll(10)
    await take(one, 5)
    assert not watch.last.token_faults


def test_balances_of_blocks_that_a_reorganisation_dropped_are_forgotten() -> None:
    one, watch = watched()
    watch.pairs = [coins(HOLDER), coins(OTHER)]
    one.pairs(0, 0, set())
    one.take_balances(block(9), [balance(HOLDER, count=0)], {})
    one.take_balances(block(10), [balance(OTHER, count=0)], {})
    one.forget_above(9)
    assert coins(HOLDER) in one.kept
    assert coins(OTHER) not in one.kept
