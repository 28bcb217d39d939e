"""The whole relay, killed while it is written to: what was acknowledged is there, and the log is sound."""

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path

from minirelay.client import ClientError, PrivateKey, RelayClient
from minirelay.protocol.patch import decode_patch
from minirelay.protocol.patch_set import NewPatch
from tests.system.programs import Program, command, environment, minirelay_dev

FIRST = 1000
IN_FLIGHT = 16


def clerk_of(program: Program) -> tuple[int, PrivateKey]:
    demo = program.ready["demo_shop"]
    return int(demo["shop_id"]), PrivateKey.from_bytes(bytes.fromhex(demo["key_card"]))


def listing(number: int) -> NewPatch:
    value = {
        "ID": number,
        "Price": number,
        "Metadata": {"Title": f"Listing {number}", "Description": "Written in a hurry"},
        "ViewState": 1,
    }
    return NewPatch("add", ("Listings", number), value)  # type: ignore[arg-type]


async def write_until_killed(program: Program, first: int, kill_after: int) -> list[int]:
    """Write listings, several at a time; kill the relay in the midst; give those that were acknowledged."""
    shop_id, key = clerk_of(program)
    acknowledged: list[int] = []
    numbers = iter(range(first, first + 100_000))
    async with RelayClient.connect(program.url, shop_id=shop_id, key_card=key) as client:
        await client.authenticate()

        async def write() -> None:
            with suppress(ClientError):
                for number in numbers:
                    await client.write([listing(number)])
                    acknowledged.append(number)
                    if len(acknowledged) == kill_after:
                        program.kill()

        await asyncio.gather(*(write() for _ in range(IN_FLIGHT)))
    return acknowledged


def verify(data: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command("verify", "--data-dir", data), capture_output=True, text=True, env=environment(), check=False
    )


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    expected: set[int] = set()
    for round_number in range(3):
        with minirelay_dev("--data", data) as program:
            first = FIRST * (round_number + 1)
            acknowledged = await write_until_killed(program, first, kill_after=37 + 50 * round_number)
            assert len(acknowledged) >= 37
            expected.update(acknowledged)
    verified = verify(data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    with minirelay_dev("--data", data) as program:
        shop_id, key = clerk_of(program)
        async with RelayClient.connect(program.url, shop_id=shop_id, key_card=key) as client:
            await client.authenticate()
            found: set[int] = set()
            seqs: list[int] = []
            async with asyncio.timeout(60), client.subscribe_unverified() as sets:
                async for one in sets:
                    seqs.append(one.seq)
                    if one.seq >= 3:
                        found.add(int.from_bytes(number_of(one.patches[0])))
                    if expected <= found:
                        break
    assert seqs == list(range(1, len(seqs) + 1))


def number_of(raw: bytes) -> bytes:
    return decode_patch(raw).object_id
