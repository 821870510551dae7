"""Where settings may stand, which place wins, and how a place is named."""

from pathlib import Path

import pytest
from support.settings import LENGTH, NO_FILE, TEXT, environment, in_file, problems

from token_server.settings import (
    Settings,
    SettingsProblem,
    effective_settings,
    load_settings,
)


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("port = true", "PORT must be a whole number from 0 to 65535 (port in {file})"),
        ("port = 80.0", "PORT must be a whole number from 0 to 65535 (port in {file})"),
        ("host = 127", "HOST must be text (host in {file})"),
        ("host = ''", f"HOST {TEXT} (host in {{file}})"),
        ("key_size = 2048.0", "KEY_SIZE must be one of 2048, 3072, 4096 (key_size in {file})"),
        ("dialects = []", "DIALECTS must not be empty (dialects in {file})"),
        (
            "dialects = [1]",
            "DIALECTS must be a list, or text with commas between the items (dialects in {file})",
        ),
        ("grace_period = true", f"GRACE_PERIOD {LENGTH} (grace_period in {{file}})"),
        ("grace_period = 1.5", f"GRACE_PERIOD {LENGTH} (grace_period in {{file}})"),
        ("store_url = 1979-05-27", "STORE_URL must be text (store_url in {file})"),
        ("prot = 1", "prot in {file} is not a setting; did you mean port?"),
        ("PORT = 1", "PORT in {file} is not a setting; did you mean port?"),
        ("[server]\nport = 1", "server in {file} is not a setting"),
        ('"\\u001b[31m" = 1', "'\\x1b[31m' in {file} is not a setting"),
    ],
)
def test_a_bad_key_is_told_with_its_file(tmp_path: Path, toml: str, line: str) -> None:
    environ = in_file(tmp_path, toml)
    assert problems(environ) == (line.format(file=tmp_path / "token-server.toml"),)


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (b"port = 1\nhost = @", "must name a TOML file: {file} is not well-formed at line 2, "),
        (b'"port', "must name a TOML file: {file} is not well-formed at "),
        (b"port = " + b"9" * 5000, "must name a TOML file: {file} is not well-formed"),
        (b"port = " + b"[" * 5000, "must name a TOML file: {file} is not well-formed"),
        (b"host = '\xff'", "must name a file in UTF-8: {file} is not"),
        ("port = 1".encode("utf-16"), "must name a file in UTF-8: {file} is not"),
    ],
)
def test_a_broken_file_is_told_with_its_line(tmp_path: Path, toml: bytes, told: str) -> None:
    file = tmp_path / "token-server.toml"
    file.write_bytes(toml)
    (line,) = problems(environment(CONFIG=str(file)))
    assert line.startswith(f"CONFIG {told.format(file=file)}")
    assert line.endswith(" (environment variable TOKEN_SERVER_CONFIG)")


def test_a_byte_order_mark_before_the_file_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "token-server.toml"
    file.write_bytes(b"\xef\xbb\xbfport = 8081\n")
    assert load_settings(environment(CONFIG=str(file))).port == 8081


def test_a_missing_file_is_no_empty_file(tmp_path: Path) -> None:
    (line,) = problems(environment(CONFIG=str(tmp_path / "none.toml")))
    rule = NO_FILE.replace(": ", f": {tmp_path}/none.toml: ")
    assert line == f"CONFIG {rule} (environment variable TOKEN_SERVER_CONFIG)"


def test_without_its_file_nothing_is_called_a_contradiction(tmp_path: Path) -> None:
    """The other half of a pair may stand in the file that could not be read."""
    key = tmp_path / "key.pem"
    key.touch()
    lines = problems({**in_file(tmp_path, "="), **environment(TLS_KEY_FILE=str(key))})
    assert [line.split()[0] for line in lines] == ["CONFIG"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TOKEN_SERVER_PROT", "; did you mean TOKEN_SERVER_PORT?"),
        ("TOKEN_SERVER_port", "; did you mean TOKEN_SERVER_PORT?"),
        ("token_server_port", "; did you mean TOKEN_SERVER_PORT?"),
        ("TOKEN_SERVER_CONFIG_FILE", "; did you mean TOKEN_SERVER_CONFIG?"),
        ("TOKEN_SERVER_ZZZZ", ""),
        ("TOKEN_SERVER_", ""),
    ],
)
def test_an_unknown_variable_is_an_error(variable: str, meant: str) -> None:
    assert problems({variable: "1"}) == (f"{variable} is not a setting{meant}",)


def test_links_of_kubernetes_are_told_as_such() -> None:
    """A Service named token-server would set PORT, and more, in each of its own pods."""
    names = ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_80_TCP", "PORT"]
    links = environment(**dict.fromkeys([*names, "ADMIN_PORT"], "tcp://10.0.0.1:80"))
    (line,) = problems(links)
    assert line == (
        "TOKEN_SERVER_ADMIN_PORT and 5 more: set by Kubernetes for a Service, not a setting; "
        "put `enableServiceLinks: false` into the pod's spec"
    )


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    environ = {
        **in_file(tmp_path, "key_size = 1\nprot = 1"),
        **environment(PORT="x", GRACE="1", TLS_CERT_FILE=__file__),
    }
    with pytest.raises(SettingsProblem) as refused:
        load_settings(environ)
    first, *rest = refused.value.text.splitlines()
    assert first == "5 settings are wrong"
    assert [line.split()[0] for line in rest] == [
        *("prot", "TOKEN_SERVER_GRACE", "PORT", "TLS_KEY_FILE", "KEY_SIZE"),
    ]
    assert refused.value.hint == "correct each setting, or unset it to use its default"


def test_the_environment_wins_over_the_file_and_empty_is_not_set(tmp_path: Path) -> None:
    environ = {
        **in_file(tmp_path, "port = 1\nhost = '::1'\nworkers = 3"),
        **environment(PORT="2", HOST="", PORT_OF_NOTHING=""),
    }
    settings = load_settings(environ)
    assert (settings.port, settings.host, settings.workers) == (2, "::1", 3)
    sources = {each.name: each.source for each in effective_settings(environ)}
    assert (sources["PORT"], sources["HOST"], sources["KEYS_DIR"]) == (
        *("environment", "file"),
        "default",
    )


def test_the_environment_of_the_process_is_read_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN_SERVER_PORT", "1234")
    assert load_settings().port == 1234
    assert Settings().port == 8080, "made directly, settings read nothing"


def test_lists_and_lengths_may_be_written_both_ways(tmp_path: Path) -> None:
    typed = load_settings(
        in_file(tmp_path, 'dialects = ["json", "form"]\ngrace_period = 30\nworkers = "2"')
    )
    text = load_settings(environment(DIALECTS="json, form", GRACE_PERIOD="30s", WORKERS="2"))
    assert typed == text
    assert text.dialects == ("json", "form")


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("port = 1\nport = 2\n", "sets a key twice at line 2"),
        ("[a]\n[a]\n", "has a table twice at line 2"),
        ("port = \n", "is not well-formed at line 1"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_the_reason(
    tmp_path: Path, toml: str, reason: str
) -> None:
    (line,) = problems(in_file(tmp_path, toml))
    assert reason in line


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_read_is_named_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = problems(environment(CONFIG=name))
    assert f"must name a file that can be read: {tmp_path / name}: " in line
