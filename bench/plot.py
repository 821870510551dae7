"""The figures as a picture: latency against load, what a refresh costs, and its layers."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from bench.figures import Figure

WIDTH, HEIGHT = 900, 685
LEFT, RIGHT, TOP, BOTTOM = 60, 500, 60, 360
BARS = 560
LAYERS, LAYERS_FROM, ROW, LONGEST = 460, 300, 19, 520
LIMIT = "the limit"
RSA, SERVER, STORE = "the limit with eight signatures at once", "server alone", "store alone"
PARTS = {
    RSA: ("RSA", "#4c72b0"),
    SERVER: ("rest of server", "#dd8452"),
    STORE: ("store", "#55a868"),
}


def draw(
    file: Path,
    curve: Sequence[tuple[float, float, float]],
    figures: Mapping[str, Sequence[Figure]],
    machine: Mapping[str, str],
) -> None:
    lines = [*_curve(curve), *_bars(figures["refresh"]), *_layers(figures["layers"])]
    title = escape(f"{machine['cpu']}, Python {machine['python']}, {machine['openssl']}")
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        + _text(LEFT, 24, title)
        + "\n".join(lines)
        + "\n</svg>\n"
    )


def _curve(points: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    highest = max(p99 for _, _, p99 in points)
    yield _text(LEFT, TOP - 14, "latency (ms) against load (share of capacity), 1 worker")
    yield (
        f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="black"/>'
        + _text(LEFT - 45, TOP + 4, f"{highest:.1f}")
        + _text(LEFT - 45, BOTTOM, "0")
    )
    for name, at, color in (("p50", 1, "#4c72b0"), ("p99", 2, "#c44e52")):
        across = [LEFT + each[0] * (RIGHT - LEFT) for each in points]
        up = [BOTTOM - each[at] / highest * (BOTTOM - TOP) for each in points]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(across, up, strict=True))
        yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        yield _text(RIGHT - 40, BOTTOM - 20 - 16 * at, name, color)
    for load, _, _ in points:
        yield _text(LEFT + load * (RIGHT - LEFT) - 10, BOTTOM + 16, f"{load:.0%}")


def _bars(refresh: Sequence[Figure]) -> Iterator[str]:
    """Of each server: RSA's part at the bottom, the rest of the server's, the store's.

    A line where the limit is: RSA alone, one signature after the other.
    """
    costs = {each.name: each.median for each in refresh if each.name.startswith("CPU of a ref")}
    beds = [name.partition("(")[2].rstrip(")") for name in costs if STORE in name]
    highest = max(costs.values())
    yield _text(BARS, TOP - 14, "CPU of a refresh (us); line: the limit, one by one")
    for number, bed in enumerate(beds):
        left, base = BARS + number * 80, float(BOTTOM)
        rsa, server, store = (costs[f"CPU of a refresh, {part} ({bed})"] for part in PARTS)
        for value, (_, color) in zip((rsa, server - rsa, store), PARTS.values(), strict=True):
            height = value / highest * (BOTTOM - TOP)
            base -= height
            yield (
                f'<rect x="{left}" y="{base:.0f}" width="50" '
                f'height="{height:.0f}" fill="{color}"/>'
                + _text(left + 12, base + height / 2 + 4, f"{value:.0f}", "white")
            )
        at = BOTTOM - costs[f"CPU of a refresh, {LIMIT} ({bed})"] / highest * (BOTTOM - TOP)
        yield f'<path d="M{left - 6} {at:.0f}h62" stroke="black"/>'
        for line, words in enumerate(bed.split(", ")):
            yield _text(left, BOTTOM + 16 + 15 * line, words)
    for at, (name, color) in enumerate(PARTS.values()):
        yield _text(BARS + at * 100, BOTTOM + 52, name, color)


def _layers(figures: Sequence[Figure]) -> Iterator[str]:
    """One worker's, the largest first."""
    (whole, limit), layers = (each.median for each in figures[:2]), figures[2:]
    yield _text(
        LEFT,
        LAYERS - 14,
        f"CPU of a refresh, layer by layer (us): {whole:.0f} in all, 1 worker, embedded; "
        f"the limit, measured beside it, {limit:.0f}",
    )
    longest = max(each.median for each in layers)
    for number, each in enumerate(layers):
        name = each.name.partition(": ")[2].partition(" (")[0]
        _, color = PARTS[RSA if name.startswith("RSA") else SERVER]
        top, width = LAYERS + number * ROW, each.median / longest * LONGEST
        yield (
            _text(LEFT, top + 11, name)
            + f'<rect x="{LAYERS_FROM}" y="{top}" width="{width:.1f}" height="{ROW - 5}" '
            f'fill="{color}"/>' + _text(LAYERS_FROM + width + 6, top + 11, f"{each.median:.0f}")
        )


def _text(x: float, y: float, text: str, color: str = "black") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{color}">{escape(text)}</text>\n'
