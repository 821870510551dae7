"""Names that are too much alike: of two accounts, or of an account and a client."""

from collections.abc import Collection, Iterator

import structlog

from token_server.accounts.usernames import canonical_name, record_forms
from token_server.app.store import accounts_on, unusable
from token_server.problems import Problem
from token_server.settings import Settings
from token_server.store.connect import connect
from token_server.store.engine import Engine
from token_server.tokens.model import Subject
from token_server.tokens.refusals import TemporarilyUnavailable

log = structlog.get_logger(__name__)


async def report_names(settings: Settings, client_ids: Collection[str]) -> None:
    """Log names that compare equal, and make names in another form findable.

    Raises: Problem.
    """
    async with connect(settings.store_url.get_secret_value()) as client:
        accounts = accounts_on(Engine(client, waits_for_fsync=False), settings)
        try:
            collisions, names = await record_forms(accounts), await accounts.names()
        except TemporarilyUnavailable as fault:
            raise unusable(fault) from fault
        for group in collisions:
            log.warning(
                "accounts have names that compare equal (RFC 8265)",
                accounts=group,
                hint="each logs in with exactly its own name only: remove all but one",
            )
        for problem in shared_names(names, client_ids):
            log.error(problem.text, hint=problem.hint)


def shared_names(names: Collection[Subject], client_ids: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for each client whose id is the name of an account (RFC 9068 §5)."""
    by_form = {canonical_name(name) or name: name for name in names}
    for client_id in sorted(client_ids):
        name = by_form.get(canonical_name(client_id) or Subject(client_id))
        if name is not None:
            yield Problem(
                f"the client {client_id} has the name of an account",
                hint="their access tokens have the same `sub`: rename the client, or "
                "remove the account",
            )
