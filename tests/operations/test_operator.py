"""What an operator has the relay do: durable, and told in words where it can't be done."""

from collections.abc import AsyncIterator

import pytest

from minirelay.blobs.cid import write_cid, write_cid_1
from minirelay.blobs.library import BlobLibrary
from minirelay.errors import MalformedInput
from minirelay.operations.operator import Operator, UnknownAlert, UnknownBlob
from minirelay.relay.clock import utc_now
from tests.blobs.test_library import put
from tests.operations.alerts_raised import raise_alert
from tests.relay.house import House


@pytest.fixture
async def blobs(house: House) -> AsyncIterator[BlobLibrary]:
    await house.enrol()
    async with BlobLibrary.opened(house.store, shop_bytes=2**20, now=utc_now) as library:
        yield library


async def test_an_alert_is_acknowledged_durably(house: House, blobs: BlobLibrary) -> None:
    await raise_alert(house.store, 1)
    operator = Operator(house.store, blobs, utc_now)
    alert = await operator.acknowledge(1)
    assert alert.acknowledged_at is not None
    assert await house.store.reader.alert(1) == alert
    assert (await house.store.reader.alerts()).alerts == ()
    assert await operator.acknowledge(1) == alert


@pytest.mark.parametrize("alert_id", [0, -1, 2, 2**63, 2**64])
async def test_an_alert_that_is_not_there_is_said_to_be(
    house: House, blobs: BlobLibrary, alert_id: int
) -> None:
    with pytest.raises(UnknownAlert, match=f"there is no alert {alert_id}"):
        await Operator(house.store, blobs, utc_now).acknowledge(alert_id)


async def test_a_file_is_removed_with_all_its_blocks(house: House, blobs: BlobLibrary) -> None:
    digest = await put(blobs, b"x" * 300_000, shop=1)
    operator = Operator(house.store, blobs, utc_now)
    assert (await operator.remove_blob(write_cid_1(digest))).size == 300_000
    assert await blobs.find(digest) is None
    assert await house.store.reader.unfinished_blobs() == []
    assert await house.store.reader.blob_bytes(1) == 0
    with pytest.raises(UnknownBlob, match="there is no file Qm"):
        await operator.remove_blob(write_cid(digest))
    with pytest.raises(MalformedInput):
        await operator.remove_blob("Qm")
