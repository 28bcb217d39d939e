"""Root-hash anchoring: writes shops' root hashes to the shop registry, one transaction at a time (spec 07).

A look does one step and never waits for a block, so that the wallet's lock is free between looks. What a node
says of a transaction decides nothing: whether a root hash is there, the registry's own number says.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from minirelay.chain.anchor_memory import AnchorMemory, AnchorState, UnderWay
from minirelay.chain.anchoring import Anchored, LogEnd, Spent, Terms, in_order, is_due, within
from minirelay.chain.errors import NodeRefused, Reverted
from minirelay.chain.sending import PlannedTransaction, Sender, Sent, Signed
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.wallet_lock import WalletLock
from minirelay.errors import MinirelayError
from minirelay.protocol.ids import show_shop
from minirelay.protocol.json_rpc import write_data

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 15.0
LONGEST_PAUSE_S: Final = 900.0
"""The pause doubles with each look in a row that fails, up to this."""

STEP_TIMEOUT_S: Final = 60.0
"""So long a look may hold the wallet's lock, whatever the endpoints do."""

MOST_TRIED: Final = 8
"""So many shops are tried in a look."""

REFUSED_S: Final = 3600.0
"""When a shop is tried again that the registry lets this relay write nothing for."""


class ShopLogs(Protocol):
    """The relay's shops, as far as they are durable."""

    async def ends(self) -> Sequence[LogEnd]:
        """Return the ends of all hosted shops' logs. Raises StoreError."""

    async def root_hash(self, shop_id: int) -> tuple[int, bytes]:
        """Return the number of a shop's last set, and the root hash behind it. Raises StoreError, Refusal."""


