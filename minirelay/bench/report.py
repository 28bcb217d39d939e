"""A report: figures beside what is wanted, as lines for people and as a document for scripts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure is to keep. is_must: on every machine, or something is wrong."""

    bound: float
    is_least: bool
    is_must: bool = False

    @classmethod
    def at_least(cls, bound: float) -> Self:
        """Make a lower bound."""
        return cls(bound, is_least=True)

    @classmethod
    def at_most(cls, bound: float) -> Self:
        """Make an upper bound."""
        return cls(bound, is_least=False)

    @classmethod
    def must_be_at_most(cls, bound: float) -> Self:
        """Make an upper bound that holds on every machine."""
        return cls(bound, is_least=False, is_must=True)

    def is_met(self, value: float) -> bool:
        """Return whether a value keeps it."""
        return value >= self.bound if self.is_least else value <= self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. goal: None for what is only told. elsewhere: what the relay in Go does, in words."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    elsewhere: str = ""

    @property
    def is_met(self) -> bool | None:
        """Return whether the goal is met; None without one."""
        return None if self.goal is None else self.goal.is_met(self.value)


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one scenario. name: of the scenario. notes: sentences about how they came to be."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All of a run. machine: facts about it and the versions of what ran, as (what, value)."""

    machine: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    @property
    def is_kept(self) -> bool:
        """Return whether all is met that must be."""
        figures = (figure for section in self.sections for figure in section.figures)
        return all(figure.is_met for figure in figures if figure.goal and figure.goal.is_must)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share (0 to 1) of the values lies; there must be some."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


_NAME_WIDTH: Final = 58
_VALUE_WIDTH: Final = 12
_UNIT_WIDTH: Final = 16
_TARGET_WIDTH: Final = 20

MET: Final = "met"
MISSED: Final = "MISSED"


def lines(report: Report) -> Iterator[str]:
    """Write a report as text in columns."""
    for what, value in report.machine:
        yield f"{what:<10} {value}"
    for section in report.sections:
        yield ""
        yield from _section(section)


def document(report: Report) -> dict[str, Any]:
    """Write a report as what JSON has."""
    return {
        "machine": dict(report.machine),
        "scenarios": [
            {
                "name": section.name,
                "title": section.title,
                "figures": [_figure_document(figure) for figure in section.figures],
                "notes": list(section.notes),
            }
            for section in report.sections
        ],
    }


def number(value: float) -> str:
    """Write a number with as many digits as mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _section(section: Section) -> Iterator[str]:
    with_targets = any(figure.goal or figure.elsewhere for figure in section.figures)
    head = f"{section.title:<{_NAME_WIDTH + _VALUE_WIDTH + _UNIT_WIDTH + 3}}"
    yield f"{head}{'target':<{_TARGET_WIDTH}} relay in Go" if with_targets else section.title
    for figure in section.figures:
        yield _line(figure)
    yield from (f"  ({note})" for note in section.notes)


def _line(figure: Figure) -> str:
    target = ""
    if figure.goal is not None:
        sign = "≥" if figure.goal.is_least else "≤"
        must = " (must)" if figure.goal.is_must else ""
        target = f"{sign} {figure.goal.bound:,.10g}{must}: {MET if figure.is_met else MISSED}"
    columns = (
        f"  {figure.name:<{_NAME_WIDTH - 2}}",
        f"{number(figure.value):>{_VALUE_WIDTH}}",
        f"{figure.unit:<{_UNIT_WIDTH}}",
        f"{target:<{_TARGET_WIDTH}}",
        figure.elsewhere,
    )
    return " ".join(columns).rstrip()


def _figure_document(figure: Figure) -> dict[str, Any]:
    goal = figure.goal
    return {
        "name": figure.name.strip(),
        "value": figure.value,
        "unit": figure.unit,
        "target": None if goal is None else {"at_least" if goal.is_least else "at_most": goal.bound},
        "is_met": figure.is_met,
        "is_must": goal is not None and goal.is_must,
        "relay_in_go": figure.elsewhere or None,
    }
