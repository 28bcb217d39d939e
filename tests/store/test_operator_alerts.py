"""Alerts about the relay itself."""

from minirelay.store.database import Store
from minirelay.store.operator_alerts import (
    BACKUP_FAILED,
    LOW_DISK,
    RESTORED,
    EndedAlert,
    OperatorAlert,
    load_lasting,
    told_of,
)


async def test_what_is_raised_again_is_told_once(store: Store) -> None:
    for at in (1, 2, 3):
        await store.writer.commit(OperatorAlert(BACKUP_FAILED, "disk full", at))
    await store.writer.commit(OperatorAlert(RESTORED, "x" * 10_000, 4))
    rows = await store.writer.connection.run(
        lambda db: db.execute(
            "SELECT kind, shop, raised_at, count, told_of FROM alert ORDER BY id"
        ).fetchall()
    )
    assert rows[0] == ("backup failed", None, 3, 3, "backup failed:disk full")
    assert rows[1][:4] == ("restored", None, 4, 1)
    assert len(rows[1][4]) < 600


async def test_they_are_no_damage(store: Store) -> None:
    await store.writer.commit(OperatorAlert(BACKUP_FAILED, "disk full", 1))
    damage = await store.reader.find_damage()
    assert damage is None or "alert" not in damage


def test_a_light_one_and_a_heavy_one() -> None:
    light, heavy = OperatorAlert(RESTORED, "", 1), OperatorAlert(RESTORED, "x" * 100, 1)
    assert heavy.weight - light.weight == 100
    assert light.epoch is None
    assert told_of(RESTORED, "a") != told_of(BACKUP_FAILED, "a")


async def test_only_what_ends_by_itself_and_has_not_lasts(store: Store) -> None:
    low, failed = OperatorAlert(LOW_DISK, "full", 1, "", is_urgent=True), OperatorAlert(BACKUP_FAILED, "x", 1)
    for one in (low, failed, OperatorAlert(RESTORED, "y", 1)):
        await store.writer.commit(one)
    assert await store.writer.connection.run(load_lasting) == {"low disk:": True, "backup failed:x": False}
    for at in (2, 3):
        await store.writer.commit(EndedAlert(low.told_of, at))
    assert await store.writer.connection.run(load_lasting) == {"backup failed:x": False}
    ended = await store.writer.connection.run(lambda db: db.execute("SELECT ended_at FROM alert").fetchall())
    assert ended == [(2,), (None,), (None,)]
    assert EndedAlert("x", 1).epoch is None
    assert EndedAlert("x", 1).weight > 0
