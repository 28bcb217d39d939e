"""A report as text and as a document."""

import json

import pytest

from minirelay.bench.figures import Figure, Goal, Report, Section
from minirelay.bench.report import document, lines, number

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
