"""One poll after the other, over nodes in memory."""

from collections.abc import Sequence
from contextlib import suppress
from random import Random

import pytest

from minirelay.chain.confirmations import Confirmations, Depths
from minirelay.chain.errors import BudgetSpent, ChainUnreachable
from minirelay.chain.poller import LEAST_REQUESTS, Start
from minirelay.chain.progress import Progress
from minirelay.chain.question import Question
from minirelay.errors import MinirelayError
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError, read_quantity
from minirelay.store.errors import StoreUnavailable
from tests.chain.chain_model import ChainModel, Transaction, address_of, coins_to, digest
from tests.chain.lies import lying
from tests.chain.model_node import MULTICALL3, ModelNode, NodeTraits
from tests.chain.polling import CHAIN_ID, CONTRACT, ENOUGH, CountedNode, KeptProgress, Polling, coins

HOLDER = address_of("holder")


async def test_what_is_found_is_seen_first_and_deep_when_its_block_is() -> None:
    polling = Polling()
    polling.mine(1, 2)
    await polling.poll()
    assert (polling.watch.seen, polling.watch.deep) == ([1, 2], [])
    polling.mine(3)
    await polling.poll()
    assert (polling.watch.seen, polling.watch.deep) == ([1, 2, 3], [])
    polling.mine()
    await polling.poll()
    assert (polling.watch.seen, polling.watch.deep) == ([3], [1, 2])
    assert polling.marks == (3, 3, 1)


async def test_what_was_given_as_deep_is_not_given_again_though_it_is_read_again() -> None:
    polling = Polling()
    polling.mine(1)
    for _ in range(10):
        polling.mine()
        await polling.poll()
    assert polling.watch.deep == [1]


async def test_one_confirmation_is_inclusion() -> None:
    polling = Polling(depths=Depths(1))
    polling.mine(1)
    await polling.poll()
    assert polling.watch.deep == [1]


async def test_a_quiet_chain_takes_one_request_a_poll_and_no_transaction() -> None:
    polling = Polling()
    polling.mine(1, count=5)
    await polling.poll()
    saves = polling.memory.saves
    for _ in range(5):
        await polling.poll()
        assert polling.node.requests == 1
        assert not set(polling.node.asked) - {"eth_getBlockByNumber", "eth_chainId"}
    assert polling.memory.saves == saves
    assert len(polling.watch.takes) == 6


async def test_a_new_block_takes_two_requests() -> None:
    polling = Polling()
    polling.mine(count=100)
    await polling.poll()
    polling.mine(1)
    await polling.poll()
    assert polling.node.requests == 2
    assert polling.node.asked.count("eth_getLogs") == 1


async def test_only_what_is_wanted_is_given() -> None:
    polling = Polling()
    polling.watch.wanted = lambda log: log.topics[1][-1] == 2
    polling.mine(1, 2)
    await polling.poll()
    assert polling.watch.seen == [2]


async def test_every_head_is_told_at_once_also_when_the_poll_fails() -> None:
    polling = Polling()
    polling.watch.error = ChainUnreachable("no")
    polling.mine()
    with pytest.raises(ChainUnreachable):
        await polling.poll()
    assert polling.heads == [1]


# -- where it begins


async def test_a_chain_that_was_never_read_is_read_from_a_margin_before_its_head() -> None:
    polling = Polling(start=Start(margin=10))
    for payment in range(1, 101):
        polling.mine(payment)
    await polling.poll()
    found = sorted(polling.watch.deep + polling.watch.seen)
    assert found[-10:] == list(range(91, 101))
    assert polling.marks == (100, 100, 98)


async def test_a_chain_that_was_never_read_is_read_from_the_block_of_its_contracts() -> None:
    polling = Polling(start=Start(block=40))
    for payment in range(1, 101):
        polling.mine(payment)
    await polling.poll()
    assert set(range(40, 101)) <= set(polling.watch.deep + polling.watch.seen)


async def test_a_start_beyond_the_head_is_the_head() -> None:
    polling = Polling(start=Start(block=1000))
    polling.mine(count=3)
    await polling.poll()
    assert polling.marks == (3, 3, 1)
    polling.mine(4)
    await polling.poll()
    assert polling.watch.seen == [4]


async def test_a_chain_with_no_block_but_the_first_is_read() -> None:
    polling = Polling()
    await polling.poll()
    assert polling.marks == (0, 0, 0)


# -- restarts


