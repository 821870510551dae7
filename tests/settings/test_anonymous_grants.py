"""ANONYMOUS_GRANTS: which grants are on for requests without a registered client."""

from pathlib import Path

import pytest

from token_server.settings import Settings, load_settings

ALL = tuple(
    f"{dialect}:{grant}"
    for dialect in ("form", "json", "header")
    for grant in ("password", "refresh")
)
REFRESH = tuple(name for name in ALL if name.endswith("refresh"))


def loaded(**environment: str) -> tuple[str, ...]:
    settings = load_settings({f"TOKEN_SERVER_{name}": text for name, text in environment.items()})
    return settings.anonymous_grants


def test_every_grant_is_on_without_a_clients_file() -> None:
    assert loaded() == ALL


def test_password_is_off_where_clients_are_registered(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"
    file.write_text("")
    assert loaded(CLIENTS_FILE=str(file)) == REFRESH
    assert loaded(CLIENTS_FILE=str(file), ANONYMOUS_GRANTS="password,refresh") == ALL


@pytest.mark.parametrize(
    ("text", "grants"),
    [
        ("password,refresh", ALL),
        ("refresh", REFRESH),
        ("refresh, json:password", ("form:refresh", "json:password", *REFRESH[1:])),
        ("json:refresh,form:password", ("form:password", "json:refresh")),
        ("header:refresh", ("header:refresh",)),
        ("none", ()),
    ],
)
def test_a_grant_alone_stands_for_every_dialect(text: str, grants: tuple[str, ...]) -> None:
    assert loaded(ANONYMOUS_GRANTS=text) == grants


def test_a_file_may_list_none(tmp_path: Path) -> None:
    for written in ('"none"', "[]"):
        file = tmp_path / "settings.toml"
        file.write_text(f"anonymous_grants = {written}\n")
        assert loaded(CONFIG=str(file)) == ()
    assert Settings(anonymous_grants=()).anonymous_grants == ()
