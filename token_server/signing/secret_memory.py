"""Secret numbers in memory that is overwritten when it is dropped.

Python integers and bytes cannot be overwritten. So what lives as long as a key lies here;
the integers that it is made of are dropped at once.
"""

import ctypes
import weakref
from collections.abc import Sequence

import gmpy2

from token_server.signing.crypto_mb import LANES

Addresses = ctypes.c_void_p * LANES

_LIMB_BYTES = gmpy2.xmpz().limb_size


class SecretBuffer:
    """`LANES` places of `size` bytes each, one after the other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = ctypes.create_string_buffer(LANES * size)
        start = ctypes.addressof(self._memory)
        self._places = range(start, start + LANES * size, size)
        self.addresses = Addresses(*self._places)
        weakref.finalize(self, _wipe, self._memory)

    @classmethod
    def of(cls, numbers: Sequence[int], size: int) -> "SecretBuffer":
        """Hold the numbers as little-endian words, repeated until each lane has one."""
        buffer = cls(size)
        for number, secret in enumerate(map(SecretNumber, numbers)):
            for lane in range(number, LANES, len(numbers)):
                secret.copy_to(buffer._places[lane])
        return buffer

    def first(self, count: int) -> list[bytes]:
        """Return the content of the first `count` places."""
        written = ctypes.string_at(self._memory, count * self.size)
        return [written[at : at + self.size] for at in range(0, count * self.size, self.size)]


class SecretNumber:
    """A number to compute with: `value` is an operand wherever gmpy2 takes one."""

    def __init__(self, number: int) -> None:
        self.value = gmpy2.xmpz(number)
        weakref.finalize(self, _wipe_number, self.value)

    def copy_to(self, address: int) -> None:
        """Write it as little-endian words; the place there is long enough."""
        limbs = self.value.num_limbs()
        ctypes.memmove(address, self.value.limbs_read(), limbs * _LIMB_BYTES)


def _wipe(memory: "ctypes.Array[ctypes.c_char]") -> None:
    ctypes.memset(memory, 0, ctypes.sizeof(memory))


def _wipe_number(value: gmpy2.xmpz) -> None:
    limbs = value.num_limbs()
    ctypes.memset(value.limbs_modify(limbs), 0, limbs * _LIMB_BYTES)
    value.limbs_finish(0)