async def test_nothing_is_missed_across_a_restart_however_long() -> None:
    polling = Polling()
    polling.mine(1, count=10)
    await polling.poll()
    for payment in range(2, 3000):
        polling.mine(*([payment] if payment % 100 == 0 else []))
    polling.restart()
    await polling.poll_to_head()
    # What was given before the restart may come again.
    assert list(dict.fromkeys(polling.watch.deep)) == [1, *range(100, 3000, 100)]
    assert polling.marks == (3008, 3008, 3006)


async def test_what_was_seen_before_a_restart_is_seen_after_it_however_deep_deep_is() -> None:
    polling = Polling(depths=Depths(200))
    polling.mine(1, count=100)
    await polling.poll()
    polling.restart()
    polling.mine()
    await polling.poll_to_head()
    assert polling.watch.seen == [1]
    polling.mine(count=99)
    await polling.poll_to_head()
    assert polling.watch.deep == [1]


async def test_a_block_that_gets_deep_long_after_it_was_read_is_asked_for_again() -> None:
    polling = Polling(depths=Depths(100))
    polling.mine(1)
    await polling.poll()
    polling.mine(count=98)
    await polling.poll()
    assert polling.watch.deep == []
    polling.mine()
    await polling.poll()
    assert polling.watch.deep == [1]


async def test_what_can_not_be_confirmed_is_not_decided_and_the_mark_waits_for_it() -> None:
    polling = Polling(depths=Depths(200))
    polling.mine(1)
    polling.mine(2, count=100)
    await polling.poll()
    polling.mine(count=100)
    polling.node.intercept = lambda request: Result(None) if request.params[:1] == ["0x2"] else None
    await polling.poll()
    assert (polling.watch.deep, polling.watch.last.marks.deep) == ([1], 1)
    polling.node.intercept = lambda request: None
    polling.mine()
    await polling.poll()
    assert (polling.watch.deep, polling.watch.last.marks.deep) == ([1, 2], 3)


async def test_what_could_not_be_taken_comes_again_and_the_marks_stay() -> None:
    polling = Polling(depths=Depths(1))
    polling.mine(1)
    await polling.poll()
    stored = polling.memory.progress
    polling.mine(2)
    polling.watch.error = StoreUnavailable("the disk is full")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await polling.poll()
    assert polling.memory.progress == stored
    polling.watch.error = None
    await polling.poll()
    assert polling.watch.deep == [1, 2]


async def test_what_could_not_be_stored_comes_again() -> None:
    polling = Polling(depths=Depths(1))
    polling.mine(1)
    polling.memory.error = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await polling.poll()
    polling.memory.error = None
    await polling.poll()
    assert polling.watch.deep == [1, 1]


async def test_rows_of_the_watch_are_stored_with_the_marks_and_on_a_quiet_chain_too() -> None:
    polling = Polling()
    await polling.poll()
    polling.watch.rows = ["row"]
    await polling.poll()
    assert polling.memory.rows == ["row"]


# -- reorganisations


async def test_a_reorganisation_forgets_what_was_seen_and_finds_what_is_there_now() -> None:
    polling = Polling()
    base = polling.mine(count=5)
    polling.mine(1)
    polling.mine(2)
    await polling.poll()
    polling.reorganise(base, [2], [], [3])
    await polling.poll()
    assert polling.watch.last.forgotten_above is not None
    assert polling.watch.last.forgotten_above <= base.number
    assert (polling.watch.seen, polling.watch.deep) == ([3], [2])
    polling.mine(count=2)
    await polling.poll()
    assert polling.watch.deep == [2, 3]
    assert polling.watch.last.forgotten_above is None


async def test_a_reorganisation_is_found_between_stored_heads() -> None:
    polling = Polling()
    blocks = []
    for _ in range(30):
        blocks.append(polling.mine())
        await polling.poll()
    polling.reorganise(blocks[19], [7], *[[]] * 15)
    await polling.poll()
    assert polling.watch.last.forgotten_above == blocks[19].number
    assert polling.watch.deep == [7]


async def test_a_reorganisation_that_was_not_taken_is_told_again() -> None:
    polling = Polling()
    base = polling.mine()
    polling.mine(1)
    await polling.poll()
    polling.reorganise(base, [], [])
    polling.watch.error = ChainUnreachable("no")
    with pytest.raises(ChainUnreachable):
        await polling.poll()
    polling.watch.error = None
    await polling.poll()
    assert polling.watch.last.forgotten_above == 0
    assert polling.watch.seen == []


