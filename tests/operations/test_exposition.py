"""All series as text, one answer for all who ask at a time."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from minirelay.metrics import Families, Series
from minirelay.operations.exposition import Exposition

SERIES = Series("asked", "counter", "How often.", ("who",))


class Counting:
    """Counts how often it is asked, and by how many at a time."""

    def __init__(self) -> None:
        self.asked = self.at_a_time = self.most_at_a_time = 0

    @property
    def series(self) -> tuple[Series, ...]:
        return (SERIES,)

    async def collect(self) -> Families:
        self.asked += 1
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        await asyncio.sleep(0)
        self.at_a_time -= 1
        return [SERIES.by({('a "quoted"\nname',): self.asked})]


async def test_the_text_is_what_prometheus_reads() -> None:
    text = (await Exposition([Counting()]).text()).decode()
    (family,) = text_string_to_metric_families(text)
    assert (family.name, family.type, family.documentation) == ("asked", "counter", "How often.")
    assert [(one.labels, one.value) for one in family.samples] == [({"who": 'a "quoted"\nname'}, 1)]


async def test_expositions_share_nothing() -> None:
    one, other = Exposition([Counting()]), Exposition([Counting()])
    await one.text()
    assert b"1.0" in await other.text()


async def test_who_asks_at_the_same_time_waits() -> None:
    counting = Counting()
    exposition = Exposition([counting])
    await asyncio.gather(*(exposition.text() for _ in range(5)))
    assert (counting.asked, counting.most_at_a_time) == (5, 1)
