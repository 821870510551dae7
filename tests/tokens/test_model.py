"""Values: nothing changes them, and what holds a secret shows none of it."""

from types import ModuleType

import pytest
from msgspec import Struct

from token_server.tokens import model, outcomes
from token_server.tokens.model import Undisclosed
from token_server.web.dialects import dialect


def structs_of(module: ModuleType) -> list[type[Struct]]:
    found = [each for each in vars(module).values() if isinstance(each, type)]
    return [each for each in found if issubclass(each, Struct) and each.__struct_fields__]


SECRETS = frozenset(
    {"access_token", "refresh_token", "signed", "claims", "unverified_claims"}
    | {"unverified_signature", "password", "password_hash"}
)
STRUCTS = sorted(
    {kind for module in (model, outcomes, dialect) for kind in structs_of(module)},
    key=lambda kind: kind.__name__,
)
HOLDING_SECRETS = [kind for kind in STRUCTS if SECRETS & set(kind.__struct_fields__)]


def made(kind: type[Struct]) -> Struct:
    return kind(**dict.fromkeys(kind.__struct_fields__, "canary"))


def test_seven_kinds_hold_secrets() -> None:
    assert [kind.__name__ for kind in HOLDING_SECRETS] == [
        *("Account", "IssuedAccessToken", "LogInRequest", "RefreshRequest"),
        *("TokenPair", "Unsigned", "UnverifiedToken"),
    ]


@pytest.mark.parametrize("kind", HOLDING_SECRETS)
def test_what_holds_a_secret_shows_none_of_it(kind: type[Struct]) -> None:
    value = made(kind)
    assert isinstance(value, Undisclosed)
    assert repr(value) == str(value) == f"<{kind.__name__}>"
    # What rich would show, in a traceback with the values of its variables too.
    assert not list(value.__rich_repr__())


@pytest.mark.parametrize("kind", STRUCTS)
def test_a_value_is_never_changed(kind: type[Struct]) -> None:
    value = made(kind)
    with pytest.raises(AttributeError):
        setattr(value, kind.__struct_fields__[0], "another")
    with pytest.raises(AttributeError):
        value.new = "member"  # type: ignore[attr-defined]
