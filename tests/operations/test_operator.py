"""What an operator has the relay do: durable, and told in words where it can't be done."""

import pytest

from minirelay.operations.operator import Operator, UnknownAlert
from minirelay.relay.clock import utc_now
from tests.operations.alerts_raised import raise_alert
from tests.relay.house import House


async def test_an_alert_is_acknowledged_durably(house: House) -> None:
    await house.enrol()
    await raise_alert(house.store, 1)
    operator = Operator(house.store, utc_now)
    alert = await operator.acknowledge(1)
    assert alert.acknowledged_at is not None
    assert await house.store.reader.alert(1) == alert
    assert (await house.store.reader.alerts()).alerts == ()
    assert await operator.acknowledge(1) == alert


@pytest.mark.parametrize("alert_id", [0, -1, 2, 2**63, 2**64])
async def test_an_alert_that_is_not_there_is_said_to_be(house: House, alert_id: int) -> None:
    with pytest.raises(UnknownAlert, match=f"there is no alert {alert_id}"):
        await Operator(house.store, utc_now).acknowledge(alert_id)
