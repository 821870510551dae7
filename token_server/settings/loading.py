"""From the environment and the TOML file to Settings, or to everything that is wrong at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import SecretStr, ValidationError

from token_server.durations import write_duration
from token_server.settings.model import ON_THIS_MACHINE, Settings
from token_server.settings.problem import Contradiction, SettingsProblem
from token_server.settings.sources import CONFIG, Given, Reading, read_environment, read_file
from token_server.store_url import without_password

Shown = str | int | list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """A setting as it is in force, secrets masked."""

    name: str
    value: Shown
    source: Literal["default", "environment", "file"]


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Raises: SettingsProblem."""
    settings, _ = _load(os.environ if environ is None else environ)
    return settings


def effective_settings(environ: Mapping[str, str] | None = None) -> tuple[Effective, ...]:
    """Raises: SettingsProblem."""
    settings, given = _load(os.environ if environ is None else environ)
    return tuple(
        Effective(
            name=name.upper(),
            value=_shown(value),
            source=given[name].source if name in given else "default",
        )
        for name, value in settings
    )


def _load(environ: Mapping[str, str]) -> tuple[Settings, Mapping[str, Given]]:
    environment = read_environment(environ, Settings.model_fields)
    path = environ.get(CONFIG)
    file = read_file(path, Settings.model_fields) if path else Reading()
    given = {**file.given, **environment.given}
    problems = [*file.problems, *environment.problems]
    try:
        settings = Settings.model_validate(
            {name: each.value for name, each in given.items()}, context=ON_THIS_MACHINE
        )
    except ValidationError as invalid:
        problems += _told(invalid, given, complete=file.readable)
    if problems:
        raise SettingsProblem(problems)
    return settings, given


def _told(invalid: ValidationError, given: Mapping[str, Given], *, complete: bool) -> list[str]:
    """One line for each broken rule; without its file, nobody knows what contradicts what."""
    lines = []
    for error in invalid.errors(include_input=False, include_url=False):
        rule = error.get("ctx", {}).get("error")
        if rule is None:
            # No rule of ours: a default that depends on a setting which is wrong itself.
            continue
        name = str(error["loc"][0])
        named = [name, rule.other] if isinstance(rule, Contradiction) else [name]
        if complete or len(named) == 1:
            places = "; ".join(_place(each, given) for each in named)
            lines.append(f"{name.upper()} {rule} ({places})")
    return lines


def _place(name: str, given: Mapping[str, Given]) -> str:
    return given[name].place if name in given else f"default of {name.upper()}"


def _shown(value: object) -> Shown:
    match value:
        case SecretStr():
            return without_password(value.get_secret_value())
        case timedelta():
            return write_duration(value)
        case tuple():
            return list(value)
        case int() | None:
            return value
        case _:
            return str(value)
