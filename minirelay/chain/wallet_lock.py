"""One wallet, one sender at a time on each chain: register, anchoring and sweeping (spec 07 "Sending").

A process has the wallet for itself as long as it has the data directory. What it sent last on a chain is in
the database, so that whoever is next, also after a restart, finds out whether it still waits.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from minirelay.chain.sending import Sender, Sent
from minirelay.chain.token_memory import Memory
from minirelay.chain.wallet import Wallet

SENT_KEY: Final = "wallet_sent"
"""Followed by a slash and a chain's id; holds the last transaction there: its purpose, and `Sent` encoded."""

Purpose = Literal["anchor", "sweep", "register"]
_PURPOSES: Final[dict[int, Purpose]] = {1: "anchor", 2: "sweep", 3: "register"}
_CODES: Final = {purpose: code for code, purpose in _PURPOSES.items()}


@dataclass(frozen=True, slots=True)
class LastSent:
    """What the wallet sent last on a chain."""

    purpose: Purpose
    sent: Sent


class WalletLock:
    """The right to send from the relay's wallet on one chain.

    What decides about an account nonce is done inside `held`: looking at what waits, planning, sending. Who
    must not stand in the way of others leaves it before the transaction is mined: the next one then finds it
    `waiting`, and either waits, too, or replaces it (`Sender.plan`, instead_of).
    """

    def __init__(self, memory: Memory, wallet: Wallet, chain_id: int) -> None:
        """memory: of the relay itself."""
        self._memory = memory
        self._key = f"{SENT_KEY}/{chain_id}"
        self._lock = wallet.sending(chain_id)

    @property
    def is_held(self) -> bool:
        """Say whether anybody sends."""
        return self._lock.locked()

    def held(self) -> asyncio.Lock:
        """Return what to hold while sending: the same lock for all, `Sender.send` included."""
        return self._lock

    async def waiting(self, sender: Sender) -> LastSent | None:
        """Return what was sent last if it may still be mined. Raises ChainUnreachable."""
        data = await self._memory.get_meta(self._key)
        if data is None:
            return None
        last = LastSent(_PURPOSES[data[0]], Sent.decode(data[1:]))
        return last if await sender.may_be_mined(last.sent) else None

    async def note(self, purpose: Purpose, sent: Sent) -> None:
        """Remember, durably, what is about to be sent."""
        await self._memory.put_meta(self._key, bytes([_CODES[purpose]]) + sent.encode())
