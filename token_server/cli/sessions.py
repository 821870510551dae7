"""`sessions`: begin, list, explain and end sessions."""

import json

import click

from token_server.accounts.changes import nearest_account
from token_server.accounts.usernames import name_of_account
from token_server.app.core import Core, open_core_alone
from token_server.app.store import accounts_on, session_ends
from token_server.cli.arguments import Noun
from token_server.cli.explain import explain
from token_server.cli.names import (
    all_of_subject,
    check_is_no_client,
    counted,
    registered,
    subject_argument,
    written,
)
from token_server.cli.running import run
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.store.engine import Engine
from token_server.store.session_list import SessionList
from token_server.system import RandomIds, system_clock
from token_server.tokens.clients import Client
from token_server.tokens.model import EndReason, Session, SessionId, Subject, TokenPair
from token_server.tokens.outcomes import (
    Done,
)
from token_server.tokens.ports import (
    Audit,
    Fact,
)
from token_server.web.dialects import camel

_NAMES = '"token-server users list" lists the accounts'


@click.group(cls=Noun, name="sessions")
def command() -> None:
    """Begin, list, explain and end sessions."""


@command.command()
@subject_argument
@click.option("--client", "client_id", metavar="ID", help="For this registered client.")
@click.option("--short-term", is_flag=True, help="With the short refresh token lifetime.")
@click.option("--reusable", is_flag=True, help="Each refresh hands back its refresh token.")
def issue(name: Subject, *, client_id: str | None, short_term: bool, reusable: bool) -> None:
    """Begin a session without a password, and print its first pair as JSON.

    The subject needs no account.
    """

    async def work(engine: Engine, settings: Settings, audit: Audit) -> TokenPair:
        subject = await name_of_account(accounts_on(engine, settings), name)
        check_is_no_client(subject, settings)
        client = None if client_id is None else registered(client_id, settings)
        if client and reusable:
            _check_may_reuse(client)
        core: Core = await open_core_alone(settings, engine, audit, system_clock)
        return await core.tokens.issue(
            subject, of_account=False, short_term=short_term, reusable=reusable, client=client
        )

    click.echo(bytes(camel.render(run(work)).body))


@command.command("list")
@subject_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_sessions(name: Subject, *, as_json: bool) -> None:
    """List a subject's live sessions, oldest first."""

    async def work(engine: Engine, settings: Settings, _audit: Audit) -> list[Session]:
        accounts = accounts_on(engine, settings)
        live = await SessionList(engine).live(await name_of_account(accounts, name))
        if not live:
            hint = await nearest_account(accounts, name)
            click.echo(f"there is no session of {name}" + (f"; {hint}" if hint else ""), err=True)
        return live

    rows = [_row(session) for session in run(work)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(
            f"{row['sid']}  began {row['began_at']}  refreshed {row['issued_at']}  "
            f"expires {row['expires_at']}  {row['refresh_policy']}"
            + (f"  {row['client_id']}" if row["client_id"] else "")
        )


# A session id may begin with a hyphen, and is no option then.
@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("sid", required=False)
@all_of_subject
def end(sid: str | None, name: Subject | None) -> None:
    """End one session, or with --all every session of a subject."""
    if (sid is None) == (name is None):
        raise click.UsageError("name either a session id or --all NAME")
    if name is not None:
        _end_all(name)
    elif sid is not None:
        _end_one(sid)


command.add_command(explain)


def _end_all(name: Subject) -> None:
    async def work(engine: Engine, settings: Settings, audit: Audit) -> tuple[int, Subject]:
        accounts = accounts_on(engine, settings)
        subject = await name_of_account(accounts, name)
        live = await SessionList(engine).live(subject)
        if not live:
            hint = await nearest_account(accounts, name)
            raise Problem(f"there is no session of {name}", hint=hint or _NAMES)
        await session_ends(engine, settings).end_all(subject)
        audit.record(Fact.SESSIONS_ENDED, sub=subject, because=EndReason.OPERATOR)
        return len(live), subject

    number, subject = run(work)
    click.echo(f"ended {counted(number, 'session')} of {subject}", err=True)


def _end_one(sid: str) -> None:
    async def work(engine: Engine, settings: Settings, audit: Audit) -> None:
        found = await SessionList(engine).find(sid)
        if found is None:
            raise _no_such_session()
        ends = session_ends(engine, settings)
        subject, attempt = found.session.subject, RandomIds().attempt()
        ending = await ends.end(
            subject, SessionId(sid), because=EndReason.OPERATOR, attempt=attempt
        )
        if ending != Done():
            raise _no_such_session()
        audit.record(Fact.SESSION_ENDED, sid=sid, sub=subject, because=EndReason.OPERATOR)

    run(work)
    click.echo(f"ended {sid}", err=True)


def _check_may_reuse(client: Client) -> None:
    if client.is_public or client.reusable is False:
        raise Problem(
            f"the sessions of client {client.client_id} are rotating",
            hint="RFC 9700 §4.14.2: only a client that authenticates may keep a refresh token; "
            'refresh_policy = "reusable" in CLIENTS_FILE allows it',
        )


def _no_such_session() -> Problem:
    return Problem(
        "there is no live session of this id",
        hint='"token-server sessions list NAME" lists the live sessions of a subject',
    )


def _row(session: Session) -> dict[str, object]:
    return {
        "sid": session.sid,
        "subject": session.subject,
        "client_id": session.client_id,
        "refresh_policy": "reusable" if session.reusable else "rotating",
        "scope": session.scope,
        "short_term": session.short_term,
        "generation": session.generation,
        "kid": session.kid,
        "began_at": written(session.began_at),
        "issued_at": written(session.issued_at),
        "expires_at": written(session.refresh_token_expires_at),
    }
