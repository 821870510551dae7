"""The metadata: exactly what is switched on and may be used, as RFC 8414 has it."""

from collections.abc import Mapping

import pytest
from starlette.requests import Request
from support.client_desk import BILLING, PHONE, READER, ClientDesk, client
from support.web_room import WebRoom

from token_server.problems import Problem
from token_server.tokens.clients import AuthMethod, Client, Grant
from token_server.web.metadata import OPENID, RFC_8414, MetadataEndpoint, check, document, paths_of

ISSUER = "https://tokens.example"
PATH = RFC_8414
AUTHORIZE = "/api/oauth2/authorize"
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
        "authorization_endpoint": f"{ISSUER}{AUTHORIZE}",
        "token_endpoint": f"{ISSUER}/api/oauth2/token",
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "response_types_supported": ["none"],
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


def test_it_names_no_scope_of_any_client() -> None:
    described = document(ISSUER, [BILLING, PORTAL])
    assert "scopes_supported" not in described
    for registered in (BILLING, PORTAL):
        assert not any(name in str(described) for name in registered.scope)


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


@pytest.mark.parametrize("well_known", [RFC_8414, OPENID])
def test_an_issuers_path_goes_behind_the_well_known_one_or_before_it(well_known: str) -> None:
    """RFC 8414 §3.1, OpenID Connect Discovery 1.0 §4; and plain, for a proxy that strips it."""
    assert paths_of(ISSUER, well_known) == [well_known]
    of_tenant = [well_known, f"{well_known}/a/b", f"/a/b{well_known}"]
    assert paths_of(f"{ISSUER}/a/b", well_known) == of_tenant


@pytest.mark.anyio
@pytest.mark.parametrize("well_known", [RFC_8414, OPENID])
async def test_an_issuer_with_a_path_is_found_by_both_rules(well_known: str) -> None:
    room = WebRoom(issuer="https://tokens.example/tenant")
    for path in (f"{well_known}/tenant", f"/tenant{well_known}", well_known):
        answer = await room.client.get(path)
        assert answer.json()["issuer"] == "https://tokens.example/tenant"
        assert answer.json()["token_endpoint"].startswith(answer.json()["issuer"])


@pytest.mark.anyio
async def test_verifiers_of_openid_find_the_same_document_and_their_two_members() -> None:
    room = WebRoom(clients=ClientDesk([BILLING], is_there=True))
    described, openid = [(await room.client.get(path)).json() for path in (RFC_8414, OPENID)]
    assert openid == described | {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS512"],
    }


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_authorization_endpoint_never_redirects(method: str) -> None:
    """RFC 6749 §4.1.2.1."""
    there = "https://app.example/callback"
    query = f"?response_type=code&client_id=billing&redirect_uri={there}&state=s"
    room = WebRoom(clients=ClientDesk([BILLING], is_there=True))
    answer = await room.client.request(method, AUTHORIZE + query)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_response_type")
    assert "location" not in answer.headers
    assert there not in answer.text
    # Every stranger can ask: a line for each would fill the log.
    assert room.facts == []


@pytest.mark.anyio
async def test_the_document_is_made_once_for_each_set_of_clients() -> None:
    class Registry(ClientDesk):
        def all(self) -> tuple[Client, ...]:
            return one_set[0]

    one_set = [(BILLING,)]
    endpoint = MetadataEndpoint(issuer=ISSUER, clients=Registry(is_there=True))
    asked = Request({"type": "http", "method": "GET", "headers": []})
    first = await endpoint(asked)
    assert await endpoint(asked) is first
    one_set[0] = (PORTAL,)
    assert await endpoint(asked) is not first


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
