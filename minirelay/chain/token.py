"""The relay's own token: which one is it, and does the wallet own it? (spec 07, "The relay's own token")"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from minirelay.chain.errors import (
    ChainUnreachable,
    NodeRefused,
    Reverted,
    TransactionFailed,
    TransactionPending,
)
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.sending import ContractCall, PlannedTransaction, Sender, Sent
from minirelay.chain.token_memory import Memory, TokenMemory
from minirelay.chain.wallet import Wallet
from minirelay.chain.wallet_lock import WalletLock
from minirelay.config.urls import BaseUrl
from minirelay.errors import ChainError, ConfigError
from minirelay.protocol.ids import show_token
from minirelay.protocol.json_rpc import printable
from minirelay.protocol.signing import checksum_address

log = logging.getLogger(__name__)

RECHECK_S: Final = 15.0

_AGAIN: Final = "run `minirelay register` again: it looks for it, and replaces it if it still waits"

_OR_ANOTHER: Final = "`minirelay register --new-token` mints another one, which every shop then has to list"
_PUT_BACK: Final = f"put the key of that wallet back ({_OR_ANOTHER})"
_NO_TOKEN: Final = f"check registry_chain ({_OR_ANOTHER})"


@dataclass(frozen=True, slots=True)
class RelayToken:
    """The relay's token. is_checked: whether the registry has confirmed that the wallet owns it.

    doubt: why it could not be asked.
    """

    token_id: int
    is_checked: bool
    doubt: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Planned:
    """A transaction about the relay's token that is not sent yet."""

    token_id: int
    transaction: PlannedTransaction


class TokenNotOwned(ConfigError):
    """The registry says that the wallet does not own the token.

    may_be_replaced: the database remembers it, and it was this very wallet that owned it before. So no key
    got lost, and another token can take its place.
    """

    def __init__(self, message: str, *, is_configured: bool, may_be_replaced: bool) -> None:
        super().__init__(message)
        self.is_configured = is_configured
        self.may_be_replaced = may_be_replaced


