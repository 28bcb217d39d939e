"""A relay that is killed while customers buy: of each write, all of it is there, or nothing."""

import asyncio
import sys
from pathlib import Path

from minirelay.protocol.objects import ObjectType
from minirelay.relay.audit import audit, read_signers
from minirelay.shop.canonical import load
from minirelay.shop.objects import Order
from minirelay.shop.order_states import OrderState
from minirelay.store.database import open_readonly
from tests.relay.house import SHOP
from tests.system import buying_customers

ROOT = Path(__file__).parent.parent.parent
UNITS = 2


async def lines_until_killed(directory: Path, answers: int) -> list[str]:
    """Run customers on a directory, kill them after some answers; give all that were printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        buying_customers.__name__,
        str(directory),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(answers)]
    process.kill()
    lines += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    return [line.decode() for line in lines if line.endswith(b"\n")]


async def check(directory: Path, answered: dict[int, str]) -> None:
    """Compare what is stored with the log, and with what customers were told."""
    async with await open_readonly(directory) as store:
        reader = store.reader
        row = await reader.shop(SHOP)
        assert row is not None
        assert await reader.find_damage() is None
        await audit(reader, row, await read_signers(reader), lambda _: None)
        objects = [one for one in await reader.load_objects(1) if one.object_type is ObjectType.ORDER]
        orders = {one.key: load(Order, one.value) for one in objects}
        reserved = {
            order_id: sum(units for _, units in one.units)
            for order_id, one in (await reader.reservations(1)).items()
        }
        requests = (await reader.payment_requests(row, orders=orders)).values()
    live = {order_id for order_id, one in orders.items() if one.state is not OrderState.CANCELED}
    # An hour has not passed, so each holds what it contains.
    assert reserved == dict.fromkeys(live, UNITS)
    chosen = {order_id for order_id, one in orders.items() if one.payment_details is not None}
    assert sorted(one.order_id for one in requests) == sorted(chosen)
    for order, state in answered.items():
        found = orders[order.to_bytes(8)]
        if state == "canceled":
            assert found.state is OrderState.CANCELED
        elif state == "unpaid":
            assert found.payment_details is not None


async def test_a_killed_relay_has_an_orders_rows_with_its_patches_or_neither(tmp_path: Path) -> None:
    answered: dict[int, str] = {}
    for answers in (1, 20, 150, 7, 60):
        lines = await lines_until_killed(tmp_path, answers)
        assert len(lines) >= answers
        answered |= {int(order): state for order, state in map(str.split, lines)}
        await check(tmp_path, answered)
    assert {"unpaid", "canceled"} <= set(answered.values())
