"""Bringing a shop into being in the registry (spec 07): what is missing of it, and sending that.

Nothing of it is remembered here: each time the registry is asked what there is. So whoever was interrupted
begins again, and goes on where it stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from minirelay.chain.errors import Reverted, TransactionPending
from minirelay.chain.sending import ContractCall, PlannedTransaction, Receipt, Sender
from minirelay.chain.shop_registry import ShopReg
from minirelay.errors import ChainError, ConfigError
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.ids import show_shop
from minirelay.protocol.signing import PrivateKey, checksum_address, keccak256

MOST_NUMBERS: Final = 100
"""How many shops of one wallet are told apart by their numbers."""

MOST_LISTED: Final = 3
_TRIES: Final = 5
_TRY_AGAIN_S: Final = 2.0
_GAS: Final = {"mint": 300_000, "addRelay": 150_000, "setTokenURI": 100_000}
"""More than these calls take, of those that can't be tried before the shop is there."""

_GAS_PER_WORD: Final = 25_000


@dataclass(frozen=True, slots=True)
class WantedShop:
    """What a shop is to be. owner: 20 bytes. uri: of its token; None: as it is."""

    owner: bytes
    relay_token: int
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of the owner's wallet. what: that it does, in words."""

    what: str
    call: ContractCall


@dataclass(frozen=True, slots=True)
class Costs:
    """What steps cost at most, one by one and together, and what the wallet has; in wei."""

    each: tuple[int, ...]
    balance: int

    @property
    def total(self) -> int:
        """Return what all of them cost at most."""
        return sum(self.each)


class OtherShops(ConfigError):
    """The wallet owns shops, and nothing says whether one of them is meant."""


def numbered_shop(key: PrivateKey, registry: ShopReg, number: int) -> int:
    """Return the id of a wallet's shop with this number, which only its key can tell beforehand.

    It is the same each time: what was minted before a crash is found again, and never minted twice.
    """
    text = f"minirelay: shop {number} of ShopReg {checksum_address(registry.address)}"
    return int.from_bytes(keccak256(key.sign(f"{text} on chain {registry.chain.chain_id}".encode())))


async def choose_shop(
    registry: ShopReg, wanted: WantedShop, draw: Callable[[int], int], *, another: bool
) -> int:
    """Return the id of the shop to go on with: one that was begun, or a new one.

    draw: gives the id for a number. another: go past those that list the relay already. Raises OtherShops,
    ChainUnreachable, WrongContract.
    """
    for number in range(MOST_NUMBERS):
        shop_id = draw(number)
        owner = await registry.owner_of(shop_id)
        if owner is None:
            await _check_others(registry, wanted, another=another)
            return shop_id
        if owner != wanted.owner:
            continue
        if not another or wanted.relay_token not in await registry.relay_tokens(shop_id):
            return shop_id
    raise ConfigError(f"this wallet has {MOST_NUMBERS} shops: say which with --shop, or use another wallet")


async def _check_others(registry: ShopReg, wanted: WantedShop, *, another: bool) -> None:
    others = () if another else await registry.shops_of(wanted.owner, MOST_LISTED)
    if others:
        raise OtherShops(
            f"the wallet {checksum_address(wanted.owner)} owns shops already: "
            f"{', '.join(map(show_shop, others))}; go on with --shop ID, or mint one more with --another"
        )


async def missing_steps(registry: ShopReg, shop_id: int, wanted: WantedShop) -> list[Step]:
    """List what is missing, in order. Raises ConfigError if the shop is another wallet's; ChainError."""
    owner = await registry.owner_of(shop_id)
    if owner is not None and owner != wanted.owner:
        raise ConfigError(
            f"shop {show_shop(shop_id)} belongs to {checksum_address(owner)}, not to "
            f"{checksum_address(wanted.owner)}: use that wallet, or another shop"
        )
    is_new = owner is None
    steps = [Step("mint the shop", registry.minting(shop_id, wanted.owner))] if is_new else []
    if wanted.uri is not None and (is_new or await registry.uri(shop_id) != wanted.uri):
        steps.append(Step("set its token's URI", registry.uri_update(shop_id, wanted.uri)))
    if is_new or wanted.relay_token not in await registry.relay_tokens(shop_id):
        steps.append(Step("list this relay in it", registry.relay_listing(shop_id, wanted.relay_token)))
    return steps


class ShopSending:
    """Sends such steps from the owner's wallet."""

    def __init__(self, sender: Sender, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sender = sender
        self._sleep = sleep

    async def price(self, steps: list[Step]) -> Costs:
        """Find out what steps cost at most. Nothing is sent.

        Raises TransactionPending if the wallet has sent something that waits; what `Sender.plan` raises.
        """
        if await self._sender.has_waiting():
            raise TransactionPending(
                "a transaction of this wallet is not mined yet: wait until it is, then run this again"
            )
        first = await self._sender.plan(steps[0].call)
        fee = int(first.fields["maxFeePerGas"])
        costs = Costs((first.highest_cost, *(fee * _gas(step.call) for step in steps[1:])), first.balance)
        if costs.balance < costs.total:
            raise self._sender.unfunded(costs.balance, costs.total)
        return costs

    async def send(self, step: Step, most_wei: int) -> Receipt:
        """Send one, and wait until it is mined. Raises ChainError, also if it would cost more than that."""
        planned = await self._plan(step)
        if planned.highest_cost > most_wei:
            raise ChainError(f"fees have risen meanwhile; run this again to {step.what}")
        return await self._sender.send(planned)

    async def _plan(self, step: Step) -> PlannedTransaction:
        for _ in range(_TRIES - 1):
            try:
                return await self._sender.plan(step.call)
            except Reverted:
                # Another node of the endpoint may not have the block yet in which the shop came into being.
                await self._sleep(_TRY_AGAIN_S)
        return await self._sender.plan(step.call)


def _gas(call: ContractCall) -> int:
    texts = [len(one.encode()) for one in call.arguments if isinstance(one, str)]
    return _GAS[call.function] + sum(-(-length // WORD_BYTES) * _GAS_PER_WORD for length in texts)
