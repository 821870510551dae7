"""`make bench`, with numbers too small for figures: it measures what it says, and writes it."""

import gc
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import (
    attacks,
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
    stacks,
)
from bench.__main__ import main, write
from bench.figures import Figure
from bench.layers import COST
from bench.machine import PROC, about
from bench.scale import Scale

pytestmark = pytest.mark.skipif(
    not (PROC / "self" / "schedstat").exists(), reason="Linux alone tells what a thread has run"
)

TINY = Scale(rounds=1, run_seconds=0.05, connections=4, tokens=8, beds=[("embedded", 1)])
# Each round goes on until there are enough of them.
SOME_SAMPLES = replace(TINY, run_seconds=0.2)
PACKAGE = "token_server/"


@pytest.fixture(scope="module", autouse=True)
def _no_search_for_garbage_in_what_is_not_the_benchs() -> Iterator[None]:
    """It collects before each run of load, and beside it are all tests and their libraries."""
    gc.freeze()
    yield
    gc.unfreeze()


def by_name(figures: Sequence[Figure]) -> dict[str, float]:
    """What one round comes to."""
    for each in figures:
        assert len(each.runs) == TINY.rounds
        assert math.isfinite(each.median)
        assert each.name in each.told()
    return {each.name: each.median for each in figures}


def test_a_refresh_costs_more_than_its_rsa_and_the_page_begins_with_the_ratio() -> None:
    figures = refresh.measure(TINY)
    told = by_name(figures)
    assert figures[0].name.startswith("ratio to the limit")
    for name, value in told.items():
        assert 0.05 < value < 1.5 if name.startswith("ratio") else value > 0, name
    whole, server, store = (
        told[f"CPU of a refresh, {part} (embedded, 1 worker)"]
        for part in ("store included", "server alone", "store alone")
    )
    assert whole == pytest.approx(server + store)


def test_the_layers_of_a_refresh_add_up_to_the_whole_and_signatures_are_the_largest() -> None:
    told = by_name(layers.measure(SOME_SAMPLES))
    where = "(embedded, 1 worker)"
    whole, limit = (told.pop(f"{COST}, {what} {where}") for what in ("worker alone", "the limit"))
    assert limit > 0
    assert set(told) == {f"{COST}: {layer} {where}" for layer in stacks.NAMES}
    assert sum(told.values()) == pytest.approx(whole)
    assert max(told, key=told.__getitem__) == f"{COST}: {stacks.SIGNATURES} {where}"
    assert told[f"{COST}: {stacks.UNTOLD} {where}"] < 0.2 * whole


@pytest.mark.parametrize(
    "place", [each for places in stacks.LAYERS.values() for each in places if PACKAGE in each]
)
def test_whatever_has_a_layer_is_there(place: str) -> None:
    path, _, function = place.partition(":")
    where = Path(__file__).parent.parent / path
    assert where.exists()
    assert not function or f"def {function}(" in where.read_text()


VERIFY = "/x/token_server/signing/rs512.py:verify"


@pytest.mark.parametrize(
    ("stack", "layer"),
    [
        (
            "/x/token_server/signing/blinded_lanes.py:operate\t/x/uvicorn/h.py:run",
            stacks.SIGNATURES,
        ),
        (f"{VERIFY}\t/x/token_server/signing/rs512.py:_together", stacks.SIGNATURES),
        (f"{VERIFY}\t/x/token_server/signing/jws.py:verify", stacks.VERIFICATION),
        ("/x/token_server/signing/jws.py:unpack\t/x/uvicorn/h.py:run", stacks.TOKEN),
        ("<string>:__init__\t/x/token_server/tokens/claims.py:_aud", stacks.RULES),
        ("/x/token_server/strict_json.py:write\t/x/token_server/audit.py:record", stacks.AUDIT),
        ("/x/token_server/cli/users.py:add\t/x/asyncio/tasks.py:sleep", stacks.UNTOLD),
        ("", stacks.LOOP),
    ],
)
def test_the_innermost_frame_that_has_a_layer_names_it(stack: str, layer: str) -> None:
    assert stacks.layer_of(stack) == layer


def costs(*what: str, us: float = 9) -> list[Figure]:
    return [
        Figure(name=f"{COST}{each} (embedded, 1 worker)", unit="us", runs=[us]) for each in what
    ]


def test_what_was_measured_is_written_and_drawn(tmp_path: Path) -> None:
    machine, curve = about(), [(0.5, 1.0, 2.0), (0.8, 2.0, 4.0)]
    figures = {
        # A server that computes eight signatures at once takes less than the limit.
        "refresh": [
            *costs(f", {plot.LIMIT}", us=12),
            *costs(f", {plot.RSA}", us=6),
            *costs(f", {plot.SERVER}", us=10),
            *costs(f", {plot.STORE}", us=1),
        ],
        "layers": costs(", worker alone", ", the limit", *(f": {each}" for each in stacks.NAMES)),
    }
    write(tmp_path, machine, figures, curve)
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["machine"] == machine
    assert {
        part: [each["name"] for each in measured] for part, measured in written["parts"].items()
    } == {part: [each.name for each in measured] for part, measured in figures.items()}
    drawn = ET.fromstring((tmp_path / "latency-and-cost.svg").read_text())  # noqa: S314 - ours
    words = set(drawn.itertext())
    assert {"RSA", "p99", *stacks.NAMES} <= words
    sizes = [float(each.get("height", "")) for each in drawn.iter() if each.tag.endswith("rect")]
    _, rsa, rest, store, *_ = sizes
    assert (rsa, rest, store) == (150, 100, 25)


