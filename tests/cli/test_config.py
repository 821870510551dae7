"""`token-server config`, run as an operator runs it."""

import json
from pathlib import Path

from support.shell import Shell

from token_server.settings import Settings

CANARY = "c4n4ry"


def test_good_settings_are_said_to_be_good(shell: Shell) -> None:
    done = shell("config", "check", PORT="0")
    assert (done.code, done.out, done.err) == (0, "settings are good\n", "")


def test_all_problems_are_told_on_stderr(shell: Shell) -> None:
    done = shell("config", "check", PORT="x", PROT="1", KEY_SIZE="1")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "error: 3 settings are wrong",
        "  TOKEN_SERVER_PROT is not a setting; did you mean TOKEN_SERVER_PORT?",
        "  PORT must be a whole number from 0 to 65535 (environment variable TOKEN_SERVER_PORT)",
        "  KEY_SIZE must be one of 2048, 3072, 4096 (environment variable TOKEN_SERVER_KEY_SIZE)",
        "hint: see docs/settings.md",
    ]


def test_each_setting_is_shown_with_value_and_source(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "ts.toml"
    file.write_text(f'store_url = "redis://u:{CANARY}@h"\ndialects = ["form"]')
    done = shell("config", "show", CONFIG=str(file), PORT="0", RECOVERY_PERIOD="0")
    assert (done.code, done.err) == (0, "")
    assert CANARY not in done.out
    rows = [tuple(line.split()) for line in done.out.splitlines()]
    assert [name for name, *_ in rows] == [name.upper() for name in Settings.model_fields]
    assert ("PORT", "0", "environment") in rows
    assert ("RECOVERY_PERIOD", "0", "environment") in rows
    assert ("STORE_URL", "redis://u:***@h", "file") in rows
    assert ("DIALECTS", "form", "file") in rows
    assert ("CORS_ORIGINS", "none", "default") in rows
    assert ("WORKERS", "one", "per", "core", "default") in rows
    assert ("ACCESS_TOKEN_LIFETIME", "15m", "default") in rows


def test_a_machine_may_read_them_too(shell: Shell) -> None:
    done = shell("config", "show", "--json", GRACE_PERIOD="90")
    shown = {each["name"]: (each["value"], each["source"]) for each in json.loads(done.out)}
    assert set(shown) == {name.upper() for name in Settings.model_fields}
    assert shown["PORT"] == (8080, "default")
    assert shown["GRACE_PERIOD"] == ("90s", "environment")
    assert shown["DIALECTS"] == (["form", "json", "header"], "default")
    assert shown["WORKERS"] == (None, "default")


def test_a_bad_setting_is_shown_as_its_problem(shell: Shell) -> None:
    done = shell("config", "show", KEY_SIZE="1")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: KEY_SIZE must be one of 2048, 3072, 4096 (")