async def test_a_reorganisation_while_the_relay_was_down_is_found() -> None:
    polling = Polling()
    base = polling.mine()
    polling.mine(1)
    await polling.poll()
    polling.restart()
    polling.reorganise(base, [], [], [2])
    await polling.poll()
    assert (polling.watch.seen, polling.watch.deep) == ([2], [])


async def test_a_chain_that_is_another_one_altogether_is_read_anew() -> None:
    polling = Polling(depths=Depths(1, is_development=True))
    polling.mine(1, count=10)
    await polling.poll()
    genesis = polling.model.best.at(0)
    assert genesis is not None
    polling.reorganise(genesis, [5], [6])
    await polling.poll()
    assert polling.watch.deep == [1, 5, 6]
    assert polling.marks == (2, 2, 2)


# -- balances


async def test_coins_are_seen_then_decided_when_their_block_is_deep() -> None:
    polling = Polling()
    polling.watch.pairs = [coins(HOLDER)]
    paid_in = polling.model.mine([coins_to(HOLDER, ENOUGH, "pay")])
    await polling.poll()
    balances = polling.watch.last.balances
    assert balances is not None
    assert (balances.block.number, balances.balances[0].amount) == (1, ENOUGH)
    assert balances.balances[0].transaction_count == 0
    polling.mine()
    await polling.poll()
    assert polling.watch.paid == []
    polling.mine()
    await polling.poll()
    assert polling.watch.paid == [HOLDER]
    (deep,) = polling.watch.last.deep_balances
    assert deep.block == paid_in.header
    now = polling.watch.last.balances
    assert now is not None
    assert now.balances[0].transaction_count == 0


async def test_too_little_is_told_and_not_kept() -> None:
    polling = Polling(depths=Depths(1))
    polling.watch.pairs = [coins(HOLDER)]
    polling.model.mine([coins_to(HOLDER, ENOUGH - 1, "pay")])
    await polling.poll()
    balances = polling.watch.last.balances
    assert balances is not None
    assert [(one.amount, one.transaction_count) for one in balances.balances] == [(ENOUGH - 1, None)]
    polling.mine()
    await polling.poll()
    assert polling.watch.paid == []


async def test_coins_whose_block_vanished_are_not_decided() -> None:
    polling = Polling()
    polling.watch.pairs = [coins(HOLDER)]
    base = polling.mine()
    polling.model.mine([coins_to(HOLDER, ENOUGH, "pay")])
    await polling.poll()
    polling.reorganise(base, [], [], [], [])
    await polling.poll()
    assert polling.watch.paid == []
    balances = polling.watch.last.balances
    assert balances is not None
    assert balances.balances[0].amount == 0


async def test_what_was_swept_meanwhile_is_decided_with_its_transaction_count() -> None:
    polling = Polling()
    polling.watch.pairs = [coins(HOLDER)]
    polling.model.mine([coins_to(HOLDER, ENOUGH, "pay")])
    await polling.poll()
    polling.model.mine([Transaction(digest("sweep"), sweeps=(HOLDER,))])
    polling.mine()
    await polling.poll()
    assert polling.watch.paid == [HOLDER]
    balances = polling.watch.last.balances
    assert balances is not None
    assert [(one.amount, one.transaction_count) for one in balances.balances] == [(0, 1)]


async def test_a_balance_is_looked_at_once_at_each_head() -> None:
    polling = Polling()
    polling.watch.pairs = [coins(HOLDER)]
    polling.mine()
    await polling.poll()
    await polling.poll()
    assert polling.node.requests == 1
    polling.watch.pairs.append(coins(address_of("another")))
    await polling.poll()
    # And one that depends on no payment.
    assert polling.node.asked.count("eth_getBalance") == 2


async def test_where_no_logs_can_be_read_balances_are_told_all_the_same() -> None:
    polling = Polling()
    polling.watch.pairs = [coins(HOLDER)]
    polling.mine()
    await polling.poll()
    polling.model.mine([coins_to(HOLDER, ENOUGH, "pay")])
    polling.node.intercept = lambda request: _failing(request, "eth_getLogs")
    await polling.poll()
    assert polling.marks == (2, 1, 0)
    balances = polling.watch.last.balances
    assert balances is not None
    assert balances.balances[0].amount == ENOUGH


