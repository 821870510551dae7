"""Where settings stand: environment variables, and the keys of one TOML file."""

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

PREFIX = "TOKEN_SERVER_"
CONFIG = "TOKEN_SERVER_CONFIG"

# Kubernetes tells every pod about each Service of its namespace in variables named after the
# Service: one named `token-server` sets TOKEN_SERVER_PORT=tcp://10.0.0.1:8080 and more.
_SERVICE_LINK = re.compile(
    r"\w*(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_LINK_VALUES = ("tcp://", "udp://", "sctp://")
# What tomllib says of a key that comes twice: in a table, or as a table.
_REASONS = {
    "Cannot overwrite a value": "sets a key twice",
    "Cannot declare": "has a table twice",
}
_POSITION = re.compile(r"\(at (line [0-9]+, column [0-9]+|end of document)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A setting that was set."""

    value: object = field(repr=False)
    source: Literal["environment", "file"]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one source sets, and what is wrong with its names."""

    given: Mapping[str, Given] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    readable: bool = True


def read_environment(environ: Mapping[str, str], names: Collection[str]) -> Reading:
    """An empty variable is not set."""
    ours = {
        name: value
        for name, value in environ.items()
        if name.upper().startswith(PREFIX) and name != CONFIG and value
    }
    links = sorted(name for name, value in ours.items() if _is_service_link(name, value))
    variables = {f"{PREFIX}{name}".upper(): name for name in names}
    own = {name: value for name, value in ours.items() if name not in links}
    return Reading(
        given={
            variables[name]: Given(
                value=value, source="environment", place=f"environment variable {name}"
            )
            for name, value in own.items()
            if name in variables
        },
        problems=(
            *_service_links(links),
            *(
                _unknown(name, {*variables, CONFIG}, place=_safe(name))
                for name in own
                if name not in variables
            ),
        ),
    )


def read_file(path: str, names: Collection[str]) -> Reading:
    try:
        # Editors and PowerShell put a byte order mark in front.
        keys = tomllib.loads(Path(path).read_text("utf-8-sig"))
    except OSError as fault:
        return _unreadable(
            f"must name a file that can be read: {_safe(str(Path(path).absolute()))}: "
            f"{fault.strerror}"
        )
    except UnicodeDecodeError:
        return _unreadable(f"must name a file in UTF-8: {_safe(path)} is not")
    except (ValueError, RecursionError) as fault:
        # What tomllib says may quote the file; the position is all that we repeat.
        position = _POSITION.search(str(fault))
        reason = next((words for said, words in _REASONS.items() if said in str(fault)), "")
        return _unreadable(
            f"must name a TOML file: {_safe(path)} {reason or 'is not well-formed'}"
            + (f" at {position[1]}" if position else "")
        )
    places = {key: f"{_safe(key)} in {_safe(path)}" for key in keys}
    return Reading(
        given={
            key: Given(value=value, source="file", place=places[key])
            for key, value in keys.items()
            if key in names
        },
        problems=tuple(
            _unknown(key, names, place=places[key]) for key in keys if key not in names
        ),
    )


def _unreadable(rule: str) -> Reading:
    return Reading(problems=(f"CONFIG {rule} (environment variable {CONFIG})",), readable=False)


def _unknown(name: str, names: Collection[str], *, place: str) -> str:
    # The prefix that all share would make all look alike.
    known = {each.upper().removeprefix(PREFIX): each for each in sorted(names)}
    bare = name.upper().removeprefix(PREFIX)
    close = difflib.get_close_matches(bare, known, n=1, cutoff=0.55)
    suggestion = f"; did you mean {known[close[0]]}?" if close else ""
    return f"{place} is not a setting{suggestion}"


def _safe(name: str) -> str:
    """Nothing that a terminal would obey."""
    return name if name.isprintable() else ascii(name)


def _is_service_link(name: str, value: str) -> bool:
    key = name.removeprefix(PREFIX)
    return bool(_SERVICE_LINK.fullmatch(key)) or (
        key.endswith("PORT") and value.startswith(_LINK_VALUES)
    )


def _service_links(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    told = f"{names[0]}{others}: set by Kubernetes for a Service, not a setting"
    return (f"{told}; put `enableServiceLinks: false` into the pod's spec",)
