"""The metadata: exactly what is switched on and may be used, as RFC 8414 has it."""

from collections.abc import Mapping

import pytest
from support.client_desk import BILLING, PHONE, READER, ClientDesk, client
from support.web_room import WebRoom

from token_server.problems import Problem
from token_server.tokens.clients import AuthMethod, Client, Grant
from token_server.web.metadata import check, document, paths_of

ISSUER = "https://tokens.example"
PATH = "/.well-known/oauth-authorization-server"
PORTAL = client("portal", AuthMethod.PRIVATE_KEY_JWT, Grant.JWT_BEARER, scope="profile")
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"]


def listed(described: Mapping[str, object], name: str) -> set[object]:
    values = described.get(name, [])
    assert isinstance(values, list)
    assert len(set(values)) == len(values)
    return set(values)


def test_without_clients_it_names_what_everybody_may_use() -> None:
    assert document(ISSUER, None) == {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/api/oauth2/token",
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": ["refresh_token", "password"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint": f"{ISSUER}/api/oauth2/revoke",
        "revocation_endpoint_auth_methods_supported": ["none"],
    }


@pytest.mark.parametrize(
    ("clients", "grants", "methods"),
    [
        ([], set(), set()),
        ([PHONE], set(), set()),
        ([READER], set(), {"client_secret_basic"}),
        ([PORTAL], {Grant.JWT_BEARER}, {"private_key_jwt"}),
        ([BILLING, PHONE], set(Grant), {"client_secret_basic"}),
        ([READER, PORTAL], {Grant.JWT_BEARER}, {"client_secret_basic", "private_key_jwt"}),
    ],
    ids=lambda value: " ".join(
        sorted(each.client_id if isinstance(each, Client) else each for each in value)
    ),
)
def test_it_names_what_some_client_may_use_and_no_more(
    clients: list[Client], grants: set[str], methods: set[str]
) -> None:
    described = document(ISSUER, clients)
    assert listed(described, "grant_types_supported") == grants | {"refresh_token", "password"}
    for endpoint in ("token", "revocation"):
        supported = listed(described, f"{endpoint}_endpoint_auth_methods_supported")
        assert supported == methods | {"none"}
    assert listed(described, "introspection_endpoint_auth_methods_supported") == methods
    for endpoint in ("token", "revocation", "introspection"):
        algorithms = described.get(f"{endpoint}_endpoint_auth_signing_alg_values_supported")
        assert algorithms == (ALGORITHMS if "private_key_jwt" in methods else None)
    check(described)


def test_the_scopes_are_those_that_some_client_may_ask_for() -> None:
    scopes = document(ISSUER, [BILLING, PORTAL])["scopes_supported"]
    assert scopes == ["invoices:read", "invoices:write", "profile"]


@pytest.mark.parametrize(
    "broken",
    [
        {"issuer": "https://tokens.example?x"},
        {"issuer": ""},
        {"token_endpoint": "ftp://tokens.example"},
        {"grant_types_supported": "refresh_token"},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
    ],
    ids=str,
)
def test_what_rfc_8414_forbids_stops_the_start(broken: dict[str, object]) -> None:
    with pytest.raises(Problem, match="RFC 8414"):
        check(document(ISSUER, None) | broken)


def test_an_issuers_path_goes_behind_the_well_known_one() -> None:
    """RFC 8414 §3.1; the plain path is served as well, behind a proxy that strips the other."""
    assert paths_of(ISSUER) == [PATH]
    assert paths_of(f"{ISSUER}/tenant") == [PATH, f"{PATH}/tenant"]


@pytest.mark.anyio
async def test_it_follows_the_clients_as_they_change() -> None:
    room = WebRoom(clients=ClientDesk([READER], is_there=True))
    before = await room.client.get(PATH)
    assert before.headers["content-type"] == "application/json"
    assert before.headers["access-control-allow-origin"] == "*"
    known = {"If-None-Match": before.headers["etag"]}
    assert (await room.client.get(PATH, headers=known)).status_code == 304
    room.clients.registered.append(BILLING)
    after = await room.client.get(PATH, headers=known)
    assert after.status_code == 200
    assert "client_credentials" in after.json()["grant_types_supported"]
    assert after.headers["cache-control"] == "public, max-age=300"
    assert (await room.client.head(PATH)).headers["etag"] == after.headers["etag"]