async def test_where_no_balances_can_be_read_logs_are_told_all_the_same() -> None:
    polling = Polling()
    other = CountedNode(polling.model, "other")
    polling.nodes = (polling.node, other)
    polling.restart()
    polling.watch.pairs = [coins(HOLDER)]
    polling.mine(1)
    for node in polling.nodes:
        node.intercept = lambda request: _failing(request, "eth_getBalance")
    # The poll in which the endpoints begin to rest has no logs either.
    await polling.poll()
    for node in polling.nodes:
        node.intercept = lambda request: None
    await polling.poll(600)
    assert polling.watch.seen == [1]


# -- the budget


async def test_a_poll_makes_no_more_requests_than_it_may_however_much_there_is_to_read() -> None:
    model = ChainModel(CHAIN_ID, codes=(CONTRACT,))
    polling = Polling(CountedNode(model), start=Start(1))
    polling.mine(1)
    for _ in range(30_000):
        model.mine()
    polling.mine(2)
    polls = 0
    while True:
        poll = await polling.poll()
        polls += 1
        assert polling.node.requests <= 10
        if not poll.is_behind:
            break
    assert polls > 1
    assert (polling.watch.deep, polling.watch.seen) == ([1], [2])


async def test_what_a_watch_asks_is_within_the_budget() -> None:
    polling = Polling()
    polling.watch.questions = [Question(Request("eth_blockNumber"), read_quantity)] * 2000
    with pytest.raises(BudgetSpent):
        await polling.poll()
    assert polling.node.requests == 10


async def test_a_budget_that_is_too_small_is_made_larger() -> None:
    polling = Polling(requests=1)
    polling.mine(1)
    await polling.poll()
    assert polling.watch.seen == [1]
    assert polling.node.requests <= LEAST_REQUESTS


# -- what is final


async def test_final_is_the_newest_known_block_under_the_tag() -> None:
    polling = Polling(CountedNode(ChainModel(CHAIN_ID), traits=NodeTraits(finalized_distance=20)))
    for _ in range(40):
        polling.mine()
        await polling.poll(31)
    marks = polling.watch.last.marks
    block = polling.model.best.at(20)
    assert block is not None
    assert (marks.final, marks.final_time) == (20, block.header.timestamp)
    assert polling.memory.progress is not None
    assert polling.memory.progress.history.blocks[0].number == 20


async def test_without_a_tag_final_is_so_many_blocks_deep() -> None:
    polling = Polling(CountedNode(ChainModel(CHAIN_ID), traits=NodeTraits(has_tags=False)))
    for _ in range(100):
        polling.mine()
        await polling.poll()
    assert polling.watch.last.marks.final == 100 - 64 + 1


async def test_a_tag_can_say_what_is_deep() -> None:
    node = CountedNode(ChainModel(CHAIN_ID), traits=NodeTraits(safe_distance=5))
    polling = Polling(node, depths=Depths("safe"))
    polling.mine(1, count=5)
    await polling.poll()
    assert (polling.watch.seen, polling.watch.deep) == ([1], [])
    polling.mine()
    await polling.poll()
    assert (polling.watch.seen, polling.watch.deep) == ([], [1])


async def test_where_the_tag_is_not_known_nothing_is_deep() -> None:
    node = CountedNode(ChainModel(CHAIN_ID), traits=NodeTraits(has_tags=False))
    polling = Polling(node, depths=Depths("finalized"))
    polling.mine(1, count=100)
    await polling.poll()
    assert (polling.watch.seen, polling.watch.deep) == ([1], [])


def _failing(request: Request, method: str) -> RpcError | None:
    return RpcError(-32603, "internal error") if request.method == method else None


async def test_a_count_that_the_budget_did_not_reach_is_asked_for_without_a_new_block() -> None:
    holder = address_of("customer")
    # The first poll has one left for balances.
    polling = Polling(requests=LEAST_REQUESTS + 1, depths=Depths(1, is_development=True))
    polling.model.mine([coins_to(holder, ENOUGH, "payment")])
    polling.watch.pairs = [coins(holder)]
    for _ in range(3):
        await polling.poll()
    assert polling.watch.paid == [holder]


class NodeWithoutBatches(CountedNode):
    """A node that answers one question at a time."""

    async def ask_many(self, requests: Sequence[Request]) -> list[Answer | None]:
        self.requests += 1
        if len(requests) > 1:
            return [RpcError(-32600, "batch requests are not supported")] * len(requests)
        return [self.answer(request) for request in requests]


