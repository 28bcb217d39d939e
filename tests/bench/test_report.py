"""Figures, what is wanted of them, and a report of them as text and as a document."""

import json

import pytest

from minirelay.bench.report import Figure, Goal, Report, Section, document, lines, number, percentile


@pytest.mark.parametrize(
    ("target", "value", "is_met"),
    [
        (Goal.at_least(4), 4, True),
        (Goal.at_least(4), 5, True),
        (Goal.at_least(4), 3.9, False),
        (Goal.at_most(4), 4, True),
        (Goal.at_most(4), 3, True),
        (Goal.at_most(4), 4.1, False),
        (None, 4, None),
    ],
)
def test_targets(target: Goal | None, value: float, is_met: bool | None) -> None:
    assert Figure("one", value, "s", target).is_met is is_met


@pytest.mark.parametrize(
    ("figures", "is_kept"),
    [
        ((), True),
        ((Figure("told", 9, "s"), Figure("wanted", 9, "s", Goal.at_most(4))), True),
        ((Figure("must", 4, "s", Goal.must_be_at_most(4)),), True),
        ((Figure("told", 9, "s"), Figure("must", 4.1, "s", Goal.must_be_at_most(4))), False),
    ],
)
def test_only_what_must_be_breaks_a_report(figures: tuple[Figure, ...], is_kept: bool) -> None:
    assert Report((), (Section("one", "One", ()), Section("two", "Two", figures))).is_kept is is_kept


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(100)], 0.99, 99.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


REPORT = Report(
    machine=(("machine", "a small one"), ("python", "CPython")),
    sections=(
        Section("one", "Told", (Figure("plain", 0.12345, "µs"),)),
        Section(
            "two",
            "Judged",
            (
                Figure("rate", 4321.9, "sets/s", Goal.at_least(4000), "900–1,100"),
                Figure("  part of it", 12.34, "%"),
                Figure("delay", 2.5, "ms", Goal.at_most(2)),
                Figure("idle", 1.05, "x", Goal.must_be_at_most(1.1)),
            ),
            ("A note.",),
        ),
    ),
)


def test_text() -> None:
    written = [" ".join(line.split()) for line in lines(REPORT)]
    assert written == [
        "machine a small one",
        "python CPython",
        "",
        "Told",
        "plain 0.12 µs",
        "",
        "Judged target relay in Go",
        "rate 4,322 sets/s ≥ 4,000: met 900–1,100",
        "part of it 12.3 %",
        "delay 2.50 ms ≤ 2: MISSED",
        "idle 1.05 x ≤ 1.1 (must): met",
        "(A note.)",
    ]


def test_columns_stand_below_each_other() -> None:
    head, rate, _, delay, *_ = list(lines(REPORT))[-6:]
    assert head.index("target") == rate.index("≥") == delay.index("≤")
    assert head.index("relay in Go") == rate.index("900")


def test_document() -> None:
    written = json.loads(json.dumps(document(REPORT)))
    assert written["machine"] == {"machine": "a small one", "python": "CPython"}
    plain, with_targets = written["scenarios"]
    assert plain["figures"] == [
        {
            "name": "plain",
            "value": 0.12345,
            "unit": "µs",
            "target": None,
            "is_met": None,
            "is_must": False,
            "relay_in_go": None,
        }
    ]
    rate, part, delay, idle = with_targets["figures"]
    assert (rate["target"], rate["is_met"], rate["relay_in_go"]) == ({"at_least": 4000}, True, "900–1,100")
    assert part["name"] == "part of it"
    assert (delay["target"], delay["is_met"]) == ({"at_most": 2}, False)
    assert (idle["target"], idle["is_must"]) == ({"at_most": 1.1}, True)
    assert with_targets["notes"] == ["A note."]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0.00"),
        (1.234, "1.23"),
        (9.999, "10.00"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234567.8, "1,234,568"),
        (-250.0, "-250"),
    ],
)
def test_numbers(value: float, written: str) -> None:
    assert number(value) == written
