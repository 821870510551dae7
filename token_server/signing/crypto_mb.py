"""crypto_mb of the Intel Cryptography Primitives Library, if it is installed and can run here.

It computes eight numbers side by side, where the processor has AVX-512 IFMA or AVX-IFMA.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from token_server.signing import empty_library

WHEEL, FILE = "ipp-crypto", "libcrypto_mb.so.13"

_NEEDED_IN_NAME_ONLY = ("libsvml.so", "libirng.so", "libimf.so", "libintlc.so.5")


class Unavailable(Exception):
    """Its text tells operators why."""


@dataclass(frozen=True, slots=True)
class Library:
    told: str
    """Wheel and version."""
    functions: ctypes.CDLL


def library() -> Library:
    """The one of this process, which can run here. Raises: Unavailable."""
    found = find(WHEEL)
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@cache
def find(wheel: str) -> Library | str:
    """Or why there is none."""
    try:
        return _loaded(distribution(wheel))
    except PackageNotFoundError:
        return f"{wheel} is not installed"
    # A Python may lack memfd_create, and a library a function.
    except (OSError, AttributeError) as fault:
        return str(fault)


def _loaded(wheel: Distribution) -> Library | str:
    """Raises: OSError, AttributeError."""
    path = path_of(FILE, wheel)
    empty_library.load(_NEEDED_IN_NAME_ONLY)
    # ctypes resolves every symbol: none of theirs is needed, or this fails.
    functions = ctypes.CDLL(str(path))
    if not functions.mbx_is_crypto_mb_applicable(ctypes.c_int64(0)):
        return "the processor lacks what crypto_mb needs (AVX-512 IFMA or AVX-IFMA)"
    return Library(f"{WHEEL} {wheel.version}", functions)


def path_of(file: str, wheel: Distribution) -> Path:
    """Raises: FileNotFoundError, where it is of another binary interface."""
    for each in wheel.files or ():
        if each.name == file:
            return Path(str(wheel.locate_file(each)))
    raise FileNotFoundError(f"{WHEEL} {wheel.version} has no {file}")
