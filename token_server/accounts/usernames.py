"""Names of accounts, compared as RFC 8265 §3.4 has it: UsernameCasePreserved.

Several userparts may be separated by spaces (§3.5). An account from before keeps its name; if it
is written in another form, `find_account` finds it by the form as well.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from token_server.problems import Problem
from token_server.tokens.claims import is_subject
from token_server.tokens.model import Account, Subject
from token_server.tokens.ports import AccountStore


def canonical_name(name: str) -> Subject | None:
    """Return the form that is compared, or None if this can be no name of an account.

    Width is mapped, and composition is NFC; case is preserved. Spaces at the ends do not count.
    """
    if name.isascii():  # Every visible character of ASCII is allowed, and is its own form.
        form = " ".join(part for part in name.split(" ") if part)
    else:
        try:
            form = " ".join(_profile().enforce(part) for part in _parts(name))
        except UnicodeError:
            return None
    return Subject(form) if is_subject(form) else None


async def find_account(accounts: AccountStore, typed: str) -> Account | None:
    """Return the account with exactly this name, or else the one that compares equal."""
    name = typed.strip()
    found = await accounts.find(Subject(name)) if is_subject(name) else None
    if found is not None:
        return found
    form = canonical_name(name)
    if form is None:
        return None
    if form != name:
        found = await accounts.find(form)
    return found or await accounts.find_by_form(form)


async def name_of_account(accounts: AccountStore, typed: str) -> Subject:
    """Return the name of the account that `typed` compares equal to, or `typed` without one.

    Raises: Problem.
    """
    account = await find_account(accounts, typed)
    if account is not None:
        return account.name
    if not is_subject(typed.strip()):
        raise Problem(f"{typed!r} can be no name")
    return Subject(typed.strip())


async def record_forms(accounts: AccountStore) -> list[list[Subject]]:
    """Make names in another form findable; return the groups of names that compare equal."""
    aliases, collisions = _compare(await accounts.names())
    await accounts.set_forms(aliases)
    return collisions


def _compare(names: Iterable[Subject]) -> tuple[Mapping[Subject, Subject], list[list[Subject]]]:
    by_form: defaultdict[Subject, list[Subject]] = defaultdict(list)
    for name in names:
        form = canonical_name(name)
        if form is not None:
            by_form[form].append(name)
    collisions = [sorted(group) for group in by_form.values() if len(group) > 1]
    aliases = {form: group[0] for form, group in by_form.items() if [form] != group}
    # Of names that collide, each is found by itself only.
    return {form: name for form, name in aliases.items() if len(by_form[form]) == 1}, collisions


def _parts(name: str) -> list[str]:
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in name)
    return spaced.split()


@cache
def _profile() -> Any:  # noqa: ANN401 - see below
    # Imported for the first name beyond ASCII: it takes as long as a whole command.
    return import_module("precis_i18n").get_profile("UsernameCasePreserved")
