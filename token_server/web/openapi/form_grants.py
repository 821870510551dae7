"""The grants of the form dialect in its two spellings, described."""

from collections.abc import Collection

from token_server.tokens.clients import Grant
from token_server.web.openapi.parts import NOT_THERE, Part, fields, text
from token_server.web.token_types import ACCESS_TOKEN, JWT

_FLAG: Part = {"enum": ["true", "false", "1", "0"]}


def grants(*, with_clients: bool, anonymous: Collection[Grant]) -> Part:
    """Describe what a request may hold; `anonymous`: the grants that are on without a client."""
    found = [part for grant, part in _camel_grants() if grant in anonymous]
    for grant, part in _standard_grants(with_clients=with_clients):
        if with_clients or grant in anonymous:
            found.append(part)
    return {"anyOf": found} if found else NOT_THERE


def _camel_grants() -> list[tuple[Grant, Part]]:
    login: dict[str, Part] = {"userName": text(), "password": text(format="password")}
    shown: dict[str, Part] = {"grantType": {"const": "RefreshToken"}, "refreshToken": text()}
    return [
        (Grant.REFRESH_TOKEN, fields(shown)),
        (
            Grant.PASSWORD,
            fields({"grantType": {"const": "Password"}, **login}, longLivedRefreshToken=_FLAG),
        ),
    ]


def _standard_grants(*, with_clients: bool) -> list[tuple[Grant, Part]]:
    kind: Part = {"enum": [ACCESS_TOKEN, JWT]}
    required: dict[Grant, dict[str, Part]] = {
        Grant.REFRESH_TOKEN: {"refresh_token": text()},
        Grant.PASSWORD: {"username": text(), "password": text(format="password")},
        Grant.CLIENT_CREDENTIALS: {},
        Grant.JWT_BEARER: {"assertion": text()},
        Grant.TOKEN_EXCHANGE: {"subject_token": text(), "subject_token_type": kind},
    }
    optional: dict[Grant, dict[str, Part]] = {
        Grant.PASSWORD: {"use_short_term_refresh": _FLAG},
        Grant.TOKEN_EXCHANGE: {
            "requested_token_type": kind,
            "audience": {"type": "array", "items": text()},
        },
    }
    return [
        (grant, _grant(grant, needed, with_clients=with_clients, **optional.get(grant, {})))
        for grant, needed in required.items()
    ]


def _grant(
    grant: Grant, required: dict[str, Part], *, with_clients: bool, **optional: Part
) -> Part:
    of_client: dict[str, Part] = {
        "client_id": text("And what else its client authenticates with, as in revocation."),
        "scope": text("Names parted by one space; no more than the client may ask for."),
        "resource": {"type": "array", "items": text(format="uri")},
    }
    return fields(
        {"grant_type": {"const": str(grant)}, **required},
        **optional,
        **(of_client if with_clients else {}),
    )
