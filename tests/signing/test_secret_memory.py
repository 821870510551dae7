"""Numbers of a private key do not outlive it in the memory of the process that signed with it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.keys import private_key

PROGRAM = """
import sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.lanes import LIBRARY
from token_server.signing import crypto_mb
from token_server.signing.rs512 import Rs512Key

said = sys.stdin.buffer

def key_from_stdin():
    return Rs512Key.of(load_pem_private_key(said.read(int(said.readline())), None))

crypto_mb.find = lambda _: LIBRARY
key = key_from_stdin()
key.signatures([b"message"] * 8)
key.signatures([b"message"] * 2)
print("signed", flush=True)
said.readline()
del key
print("dropped", flush=True)
said.readline()
"""

SIZES = {"p": 128, "q": 128, "dmp1": 128, "dmq1": 128, "iqmp": 128, "d": 256}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


def patterns_of_the_key() -> Mapping[str, list[bytes]]:
    """Half of each number, as libraries write numbers, and as Python does."""
    numbers = private_key(0).private_numbers()
    return {
        name: [
            number.to_bytes(size, "little")[:64],
            number.to_bytes(size, "big")[:64],
            number.to_bytes(size, "big")[-64:],
            b"".join(((number >> 30 * at) & 0x3FFFFFFF).to_bytes(4, "little") for at in range(16)),
        ]
        for name, size in {
            "p": 128,
            "q": 128,
            "dmp1": 128,
            "dmq1": 128,
            "iqmp": 128,
            "d": 256,
        }.items()
        for number in [getattr(numbers, name)]
    }


def memory_of(pid: int) -> Iterator[bytes]:
    proc = Path("/proc") / str(pid)
    with (proc / "mem").open("rb", buffering=0) as memory:
        for line in (proc / "maps").read_text().splitlines():
            place, permissions, *_ = line.split()
            if permissions.startswith("rw"):
                start, end = (int(each, 16) for each in place.split("-"))
                memory.seek(start)
                yield memory.read(end - start)


def numbers_in(pid: int) -> set[str]:
    regions = list(memory_of(pid))
    return {
        name
        for name, patterns in patterns_of_the_key().items()
        if any(pattern in region for region in regions for pattern in patterns)
    }


def test_numbers_of_a_key_are_overwritten_when_it_is_dropped() -> None:
    pem = private_key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"%d\n" % len(pem) + pem)
        process.stdin.flush()
        assert process.stdout.readline() == b"signed\n"
        assert numbers_in(process.pid) >= {"p", "q", "dmp1", "dmq1", "iqmp"}
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"dropped\n"
        assert not numbers_in(process.pid)
