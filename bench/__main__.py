"""`make bench`: measures, prints one page, and writes it to bench/results/ as JSON and SVG.

python -m bench [refresh | layers | latency | paths | sizes | spreading | overload | blinding |
                 attacks | attacks_login | million]...

`attacks`, `attacks_login` and `million` run only where they are named. `million` takes some
minutes and 1.5 GB of disk.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import (
    attacks,
    attacks_login,
    blinding,
    latency,
    layers,
    million,
    overload,
    paths,
    plot,
    refresh,
    sizes,
    spreading,
)
from bench.figures import Figure
from bench.machine import about

RESULTS = Path(__file__).parent / "results"
PARTS: Mapping[str, Callable[[], Sequence[Figure]]] = {
    "refresh": refresh.measure,
    "layers": layers.measure,
    "latency": latency.measure,
    "overload": overload.measure,
    "paths": paths.measure,
    "sizes": sizes.measure,
    "spreading": spreading.measure,
    "blinding": blinding.measure,
    "attacks": attacks.measure,
    "attacks_login": attacks_login.measure,
    "million": million.measure,
}
ONLY_WHERE_NAMED = frozenset({"attacks", "attacks_login", "million"})


def main(chosen: Sequence[str]) -> None:
    unknown = set(chosen) - set(PARTS)
    if unknown:
        sys.stderr.write(
            f"error: no such part: {', '.join(sorted(unknown))}\nhint: {', '.join(PARTS)}\n"
        )
        sys.exit(2)
    began = time.monotonic()
    machine = about()
    tell(" · ".join(f"{name} {value}" for name, value in machine.items()))
    names = chosen or PARTS.keys() - ONLY_WHERE_NAMED
    parts = {name: part for name, part in PARTS.items() if name in names}
    figures = {name: told(name, part) for name, part in parts.items()}
    tell(f"\nmedians (lowest - highest); {time.monotonic() - began:.0f} s")
    if not chosen:
        RESULTS.mkdir(exist_ok=True)
        write(RESULTS, machine, figures, latency.curve())


def write(
    folder: Path,
    machine: Mapping[str, str],
    figures: Mapping[str, Sequence[Figure]],
    curve: Sequence[tuple[float, float, float]],
) -> None:
    plot.draw(folder / "latency-and-cost.svg", curve, figures, machine)
    written = {
        "machine": machine,
        "parts": {
            name: [each.as_json() for each in measured] for name, measured in figures.items()
        },
    }
    (folder / "bench.json").write_text(json.dumps(written, indent=1) + "\n")


def told(name: str, part: Callable[[], Sequence[Figure]]) -> Sequence[Figure]:
    figures = part()
    tell("\n".join([f"\n{name}", *(each.told() for each in figures)]))
    return figures


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
