from datetime import UTC, datetime

from minirelay.relay.clock import utc_now


def test_the_clock_is_aware_and_goes_forward() -> None:
    before = datetime.now(UTC)
    assert before <= utc_now() <= datetime.now(UTC)
