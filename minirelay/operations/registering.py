"""Keeping the relay's token up to date through the relay that runs, which has the wallet (spec 09)."""

from minirelay.chain.registration import Need, Registration
from minirelay.config.urls import BaseUrl
from minirelay.errors import ChainError, ConfigError
from minirelay.operations.operator import OperatorError
from minirelay.protocol.ids import show_token

RegistrationDocument = dict[str, str | int | None]


class Registering:
    """Says what the token needs, and sends it."""

    def __init__(self, registration: Registration, chain_id: int, base_url: BaseUrl) -> None:
        """base_url: of the relay that runs."""
        self._registration = registration
        self._chain_id = chain_id
        self._base_url = base_url

    async def need(self, base_url: str) -> RegistrationDocument:
        """Say what the token needs, so that its URI is this one. Nothing is sent. Raises OperatorError."""
        return self._describe(await self._need(base_url))

    async def send(self, base_url: str, most_wei: int) -> RegistrationDocument:
        """Send what it needs, and wait until it is mined. Raises OperatorError.

        most_wei: what was agreed to; what costs more is not sent.
        """
        need = await self._need(base_url)
        described = self._describe(need)
        if need.planned is not None and need.planned.transaction.highest_cost > most_wei:
            raise OperatorError("fees have risen meanwhile, nothing was sent; run it again")
        try:
            _, result = await self._registration.fulfil(need)
        except ChainError as error:
            raise OperatorError(str(error)) from error
        return described | {"result": result}

    async def _need(self, base_url: str) -> Need:
        try:
            return await self._registration.need(BaseUrl.parse(base_url))
        except (ChainError, ConfigError) as error:
            raise OperatorError(str(error)) from error
        except ValueError as error:
            raise OperatorError(f"base_url: {error}") from error

    def _describe(self, need: Need) -> RegistrationDocument:
        if need.token is None:
            # A relay without a token does not run; its database has forgotten it meanwhile.
            raise OperatorError("the relay has lost its token: stop it, and run `minirelay register` again")
        transaction = None if need.planned is None else need.planned.transaction
        return {
            "relay_token_id": show_token(need.token.token_id),
            "chain_id": self._chain_id,
            "base_url": str(self._base_url),
            "old_uri": need.old_uri,
            # Text: few who read JSON keep so many digits.
            "cost": None if transaction is None else str(transaction.highest_cost),
            "balance": None if transaction is None else str(transaction.balance),
        }
