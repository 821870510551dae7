"""docs/settings.md says what the code does."""

import re
import tomllib
from pathlib import Path

import pytest

from token_server.cli.config import UNSET
from token_server.settings import Settings, effective_settings, load_settings

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"
TEXT = DOCS.read_text("utf-8")
# The row of a setting: | `NAME` | default | rule | why |
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \| [^|]+ \| [^|]*\|$", TEXT, re.MULTILINE))
(EXAMPLE,) = re.findall(r"^```toml\n(.+?)^```$", TEXT, re.MULTILINE | re.DOTALL)
# A default that is no value of its own is described in words.
WORDS = {**UNSET, "SHORT_TERM_REFRESH_TOKEN_LIFETIME": "access + 15 min"}


def test_every_setting_has_its_row_and_no_row_is_of_another() -> None:
    assert set(ROWS) == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", ROWS)
def test_the_default_shown_is_the_real_one(name: str) -> None:
    defaults = Settings()
    real = getattr(defaults, name.lower())
    shown = ROWS[name]
    if value := re.fullmatch(r"`(.+)`", shown):
        explicit = load_settings({f"TOKEN_SERVER_{name}": value[1]})
        assert getattr(explicit, name.lower()) == real
    else:
        assert shown == WORDS.get(name, "none")
        assert not real or name == "SHORT_TERM_REFRESH_TOKEN_LIFETIME"


def test_the_example_loads_with_every_commented_line_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "token-server.toml"
    file.write_text(EXAMPLE, "utf-8")
    shown = effective_settings({"TOKEN_SERVER_CONFIG": str(file)})
    from_file = {each.name.lower() for each in shown if each.source == "file"}
    with_comments = re.sub(r"^# ", "", EXAMPLE, flags=re.MULTILINE)
    commented_out = tomllib.loads(with_comments).keys() - from_file
    assert from_file | commented_out == Settings.model_fields.keys()


def test_the_example_holds_the_defaults_but_for_issuer_and_store(tmp_path: Path) -> None:
    file = tmp_path / "token-server.toml"
    file.write_text(EXAMPLE, "utf-8")
    example = load_settings({"TOKEN_SERVER_CONFIG": str(file)})
    defaults = Settings()
    assert {name for name, value in example if value != getattr(defaults, name)} == {
        "issuer",
        "store_url",
    }
