"""crypto_mb of the Intel Cryptography Primitives Library, if it is installed and can run here.

It computes eight numbers side by side, where the processor has AVX-512 IFMA or AVX-IFMA.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from token_server.signing import empty_library

WHEEL, FILE = "ipp-crypto", "libcrypto_mb.so.13"
BLINDS_WITH = "gmpy2"
LANES = 8
"""Numbers that it computes with side by side."""

_NEEDED_IN_NAME_ONLY = ("libsvml.so", "libirng.so", "libimf.so", "libintlc.so.5")


class Unavailable(Exception):
    """Its text tells operators why."""


@dataclass(frozen=True, slots=True)
class Functions:
    """Those of crypto_mb/rsa.h that are used here. Each returns 0 where all went well."""

    mbx_rsa_private_crt_mb8: Callable[..., int]
    mbx_rsa_private_mb8: Callable[..., int]


@dataclass(frozen=True, slots=True)
class Library:
    told: str
    """Wheel and version."""
    functions: Functions


def library() -> Library:
    """The one of this process, which can run here. Raises: Unavailable."""
    found = find(WHEEL)
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@cache
def find(wheel: str) -> Library | str:
    """Or why there is none."""
    if find_spec(BLINDS_WITH) is None:
        return f"{BLINDS_WITH} is not installed"
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
    library = ctypes.CDLL(str(path))
    if not library.mbx_is_crypto_mb_applicable(ctypes.c_int64(0)):
        return "the processor lacks what crypto_mb needs (AVX-512 IFMA or AVX-IFMA)"
    return Library(f"{WHEEL} {wheel.version}", _declared(library))


def _declared(library: ctypes.CDLL) -> Functions:
    """State the types of their arguments: ctypes then refuses any other.

    Raises: AttributeError.
    """
    blocks, places = ctypes.c_char_p * LANES, ctypes.c_void_p * LANES
    last = ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p  # bits, method, buffer
    functions = Functions(library.mbx_rsa_private_crt_mb8, library.mbx_rsa_private_mb8)
    library.mbx_rsa_private_crt_mb8.argtypes = [blocks, *[places] * 6, *last]
    library.mbx_rsa_private_mb8.argtypes = [blocks, *[places] * 3, *last]
    for each in library.mbx_rsa_private_crt_mb8, library.mbx_rsa_private_mb8:
        each.restype = ctypes.c_uint32
    return functions


def path_of(file: str, wheel: Distribution) -> Path:
    """Raises: FileNotFoundError, where it is of another binary interface."""
    for each in wheel.files or ():
        if each.name == file:
            return Path(str(wheel.locate_file(each)))
    raise FileNotFoundError(f"{WHEEL} {wheel.version} has no {file}")
