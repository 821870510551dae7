"""Shared libraries with a name and nothing in it, for the dynamic linker to find by that name.

The wheel of crypto_mb asks for four libraries of the compiler that made it, and uses nothing of
theirs; their licence forbids much of what a token server is for. An empty one of each name is
enough. Were a symbol of theirs needed after all, crypto_mb would not load.
"""

import ctypes
import os
import struct
from collections.abc import Sequence
from contextlib import ExitStack

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
_SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_ENTRY = struct.Struct("<QQ")  # Elf64_Dyn

_OF_64_BITS_LITTLE_ENDIAN = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
_SHARED, _X86_64, _ELF_VERSION = 3, 62, 1  # ET_DYN, EM_X86_64, EV_CURRENT
_LOADED, _DYNAMIC, _STACK = 1, 2, 0x6474E551  # PT_LOAD, PT_DYNAMIC, PT_GNU_STACK
_NO_CODE = 6  # readable; writable, because the linker notes addresses in the dynamic section
_PAGE = 4096

_NO_SYMBOL = bytes(24)
_NO_HASHES = struct.pack("<4I", 1, 1, 0, 0)
# DT_NULL, DT_HASH, DT_STRTAB, DT_SYMTAB; DT_STRSZ, DT_SYMENT, DT_SONAME
_END, _HASHES, _NAMES, _SYMBOLS = 0, 4, 5, 6
_SIZE_OF_NAMES, _SIZE_OF_SYMBOL, _OWN_NAME = 10, 11, 14


def load(names: Sequence[str]) -> None:
    """One of each, for the rest of the process; once in it. Raises: OSError."""
    with ExitStack() as held:
        for name in names:
            # Open until all are loaded: to the linker the same path is the same library.
            file = held.enter_context(os.fdopen(os.memfd_create(name), "wb"))
            file.write(_image(name))
            file.flush()
            ctypes.CDLL(f"/proc/self/fd/{file.fileno()}")


def _image(name: str) -> bytes:
    """An ELF file for x86-64 (System V ABI, "Object files", "Program loading")."""
    names = b"\0" + name.encode("ascii") + b"\0"
    names_at = _HEADER.size + 3 * _SEGMENT.size
    symbols_at = names_at + len(names) + -len(names) % 8
    hashes_at = symbols_at + len(_NO_SYMBOL)
    dynamic_at = hashes_at + len(_NO_HASHES)
    entries = {
        _OWN_NAME: names.index(name.encode("ascii")),
        _NAMES: names_at,
        _SIZE_OF_NAMES: len(names),
        _SYMBOLS: symbols_at,
        _SIZE_OF_SYMBOL: len(_NO_SYMBOL),
        _HASHES: hashes_at,
        _END: 0,
    }
    dynamic = b"".join(_ENTRY.pack(*each) for each in entries.items())
    tables = names.ljust(symbols_at - names_at, b"\0") + _NO_SYMBOL + _NO_HASHES + dynamic
    return _headers(names_at + len(tables), dynamic_at) + tables


def _headers(size: int, dynamic_at: int) -> bytes:
    dynamic_size = size - dynamic_at
    return b"".join(
        (
            _HEADER.pack(
                *(_OF_64_BITS_LITTLE_ENDIAN, _SHARED, _X86_64, _ELF_VERSION),
                *(0, _HEADER.size, 0, 0),
                *(_HEADER.size, _SEGMENT.size, 3, 0, 0, 0),
            ),
            _SEGMENT.pack(_LOADED, _NO_CODE, 0, 0, 0, size, size, _PAGE),
            _SEGMENT.pack(
                *(_DYNAMIC, _NO_CODE, dynamic_at, dynamic_at, dynamic_at),
                *(dynamic_size, dynamic_size, 8),
            ),
            # Without it, the linker would make the stack of the process executable.
            _SEGMENT.pack(_STACK, _NO_CODE, 0, 0, 0, 0, 0, 16),
        )
    )
