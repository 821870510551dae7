"""The two functions of crypto_mb (crypto_mb/rsa.h) computed by gmpy2, one number after another.

Most processors cannot run the library. With these functions in its place everything around it
runs on all of them; where the library can run, the same tests use it as well.
"""

import ctypes
from collections.abc import Sequence

import gmpy2

from token_server.signing.crypto_mb import Functions

NULL_ARGUMENT = 0x20
"""MBX_STATUS_SET_STS of MBX_STATUS_NULL_PARAM_ERR, in the second lane."""

Array = Sequence[int | None]


def mbx_rsa_private_crt_mb8(  # noqa: PLR0913, PLR0917 - as the library has it
    from_: "ctypes.Array[ctypes.c_char_p]",
    to: Array,
    p: Array,
    q: Array,
    dp: Array,
    dq: Array,
    iqmp: Array,
    bits: int,
    _method: None,
    _buffer: None,
) -> int:
    for lane in range(8):
        if p[lane] is None:
            return NULL_ARGUMENT
        block, half = bits // 8, bits // 16
        number = _block(from_, lane, block)
        of_p, of_q = (
            gmpy2.powmod(number, _words(exponent, lane, half), _words(prime, lane, half))
            for exponent, prime in ((dp, p), (dq, q))
        )
        prime, other = _words(p, lane, half), _words(q, lane, half)
        result = of_q + other * ((of_p - of_q) * _words(iqmp, lane, half) % prime)
        _write(to, lane, result.to_bytes(block))
    return 0


def mbx_rsa_private_mb8(
    from_: "ctypes.Array[ctypes.c_char_p]",
    to: Array,
    exponent: Array,
    modulus: Array,
    bits: int,
    _method: None,
    _buffer: None,
) -> int:
    for lane in range(8):
        if modulus[lane] is None:
            return NULL_ARGUMENT
        size = bits // 8
        number, of = _block(from_, lane, size), _words(modulus, lane, size)
        result = gmpy2.powmod(number, _words(exponent, lane, size), of)
        _write(to, lane, result.to_bytes(size))
    return 0


def _block(array: "ctypes.Array[ctypes.c_char_p]", lane: int, size: int) -> gmpy2.mpz:
    # Its elements end at their first zero byte, for Python.
    places = ctypes.cast(array, ctypes.POINTER(ctypes.c_void_p))
    return gmpy2.mpz.from_bytes(_bytes(places[lane], size))


def _words(array: Array, lane: int, size: int) -> gmpy2.mpz:
    return gmpy2.mpz.from_bytes(_bytes(array[lane], size), "little")


def _bytes(place: int | None, size: int) -> bytes:
    assert place is not None
    return ctypes.string_at(place, size)


def _write(array: Array, lane: int, written: bytes) -> None:
    place = array[lane]
    assert place is not None
    ctypes.memmove(place, written, len(written))


REFERENCE = Functions(mbx_rsa_private_crt_mb8, mbx_rsa_private_mb8)
