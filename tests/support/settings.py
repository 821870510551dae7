"""How the tests of settings ask for them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from token_server.settings import SettingsProblem, load_settings

CANARY = "c4n4ry"
LENGTH = "must be a length of time such as 900 (seconds), 15m, 1h or 14d"
TEXT = "must be printable text, not empty, without a space at either end"
NO_FILE = "must name a file that can be read: No such file or directory"


def environment(**settings: str) -> dict[str, str]:
    return {f"TOKEN_SERVER_{name}": value for name, value in settings.items()}


def problems(environ: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsProblem) as refused:
        load_settings(environ)
    return refused.value.lines


def in_file(folder: Path, toml: str) -> dict[str, str]:
    file = folder / "token-server.toml"
    file.write_text(toml, "utf-8")
    return environment(CONFIG=str(file))
