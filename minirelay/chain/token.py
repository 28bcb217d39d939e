"""The relay's own token: which one is it, and does the wallet own it? (spec 07, "The relay's own token")"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.transaction import send
from minirelay.chain.wallet import Wallet
from minirelay.errors import ConfigError
from minirelay.protocol.signing import checksum_address

log = logging.getLogger(__name__)

OWNED_KEY: Final = "relay_token"
MINTING_KEY: Final = "relay_token_minting"
RECHECK_S: Final = 15.0


class Memory(Protocol):
    """The few things that the database remembers for the relay itself."""

    async def recall(self, key: str) -> bytes | None:
        """Give what was remembered, None if nothing."""

    async def remember(self, key: str, value: bytes) -> None:
        """Remember, durably."""


@dataclass(frozen=True, slots=True)
class RelayToken:
    """The relay's token. is_checked: whether the registry has confirmed that the wallet owns it."""

    token_id: int
    is_checked: bool


class TokenKeeper:
    """Finds the relay's token when it starts, and checks it later if no endpoint answers then."""

    def __init__(
        self,
        registry: RelayReg,
        wallet: Wallet,
        memory: Memory,
        *,
        configured: int | None,
        new_id: Callable[[], int] = lambda: secrets.randbits(256),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """configured: the setting relay_token_id."""
        self._registry = registry
        self._wallet = wallet
        self._memory = memory
        self._configured = configured
        self._new_id = new_id
        self._sleep = sleep

    async def find(self) -> RelayToken | None:
        """Give the token that is configured or remembered; None if there is none that the wallet owns.

        Raises ConfigError if the wallet does not own the configured one.
        """
        token_id = self._configured
        if token_id is None:
            token_id = await self._recall(OWNED_KEY)
        if token_id is None:
            return None
        try:
            is_owned = await self._is_owned(token_id)
        except ChainUnreachable as error:
            log.warning(
                "the relay's token could not be checked; it will be, as soon as an endpoint answers",
                extra={"token": hex(token_id), "reason": str(error)},
            )
            return RelayToken(token_id, is_checked=False)
        if is_owned:
            return RelayToken(token_id, is_checked=True)
        if self._configured is not None:
            raise self._not_owned(token_id)
        log.warning("the wallet no longer owns the remembered token", extra={"token": hex(token_id)})
        return None

    async def find_or_mint(self, uri: str) -> RelayToken:
        """Give the relay's token; without one, mint it with this URI. Raises ConfigError, ChainError."""
        return await self.find() or await self._mint(uri)

    async def check_later(self, token: RelayToken) -> None:
        """Check a token until the registry has answered. Raises ConfigError if the answer is a no."""
        while not token.is_checked:
            await self._sleep(RECHECK_S)
            try:
                is_owned = await self._is_owned(token.token_id)
            except ChainUnreachable:
                continue
            if not is_owned:
                raise self._not_owned(token.token_id)
            log.info("the wallet owns the relay's token", extra={"token": hex(token.token_id)})
            return

    async def _mint(self, uri: str) -> RelayToken:
        # The id is remembered before it is minted: after a crash in between, the same token is used.
        token_id = await self._recall(MINTING_KEY)
        owner = None if token_id is None else await self._registry.owner_of(token_id)
        if token_id is None or owner not in (None, self._wallet.address):
            token_id, owner = self._new_id(), None
            await self._memory.remember(MINTING_KEY, token_id.to_bytes(32))
        if owner is None:
            log.info("minting the relay's token", extra={"token": hex(token_id), "uri": uri})
            data = self._registry.mint_data(token_id, self._wallet.address, uri)
            await send(self._registry.chain, self._wallet, self._registry.address, data, sleep=self._sleep)
        await self._memory.remember(OWNED_KEY, token_id.to_bytes(32))
        return RelayToken(token_id, is_checked=True)

    async def _is_owned(self, token_id: int) -> bool:
        return await self._registry.owner_of(token_id) == self._wallet.address

    async def _recall(self, key: str) -> int | None:
        value = await self._memory.recall(key)
        return None if value is None else int.from_bytes(value)

    def _not_owned(self, token_id: int) -> ConfigError:
        name = "relay_token_id" if self._configured is not None else "the remembered relay token"
        return ConfigError(
            f"{name}: the wallet {checksum_address(self._wallet.address)} does not own the relay token "
            f"{hex(token_id)} on chain {self._registry.chain.chain_id}; set the right id or wallet, "
            "or run `minirelay register`"
        )
