"""`sessions explain`: what is known of a token or a session, in words; never the token itself."""

import sys
from collections.abc import Iterator

import click

from token_server.accounts.clients.file import load_clients
from token_server.app.core import open_core_alone
from token_server.cli.arguments import Verb
from token_server.cli.names import written
from token_server.cli.running import run
from token_server.settings import Settings
from token_server.store.engine import Engine
from token_server.store.session_list import Found, SessionList
from token_server.system import system_clock
from token_server.tokens.clients import Client
from token_server.tokens.explanation import Explanation
from token_server.tokens.model import EndReason, Session
from token_server.tokens.outcomes import Ended, Handed, Outcome, Reused, Showing
from token_server.tokens.ports import Audit
from token_server.tokens.refusals import ClientGone, SessionEnded

_SID_LENGTH = 22
_LONGEST = 16_384

HANDED = {
    Outcome.ROTATED: "a new pair: it is the session's current refresh token",
    Outcome.ROLLED_FORWARD: "a new pair: the store has forgotten that it issued this one",
    Outcome.REPEATED: "the current pair once more: it was spent within the grace period",
    Outcome.RECOVERED: "a new pair: what it was exchanged for was never shown",
    Outcome.KEPT: "a fresh access token, and this refresh token again",
}


@click.command(cls=Verb)
def explain() -> None:
    """Say what is known of the token or session id that comes on stdin.

    And what would happen, if it were shown; nothing changes, and the token is never printed.
    """
    text = sys.stdin.read(_LONGEST).strip()
    if not text:
        raise click.UsageError("a token or a session id comes on stdin")

    async def work(engine: Engine, settings: Settings, audit: Audit) -> list[str]:
        sessions = SessionList(engine)
        if len(text) == _SID_LENGTH:
            return list(_of_session(await sessions.find(text)))
        found = load_clients(settings.clients_file, settings.policy()).clients

        def client_of(client_id: str) -> Client | None:
            return found[client_id].client if client_id in found else None

        core = await open_core_alone(settings, engine, audit, system_clock, find_client=client_of)
        told = await core.tokens.explain(text)
        known = await sessions.find(told.claimed_sid) if told.claimed_sid else None
        return [*_of_token(told), *(_of_session(known) if told.claimed_sid else [])]

    for line in run(work):
        click.echo(line)


def _of_token(told: Explanation) -> Iterator[str]:
    if told.is_refresh_token is None:
        yield f"no token of ours: {told.refusal.reason if told.refusal else ''}"
        return
    yield f"{'refresh' if told.is_refresh_token else 'access'} token, signed by key {told.kid}"
    if told.client_is_gone or isinstance(told.refusal, ClientGone):
        yield (
            "if it were shown: refused, because its client is not registered any more, or no "
            "longer authenticates"
        )
    elif told.refusal:
        because = f" ({told.refusal.because})" if isinstance(told.refusal, SessionEnded) else ""
        yield f"if it were shown: refused, {told.refusal.reason}{because}"
    elif told.showing:
        yield f"if its client showed it now: {_outlook(told.showing)}"
    else:
        yield "if it were shown now: it is good"


def _outlook(showing: Showing) -> str:
    match showing:
        case Handed(outcome=outcome):
            return HANDED[outcome]
        case Reused(ended=True):
            return "refused, and its session ended: it was spent before"
        case Reused():
            return "refused: it was spent before; its session would go on"
        case Ended(because=because):
            return f"refused: its session has ended ({because})"
        case _:
            return f"refused: {type(showing).__name__.lower()}"


def _of_session(found: Found | None) -> Iterator[str]:
    if found is None:
        yield "session: the store knows none of this id"
        return
    session, ended = found.session, found.ended
    yield f"session {session.sid} of {session.subject}: {_state(session, ended)}"
    yield f"  client    {session.client_id or 'none'}"
    yield f"  policy    {'reusable' if session.reusable else 'rotating'}"
    yield f"  scope     {session.scope or 'none'}"
    yield f"  current   generation {session.generation}, got by showing {session.base}"
    yield f"  began     {written(session.began_at)}"
    yield f"  issued    {written(session.issued_at)}, by key {session.kid}"
    yield f"  expires   {written(session.refresh_token_expires_at)}"


def _state(session: Session, ended: EndReason | None) -> str:
    if ended:
        return f"ended ({ended})"
    return "live" if system_clock() < session.refresh_token_expires_at else "expired"