def test_latencies_rise_from_quantile_to_quantile_and_the_loads_own_lateness_is_told() -> None:
    told = by_name(latency.measure(TINY))
    for when in ("at 50% of capacity", "at 80% of capacity", "at 80%, at random moments"):
        p50, p99, most = (
            told[f"{name} {when} (embedded, 1 worker)"] for name in ("p50", "p99", "p99.9")
        )
        assert 0.1 < p50 <= p99 <= most < 10_000
        assert told[f"the load's own lateness, p99 {when} (embedded, 1 worker)"] >= 0
        assert told[f"share of time that a worker ran, {when} (embedded, 1 worker)"] > 0
        assert told[f"share of time that it waited for a core, {when} (embedded, 1 worker)"] >= 0
    ours, the_limits_own = (
        told[f"ratio of {what} (embedded, 1 worker)"]
        for what in (
            "p99 at 80% of capacity to the limit's cost",
            "the limit's own p99 at 80% to its cost, asked beside it",
        )
    )
    assert ours > 1
    assert the_limits_own > 0.5


def test_every_other_kind_of_request_has_a_cost() -> None:
    told = by_name(paths.measure(TINY))
    for what in (
        *(
            "introspection of an active access token",
            "introspection of a token of an ended session",
        ),
        *("log-in", "GET /.well-known/jwks.json"),
    ):
        assert any(name.startswith(f"{what}: CPU") for name in told), what
    for what in (
        *("an expired token", "a reused token, which ends its session"),
        "a token of an ended session",
    ):
        for count in (4, 16):
            name = f"refusal of {what}, {count} at once"
            assert {f"{name}: CPU, store included", f"{name} / refresh"} <= told.keys()
    assert all(value > 0 for value in told.values())
    log_in, refused = (
        told[f"{what}: CPU, store included"]
        for what in ("log-in", "refusal of an expired token, 4 at once")
    )
    assert log_in > refused


def test_an_attack_reports_honest_requests_sent_and_refused_and_its_own_rate() -> None:
    figures = attacks.flood_of_checks(replace(TINY, run_seconds=0.5), path="/livez")
    told = {name.partition(": ")[2]: value for name, value, _ in figures}
    assert told["honest requests refused"] == 0
    assert told["honest requests sent"] >= attacks.HONEST_CLIENTS
    assert told["attacker's rate"] > 0


def test_under_overload_some_are_served_and_all_are_answered() -> None:
    crowd = Scale(rounds=1, run_seconds=0.6, connections=300)
    told = {each.name.partition(": ")[2]: each.median for each in overload.measure(crowd)}
    assert told["offered / capacity"] > 1
    assert 0 <= told["turned away / offered"] < 1
    assert told["goodput / capacity"] > 0
    assert 0 < told["p50 of what was served"] <= told["p99 of what was served"] < 10_000
    assert told["worker's memory after / before"] > 0.5


def test_a_session_takes_less_of_the_store_than_was_promised() -> None:
    told = {each.name: each.runs for each in sizes.measure(1_900, warm_seconds=0.1)}
    assert len(told["memory of a worker (proportional share)"]) == 2
    assert told["store's memory of a session, over 1900"][0] < 300


def test_no_worker_holds_much_more_than_its_share_of_the_connections() -> None:
    figures = spreading.measure((2,), trials=3, busy_trials=1)
    assert len(figures) == 3
    for each in figures:
        assert all(0.5 <= share <= 0.75 for share in each.runs), each.told()


def test_a_refresh_beside_many_sessions_is_told_beside_one_among_few() -> None:
    small = million.Sizes(
        few=8, many=600, refreshed_of_many=16, connections=4, rounds=1, run_seconds=0.05
    )
    figures = million.measure(small)
    assert [each.name for each in figures if each.name.endswith("600 sessions")]
    assert all(math.isfinite(each.median) and each.median != 0 for each in figures)


def test_a_part_that_does_not_exist_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["refresh", "speed"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: no such part: speed\nhint: refresh, ")


def test_blinding_is_measured_beside_a_signature_and_timing_as_a_statistic() -> None:
    figures = by_name(blinding.measure(rounds=1, batches=3, samples=200))
    assert figures["one signature by OpenSSL"] > 0
    for name in "eight", "four":
        prefix = f"{name} signatures at once, all but the library's own part"
        assert figures[f"{prefix}: CPU of each"] > 0
        assert figures[f"{prefix}: |t|, fixed against random"] >= 0
