"""Each limit: a value at it is accepted, and one above is not. The values stand here as numbers.

What needs a set-up of its own is held beside its rule: a jti, a JWK Set, an address' guesses.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from msgspec import structs
from starlette.requests import Request
from starlette.types import Message
from support.accounts import WatchedHasher
from support.claims import ACCESS, IDS, SESSION, read_access, read_refresh
from support.keys import public_key
from support.moments import MovableClock
from support.raw_http import ask, get, serving

from token_server import durations, host_names, strict_json
from token_server.accounts.clients import assertions, readers
from token_server.accounts.passwords import Passwords
from token_server.accounts.profile import read_profile
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.signing import foreign, jws
from token_server.tokens.claims import is_subject, refresh_claims
from token_server.tokens.model import TokenType
from token_server.tokens.refusals import Refusal
from token_server.web import repeats, wire
from token_server.web.hardened import Hardened


class Refused(Exception):
    """Raised by a row whose function answers False, or with another fault."""


def check(answer: object) -> None:
    if not answer:
        raise Refused


def read_body(size: int) -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"x" * size}]

    async def receive() -> Message:
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(wire.read_body(Request(scope, receive)))


def read_nested(depth: int) -> None:
    strict_json.read_object(b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}")


def read_token(size: int) -> None:
    """With a payload and a signature of just the right lengths."""
    header = jws.header_of(public_key(0).kid)
    payload = base64.urlsafe_b64encode(b'{"a":1}').rstrip(b"=").decode()
    signature = "A" * (size - len(header) - len(payload) - 2)
    jws.unpack(f"{header}.{payload}.{signature}", {header: (public_key(0).kid, TokenType.JWT)})


def unpack_assertion(size: int) -> None:
    try:
        assertions.unpack("x" * size)
    except assertions.AssertionFault as fault:
        check("too long" not in str(fault))


def hash_password(size: int) -> None:
    asyncio.run(Passwords(hasher=WatchedHasher()).hash(("correct horse " * 80)[:size]))


def read_large_profile(size: int) -> None:
    read_profile(b'{"a":"' + b"x" * (size - 8) + b'"}')


def read_public_key(bits: int) -> None:
    modulus = ((1 << bits - 1) | 1).to_bytes((bits + 7) // 8)
    jwk = {"kty": "RSA", "e": "AQAB", "n": base64.urlsafe_b64encode(modulus).decode().rstrip("=")}
    foreign.read_foreign_key(json.dumps(jwk).encode(), lambda: b"")


def read_actors(count: int) -> None:
    act: dict[str, object] = {}
    for number in range(count):
        act = {"sub": f"user{number}"} | ({"act": act} if act else {})
    read_access({**ACCESS, "act": act})


def read_generation(generation: int) -> None:
    read_refresh(refresh_claims(structs.replace(SESSION, generation=generation), IDS))


def refuse_again(count: int) -> None:
    """The token's check after so many refusals of it, but one."""
    repeated = repeats.RepeatedRefusals(MovableClock())
    for _ in range(count - 1):
        repeated.note("token")
    repeated.check("token")


@dataclass
class Limit:
    constant: str
    """Where it stands: module and name, or a description if it is part of an expression."""
    most: int
    take: Callable[[int], object]

    def __str__(self) -> str:
        return self.constant


LIMITS = [
    Limit("web.wire:MAX_BODY_BYTES", 65_536, read_body),
    Limit("web.wire:MAX_FIELDS", 64, lambda n: wire.parse_fields(b"&".join([b"a=b"] * n))),
    Limit("web.wire: encoded", 64, lambda n: wire.parse_fields(b"&".join([b"a=%20"] * n))),
    Limit("strict_json:DEEPEST", 64, read_nested),
    Limit("signing.jws:LONGEST_TOKEN", 8192, read_token),
    Limit("accounts.clients.assertions:LONGEST_ASSERTION", 8192, unpack_assertion),
    Limit("accounts.passwords:LONGEST_PASSWORD", 1024, hash_password),
    Limit("accounts.profile:LARGEST_PROFILE", 65_536, read_large_profile),
    Limit("signing.foreign:LARGEST_KEY_SIZE", 8192, read_public_key),
    Limit("tokens.claims:LONGEST_SUBJECT", 255, lambda n: check(is_subject("x" * n))),
    Limit("tokens.reading:MOST_ACTORS", 8, read_actors),
    Limit(
        "tokens.reading:MOST_ORIGINS",
        16,
        lambda n: read_access({**ACCESS, "origins": [ACCESS["jti"]] * n}),
    ),
    Limit(
        "tokens.reading:_LAST_SECOND", 253_402_300_799, lambda n: read_access({**ACCESS, "exp": n})
    ),
    Limit("tokens.reading:_LAST_GENERATION", 2_147_483_646, read_generation),
    Limit("web.repeats:MOST_REFUSALS", 60, refuse_again),
    Limit("durations:LONGEST", 3650, lambda n: durations.read_duration(f"{n}d")),
    Limit("host_names:_LONGEST_NAME", 253, lambda n: check(host_names.is_host(host_of(n)))),
    Limit("host_names: a label", 63, lambda n: check(host_names.is_host("x" * n))),
    Limit("client_id", 255, lambda n: readers.read_client_id("x" * n)),
    Limit("WORKERS", 1024, lambda n: Settings(workers=n)),
    Limit("PORT", 65_535, lambda n: Settings(port=n)),
]


def host_of(length: int) -> str:
    return ("x" * 49 + ".") * (length // 50) + "x" * (length % 50)


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_a_value_at_its_limit_is_accepted_and_one_above_is_not(limit: Limit) -> None:
    limit.take(limit.most)
    with pytest.raises((Refused, ValueError, Problem, Refusal)):
        limit.take(limit.most + 1)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Hardened) as port:
        yield port


@pytest.mark.parametrize(("more", "status"), [(0, b"200"), (1, b"431")])
def test_a_head_has_at_most_32768_bytes(port: int, more: int, status: bytes) -> None:
    """Of its target, names and values."""
    rest = sum(map(len, (b"/", b"Host", b"a", b"Connection", b"close", b"X")))
    filled = b"X: " + b"x" * (32_768 - rest + more)
    answer = ask(port, get(b"Host: a", b"Connection: close", filled))
    assert answer.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(("more", "status"), [(0, b"200"), (1, b"431")])
def test_a_head_has_at_most_64_headers(port: int, more: int, status: bytes) -> None:
    answer = ask(port, get(b"Host: a", b"Connection: close", *[b"X: x"] * (62 + more)))
    assert answer.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("more", [0, 1])
def test_at_most_64_requests_wait_behind_the_one_that_is_answered(port: int, more: int) -> None:
    """Whatever comes after one too many is not answered."""
    last = get(b"Host: a", b"Connection: close")
    answer = ask(port, get(b"Host: a") * (64 + more) + last)
    assert answer.count(b"HTTP/1.1 200") == 65
    assert answer.count(b"HTTP/1.1 ") == 65
