"""The house: arrows point down, every module has a rule, and nothing grows too large."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from token_server.cli import NOUNS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "token_server"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [
    *MODULES,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "bench").rglob("*.py")),
]

SPOKES = {"accounts", "audit", "system", "logs", "signing", "store", "web"}
# What more than one room needs, and what is no rule about tokens.
SHARED = {
    *(
        "durations",
        "frames",
        "host_names",
        "networks",
        "problems",
        "slots",
        "spoken",
        "store_url",
        "strict_json",
        "web_addresses",
    ),
}
# What follows a file while the server runs.
FOLLOWING = {"alarm", "rounds"}
MAY_IMPORT: dict[str, set[str]] = {
    **{shared: set() for shared in SHARED},
    "store_url": {"host_names", "problems"},
    "web_addresses": {"host_names"},
    "alarm": {"problems"},
    "rounds": set(),
    "cpu_quota": set(),
    "leash": set(),
    "dumps": set(),
    "secret_files": {"problems"},
    "tokens": set(),
    "settings": {"tokens", *SHARED},
    **{spoke: {"tokens", *SHARED} for spoke in SPOKES},
    "accounts": {"tokens", *FOLLOWING, *SHARED},
    "signing": {"secret_files", "tokens", *FOLLOWING, *SHARED},
    "system": {"cpu_quota", "tokens", *SHARED},
    # It runs a process.
    "store": {"leash", "tokens", *SHARED},
    "app": {*FOLLOWING, "settings", "tokens", *SHARED, *SPOKES},
    # It runs the app, reads HTTP as the web room says, and keeps the embedded store alive.
    "process": {
        *("app", "dumps", "leash", "logs", "secret_files", "settings", "store", "system", "web"),
        *FOLLOWING,
        *SHARED,
    },
    "cli": {"app", "dumps", "process", "settings", "tokens", *SHARED, *SPOKES},
    "__main__": {"cli"},
    "__init__": set(),
}
PURE = {
    *("collections", "contextlib", "dataclasses", "datetime", "enum", "functools", "re", "typing"),
    *("hashlib", "hmac", "msgspec", "uuid", "token_server"),
}


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


@cache
def parsed(source: Path) -> ast.Module:
    return ast.parse(source.read_text("utf-8"))


def imports_of(module: Path) -> Iterator[str]:
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            yield node.module or ""


def test_every_module_has_a_rule() -> None:
    assert {room_of(module) for module in MODULES} <= set(MAY_IMPORT)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(module: Path) -> None:
    room = room_of(module)
    ours = {name.split(".")[1] for name in imports_of(module) if name.startswith("token_server.")}
    assert ours <= MAY_IMPORT[room] | {room}


def test_no_command_but_the_demo_waits_for_the_import_of_routes_or_of_an_http_client() -> None:
    nouns = sorted(set(NOUNS.values()) - {"token_server.cli.demo"})
    program = f"import sys, {', '.join(nouns)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert not {b"httpx", b"token_server.web.routes"} & set(loaded.stdout.split())


@pytest.mark.parametrize("module", sorted((PACKAGE / "tokens").glob("*.py")), ids=lambda p: p.stem)
def test_the_rules_have_no_io_no_clock_and_no_randomness(module: Path) -> None:
    assert {name.split(".")[0] for name in imports_of(module)} <= PURE
    called = {
        node.func.attr
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"now", "utcnow", "today", "uuid1", "uuid4"}


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_rooms_share_has_no_io(name: str) -> None:
    imported = {each.split(".")[0] for each in imports_of(PACKAGE / f"{name}.py")}
    assert imported <= PURE | {
        "codecs",
        "contextvars",
        "ipaddress",
        "json",
        "math",
        "orjson",
        "traceback",
        "types",
        "urllib",
    }


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(source: Path) -> None:
    assert len(source.read_text("utf-8").splitlines()) <= 300
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 40, node.name


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_opens_with_what_it_owns(module: Path) -> None:
    assert ast.get_docstring(parsed(module))
