"""`demo`: the life of one session, shown against the running server."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import click
from joserfc import jwt
from joserfc.jwk import KeySet

from token_server.accounts.changes import AccountChanges
from token_server.accounts.passwords import Passwords
from token_server.cli.account_changes import change_accounts
from token_server.cli.arguments import Verb
from token_server.problems import Problem
from token_server.settings import Settings, load_settings
from token_server.tokens.model import Subject

ANSWERED_WITHIN = 10
# Where a server that listens everywhere is reached from its own machine.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - it is not bound
# The server is on this machine: no proxy stands in between.
_opener = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes

    @property
    def members(self) -> Any:  # noqa: ANN401 - JSON of the server's
        return json.loads(self.body)


@click.command(cls=Verb, name="demo")
def command() -> None:
    """Log in, refresh, ask again, show the reuse refusal and verify, with an account made for it.

    The server must be running.
    """
    url = _url_of(load_settings())
    _ask(f"{url}/livez")
    with _an_account() as (name, password):
        first = _step("log in", _log_in(url, name, password)).members
        answer = _step("refresh", _refresh(url, first["refresh_token"]))
        again = _step("ask again: the answer was lost", _refresh(url, first["refresh_token"]))
        if again.body != answer.body:
            raise Problem("the two answers differ")
        click.echo("   the same bytes")
        second = answer.members
        third = _step("refresh with the successor", _refresh(url, second["refresh_token"]))
        _step(
            "show the spent token again: reuse", _refresh(url, first["refresh_token"]), status=401
        )
        last = _refresh(url, third.members["refresh_token"])
        _step("the whole session has ended", last, status=401)
        _verify(url, third.members["access_token"])


def _verify(url: str, access_token: str) -> None:
    jwk_set = _step("fetch the JWK Set", _ask(f"{url}/.well-known/jwks.json"))
    keys = KeySet.import_key_set(jwk_set.members)
    token = jwt.decode(access_token, keys, algorithms=["RS512"])
    jwt.JWTClaimsRegistry(aud={"essential": True, "value": "access"}).validate(token.claims)
    click.echo(f"   verified: {token.claims['unique_name']}, by the key {token.header['kid']}")


def _step(what: str, answer: Answer, *, status: int = 200) -> Answer:
    code = answer.members.get("errorCode", "")
    click.echo(f"{answer.status} {what}{f' ({code})' if code else ''}")
    if answer.status != status:
        raise Problem(
            f"{status} was due", hint="the server's audit log (its stdout) has the reason"
        )
    return answer


def _log_in(url: str, name: str, password: str) -> Answer:
    return _post(url, grantType="Password", userName=name, password=password)


def _refresh(url: str, token: str) -> Answer:
    return _post(url, grantType="RefreshToken", refreshToken=token)


def _post(url: str, **form: str) -> Answer:
    return _ask(f"{url}/api/oauth2/token", urlencode(form).encode())


def _ask(url: str, body: bytes | None = None) -> Answer:
    try:
        with _opener.open(url, body, timeout=ANSWERED_WITHIN) as answer:
            return Answer(status=answer.status, body=answer.read())
    except HTTPError as refusal:
        with refusal:
            return Answer(status=refusal.code, body=refusal.read())
    except (URLError, OSError) as fault:
        raise Problem(
            f"nothing answers at {url}", hint='"token-server serve" starts the server'
        ) from fault


def _url_of(settings: Settings) -> str:
    host = LOOPBACK.get(settings.host, settings.host)
    scheme = "https" if settings.tls_cert_file else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


@contextmanager
def _an_account() -> Iterator[tuple[Subject, str]]:
    """An account for the time of the demo."""
    name, password = Subject(f"demo-{secrets.token_hex(4)}"), secrets.token_urlsafe(18)

    async def add(changes: AccountChanges) -> None:
        password_hash = await Passwords().hash(password)
        await changes.add(name, password_hash=password_hash, profile="{}")

    change_accounts(add)
    try:
        yield name, password
    finally:
        change_accounts(lambda changes: changes.remove(name))
