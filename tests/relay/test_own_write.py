"""What the relay writes by itself: decided when its turn comes, stored whole or not at all."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minirelay.errors import Code, Refusal, invalid
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, decode_header, decode_patch
from minirelay.protocol.signing import recover
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.relay.sequencer import LOOP_WORK
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_facts import Facts, FactsMissing, HeadOf, TokenFacts, TokenOf
from minirelay.shop.checkout_records import CheckoutChanges
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.order_states import OrderState
from minirelay.shop.relay_sets import MOST_PATCHES
from minirelay.shop.state import inventory_key
from minirelay.shop.work import Work
from minirelay.store.errors import StoreUnavailable
from minirelay.store.meta_table import MetaTable
from minirelay.store.writes import MetaRow
from tests.limits import RELAY, WRITES
from tests.raw_client import Refused
from tests.relay.fixed_facts import CHAIN, FixedFacts
from tests.relay.house import RELAY_KEY, SHOP, TIMEOUT_S, House, listing, restore, running_relay, until
from tests.relay.selling import CAP, STOCK, Selling, known_facts, write
from tests.relay.test_audit import audited
from tests.shop.checkouts import buy, cancel, item
from tests.shop.patching import TOKEN, number, value_of

WALLET = b"\x0a" * 20


def account(wallet: bytes) -> tuple[NewPatch, ...]:
    return (NewPatch("add", ("Accounts", wallet), {"KeyCards": [], "Guest": False}),)


def add_account(wallet: bytes = WALLET, *rows: MetaRow) -> Decide:
    """Add an account, unless it is there."""

    def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        if head.state.get(ObjectType.ACCOUNT, wallet) is not None:
            return None
        return OwnSets(CheckoutOutcome((account(wallet),)), rows)

    return decide


def remove_account(wallet: bytes) -> Decide:
    patches = ((NewPatch("remove", ("Accounts", wallet), None),),)
    return lambda _head, _facts, _work: OwnSets(CheckoutOutcome(patches))


def settle(order_id: int) -> Decide:
    """Let an unpaid order of one cap be paid, as money for its last request would."""

    def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        key = number(order_id)
        if value_of(head.state, ObjectType.ORDER, key)["State"] != OrderState.UNPAID:
            return None
        changes = CheckoutChanges(head.records, facts.now, WRITES.checkout, work)
        request = changes.requests.of_order(key)[-1]
        changes.requests.put(request, RequestState.PAID)
        changes.close(key)
        order = ("Orders", order_id)
        patches = (
            NewPatch("decrement", ("Inventory", CAP), 1),
            NewPatch("add", (*order, "TxDetails"), {"BlockHash": bytes(32)}),
            NewPatch("replace", (*order, "State"), int(OrderState.PAID)),
        )
        return OwnSets(CheckoutOutcome((patches,), changes.finish()), (MetaRow("paid", key),))

    return decide


async def meta(house: House, key: str) -> bytes | None:
    return await MetaTable(house.store).get_meta(key)


# -- what is written


async def test_the_relays_own_set_is_signed_stored_and_told(house: House) -> None:
    clerk = await house.clerk()
    await clerk.subscribe(1)
    written = await house.relay.write_own(SHOP, add_account(WALLET, MetaRow("note", b"kept")))
    assert written is not None
    assert await house.durable_seq() == 2
    assert await meta(house, "note") == b"kept"
    (told,) = await clerk.sets_until(2)
    assert recover(told.header, told.signature) == RELAY_KEY.public_key
    assert decode_header(told.header).key_card_nonce == 2
    (patch,) = map(decode_patch, told.patches)
    assert (patch.op, patch.path) == ("add", ("Accounts", WALLET))


async def test_what_is_there_already_is_not_written_again(house: House) -> None:
    await house.enrol()
    written = await asyncio.gather(*(house.relay.write_own(SHOP, add_account()) for _ in range(5)))
    assert [one is not None for one in written] == [True, False, False, False, False]
    assert await house.durable_seq() == 2


async def test_deciding_that_there_is_nothing_to_write_writes_nothing_to_the_disk(house: House) -> None:
    await house.enrol()
    await house.relay.write_own(SHOP, add_account())

    def look() -> tuple[int, int]:
        found = Path(f"{house.store.path}-wal").stat()
        return found.st_size, found.st_mtime_ns

    before = look()
    assert await house.relay.write_own(SHOP, add_account()) is None
    assert look() == before


async def test_rows_alone_are_stored_without_a_set(house: House) -> None:
    clerk = await house.clerk()
    await clerk.subscribe(1)
    await house.relay.write_own(SHOP, lambda *_: OwnSets(rows=(MetaRow("note", b"alone"),)))
    assert await meta(house, "note") == b"alone"
    assert await house.durable_seq() == 1
    await clerk.write(listing(1))
    assert [one.seq for one in await clerk.sets_until(2)] == [2]


async def test_many_patches_become_several_sets_in_one_transaction(house: House, tmp_path: Path) -> None:
    await house.enrol()
    wallets = [index.to_bytes(20) for index in range(1, 2 * MOST_PATCHES + 2)]
    outcome = CheckoutOutcome(tuple(map(account, wallets)))
    await house.relay.write_own(SHOP, lambda *_: OwnSets(outcome))
    assert await house.durable_seq() == 4
    await audited(tmp_path)


async def test_a_shop_that_is_not_in_memory_is_opened(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as house:
        await house.enrol()
    restore(tmp_path)
    async with running_relay(tmp_path) as house:
        await house.relay.write_own(SHOP, add_account())
        await house.relay.write_own(SHOP, remove_account(WALLET))
    result, _ = await audited(tmp_path)
    assert result.set_count == 3


async def test_a_shop_that_is_not_served_is_not_found(house: House) -> None:
    with pytest.raises(Refusal) as refused:
        await house.relay.write_own(SHOP, add_account())
    assert refused.value.code == Code.NOT_FOUND
    assert not await house.relay.is_served(SHOP)


# -- key cards


async def test_a_key_card_that_it_unlinks_ends_at_once(house: House, tmp_path: Path) -> None:
    await house.enrol()
    key = await house.enrol()
    doomed = await house.session(key)
    await house.relay.write_own(SHOP, remove_account(house.wallets[key.public_key]))
    assert await doomed.end() == 1008
    found = await house.relay.find_card(key.public_key)
    assert found is not None
    assert found.is_unlinked
    await audited(tmp_path)


# -- checkout


async def test_an_order_that_it_pays_holds_no_stock_and_waits_for_nothing(tmp_path: Path) -> None:
    caps = inventory_key(CAP, ())
    async with running_relay(tmp_path, facts=known_facts()) as house:
        shop = await Selling.start(house)
        guest = await house.guest()
        await write(guest, buy(5, item(CAP)))
        now = int(datetime.now(UTC).timestamp())
        assert await shop.reserved(caps, now) == 1
        (request,) = await shop.requests(5)
        assert await house.relay.write_own(SHOP, settle(5)) is not None
        assert await house.relay.write_own(SHOP, settle(5)) is None
        assert await shop.order_state(5) is OrderState.PAID
        assert await shop.reserved(caps, now) == 0
        assert (await shop.head()).records.live_orders.get(number(5)) is None
        with pytest.raises(Refused):
            await write(guest, cancel(5))
        await write(shop.clerk, buy(6, item(CAP, STOCK - 1)))
    await audited(tmp_path)
    async with running_relay(tmp_path, facts=known_facts()) as house:
        again = Selling(house, await house.clerk())
        stored = await house.store.reader.payment_requests((await again.head()).row, ids={request.id})
        assert [one.state for one in stored.values()] == [RequestState.PAID]
        assert await again.reserved(caps, now) == STOCK - 1
        assert await meta(house, "paid") == number(5)


async def test_missing_facts_are_waited_for(tmp_path: Path) -> None:
    facts, place = FixedFacts(), (CHAIN, TOKEN)

    def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        if place not in facts.tokens:
            raise FactsMissing([TokenOf(place)])
        return OwnSets(CheckoutOutcome((account(WALLET),)))

    async with running_relay(tmp_path, facts=facts) as house, asyncio.timeout(TIMEOUT_S):
        clerk = await house.clerk()
        waiting = asyncio.create_task(house.relay.write_own(SHOP, decide))
        await facts.asked_for(1)
        # The writes of others go on meanwhile.
        await clerk.write(listing(9))
        await facts.learn(tokens={place: TokenFacts(2)})
        assert await waiting is not None
        assert await house.durable_seq() == 3


async def test_facts_are_not_waited_for_longer_than_by_clients(tmp_path: Path) -> None:
    facts = FixedFacts(has_head={CHAIN: False})

    def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        raise FactsMissing([HeadOf(CHAIN)])

    async with running_relay(tmp_path, replace(RELAY, facts_timeout_s=0.05), facts=facts) as house:
        await house.enrol()
        with pytest.raises(FactsMissing):
            await house.relay.write_own(SHOP, decide)
        # What says that it knows them all, and yet they are missing, is not asked for ever.
        facts.has_head[CHAIN] = True
        with pytest.raises(FactsMissing):
            await house.relay.write_own(SHOP, decide)


# -- what can go wrong


async def test_what_could_not_be_stored_is_said_and_changes_nothing(house: House) -> None:
    await house.enrol()
    large = MetaRow("large", bytes(2**20))
    async with house.disk_full():
        with pytest.raises(StoreUnavailable):
            await house.relay.write_own(SHOP, add_account(WALLET, large))
    assert await meta(house, "large") is None
    assert await house.durable_seq() == 1
    assert await house.relay.write_own(SHOP, add_account(WALLET, large)) is not None


async def test_a_bug_in_what_decides_takes_nothing_with_it(house: House) -> None:
    clerk = await house.clerk()

    def broken(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        raise ZeroDivisionError

    with pytest.raises(Refusal, match="relay failed"):
        await house.relay.write_own(SHOP, broken)
    await clerk.write(listing(1))


async def test_what_may_not_be_written_is_refused(house: House) -> None:
    clerk = await house.clerk()

    def refuse(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        raise invalid("not so")

    with pytest.raises(Refusal, match="not so"):
        await house.relay.write_own(SHOP, refuse)
    await house.relay.write_own(SHOP, add_account())
    with pytest.raises(Refusal):
        # It exists: the rule of patches holds for the relay's, too.
        await house.relay.write_own(SHOP, lambda *_: OwnSets(CheckoutOutcome((account(WALLET),))))
    await clerk.write(listing(1))


async def test_it_is_written_also_if_whoever_asked_has_gone(house: House) -> None:
    await house.enrol()
    async with house.disk_held():
        asked = asyncio.create_task(house.relay.write_own(SHOP, add_account()))
        hosted = await house.relay.shops.find(SHOP)
        assert hosted is not None
        await until(lambda: hosted.sequencer.head is not None and hosted.sequencer.head.seq == 2)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    await hosted.wait_idle()
    assert await house.durable_seq() == 2


# -- what it costs the others


async def test_much_work_is_done_beside_the_loop(house: House) -> None:
    await house.enrol()
    threads: list[bool] = []

    def costs(units: int) -> Callable[[ShopHead, Facts, Work], OwnSets | None]:
        def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
            threads.append(threading.current_thread() is threading.main_thread())
            work.spend(units)
            return None

        return decide

    await house.relay.write_own(SHOP, costs(LOOP_WORK))
    assert threads == [True]
    await house.relay.write_own(SHOP, costs(LOOP_WORK + 1))
    assert threads == [True, True, False]


async def test_its_patches_count_as_work(house: House) -> None:
    await house.enrol()
    decided: list[bool] = []
    wallets = [index.to_bytes(20) for index in range(1, 1000)]

    def decide(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:
        decided.append(threading.current_thread() is threading.main_thread())
        return OwnSets(CheckoutOutcome(tuple(map(account, wallets))))

    await house.relay.write_own(SHOP, decide)
    assert decided == [True, False]
