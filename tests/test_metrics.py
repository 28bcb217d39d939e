"""What is counted, and the families that are made of it."""

import pytest

from minirelay.metrics import Histogram, Meters, Series, quantile


def test_a_value_is_in_the_bucket_whose_end_it_does_not_pass() -> None:
    histogram = Histogram((1, 2))
    for value in (0, 1, 1.5, 2, 3):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert (histogram.count, histogram.sum) == (5, 7.5)


def test_a_histograms_buckets_add_up() -> None:
    histogram = Histogram((1, 2))
    for value in (0.5, 1.5, 9):
        histogram.observe(value)
    family = Series("h", "histogram", "help").of_histogram(histogram)
    assert [(one.name, one.labels, one.value) for one in family.samples] == [
        ("h_bucket", {"le": "1"}, 1),
        ("h_bucket", {"le": "2"}, 2),
        ("h_bucket", {"le": "+Inf"}, 3),
        ("h_count", {}, 3),
        ("h_sum", {}, 11),
    ]


def test_a_counters_name_says_so() -> None:
    series = Series("c", "counter", "help", ("kind",))
    (sample,) = series.by({("x",): 3}).samples
    assert (sample.name, sample.labels, sample.value) == ("c_total", {"kind": "x"}, 3)
    assert series.shown_name == "c_total"


def test_what_is_not_known_has_no_value() -> None:
    assert Series("g", "gauge", "help").of(None).samples == []
    assert [one.value for one in Series("g", "gauge", "help").of(0).samples] == [0]


def test_a_value_has_all_its_labels() -> None:
    with pytest.raises(ValueError, match="zip"):
        Series("g", "gauge", "help", ("a", "b")).by({("x",): 1})


def test_writes_and_transactions_are_counted() -> None:
    meters = Meters()
    meters.write_settled("accepted", 0.003)
    meters.write_settled("INVALID", 0.004)
    meters.batch_stored(3, 17, 0.01)
    assert meters.writes == {"accepted": 1, "INVALID": 1}
    assert meters.ack.count == 2
    assert (meters.commit.count, meters.commit_writes.sum, meters.commit_rows) == (1, 3, 17)


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ([0, 0, 0], 0.5, None),
        ([4, 0, 0], 0.5, 0.5),
        ([2, 2, 0], 0.75, 1.5),
        ([0, 0, 9], 0.5, 2.0),
        ([1, 0, 3], 0.95, 2.0),
        ([0, 10, 0], 1.0, 2.0),
    ],
)
def test_quantiles_lie_within_their_bucket(counts: list[int], share: float, value: float | None) -> None:
    assert quantile((1.0, 2.0), counts, share) == value