async def polls_until_read(polling: Polling, most: int) -> int:
    """Poll until the head is read; gives how often."""
    for count in range(1, most + 1):
        with suppress(BudgetSpent):
            await polling.poll()
            if polling.watch.last.marks.scanned == polling.model.head.number:
                return count
    raise AssertionError(f"the head is not read after {most} polls")


async def test_a_deep_reorganisation_is_followed_where_no_batches_are_taken() -> None:
    """What was found to have vanished is not asked for again by the next poll."""
    polling = Polling(NodeWithoutBatches(ChainModel(CHAIN_ID, codes=(CONTRACT,))), depths=Depths(40))
    root = polling.mine(1)
    for payment in range(2, 32):
        polling.mine(payment)
        await polls_until_read(polling, 3)
    polling.reorganise(root, *[[payment] for payment in range(101, 133)])
    await polls_until_read(polling, 12)
    assert polling.watch.seen == [1, *range(101, 133)]


async def test_logs_and_balances_take_turns_where_no_batches_are_taken() -> None:
    polling = Polling(NodeWithoutBatches(ChainModel(CHAIN_ID, codes=(CONTRACT,))), depths=Depths(2))
    holders = [address_of(("customer", n)) for n in range(12)]
    polling.watch.pairs = [coins(holder) for holder in holders]
    polling.model.mine([coins_to(holders[0], ENOUGH, "payment")])
    for payment in range(1, 20):
        polling.mine(payment)
        await polling.poll()
    await polls_until_read(polling, 4)
    assert holders[0] in polling.watch.paid
    assert polling.watch.deep + polling.watch.seen == list(range(1, 20))


async def test_what_a_failed_poll_forgot_for_a_reorganisation_is_read_again() -> None:
    """The head may be on the branch from before again; what it forgot may be older than what overlaps."""
    polling = Polling(depths=Depths(100))
    first = polling.mine(1)
    head = polling.mine(count=80)
    await polling.poll()
    assert polling.watch.seen == [1]
    root = polling.model.best.at(first.number - 1)
    assert root is not None
    polling.reorganise(root, *[[]] * 90)
    polling.watch.error = ChainUnreachable("not now")
    with pytest.raises(ChainUnreachable):
        await polling.poll()
    polling.watch.error = None
    for _ in range(10):
        head = polling.model.mine(on=head)
    polling.model.choose(head)
    await polling.poll()
    assert polling.watch.seen == [1]


class FailingLate(KeptProgress):
    """Stores, and fails all the same, once."""

    async def save(
        self, chain_id: int, before: Progress | None, after: Progress, rows: Sequence[str]
    ) -> None:
        await super().save(chain_id, before, after, rows)
        if self.saves == 2:
            raise StoreUnavailable("nobody knows")


async def test_after_a_save_that_failed_what_is_stored_counts() -> None:
    polling = Polling()
    polling.memory = FailingLate()
    polling.restart()
    polling.mine(1)
    await polling.poll()
    polling.mine(2)
    with pytest.raises(StoreUnavailable):
        await polling.poll()
    polling.mine(3)
    await polling.poll()
    assert polling.memory.saves == 3
    assert polling.watch.deep + polling.watch.seen == [1, 2, 3]


# -- endpoints that lie


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_an_endpoint_answers_the_marks_are_in_order_and_nothing_is_missed(seed: int) -> None:
    random = Random(seed)
    model = ChainModel(CHAIN_ID, codes=(CONTRACT,))
    nodes = [CountedNode(model, name) for name in ("liar", "other")]
    confirmations: Sequence[Confirmations] = (1, 3, "safe", "finalized")
    depths = Depths(random.choice(confirmations), is_development=random.random() < 0.5)
    polling = Polling(*nodes, depths=depths, multicall=random.choice((None, MULTICALL3)))
    polling.watch.pairs = [coins(address_of(n)) for n in range(5)]
    nodes[0].intercept = lying(ModelNode(model), random, random.choice((0.05, 0.3)))
    for payment in range(30):
        polling.mine(payment)
        with suppress(MinirelayError):
            await polling.poll(random.choice((0.5, 4, 30, 700)))
        assert sum(node.requests for node in nodes) <= 10
        for marks in [one.marks for one in polling.watch.takes[-1:]]:
            assert marks.final <= marks.deep <= marks.scanned <= marks.head.number
    nodes[0].intercept = lambda request: None
    for _ in range(5):
        with suppress(MinirelayError):
            await polling.poll(700)
    assert polling.marks[:2] == (30, 30)
    assert set(range(polling.marks[2])) <= set(polling.watch.deep)
