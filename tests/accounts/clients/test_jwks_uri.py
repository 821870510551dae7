"""Keys that lie elsewhere: fetched safely, kept, fetched anew, none the worse for a failure."""

import asyncio
import gzip
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.key_server import answered, key_server, key_set, tls_for
from support.moments import MovableClock

from token_server.accounts.clients.fetching import LARGEST_SET, JwksFetcher
from token_server.accounts.clients.jwks_uri import FRESH_FOR, NO_SOONER_THAN, RemoteKeys
from token_server.accounts.clients.registered import JwksUri, VerificationKey
from token_server.problems import Problem
from token_server.slots import LimitedWait
from token_server.tokens.waiting import TooManyWaiting

pytestmark = pytest.mark.anyio

GOOD = answered(key_set("portal", "mobile", "ed"))


def kids(keys: tuple[VerificationKey, ...]) -> list[str]:
    return [key.kid for key in keys]


async def fetch(uri: str) -> list[str]:
    return kids(await JwksFetcher()(JwksUri(uri)))


async def test_a_set_is_fetched_and_its_server_is_asked_by_name() -> None:
    async with key_server(GOOD) as server:
        assert await fetch(server.uri) == ["portal-1", "rsa", "ed"]
    (request,) = server.requests
    assert request.startswith("GET /jwks?of=portal HTTP/1.1\r\n")
    assert f"\r\nHost: localhost:{server.port}\r\n" in request
    assert "authorization" not in request.lower()
    assert "cookie" not in request.lower()


async def test_over_tls_the_certificate_must_be_of_the_name_in_the_file(tmp_path: Path) -> None:
    for name in ("localhost", "other.example"):
        theirs, ours = tls_for(name, tmp_path)
        async with key_server(GOOD, tls=theirs) as server:
            fetcher = JwksFetcher(trust=lambda ours=ours: ours)  # type: ignore[misc]
            if name == "localhost":
                assert len(await fetcher(JwksUri(server.uri))) == 3
                continue
            with pytest.raises(Problem, match="ConnectError"):
                await fetcher(JwksUri(server.uri))
            assert server.requests == []


async def test_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    theirs, _ = tls_for("localhost", tmp_path)
    async with key_server(GOOD, tls=theirs) as server:
        with pytest.raises(Problem, match="ConnectError"):
            await fetch(server.uri)
        assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (answered(b"", "Location: http://localhost:1/", status="302 Found"), "the status is 302"),
        (answered(b"", "Location: file:///etc/passwd", status="301 Moved"), "the status is 301"),
        (answered(key_set("portal"), status="404 Not Found"), "the status is 404"),
        (answered(key_set("portal"), status="206 Partial Content"), "the status is 206"),
        (answered(b" " * LARGEST_SET + key_set("portal")), f"more than {LARGEST_SET} bytes"),
        (answered(gzip.compress(key_set("portal")), "Content-Encoding: gzip"), "no JWK Set"),
        (answered(b""), "no JWK Set"),
        (answered(b"[]"), "no JWK Set: no JSON object"),
        (answered(b"[" * 100_000), "no JWK Set"),
        (answered(b'{"keys":[],"keys":[]}'), "no JWK Set: a member stands twice"),
        (answered(b"{}"), "no public key in it that can be used"),
        (answered(b'{"keys":{}}'), "no public key in it that can be used"),
        (answered(b'{"keys":[1,null,{},[],{"kty":"oct","k":"AA"}]}'), "no public key in it that"),
        (answered(b'{"keys":[{"kty":["RSA"],"alg":{},"crv":[]}]}'), "no public key in it that"),
        (answered(key_set("portal", private=True)), "no public key in it that can be used"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
    ],
    ids=range(17),
)
async def test_whatever_is_no_set_of_public_keys_is_a_problem(answer: bytes, why: str) -> None:
    async with key_server(answer) as server:
        with pytest.raises(Problem) as problem:
            await fetch(server.uri)
    assert f": {why}" in problem.value.text
    assert len(server.requests) == 1


async def test_a_server_that_does_not_answer_in_time_is_a_problem() -> None:
    async with key_server(GOOD) as server:
        server.may_answer.clear()
        with pytest.raises(Problem, match="no answer within 1 s"):
            await JwksFetcher(within_seconds=1)(JwksUri(server.uri))
        await server.asked.wait()


async def test_a_name_that_leads_to_this_machine_is_not_followed() -> None:
    """Resolvers read it as 127.0.0.1, and so would whatever DNS an attacker holds."""
    async with key_server(GOOD) as server:
        with pytest.raises(Problem, match="its name leads into a private network"):
            await fetch(f"https://0x7f000001:{server.port}/")
        assert server.requests == []


