"""The accounts of hosted shops, kept as the shop registry says (spec 07 "Watching by polling", the end).

An event tells only that a wallet's right may have changed. So the wallets that events name are queued, from
when they are first seen, and their right is asked for at the head, by its hash, when all logs up to it were
read and none in a block that is not deep names the wallet any more: then the answer is that of the deep
blocks as well, no old state is asked for, and what a reorganisation takes back is looked at again by itself.
Whose right is gone in the deep blocks does not wait for that: others can name a wallet in block after block.
Whoever enrolled a key card was asked about at the newest block; it is not thrown out by what came before.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from minirelay.chain.chain import MAX_QUESTIONS
from minirelay.chain.errors import Reverted
from minirelay.chain.findings import ChainReader, Findings, FoundBalance, FoundLog, LogFilter
from minirelay.chain.shop_registry import ShopReg
from minirelay.errors import ChainError, Refusal
from minirelay.mirror.account_events import USER_EVENTS, takes_right, wallet_named
from minirelay.mirror.account_sets import AccountChanges, removed_wallets
from minirelay.mirror.pending_accounts import PendingAccounts
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.ids import UINT256_BYTES, show_shop
from minirelay.protocol.registries import SHOP_TRANSFER
from minirelay.relay.relay import Relay
from minirelay.shop.canonical import load
from minirelay.shop.objects import Account
from minirelay.store.account_checks import AccountCheck, AccountCheckRows
from minirelay.store.batch import Writable

log = logging.getLogger(__name__)

SETTLES_S: Final = 60.0
"""So long an enrolment may take, and endpoints be apart: the one that it asked may be ahead, or behind."""

MOST_LOOKED_AT: Final = 512
"""So many checks have their turn in a poll; a question is asked for MAX_QUESTIONS of them at most."""

MOST_READ: Final = 512
"""So many events are read in a turn of the loop, about 3 ms: an owner can fill blocks with them."""

_TOKEN_TOPIC: Final = 3


class AccountsMirror:
    """Watches the shop registry, and makes accounts agree with it: a `Watch`."""

    def __init__(
        self,
        relay: Relay,
        registry: ShopReg,
        hosted: Iterable[int],
        pending: Iterable[AccountCheck],
        now: Callable[[], datetime],
        settles_s: float = SETTLES_S,
    ) -> None:
        """hosted: ids of the shops that are stored. pending: checks that were stored, too.

        now: the relay's clock. settles_s: 0 where there is but one endpoint, as on a development chain.
        """
        self._relay = relay
        self._registry = registry
        self._hosted = frozenset(hosted)
        self._pending = PendingAccounts(pending, now().timestamp())
        self._now = now
        self._settles_s = settles_s
        self._lost: set[tuple[int, bytes]] = set()

    @classmethod
    async def open(
        cls, relay: Relay, registry: ShopReg, now: Callable[[], datetime], settles_s: float = SETTLES_S
    ) -> "AccountsMirror":
        """Begin with what is stored. Raises StoreError."""
        reader = relay.store.reader
        hosted = [shop.shop_id for shop in await reader.shops()]
        return cls(relay, registry, hosted, await reader.account_checks(), now, settles_s)

    @property
    def chain_id(self) -> int:
        """Return the id of the registry chain."""
        return self._registry.chain.chain_id

    # -- what is looked for

    def filters(self) -> Sequence[LogFilter]:
        """Return the events that change who may act for a shop."""
        address = self._registry.address
        users = LogFilter(address, tuple(event.topic for event in USER_EVENTS))
        return users, LogFilter(address, (SHOP_TRANSFER.topic,), _TOKEN_TOPIC)

    def ids(self, _log_filter: LogFilter) -> Sequence[bytes]:
        """List the ids of all hosted shops."""
        hosted = self._hosted.union(self._relay.shops.in_use)
        return [shop_id.to_bytes(UINT256_BYTES) for shop_id in hosted]

    def wants(self, found: FoundLog) -> bool:
        """Return whether an event is about a wallet and a hosted shop."""
        check = wallet_named(found)
        return check is not None and self._is_hosted(check.shop_id)

    def balances(self, _now: int) -> Sequence[tuple[bytes, bytes]]:
        """Return none."""
        return ()

    def wants_balance(self, _balance: FoundBalance) -> bool:
        """Return false."""
        return False

    def is_needed(self) -> bool:
        """Return whether accounts have to be compared yet."""
        return bool(self._pending)

    def _is_hosted(self, shop_id: int) -> bool:
        return shop_id in self._hosted or self._relay.shops.is_in_use(shop_id)

    # -- what was found

    async def take(self, findings: Findings, reader: ChainReader) -> Sequence[Writable]:
        """Queue whom events name; compare those who can be. Raises StoreError.

        What could not be asked waits for the next poll: nobody else has to wait for it.
        """
        seen, deep = await _named(findings.seen), await _named(findings.deep)
        queued = await self._queue([*seen, *deep])
        done: list[AccountCheck] = []
        named = {check.key for check in seen}
        await self._note_lost(findings.deep, named)
        if self._pending and findings.marks.scanned >= findings.marks.head.number:
            done = await self._compare(findings.marks.head.id, reader, named)
        for check in done:
            self._pending.done(check)
            self._lost.discard(check.key)
        # The deep ones once more: they are not given again, and what was queued before may not be stored.
        pending = tuple([one for one in dict.fromkeys((*queued, *deep)) if one in self._pending])
        rows = AccountCheckRows(pending, tuple(done))
        return (rows,) if rows.pending or rows.done else ()

    async def _queue(self, named: Iterable[AccountCheck]) -> list[AccountCheck]:
        """Queue what is not yet, and return it."""
        new = [one for one in dict.fromkeys(named) if one not in self._pending]
        # For removing an account there always is room.
        crowded = [one for one in new if not self._pending.has_room(one.shop_id)]
        held = await self._held(crowded)
        queued: list[AccountCheck] = []
        for check in new:
            if check in self._pending:
                continue
            if check.key not in held and not self._pending.has_room(check.shop_id):
                log.warning("a shop adds users faster than is followed", extra=_about(check))
                continue
            self._pending.add(check, self._now().timestamp())
            queued.append(check)
        return queued

    async def _held(self, checks: Iterable[AccountCheck]) -> set[tuple[int, bytes]]:
        """Return which of them have an account now."""
        by_shop: dict[int, list[bytes]] = {}
        for check in checks:
            by_shop.setdefault(check.shop_id, []).append(check.wallet)
        reader = self._relay.store.reader
        return {
            (shop_id, wallet)
            for shop_id, wallets in by_shop.items()
            for wallet in await reader.accounts(shop_id, wallets)
        }

    async def _note_lost(self, deep: Sequence[FoundLog], named: Collection[tuple[int, bytes]]) -> None:
        """Take note of who has no right in the deep blocks, among those whom later ones name, too."""
        for start in range(0, len(deep) if named or self._lost else 0, MOST_READ):
            for found in deep[start : start + MOST_READ]:
                check = wallet_named(found)
                if check is None or check not in self._pending:
                    continue
                if not takes_right(found):
                    self._lost.discard(check.key)
                elif check.key in named:
                    self._lost.add(check.key)
            await asyncio.sleep(0)

    async def _compare(
        self, head: BlockId, reader: ChainReader, named: Collection[tuple[int, bytes]]
    ) -> list[AccountCheck]:
        """Make accounts agree with the chain; return whose do.

        head: up to it all logs were read. named: in blocks that are not deep. They wait; but who has no right
        in the deep ones, nor at the head, loses its account.
        """
        ready = self._pending.next(MOST_LOOKED_AT, {key for key in named if key not in self._lost})
        held = await self._held(ready)
        asked = [one for one in ready if one.may_be_added or one.key in held][:MAX_QUESTIONS]
        may_act = await self._ask(asked, reader, head)
        missing = [
            one
            for one in asked
            if may_act.get(one.key) is True and one.key not in held and one.key not in named
        ]
        surplus = [one for one in asked if may_act.get(one.key) is False and one.key in held]
        changed = {*missing, *surplus}
        agreed = [one for one in asked if one.key in may_act and one not in changed]
        agreed += [one for one in ready if not one.may_be_added and one.key not in held]
        # Whoever may not act may just be enrolling, with the answer of an endpoint that is behind.
        settled = [one for one in agreed if may_act.get(one.key) or self._is_settled(one)]
        return [*settled, *await self._write(missing, await self._accounts_to_remove(surplus, reader))]

    def _is_settled(self, check: AccountCheck) -> bool:
        return self._pending.age_s(check, self._now().timestamp()) >= self._settles_s

    async def _ask(
        self, checks: Sequence[AccountCheck], reader: ChainReader, block: BlockId | None
    ) -> dict[tuple[int, bytes], bool | None]:
        """Ask who may act for a shop, at a block or the latest; None: there is no such shop.

        What could not be asked is missing.
        """
        questions = [
            self._registry.may_act(one.shop_id, one.wallet, is_latest=block is None) for one in checks
        ]
        try:
            answers = await reader.request_many(questions, block)
        except ChainError as error:
            log.debug("who may act for shops could not be asked: %s", error)
            return {}
        return {
            check.key: None if isinstance(answer, Reverted) else answer
            for check, answer in zip(checks, answers, strict=True)
        }

    async def _accounts_to_remove(
        self, surplus: Sequence[AccountCheck], reader: ChainReader
    ) -> dict[AccountCheck, bytes]:
        """Return the accounts, as they are, of those who may not act at the latest block either."""
        accounts: dict[AccountCheck, bytes] = {}
        for check in surplus:
            account = await self._relay.account(check.shop_id, check.wallet)
            if account is not None and not await self._enrolled_lately(account):
                accounts[check] = account
        # Behind the reading of the account: who enrolled before that may do so at this block, too.
        latest = await self._ask(list(accounts), reader, None)
        return {check: account for check, account in accounts.items() if latest.get(check.key) is False}

    async def _enrolled_lately(self, account: bytes) -> bool:
        key_cards = load(Account, account).key_cards
        card = await self._relay.find_card(key_cards[-1]) if key_cards else None
        return card is not None and self._now().timestamp() - card.enrolled_at < self._settles_s

    async def _write(
        self, missing: Iterable[AccountCheck], accounts: dict[AccountCheck, bytes]
    ) -> list[AccountCheck]:
        """Add and remove accounts; return whose were, durably. Raises StoreError."""
        by_shop: dict[int, list[AccountCheck]] = {}
        for check in (*missing, *accounts):
            by_shop.setdefault(check.shop_id, []).append(check)
        outcomes = await asyncio.gather(
            *(self._write_shop(shop_id, checks, accounts) for shop_id, checks in by_shop.items()),
            return_exceptions=True,
        )
        written: list[AccountCheck] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            written += outcome
        return written

    async def _write_shop(
        self, shop_id: int, checks: Sequence[AccountCheck], accounts: dict[AccountCheck, bytes]
    ) -> list[AccountCheck]:
        added = [one.wallet for one in checks if one not in accounts]
        removed = {one.wallet: accounts[one] for one in checks if one in accounts}
        try:
            written = await self._relay.write_own(shop_id, AccountChanges(added, removed).decide)
        except Refusal as refusal:
            log.error(
                "accounts of a shop could not be made what the chain says: %s",
                refusal,
                extra={"shop": show_shop(shop_id)},
            )
            return []
        gone = removed_wallets(written)
        log.info(
            "accounts follow the chain",
            extra={"shop": show_shop(shop_id), "added": len(added), "removed": len(gone)},
        )
        return [one for one in checks if one not in accounts or one.wallet in gone]


async def _named(logs: Sequence[FoundLog]) -> list[AccountCheck]:
    named: list[AccountCheck] = []
    for start in range(0, len(logs), MOST_READ):
        checks = map(wallet_named, logs[start : start + MOST_READ])
        named += [check for check in checks if check is not None]
        await asyncio.sleep(0)
    return named


def _about(check: AccountCheck) -> dict[str, str]:
    return {"shop": show_shop(check.shop_id)}
