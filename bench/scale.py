"""How much is measured: enough for figures, or just enough to see that measuring works."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.beds import STORES

WORKERS = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    rounds: int
    run_seconds: float
    """Of one run of load; what only prepares one takes half of it."""
    connections: int
    tokens: int = 200
    """That are refused in a run. Of one dead token, a worker hears 60 times a minute."""
    beds: Sequence[tuple[str, int]] = tuple((s, w) for s in STORES for w in WORKERS)
    """Store and workers of each server, where a part compares them."""
