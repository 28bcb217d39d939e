"""A program that follows a shop and remembers how far it came, for a test that kills it.

Arguments: url, shop id, key card, JSON-RPC endpoint, shop registry, relay registry, relay token, file.
The file holds all sets that were ever applied and the checkpoint behind them; it is replaced in one step.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from minirelay.client import Checkpoint, Follower, PrivateKey, ReceivedSet, RegistryRelays, RelayClient


class Record(msgspec.Struct):
    """What the file holds. sets: number, leaves and signer of each."""

    sets: list[tuple[int, tuple[int, ...], bytes]] = []
    checkpoint: bytes = b""
    root_hash: bytes | None = None


def load(path: Path) -> Record:
    """Read the file; an empty record if there is none."""
    return msgspec.msgpack.decode(path.read_bytes(), type=Record) if path.exists() else Record()


async def record(arguments: list[str]) -> None:
    """Follow for ever."""
    url, shop_id, key_card, rpc_url, shop_reg, relay_reg, token, file = arguments
    path = Path(file)
    known = load(path)

    def remember(follower: Follower, received: ReceivedSet) -> None:
        known.sets.append((received.seq, received.leaves, received.signer))
        known.checkpoint = follower.checkpoint().to_bytes()
        known.root_hash = follower.root_hash
        draft = path.with_suffix(".tmp")
        draft.write_bytes(msgspec.msgpack.encode(known))
        os.replace(draft, path)

    relays = RegistryRelays(rpc_url, tokens=[int(token)], shop_reg=shop_reg, relay_reg=relay_reg)
    key = PrivateKey.from_bytes(bytes.fromhex(key_card))
    async with RelayClient.connect(url, shop_id=int(shop_id), key_card=key, relay_signers=relays) as client:
        await client.authenticate()
        begin = Checkpoint.from_bytes(known.checkpoint) if known.checkpoint else None
        async with await client.follow(begin, on_applied=remember) as follower:
            await follower.run()


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))
