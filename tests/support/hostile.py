"""Requests that must be refused, made from a genuine pair and the server's own private key."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from support.hostile_tokens import Forge

MOMENTS: list[object] = ["1", "", 1.5, 1e300, 10**400, -1, None, True, [], {}, [1], 2**63]
CLAIMS: dict[str, list[object]] = {
    "aud": ["access", "Refresh", ["refresh"], "", None, {}, 1],
    "generation": [-1, 1.0, "0", None, True, 2**70, 1, 10**9],
    "sid": ["", "*", "a" * 22, 1, None, "\x00" * 22, "é" * 22],
    "token_id": ["", None, 1, [], "0" * 36, "\ud800"],
    "unique_name": ["", None, 1, "a" * 5_000, "}", "\x00", "\ud800"],
    "short_term_expiration": [False, "false", "", None],
    **dict.fromkeys(("exp", "nbf", "iat"), MOMENTS),
}


def tokens(access: str, refresh: str, keys_dir: Path) -> Iterator[str]:
    """The wrong kind of token, spellings and headers that are not ours, and claims that lie."""
    active, other = json.loads((keys_dir / "keyset.json").read_text())["keys"]
    key = load_pem_private_key((keys_dir / f"{active['kid']}.pem").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    forge = Forge(key=key, genuine=refresh, other_kid=other["kid"])
    yield access
    for cases in (forge.malformed(), forge.forged(), forge.of_unknown_keys()):
        yield from (token for _, token in cases)
    yield from _lying_claims(forge)


def _lying_claims(forge: Forge) -> Iterator[str]:
    """Signed by the thief of our key: all but one member as they should be, token_id included."""
    genuine = json.loads(forge.payload)
    for name, values in CLAIMS.items():
        yield forge.loaded(json.dumps({key: genuine[key] for key in genuine if key != name}))
        for value in values:
            yield forge.loaded(json.dumps(genuine | {name: value}))


def bodies(refresh: str, rng: random.Random) -> Iterator[bytes]:
    """Bodies that hold no request, or more than one."""
    for length in (0, 1, 2, 10, 100, 1000, 60_000):
        for _ in range(4):
            yield rng.randbytes(length)
    good = f"grantType=RefreshToken&refreshToken={refresh}".encode()
    yield from (good + b"&refreshToken=" + refresh.encode(), good + b"&grant_type=refresh_token")
    yield from (good + b"&refresh_token=x", b"&".join([good] * 2), good + b"&a=1&a=2")
    yield from (good + b"&x=%ED%A0%80", good + b"&x=%ff", good + b"&%00=%ff%fe")
    yield b"x" * 1_000_000
    yield good + b"&" + b"&".join(b"f%d=" % number for number in range(10_000))
    yield from (b"grantType=RefreshToken", b"refreshToken=" + refresh.encode(), b"=&=&=")
    yield from (b"grantType=RefreshToken&refreshToken=", b"grantType=&refreshToken=x")
    yield from (b"grantType=%00&refreshToken=%00", b"grantType=RefreshToken&refreshToken=%00")
    yield from (b"grantType=client_credentials", b"grant_type=authorization_code&code=x")
    yield from (b"\xff\xfe" + good, b'{"grantType":"RefreshToken"}', b"grantType=Password")
    yield b"grantType=Password&userName=%00&password=%00"
    yield b"grantType=Password&userName=" + b"a" * 5000 + b"&password=" + b"b" * 5000
    yield b"grantType=Password&userName=alice&password=x&useShortTermRefresh=perhaps"


_REQUESTS = [
    b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b",
    b"POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
    b"POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\n",
    b"POST /deaf HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\na=b",
    b"GET /f HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET /g HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"GET /h HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /i HTTP/1.1\r\n\r\n",
]


def pipelines(rng: random.Random, count: int) -> Iterator[bytes]:
    """Yield streams of several requests, of which some are malformed or cut off."""
    for _ in range(count):
        stream = bytearray(b"".join(rng.choices(_REQUESTS, k=rng.randint(2, 6))))
        for _ in range(rng.choice((0, 0, 1, 2))):
            at = rng.randrange(len(stream))
            stream[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 2))
        yield bytes(stream[: rng.choice((len(stream), rng.randrange(len(stream)) + 1))])
