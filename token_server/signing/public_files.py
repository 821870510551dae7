"""Public keys as PEM files, one per `kid`, for programs that read files.

The directory may hold other files. A list of the files that this module wrote lies beside them, so
that it replaces and removes no others.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from token_server.problems import Problem
from token_server.signing import files, rsa_keys
from token_server.signing.lifecycle import PublicKey
from token_server.tokens.model import Kid

LIST = ".token-server-keys.json"
READABLE_BY_ALL = 0o644
MAX_NAME = 200
_NAME = re.compile(r"[A-Za-z0-9_%-][A-Za-z0-9_.%-]*\.pem", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What became of one file; `kid` is None for one that was removed."""

    kid: Kid | None
    file: Path
    change: Literal["written", "unchanged", "removed"]


def export(keys: Iterable[PublicKey], folder: Path) -> list[Exported]:
    """Write each key, and remove the files of keys that are gone. Raises: Problem, OSError.

    A file that is the same is not touched. If this is cut short, the next call goes on.
    """
    named = {file_name(key.kid): key for key in keys}
    listed = _listed(folder)
    for name, key in named.items():
        path = folder / name
        if name not in listed and path.exists() and path.read_bytes() != _pem(key):
            raise Problem(
                f"{path} was not written by this command",
                hint="move it, or name another directory",
            )
    if not named.keys() <= listed:
        _list(folder, named.keys() | listed)
    done = [_write(folder / name, key) for name, key in named.items()]
    stale = sorted(name for name in listed - named.keys() if (folder / name).exists())
    for name in stale:
        (folder / name).unlink()
    files.sync(folder)
    if listed - named.keys():
        _list(folder, named.keys())
    return [*done, *(Exported(kid=None, file=folder / name, change="removed") for name in stale)]


def file_name(kid: Kid) -> str:
    """The `kid` and `.pem`; what is not safe in a name of a file is percent-encoded."""
    name = quote(kid, safe="")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) > MAX_NAME:
        name = f"sha256-{hashlib.sha256(kid.encode()).hexdigest()}"
    return f"{name.replace('~', '%7E')}.pem"


def _write(path: Path, key: PublicKey) -> Exported:
    text = _pem(key)
    if path.exists() and path.read_bytes() == text:
        return Exported(kid=key.kid, file=path, change="unchanged")
    files.replace(path, text, mode=READABLE_BY_ALL)
    return Exported(kid=key.kid, file=path, change="written")


def _pem(key: PublicKey) -> bytes:
    return rsa_keys.verifying_key(key).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def _listed(folder: Path) -> set[str]:
    path = folder / LIST
    try:
        names = json.loads(path.read_bytes())
    except FileNotFoundError:
        return set()
    except ValueError:
        names = None
    # It names files to remove: nothing outside the directory.
    if not isinstance(names, Mapping) or not all(map(_NAME.fullmatch, names.get("files", [""]))):
        raise Problem(f"{path} is damaged", hint="remove it, and the .pem files beside it")
    return set(names["files"])


def _list(folder: Path, names: Iterable[str]) -> None:
    text = json.dumps({"files": sorted(names)}, indent=2) + "\n"
    files.replace(folder / LIST, text.encode("ascii"), mode=READABLE_BY_ALL)
