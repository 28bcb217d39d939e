"""The relay's clock; who needs it takes it as an argument, so that tests set the time."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Read the relay's clock; aware UTC."""
    return datetime.now(UTC)