class RelayTokenService:
    """Finds the relay's token when it starts, and checks it later if no endpoint answers then."""

    def __init__(
        self,
        registry: RelayReg,
        wallet: Wallet,
        memory: Memory,
        *,
        configured: int | None,
        first_choice: int | None = None,
        new_id: Callable[[], int] = lambda: secrets.randbits(256),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        sender: Sender | None = None,
    ) -> None:
        """configured: the setting relay_token_id. first_choice: the id of a token to mint, if it is free.

        Development knows it before; where the wallet owns it already, `find_or_mint` takes it over.
        sender: of the wallet, on the registry's chain.
        """
        self.registry = registry
        self._wallet = wallet
        self._memory = TokenMemory(memory)
        self._configured = configured
        self._first_choice = first_choice
        self._new_id = new_id
        self._sleep = sleep
        self._sender = sender or Sender(registry.chain, wallet)
        self._lock = WalletLock(memory, wallet, registry.chain.chain_id)

    async def find(self) -> RelayToken | None:
        """Return the token that is configured or remembered; None if there is none.

        Raises TokenNotOwned, WrongContract; ChainUnreachable only where a crash left it open whether a token
        was minted.
        """
        token_id = self._configured
        if token_id is None:
            token_id = await self._memory.owned()
        if token_id is None:
            token_id = await self._minted_before_a_crash()
        if token_id is None:
            return None
        try:
            await self._require_owned(token_id)
        except ChainUnreachable as error:
            log.warning(
                "the relay's token could not be checked; it will be, as soon as an endpoint answers",
                extra={"token": show_token(token_id), "reason": str(error)},
            )
            return RelayToken(token_id, is_checked=False, doubt=str(error))
        return RelayToken(token_id, is_checked=True)

    async def find_or_mint(self, uri: str) -> RelayToken:
        """Return the relay's token; where the wallet owns none, mint one with this URI, without asking.

        Raises TokenNotOwned for a configured one, WrongContract, ChainError.
        """
        try:
            found = await self.find()
        except TokenNotOwned as error:
            if error.is_configured:
                raise
            log.warning("another token is taken than the one remembered: %s", error)
            found = None
        return found or await self._take_first_choice() or await self.mint(await self.plan_mint(uri))

    async def _take_first_choice(self) -> RelayToken | None:
        if self._first_choice is None or await self._memory.minting() is not None:
            return None
        # Just as if it had been about to be minted before a crash.
        await self._memory.set_minting(self._first_choice)
        token_id = await self._minted_before_a_crash()
        return None if token_id is None else RelayToken(token_id, is_checked=True)

    async def check_later(self, token: RelayToken) -> None:
        """Check a token until the registry has answered. Raises TokenNotOwned if the answer is a no.

        Nothing else ends it: what goes wrong otherwise is logged, once in a row, and tried again.
        """
        complaint = ""
        while not token.is_checked:
            await self._sleep(RECHECK_S)
            try:
                await self._require_owned(token.token_id)
            except TokenNotOwned:
                raise
            except ChainUnreachable:
                continue
            except Exception as error:
                # A bug, or a contract of another kind: neither is the registry's no.
                if repr(error) != complaint:
                    log.exception("checking the relay's token failed; it is tried again")
                complaint = repr(error)
            else:
                log.info("the wallet owns the relay's token", extra={"token": show_token(token.token_id)})
                return

    async def other_uri(self, token_id: int, base_url: BaseUrl) -> str | None:
        """Return the URI of a token if it is another than the base URL. Raises ChainUnreachable, Reverted."""
        uri = await self.registry.uri(token_id)
        try:
            return None if BaseUrl.parse(uri) == base_url else uri
        except ValueError:
            return uri

    async def check_uri(self, token_id: int, base_url: BaseUrl) -> None:
        """Warn if the token says that the relay is elsewhere; where it can't be asked, say so."""
        try:
            uri = await self.other_uri(token_id, base_url)
        except ChainError as error:
            log.info("the URI of the relay's token could not be read", extra={"reason": str(error)})
        except Exception:
            log.exception("the URI of the relay's token could not be read")
        else:
            if uri is not None:
                log.warning(
                    "the relay's token has another URI than base_url: run `minirelay register`",
                    extra={"uri": printable(uri), "base_url": str(base_url)},
                )

    async def plan_mint(self, uri: str) -> Planned:
        """Prepare minting a token with this URI. Raises WrongContract and what `Sender.plan` raises.

        What was sent before and still waits is replaced: only one of the two can be mined, and be paid for.
        """
        await self.registry.prove()
        # The id is remembered before it is minted: after a crash in between, the same token is used.
        token_id = await self._memory.minting()
        if token_id is None or await self.registry.owner_of(token_id) is not None:
            token_id = self._new_id()
            await self._memory.set_minting(token_id)
        call = self.registry.minting(token_id, self._wallet.address, uri)
        return await self._plan(token_id, call)

    async def mint(self, planned: Planned) -> RelayToken:
        """Mint a token, and remember it. Raises what `Sender.send` raises."""
        log.info("minting the relay's token", extra={"token": show_token(planned.token_id)})
        try:
            await self._sender.send(planned.transaction, self._note_mint)
        except (NodeRefused, TransactionFailed) as error:
            # What was sent before may have been mined in its place.
            if not await self._is_minted(planned.token_id):
                if isinstance(error, TransactionPending):
                    raise TransactionPending(f"{error}; {_AGAIN}") from error
                raise
        await self._memory.set_last_owner(planned.token_id, self._wallet.address)
        await self._memory.set_owned(planned.token_id)
        return RelayToken(planned.token_id, is_checked=True)

    async def plan_update(self, token_id: int, uri: str) -> Planned:
        """Prepare giving a token another URI. Raises what `Sender.plan` raises."""
        return await self._plan(token_id, self.registry.uri_update(token_id, uri))

    async def update(self, planned: Planned) -> None:
        """Set a token's URI to another one. Raises what `Sender.send` raises."""
        await self._sender.send(planned.transaction, self._note)

    async def _note_mint(self, sent: Sent) -> None:
        await self._memory.set_sent(sent)
        await self._note(sent)

    async def _note(self, sent: Sent) -> None:
        await self._lock.note("register", sent)

    async def _plan(self, token_id: int, call: ContractCall) -> Planned:
        try:
            transaction = await self._sender.plan(call, instead_of=await self._in_the_way())
        except Reverted as reverted:
            raise Reverted(f"{self.registry}: {reverted}") from reverted
        return Planned(token_id, transaction)

    async def _in_the_way(self) -> Sent | None:
        """Return what waits to be mined, be it a mint, a root hash or a sweep.

        It is replaced: behind it, this would wait as well, and what it was to do is done again.
        """
        sent = await self._memory.sent()
        if sent is not None and await self._sender.may_be_mined(sent):
            return sent
        last = await self._lock.waiting(self._sender)
        return None if last is None else last.sent

    async def _is_minted(self, token_id: int) -> bool:
        try:
            return await self.registry.owner_of(token_id) == self._wallet.address
        except ChainError:
            return False

    async def _minted_before_a_crash(self) -> int | None:
        token_id = await self._memory.minting()
        if token_id is None or await self.registry.owner_of(token_id) != self._wallet.address:
            return None
        await self._memory.set_owned(token_id)
        return token_id

    async def _require_owned(self, token_id: int) -> None:
        owner = await self.registry.owner_of(token_id)
        if owner != self._wallet.address:
            raise self._not_owned(token_id, owner, await self._memory.last_owner(token_id))
        if await self._memory.last_owner(token_id) != owner:
            await self._memory.set_last_owner(token_id, owner)

    def _not_owned(self, token_id: int, owner: bytes | None, last_owner: bytes | None) -> TokenNotOwned:
        is_configured = self._configured is not None
        is_same_wallet = last_owner == self._wallet.address
        holder = owner if last_owner is None or is_same_wallet else last_owner
        if holder is None:
            state = ", where there is no such token"
        elif is_same_wallet:
            state = f"; it was given to {checksum_address(holder)}"
        else:
            state = f"; {checksum_address(holder)} {'does' if holder == owner else 'did'}"
        if is_configured:
            other = "put the key of that wallet back" if holder else "check registry_chain"
            name, remedy = "relay_token_id", f"set the right id, or {other}"
        elif is_same_wallet:
            name, remedy = "the relay's token", "run `minirelay register` for another one"
        else:
            name, remedy = "wallet_key_file", _PUT_BACK if holder else _NO_TOKEN
        return TokenNotOwned(
            f"{name}: the wallet {checksum_address(self._wallet.address)} does not own the relay token "
            f"{show_token(token_id)} on chain {self.registry.chain.chain_id}{state}: {remedy}",
            is_configured=is_configured,
            may_be_replaced=is_same_wallet and not is_configured,
        )
