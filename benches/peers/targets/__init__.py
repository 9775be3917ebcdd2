"""Figures that have a target, and the verdicts on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from table import table


@dataclass(frozen=True)
class Verdict:
    figure: str
    target: str
    measured: str
    met: bool


# What each figure of `run` gives: its tables, and its verdicts.
Report = tuple[str, list[Verdict]]


def at_most(figure: str, measured: float, bound: float, unit: str, places: int = 2, note: str = "") -> Verdict:
    return verdict(figure, "at most", measured, bound, unit, places, note, measured <= bound)


def at_least(figure: str, measured: float, bound: float, unit: str, places: int = 2, note: str = "") -> Verdict:
    return verdict(figure, "at least", measured, bound, unit, places, note, measured >= bound)


def verdict(figure: str, side: str, measured: float, bound: float, unit: str, places: int, note: str, met: bool) -> Verdict:
    note = f" ({note})" if note else ""
    return Verdict(figure, f"{side} {bound:,.{places}f} {unit}", f"{measured:,.{places}f}{note}", met)


def verdicts(all: Sequence[Verdict], markdown: bool) -> str:
    rows = [[each.figure, each.target, each.measured, "met" if each.met else "not met"] for each in all]
    return table(["figure", "target", "measured", "verdict"], rows, markdown)
