"""Figures: what was measured, in which unit, beside what was wanted and what another relay does."""

from dataclasses import dataclass
from typing import Self


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
        """Say whether a value keeps it."""
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
        """Say whether the goal is met; None without one."""
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
        """Say whether all is met that must be."""
        figures = (figure for section in self.sections for figure in section.figures)
        return all(figure.is_met for figure in figures if figure.goal and figure.goal.is_must)


def percentile(values: list[float], share: float) -> float:
    """Give the value below which that share (0 to 1) of the values lies; there must be some."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
