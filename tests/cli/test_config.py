"""`token-server config`, run as an operator runs it."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from support.keepers import passphrase_in
from support.shell import Shell
from support.tls import tls_files

from token_server.settings import Settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - that is the mistake
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
        "hint: correct each setting, or unset it to use its default",
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


def test_plain_http_on_an_address_that_others_reach_is_a_warning(shell: Shell) -> None:
    done = shell("config", "check", HOST="0.0.0.0")  # noqa: S104 - that is the mistake
    assert (done.code, done.out) == (0, "settings are good\n")
    assert "warning: tokens and passwords are sent without TLS on HOST 0.0.0.0\n" in done.err
    assert "hint: set TLS_CERT_FILE and TLS_KEY_FILE" in done.err


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_plain_http_on_a_loopback_address_is_no_warning(shell: Shell, host: str) -> None:
    assert "without TLS" not in shell("config", "check", HOST=host).err


@pytest.mark.parametrize(
    ("issuer", "warned"),
    [
        ("http://auth.example", True),
        ("https://auth.example", False),
        ("http://localhost:1", False),
        ("http://[::1]", False),
    ],
)
def test_an_http_issuer_that_is_not_loopback_is_a_warning(
    shell: Shell, issuer: str, *, warned: bool
) -> None:
    err = shell("config", "check", ISSUER=issuer).err
    assert (f"warning: ISSUER {issuer} is an http URL" in err) == warned


@pytest.mark.parametrize(
    ("starts_in", "ends_in", "warning"),
    [
        (-2, -1, " expired at "),
        (1, 60, " is not valid before "),
        (-1, 29, " expires at "),
        (-1, 31, ""),
    ],
)
def test_a_certificate_that_is_not_valid_for_30_more_days_is_a_warning(
    shell: Shell, tmp_path: Path, starts_in: int, ends_in: int, warning: str
) -> None:
    files = tls_files(
        tmp_path, starts_in=timedelta(days=starts_in), ends_in=timedelta(days=ends_in)
    )
    done = shell("config", "check", **files)
    assert done.code == 0
    told = [line for line in done.err.splitlines() if "TLS_CERT_FILE" in line]
    assert len(told) == bool(warning)
    assert warning in "".join(told)


@pytest.mark.parametrize(
    ("period", "warned"), [("2s", True), ("599", True), ("10m", False), ("1h", False)]
)
def test_a_propagation_period_under_ten_minutes_is_a_warning(
    shell: Shell, period: str, *, warned: bool
) -> None:
    err = shell("config", "check", KEY_PROPAGATION_PERIOD=period).err
    assert ("warning: KEY_PROPAGATION_PERIOD is " in err) == warned


@pytest.mark.parametrize(("length", "warned"), [(1, True), (15, True), (16, False)])
def test_a_short_passphrase_is_a_warning(
    shell: Shell, tmp_path: Path, length: int, *, warned: bool
) -> None:
    passphrase = passphrase_in(tmp_path / "passphrase", "Z" * length)
    err = shell("config", "check", KEYS_PASSPHRASE_FILE=str(passphrase)).err
    assert ("warning: the passphrase in KEYS_PASSPHRASE_FILE has" in err) == warned
    assert "ZZ" not in err


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"HOST": EVERYWHERE}, "HOST is 0.0.0.0"),
        ({"PORT": "9000"}, "PORT is 9000"),
        ({"PORT": "0"}, ""),
        ({"HOST": "::1"}, ""),
        ({"HOST": EVERYWHERE, "PORT": "9000", "ISSUER": "https://auth.example"}, ""),
    ],
)
def test_an_issuer_left_at_its_default_elsewhere_is_a_warning(
    shell: Shell, settings: dict[str, str], warned: str
) -> None:
    done = shell("config", "check", **settings)
    assert done.code == 0
    assert ("its default, but" in done.err) == bool(warned)
    assert warned in done.err


def test_an_issuer_left_at_its_default_with_tls_is_a_warning(shell: Shell, tmp_path: Path) -> None:
    assert (
        "its default, but the server speaks TLS"
        in shell("config", "check", **tls_files(tmp_path)).err
    )


@pytest.mark.parametrize(
    ("settings", "pair"),
    [
        ({"REFRESH_TOKEN_LIFETIME": "15m"}, ("ACCESS_TOKEN_", "REFRESH_TOKEN_")),
        ({"SHORT_TERM_REFRESH_TOKEN_LIFETIME": "15m"}, ("ACCESS_TOKEN_", "SHORT_TERM_")),
        ({"SHORT_TERM_REFRESH_TOKEN_LIFETIME": "15d"}, ("SHORT_TERM_", "REFRESH_TOKEN_")),
        ({"SESSION_LIFETIME": "14m"}, ("ACCESS_TOKEN_", "SESSION_")),
        ({"GRACE_PERIOD": "14d"}, ("GRACE_", "REFRESH_TOKEN_")),
        ({"GRACE_PERIOD": "30m"}, ("GRACE_", "SHORT_TERM_")),
        ({"SESSION_LIFETIME": "20m", "GRACE_PERIOD": "20m"}, ("GRACE_", "SESSION_")),
        ({"RECOVERY_PERIOD": "15d"}, ("RECOVERY_", "REFRESH_TOKEN_")),
        ({"RECOVERY_PERIOD": "60"}, ("RECOVERY_", "GRACE_")),
        ({"KEY_ROTATION_INTERVAL": "1h"}, ("KEY_PROPAGATION_", "KEY_ROTATION_")),
    ],
)
def test_lengths_of_time_that_contradict_each_other_are_a_warning(
    shell: Shell, settings: dict[str, str], pair: tuple[str, str]
) -> None:
    done = shell("config", "check", **settings)
    assert (done.code, done.out) == (0, "settings are good\n")
    assert re.search(rf"warning: {pair[0]}\w+ \(\w+\) is not \w+ than {pair[1]}", done.err)


@pytest.mark.parametrize(
    "settings", [{}, {"RECOVERY_PERIOD": "0"}, {"GRACE_PERIOD": "0"}, {"SESSION_LIFETIME": "1d"}]
)
def test_usual_lengths_of_time_are_no_warning(shell: Shell, settings: dict[str, str]) -> None:
    assert shell("config", "check", **settings).err == ""


def test_tls_files_that_cannot_be_used_are_an_error(shell: Shell, tmp_path: Path) -> None:
    files = tls_files(tmp_path)
    Path(files["TLS_KEY_FILE"]).chmod(0o644)
    done = shell("config", "check", **files)
    assert (done.code, done.out) == (1, "")
    assert f"error: {files['TLS_KEY_FILE']} is open to others (mode 0644)\n" in done.err
    Path(files["TLS_KEY_FILE"]).chmod(0o600)
    Path(files["TLS_CERT_FILE"]).write_text("no certificate")
    done = shell("config", "check", **files)
    assert (done.code, done.out) == (1, "")
    assert "error: the TLS files cannot be used: " in done.err
