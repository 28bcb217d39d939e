"""Key cards for the benchmark, enrolled in a data directory before a relay serves it.

The registry that would have to agree is left out; all else is what `POST /v4/enroll_key_card` does.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from minirelay.protocol.signing import PrivateKey
from minirelay.relay.messages import Enrolment
from minirelay.relay.relay import Relay, RelayLimits
from minirelay.store.database import Store

SHOP_ID: Final = 4711
REGISTRY_CHAIN: Final = 1
WALLET: Final = b"\x77" * 32
"""The relay's wallet: it signs enrolments, and owns nothing."""

_GUEST_WALLET: Final = bytes(20)


@dataclass(frozen=True, slots=True)
class Cards:
    """The key cards of a shop."""

    clerks: Sequence[PrivateKey]
    guests: Sequence[PrivateKey] = ()


async def enrol(data_dir: Path, cards: Cards) -> None:
    """Start the shop and enrol these cards. Raises StoreError."""
    async with await Store.open(data_dir) as store:
        relay = Relay(
            store,
            await store.reader.next_rows(),
            wallet=PrivateKey.from_bytes(WALLET),
            registry_chain=REGISTRY_CHAIN,
            limits=RelayLimits(),
        )
        for number, key in enumerate(cards.clerks, start=1):
            await relay.admit(Enrolment(SHOP_ID, number.to_bytes(20), key.public_key, is_guest=False))
        guests = [Enrolment(SHOP_ID, _GUEST_WALLET, key.public_key, is_guest=True) for key in cards.guests]
        await asyncio.gather(*map(relay.admit, guests))
        await relay.drain()
