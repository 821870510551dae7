"""`token-server config`, run as an operator runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from token_server.settings import Settings

CANARY = "c4n4ry"


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "TOKEN_SERVER" not in name}
    return subprocess.run(
        [sys.executable, "-m", "token_server", "config", *arguments],
        env=clean | {f"TOKEN_SERVER_{name}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        check=False,
    )


def test_good_settings_are_said_to_be_good() -> None:
    done = run("check", PORT="0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "settings are good\n", "")


def test_all_problems_are_told_on_stderr() -> None:
    done = run("check", PORT="x", PROT="1", KEY_SIZE="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: 3 settings are wrong",
        "  TOKEN_SERVER_PROT is not a setting; did you mean TOKEN_SERVER_PORT?",
        "  PORT must be a whole number from 0 to 65535 (environment variable TOKEN_SERVER_PORT)",
        "  KEY_SIZE must be one of 2048, 3072, 4096 (environment variable TOKEN_SERVER_KEY_SIZE)",
        "hint: see docs/settings.md",
    ]


def test_each_setting_is_shown_with_value_and_source(tmp_path: Path) -> None:
    file = tmp_path / "ts.toml"
    file.write_text(f'store_url = "redis://u:{CANARY}@h"\ndialects = ["form"]')
    done = run("show", CONFIG=str(file), PORT="0", RECOVERY_PERIOD="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert CANARY not in done.stdout
    rows = [tuple(line.split()) for line in done.stdout.splitlines()]
    assert [name for name, *_ in rows] == [name.upper() for name in Settings.model_fields]
    assert ("PORT", "0", "environment") in rows
    assert ("RECOVERY_PERIOD", "0", "environment") in rows
    assert ("STORE_URL", "redis://u:***@h", "file") in rows
    assert ("DIALECTS", "form", "file") in rows
    assert ("CORS_ORIGINS", "none", "default") in rows
    assert ("WORKERS", "one", "per", "core", "default") in rows
    assert ("ACCESS_TOKEN_LIFETIME", "15m", "default") in rows


def test_a_machine_may_read_them_too() -> None:
    done = run("show", "--json", GRACE_PERIOD="90")
    shown = {each["name"]: (each["value"], each["source"]) for each in json.loads(done.stdout)}
    assert set(shown) == {name.upper() for name in Settings.model_fields}
    assert shown["PORT"] == (8080, "default")
    assert shown["GRACE_PERIOD"] == ("90s", "environment")
    assert shown["DIALECTS"] == (["form", "json", "header"], "default")
    assert shown["WORKERS"] == (None, "default")


def test_a_bad_setting_is_shown_as_its_problem() -> None:
    done = run("show", KEY_SIZE="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: KEY_SIZE must be one of 2048, 3072, 4096 (")