class AnchorRunner:
    """Writes what is due, for the shops of one registry."""

    def __init__(
        self,
        registry: ShopReg,
        sender: Sender,
        lock: WalletLock,
        memory: AnchorMemory,
        logs: ShopLogs,
        terms: Terms,
        now: Callable[[], float],
        *,
        token_id: int,
        wallet: bytes,
        confirmations: int,
        alert: Callable[[str], Awaitable[None]],
    ) -> None:
        """sender, lock: of the relay's wallet on the registry's chain. now: the relay's clock, epoch seconds.

        token_id, wallet: the relay's. confirmations: the depth from which what is written counts. alert: is
        told what operators should see.
        """
        self._registry = registry
        self._sender = sender
        self._lock = lock
        self._memory = memory
        self._logs = logs
        self._terms = terms
        self._now = now
        self._token_id = token_id
        self._wallet = wallet
        self._confirmations = confirmations
        self._alert = alert
        self._seen_at: int | None = None
        self._is_missing = False
        self._rest_until = 0.0
        self._not_before: dict[int, float] = {}
        self._told: set[tuple[int, str]] = set()

    async def run(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look until cancelled; whatever fails is tried again."""
        pause_s, complaint = every_s, ""
        while True:
            await asyncio.sleep(pause_s)
            try:
                async with asyncio.timeout(STEP_TIMEOUT_S):
                    await self.look()
            except (MinirelayError, TimeoutError) as error:
                reason = str(error) or "the chain took too long to answer"
                if reason != complaint:
                    log.warning("root hashes could not be written; tried again", extra={"reason": reason})
                pause_s, complaint = min(2 * pause_s, LONGEST_PAUSE_S), reason
            except Exception as error:  # a bug must not end it, nor fill the log
                if repr(error) != complaint:
                    log.exception("writing root hashes failed because of a bug")
                pause_s, complaint = min(2 * pause_s, LONGEST_PAUSE_S), repr(error)
            else:
                pause_s, complaint = every_s, ""

    async def look(self) -> None:
        """Do the next step, if there is one. Raises ChainError, StoreError."""
        if self._lock.is_held:
            return  # a sweep is under way, which may take minutes
        if (await self._memory.state()).under_way is not None:
            async with self._lock.held():
                await self._follow()
        elif self._rest_until <= self._now() and (due := await self._due()):
            async with self._lock.held():
                await self._begin(due)

    # -- what is due

    async def _due(self) -> list[LogEnd]:
        now = self._now()
        ends = [end for end in await self._logs.ends() if self._not_before.get(end.shop_id, 0) <= now]
        pairs = [(end, await self._memory.anchored(end.shop_id)) for end in ends]
        return in_order(pair for pair in pairs if is_due(pair[0].seq, pair[1], self._terms, now))

    async def _begin(self, due: Sequence[LogEnd]) -> None:
        last = await self._lock.waiting(self._sender)
        if last is not None and last.purpose != "anchor":
            return
        # One of ours that became of no use is replaced; behind one that waits for others nothing is sent.
        instead_of = None if last is None else last.sent
        if instead_of is None and await self._sender.has_waiting():
            return
        for end in due[:MOST_TRIED]:
            if await self._anchor(end.shop_id, instead_of):
                return

    async def _anchor(self, shop_id: int, instead_of: Sent | None) -> bool:
        """Send the root hash of a shop; return whether other shops have to wait."""
        there = await self._registry.root_hash_nonce(shop_id)
        try:
            seq, root_hash = await self._logs.root_hash(shop_id)
        except MinirelayError as error:
            # One shop that can't be read keeps no other from its turn.
            self._put_off(shop_id, str(error))
            return False
        if there >= seq:
            await self._memory.set_anchored(shop_id, Anchored(there, int(self._now())))
            return False
        # Before anything is planned: that takes web3, which most relays never need.
        if not await self._registry.takes_root_hashes(shop_id, self._token_id, self._wallet):
            self._put_off(shop_id, "it lists another relay, or none")
            return False
        call = self._registry.root_hash_update(shop_id, root_hash, seq)
        try:
            planned = await self._sender.plan(call)
        except Reverted as reverted:
            self._put_off(shop_id, str(reverted))
            return False
        fitting = self._within_ceilings(await self._memory.state(), planned, instead_of)
        if fitting is None:
            self._rest()
            self._tell_once(0, "root hashes wait: their transactions would cost more than they may")
            return True
        await self._send(UnderWay(shop_id, seq, root_hash, 0, 0, await self._sender.sign(fitting)), fitting)
        return True

    # -- what is under way

    async def _follow(self) -> None:
        state = await self._memory.state()
        one = state.under_way
        if one is None:
            return
        # In this order: what is mined in between is there when the registry is asked.
        may_come = await self._sender.may_be_mined(one.signed.sent)
        if await self._registry.root_hash_nonce(one.shop_id) >= one.seq:
            await self._wait_until_deep(state, one)
        elif may_come:
            self._seen_at, self._is_missing = None, False
            await self._push(state, one)
        elif not self._is_missing:
            # Two endpoints may be apart; so it is asked twice.
            self._seen_at, self._is_missing = None, True
        else:
            self._is_missing = False
            # Mined in vain, or another transaction was in its place.
            self._not_before[one.shop_id] = self._now() + REFUSED_S
            log.warning("a root hash was not written; it will be tried again", extra=_extra(one))
            await self._memory.set_state(replace(state, under_way=None))

    async def _wait_until_deep(self, state: AnchorState, one: UnderWay) -> None:
        head = await self._registry.chain.quantity("eth_blockNumber")
        self._seen_at = head if self._seen_at is None else min(self._seen_at, head)
        if head - self._seen_at + 1 < self._confirmations:
            return
        self._seen_at = None
        log.info("a root hash is written", extra=_extra(one))
        await self._memory.set_anchored(one.shop_id, Anchored(one.seq, int(self._now())))
        await self._memory.set_state(replace(state, under_way=None))

    async def _push(self, state: AnchorState, one: UnderWay) -> None:
        """See to it that it is mined: hand it over again, or one with higher fees in its place."""
        last = await self._lock.waiting(self._sender)
        if last is not None and last.purpose != "anchor":
            return  # a sweep took its place, and may still be mined
        if 0 <= self._now() - one.at < self._terms.timeout_s or self._now() < self._rest_until:
            await self._submit(one.signed)
            return
        try:
            planned = await self._sender.plan(
                self._registry.root_hash_update(one.shop_id, one.root_hash, one.seq)
            )
        except Reverted as reverted:
            if await self._registry.root_hash_nonce(one.shop_id) >= one.seq:
                return  # it was mined just now
            # Of no use any more: the next root hash takes its place.
            self._put_off(one.shop_id, str(reverted))
            await self._memory.set_state(replace(state, under_way=None))
            return
        fitting = self._within_ceilings(state, planned, one.signed.sent)
        if fitting is None:
            self._rest()
            await self._tell_stuck(one)
            await self._submit(one.signed)
            return
        await self._send(replace(one, signed=await self._sender.sign(fitting)), fitting)

    def _within_ceilings(
        self, state: AnchorState, planned: PlannedTransaction, instead_of: Sent | None
    ) -> PlannedTransaction | None:
        spent = self._spent(state)
        room = min(self._terms.most_per_transaction, self._terms.most_per_day - spent.wei)
        return within(planned, room, instead_of) if room > 0 else None

    def _spent(self, state: AnchorState) -> Spent:
        """Return what was spent today beside what is under way, of which at most one transaction counts."""
        spent = state.spent.on(self._now())
        is_of_today = state.under_way is not None and spent.day == state.spent.day
        return spent.plus(-state.under_way.cost) if state.under_way is not None and is_of_today else spent

    async def _send(self, one: UnderWay, planned: PlannedTransaction) -> None:
        cost = planned.highest_cost
        one = replace(one, at=int(self._now()), cost=cost)
        spent = self._spent(await self._memory.state())
        # Before it is sent: after a crash it is known, with its nonce and its fees.
        await self._memory.set_state(AnchorState(spent.plus(cost), one))
        await self._lock.note("anchor", one.signed.sent)
        self._seen_at, self._is_missing = None, False
        log.info("writing a root hash", extra=_extra(one))
        await self._submit(one.signed)

    async def _submit(self, signed: Signed) -> None:
        try:
            await self._sender.submit(signed)
        except NodeRefused as refusal:
            # "nonce too low", "underpriced": what became of it is asked at the next look.
            log.debug("a node did not take a root hash", extra={"reason": str(refusal)})

    def _rest(self) -> None:
        """Ask for fees again no sooner than they may have changed."""
        self._rest_until = self._now() + self._terms.timeout_s

    # -- what is told

    def _put_off(self, shop_id: int, reason: str) -> None:
        self._not_before[shop_id] = self._now() + REFUSED_S
        self._tell_once(
            shop_id,
            "a shop's root hash can't be written; does the shop list this relay's token?",
            shop=show_shop(shop_id),
            reason=reason,
        )

    def _tell_once(self, shop_id: int, message: str, **extra: str) -> None:
        if (shop_id, message) not in self._told:
            self._told.add((shop_id, message))
            log.warning(message, extra=extra)

    async def _tell_stuck(self, one: UnderWay) -> None:
        digest = write_data(one.signed.sent.hash)
        if (one.shop_id, digest) in self._told:
            return
        self._told.add((one.shop_id, digest))
        log.warning("a root hash waits, and may not cost more", extra=_extra(one))
        await self._alert(
            f"transaction {digest} on chain {self._registry.chain.chain_id} with the root hash of shop "
            f"{show_shop(one.shop_id)} is not mined, and may not cost more (anchoring.fee_per_transaction, "
            "anchoring.fee_per_day)"
        )


def _extra(one: UnderWay) -> dict[str, object]:
    return {"shop": show_shop(one.shop_id), "seq": one.seq, "transaction": write_data(one.signed.sent.hash)}
