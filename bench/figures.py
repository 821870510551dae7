"""A figure: several runs of one measurement, told by their median, lowest and highest."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    name: str
    unit: str
    runs: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def told(self) -> str:
        """One line of the page."""
        digits = 0 if self.median >= 100 else 1 if self.median >= 10 else 3
        median, low, high = (
            f"{value:.{digits}f}" for value in (self.median, min(self.runs), max(self.runs))
        )
        spread = f"({low} - {high})" if len(self.runs) > 1 else ""
        return f"  {self.name:<74} {median:>8} {self.unit:<6} {spread}"

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.runs),
            "max": max(self.runs),
            "runs": list(self.runs),
        }
