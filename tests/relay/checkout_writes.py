"""Client writes that the relay answers with two sets of its own right behind, as checkout will.

An order that a client adds is cancelled by the relay: the time first, then the state. A note of it, which no
patch set holds, is stored with them. Started with a data directory, this writes such orders until it is
killed, and prints how many were answered.
"""

import asyncio
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from minirelay.protocol.patch_set import NewPatch, open_patch_set
from minirelay.relay.client_write import ClientWrite
from minirelay.relay.pending_sets import PendingSets
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.access import Role
from minirelay.shop.ownership import Author
from minirelay.shop.work import Work
from minirelay.store.writes import MetaRow
from tests.relay.house import RELAY_KEY, order, running_relay

CANCELED = 2
NOW = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = 8

judge_alone = ClientWrite.judge


def judge_with_relays_sets(write: ClientWrite, head: ShopHead, loop_work: Work | None = None) -> Accepted:
    """Judge a client's set; behind it, cancel the order of its first patch in two sets of the relay's."""
    judge_alone(write, head, loop_work)
    card, patch_set = write.request.card, open_patch_set(write.request.patch_set)
    pending = PendingSets(head)
    pending.apply(Author(Role.GUEST if card.is_guest else Role.CLERK, card.row_id), patch_set, loop_work)
    order_id = patch_set.patches[0].path[1]
    canceled_at = NewPatch("add", ("Orders", order_id, "CanceledAt"), NOW)
    canceled = NewPatch("replace", ("Orders", order_id, "State"), CANCELED)
    for patch in (canceled_at, canceled):
        pending.apply_own([patch], RELAY_KEY, NOW, loop_work)
    return pending.accepted(further=[MetaRow(f"order {order_id!s}", b"canceled")])


async def main(directory: Path) -> None:
    setattr(ClientWrite, "judge", judge_with_relays_sets)  # noqa: B010
    async with running_relay(directory) as house:
        clerk = await house.clerk()
        first = await house.durable_seq()
        answers = [await clerk.start_write(order(first * 10**6 + number)) for number in range(WINDOW)]
        for number in count(WINDOW):
            await answers.pop(0)
            sys.stdout.write(f"{number - WINDOW + 1}\n")
            sys.stdout.flush()
            answers.append(await clerk.start_write(order(first * 10**6 + number)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
