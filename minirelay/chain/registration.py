"""What a relay's token needs: to be minted, to get another URI, or nothing (spec 07)."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.shop_registry import ShopReg
from minirelay.chain.token import Planned, RelayToken, RelayTokenService
from minirelay.config.urls import BaseUrl
from minirelay.errors import ChainError
from minirelay.protocol.ids import show_token

Result = Literal["minted", "checked", "updated"]


class TokenUnchecked(ChainError):
    """The registry could not be asked who owns the token."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be done. token: that there is. planned: the transaction, None if none is needed.

    old_uri: what the token's URI is until it is updated.
    """

    token: RelayToken | None
    planned: Planned | None = None
    old_uri: str | None = None


class Registration:
    """Finds out what is needed, and does it once that is agreed to."""

    def __init__(self, service: RelayTokenService, shop_registry: ShopReg) -> None:
        self._service = service
        self._shop_registry = shop_registry

    async def need(self, base_url: BaseUrl) -> Need:
        """Find out what is needed. Raises ConfigError (TokenNotOwned), ChainError."""
        with suppress(ChainUnreachable):  # what is asked next says it, and what it means
            await self._service.registry.require_there()
            await self._shop_registry.require_there()
        token = await self._service.find()
        if token is not None and not token.is_checked:
            raise TokenUnchecked(
                f"the relay's token {show_token(token.token_id)} was not checked: {token.doubt}; "
                "nothing was sent"
            )
        await self._shop_registry.prove()
        if token is None:
            return await self.need_another(base_url)
        old_uri = await self._service.other_uri(token.token_id, base_url)
        if old_uri is None:
            return Need(token)
        return Need(token, await self._service.plan_update(token.token_id, base_url), old_uri)

    async def need_another(self, base_url: BaseUrl) -> Need:
        """Prepare minting a token, whatever there is. Raises ConfigError, ChainError."""
        await self._shop_registry.prove()
        return Need(None, await self._service.plan_mint(base_url))

    async def fulfil(self, need: Need) -> tuple[RelayToken, Result]:
        """Send what is needed, and wait until it is mined. Raises ChainError."""
        if need.planned is None:
            if need.token is None:
                raise RuntimeError("without a token, one is to be minted")
            return need.token, "checked"
        if need.token is None:
            return await self._service.mint(need.planned), "minted"
        await self._service.update(need.planned)
        return need.token, "updated"
