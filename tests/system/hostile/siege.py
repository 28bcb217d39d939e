"""Many intruders around one relay that runs as a process, and one client that minds its own business."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import cbor2
from aiohttp import ClientSession, TCPConnector

from minirelay.bench.meters import ProcessMeter
from minirelay.client import PrivateKey, RegistryRelays, RelayClient
from minirelay.dev.accounts import ACCOUNTS
from minirelay.protocol.cbor import Value, decode
from minirelay.protocol.patch_set import NewPatch
from tests.shop.random_patches import OPEN_ORDER, PLAIN_LISTING, RICH_LISTING
from tests.system.hostile.bystander import Bystander
from tests.system.hostile.http_intruder import HttpIntruder
from tests.system.hostile.intruder import Intruder
from tests.system.hostile.tally import Tally
from tests.system.programs import Program

OWNER = PrivateKey.from_bytes(bytes.fromhex(ACCOUNTS[0].private_key[2:]))
LONG_TEXT_BYTES, LOG_BYTES_PER_FRAME = 100_000, 250
CLERKS, GUESTS, STRANGERS, HTTP_INTRUDERS = 2, 2, 1, 6


@dataclass(frozen=True)
class Outcome:
    """What came of it. memory: resident bytes after the warm-up, now and then, and at the end."""

    tally: Tally
    acknowledged: int
    memory: list[int]


async def lay_siege(program: Program, total: int, seed: int) -> Outcome:
    """Send that many mutated frames and requests while the bystander goes on; check what it got."""
    demo = program.ready["demo_shop"]
    shop_id, key = int(demo["shop_id"]), _key_card("bystander", seed)
    meter = ProcessMeter(program.process.pid)
    tally = Tally(total, min(10_000, total // 3), meter.resident_bytes)
    contracts = program.ready["contracts"]
    relays = RegistryRelays(
        program.ready["rpc_url"],
        tokens=[int(program.ready["relay_token_id"], 16)],
        shop_reg=contracts["ShopReg"],
        relay_reg=contracts["RelayReg"],
    )
    await _bring_in(program, shop_id, PrivateKey.from_bytes(bytes.fromhex(demo["key_card"])), total)
    async with (
        ClientSession(connector=TCPConnector(limit=0)) as http,
        RelayClient.connect(program.url, shop_id=shop_id, key_card=key, relay_signers=relays) as client,
    ):
        await client.enrol(OWNER)
        await client.authenticate()
        intruders = await _intruders(program, http, shop_id, seed, tally)
        bystander = Bystander(client, key)
        async with await client.follow(on_applied=bystander.observe) as follower:
            await _run(bystander, intruders, tally)
            await bystander.check(follower)
    return Outcome(tally, bystander.acknowledged, [*tally.memory, meter.resident_bytes()])


async def _run(bystander: Bystander, intruders: Sequence[Intruder | HttpIntruder], tally: Tally) -> None:
    async with asyncio.TaskGroup() as everybody:
        attacks = [everybody.create_task(intruder.run()) for intruder in intruders]
        stop = asyncio.Event()
        writing = everybody.create_task(bystander.write(stop))
        await asyncio.wait([writing, *attacks], return_when=asyncio.FIRST_COMPLETED)
        tally.is_over.set()
        await asyncio.wait(attacks)
        stop.set()


async def _intruders(
    program: Program, http: ClientSession, shop_id: int, seed: int, tally: Tally
) -> list[Intruder | HttpIntruder]:
    found: list[Intruder | HttpIntruder] = []
    for role, count in (("clerk", CLERKS), ("guest", GUESTS), ("stranger", STRANGERS)):
        for number in range(count):
            name = f"{role} {number}"
            key = _key_card(name, seed)
            if role != "stranger":
                await _enrol(program, shop_id, key, is_guest=role == "guest")
            found.append(Intruder(name, seed, http, program.url, shop_id, key, tally))
    for number in range(HTTP_INTRUDERS):
        found.append(HttpIntruder(f"HTTP {number}", seed, program.url, OWNER, tally))
    return found


def _key_card(name: str, seed: int) -> PrivateKey:
    return PrivateKey.from_bytes(random.Random(f"key card of {name} {seed}").randbytes(32))


async def _enrol(program: Program, shop_id: int, key: PrivateKey, *, is_guest: bool) -> None:
    async with RelayClient.connect(program.url, shop_id=shop_id, key_card=key) as client:
        await client.enrol(OWNER, guest=is_guest)


async def _bring_in(program: Program, shop_id: int, key: PrivateKey, total: int) -> None:
    """Write what most of the mutated patches are about, and a log of some size.

    Of 100,000 frames' size it is larger than SQLite's caches: they shall not fill up while memory is watched.
    """
    async with RelayClient.connect(program.url, shop_id=shop_id, key_card=key) as client:
        await client.authenticate()
        await client.write(
            [
                NewPatch("replace", ("Listings", 1), value_of(RICH_LISTING)),
                NewPatch("replace", ("Listings", 2), value_of(PLAIN_LISTING)),
            ]
        )
        await client.write([NewPatch("add", ("Orders", 2), value_of(OPEN_ORDER))])
        path = ("Listings", 2, "Metadata", "Description")
        for _ in range(total * LOG_BYTES_PER_FRAME // LONG_TEXT_BYTES):
            await client.write([NewPatch("replace", path, "x" * LONG_TEXT_BYTES)])


def value_of(plain: object) -> Value:
    """Return a plain value as the decoder would give it."""
    return decode(cbor2.dumps(plain))