async def test_keys_are_kept_and_fetched_anew_when_they_are_old() -> None:
    clock = MovableClock()
    async with key_server(GOOD) as server:
        remote, uri = RemoteKeys(JwksFetcher()), JwksUri(server.uri)
        for _ in range(3):
            assert len(await remote.of(uri, clock())) == 3
        assert len(server.requests) == 1
        server.answer = answered(key_set("portal"))
        clock.now += FRESH_FOR
        assert kids(await remote.of(uri, clock())) == ["portal-1"]
        clock.move(days=-1)
        await remote.of(uri, clock())
        assert len(server.requests) == 3


async def test_unknown_keys_have_the_set_fetched_no_more_often_than_that() -> None:
    clock = MovableClock()
    async with key_server(GOOD) as server:
        remote, uri = RemoteKeys(JwksFetcher()), JwksUri(server.uri)
        for _ in range(5):
            await remote.newer(uri, clock())
        assert len(server.requests) == 1
        clock.now += NO_SOONER_THAN
        await remote.of(uri, clock())
        assert len(server.requests) == 1
        for _ in range(5):
            await remote.newer(uri, clock())
        assert len(server.requests) == 2


async def test_of_many_that_ask_at_once_one_fetches_also_if_it_hangs_up() -> None:
    clock = MovableClock()
    async with key_server(GOOD) as server:
        server.may_answer.clear()
        remote, uri = RemoteKeys(JwksFetcher()), JwksUri(server.uri)
        asking = [asyncio.create_task(remote.of(uri, clock())) for _ in range(10)]
        await server.asked.wait()
        asking[0].cancel()
        server.may_answer.set()
        first, *others = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError)
        assert all(isinstance(keys, tuple) and len(keys) == 3 for keys in others)
        assert len(server.requests) == 1


async def test_too_many_that_wait_for_one_fetch_are_to_ask_again() -> None:
    clock = MovableClock()
    async with key_server(GOOD) as server:
        server.may_answer.clear()
        remote, uri = RemoteKeys(JwksFetcher()), JwksUri(server.uri)
        asking = [asyncio.create_task(remote.of(uri, clock())) for _ in range(LimitedWait.MOST)]
        await server.asked.wait()
        with pytest.raises(TooManyWaiting):
            await remote.of(uri, clock())
        server.may_answer.set()
        assert [len(keys) for keys in await asyncio.gather(*asking)] == [3] * LimitedWait.MOST


async def test_keys_that_are_a_little_old_are_used_where_too_many_wait() -> None:
    clock = MovableClock()
    async with key_server(GOOD) as server:
        remote, uri = RemoteKeys(JwksFetcher()), JwksUri(server.uri)
        await remote.of(uri, clock())
        server.may_answer.clear()
        clock.now += FRESH_FOR
        asking = [asyncio.create_task(remote.of(uri, clock())) for _ in range(LimitedWait.MOST)]
        await asyncio.sleep(0)
        assert len(await remote.of(uri, clock())) == 3
        with pytest.raises(TooManyWaiting):
            await remote.newer(uri, clock())
        server.may_answer.set()
        await asyncio.gather(*asking)


async def test_a_failure_keeps_the_last_good_set_and_is_told_once() -> None:
    clock = MovableClock()
    async with key_server(GOOD) as server:
        remote, uri = RemoteKeys(JwksFetcher()), JwksUri(server.uri)
        await remote.of(uri, clock())
        server.answer = answered(b"", status="500 Oh")
        with capture_logs() as said:
            for _ in range(3):
                clock.now += FRESH_FOR
                assert len(await remote.of(uri, clock())) == 3
        assert [line["log_level"] for line in said] == ["error"]
        assert said[0]["problem"] == f"{uri}: no JWK Set: the status is 500"
        server.answer = GOOD
        clock.now += NO_SOONER_THAN
        with capture_logs() as said:
            await remote.of(uri, clock())
        assert [line["log_level"] for line in said] == ["info"]
    clock.now += FRESH_FOR
    assert len(await remote.of(uri, clock())) == 3


async def test_what_was_never_fetched_is_no_keys_and_is_tried_again_later() -> None:
    clock = MovableClock()
    async with key_server(answered(b"")) as server:
        remote, uri = RemoteKeys(JwksFetcher()), JwksUri(server.uri)
        for _ in range(3):
            assert await remote.of(uri, clock()) == ()
        assert len(server.requests) == 1
        server.answer = GOOD
        clock.now += max(NO_SOONER_THAN, timedelta(seconds=1))
        assert len(await remote.of(uri, clock())) == 3
