"""Counts, time spans and sizes."""

import pytest

from minirelay.config.quantities import PositiveSize, Seconds, Size


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (15, 15),
        (0.25, 0.25),
        ("15", 15),
        ("250ms", 0.25),
        ("1.5 s", 1.5),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
    ],
)
def test_times_have_units(given: object, seconds: float) -> None:
    assert Seconds.parse(given) == seconds


@pytest.mark.parametrize(
    "given", [-1, "-1", "", "x", "5 minutes", True, None, [], float("nan"), float("inf"), "1e9"]
)
def test_times_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match=r"time|less than 0"):
        Seconds.parse(given)


@pytest.mark.parametrize(
    ("given", "size"), [(5, 5), ("5", 5), ("64KiB", 65536), ("2 MiB", 2**21), ("1GiB", 2**30)]
)
def test_sizes_have_units(given: object, size: int) -> None:
    assert Size.parse(given) == size


@pytest.mark.parametrize("given", [-1, "", "2 MB", "2s", True, None])
def test_sizes_that_are_none(given: object) -> None:
    with pytest.raises(ValueError, match=r"size|less than 0"):
        Size.parse(given)


def test_a_positive_size_is_at_least_one_byte() -> None:
    assert PositiveSize.parse("1KiB") == 1024
    for given in (0, "0MiB", 0.5):
        with pytest.raises(ValueError, match="at least one byte"):
            PositiveSize.parse(given)


@pytest.mark.parametrize("text", ["0s", "15s", "250ms", "5m", "90s", "3h", "1d", "1.5s", "1234567.5s", "40d"])
def test_a_time_is_written_as_it_can_be_read(text: str) -> None:
    value = Seconds.parse(text)
    assert Seconds.parse(str(value)) == value
    assert str(value) == ("0.25s" if text == "250ms" else text)


@pytest.mark.parametrize("text", ["0", "1", "1000", "1KiB", "1025", "2MiB", "1536KiB", "4GiB"])
def test_a_size_is_written_as_it_can_be_read(text: str) -> None:
    assert str(Size.parse(text)) == text
