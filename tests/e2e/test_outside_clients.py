"""Python's OAuth libraries, unmodified, as clients of the running server."""

import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session as RequestsSession
from support.clientele import Clientele
from support.registered import INVOICES

with warnings.catch_warnings():
    # Authlib would rather have httpx2.
    warnings.simplefilter("ignore", DeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client

TOKEN, REVOKE, INTROSPECT = (f"/api/oauth2/{name}" for name in ("token", "revoke", "introspect"))
BY_SECRET = {"billing": "client_secret_basic", "poster": "client_secret_post"}
BY_KEY = {"mobile": "RS256", "portal": "ES256"}
CLIENTS = [*BY_SECRET, *BY_KEY]


def credentials(clientele: Clientele, client_id: str) -> dict[str, Any]:
    """As Authlib takes them."""
    secret: object = clientele.registered.secrets.get(client_id)
    method: object = BY_SECRET.get(client_id)
    if client_id in BY_KEY:
        secret = clientele.registered.keys[client_id]
        method = PrivateKeyJWT(clientele.url + TOKEN, alg=BY_KEY[client_id])
    return {
        "client_secret": secret,
        "token_endpoint_auth_method": method,
        "revocation_endpoint_auth_method": method,
    }


@pytest.mark.parametrize("client_id", CLIENTS)
def test_authlib_begins_refreshes_inspects_and_revokes(
    clientele: Clientele, client_id: str
) -> None:
    session = OAuth2Session(client_id, **credentials(clientele, client_id))
    own = session.fetch_token(
        clientele.url + TOKEN, grant_type="client_credentials", scope="profile"
    )
    assert (own["scope"], "refresh_token" in own) == ("profile", False)
    first = clientele.handed_over(client_id)
    second = session.refresh_token(clientele.url + TOKEN, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    told = session.introspect_token(clientele.url + INTROSPECT, second["access_token"]).json()
    assert (told["active"], told["client_id"], told["sub"]) == (True, client_id, "alice")
    revoked = session.revoke_token(  # type: ignore[no-untyped-call]
        clientele.url + REVOKE, second["refresh_token"]
    )
    assert revoked.status_code == 200
    for token in (second["access_token"], second["refresh_token"]):
        told = session.introspect_token(clientele.url + INTROSPECT, token).json()
        assert told == {"active": False}


@pytest.mark.anyio
@pytest.mark.parametrize("client_id", CLIENTS)
async def test_authlibs_async_client_does_the_same(clientele: Clientele, client_id: str) -> None:
    async with AsyncOAuth2Client(client_id, **credentials(clientele, client_id)) as session:
        own = await session.fetch_token(clientele.url + TOKEN, grant_type="client_credentials")
        assert own["token_type"] == "bearer"
        first = clientele.handed_over(client_id)
        second = await session.refresh_token(clientele.url + TOKEN, first["refresh_token"])
        told = await session.introspect_token(clientele.url + INTROSPECT, second["access_token"])
        assert told.json()["active"] is True
        revoked = await session.revoke_token(clientele.url + REVOKE, second["access_token"])
        assert revoked.status_code == 200
        told = await session.introspect_token(clientele.url + INTROSPECT, second["access_token"])
        assert told.json() == {"active": False}


@pytest.mark.parametrize("client_id", CLIENTS)
def test_authlib_refreshes_by_itself_what_has_expired(
    clientele: Clientele, client_id: str
) -> None:
    kept: list[dict[str, Any]] = []
    session = OAuth2Session(
        client_id,
        token={**clientele.handed_over(client_id), "expires_at": 1},
        token_endpoint=clientele.url + TOKEN,
        update_token=lambda token, **_: kept.append(token),
        **credentials(clientele, client_id),
    )
    assert session.get(f"{clientele.url}/livez").status_code == 200
    assert [token["refresh_token"] for token in kept] == [session.token["refresh_token"]]


@pytest.fixture
def _over_plain_http() -> Iterator[None]:
    """To a loopback address; oauthlib makes no difference."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        yield


@pytest.mark.usefixtures("_over_plain_http")
def test_requests_oauthlib_refreshes_by_itself_what_has_expired(clientele: Clientele) -> None:
    """A client that shows its secret in the body: that is where this library puts it."""
    kept: list[dict[str, Any]] = []
    first = clientele.handed_over("poster")
    secret = clientele.registered.secrets["poster"]
    session = RequestsSession(
        "poster",
        token={**first, "expires_in": -1, "expires_at": 1},
        auto_refresh_url=clientele.url + TOKEN,
        auto_refresh_kwargs={"client_id": "poster", "client_secret": secret},
        token_updater=kept.append,
    )
    assert session.get(f"{clientele.url}/livez").status_code == 200
    assert session.get(f"{clientele.url}/livez").status_code == 200
    assert len(kept) == 1
    assert kept[0]["refresh_token"] not in (None, first["refresh_token"])


@pytest.mark.usefixtures("_over_plain_http")
def test_requests_oauthlib_asks_for_a_token_of_its_own(clientele: Clientele) -> None:
    session = RequestsSession(client=BackendApplicationClient("billing", scope=["profile"]))
    token = session.fetch_token(
        clientele.url + TOKEN,
        client_id="billing",
        client_secret=clientele.registered.secrets["billing"],
    )
    assert token["scope"] == ["profile"]


def test_pyjwt_verifies_an_access_token_of_rfc_9068(clientele: Clientele) -> None:
    """§4: typ, iss, aud and the algorithm, and that no claim of §2.2 is missing."""
    token = clientele.handed_over("rfc9068", resource=INVOICES)["access_token"]
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    keys = jwt.PyJWKClient(f"{clientele.url}/.well-known/jwks.json")
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["RS512"],
        audience=INVOICES,
        issuer=clientele.url,
        options={"require": ["iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope"]},
    )
    assert (claims["sub"], claims["client_id"]) == ("alice", "rfc9068")


def test_a_refresh_token_is_good_for_its_own_client_alone(clientele: Clientele) -> None:
    """Any other client, another one's credentials, or none: refused, the session untouched."""
    token = clientele.handed_over("billing")["refresh_token"]
    standard = {"grant_type": "refresh_token", "refresh_token": token}
    by = clientele.registered.basic
    with httpx.Client(base_url=clientele.url) as client:
        for headers, more in [
            (by("narrow"), {}),
            (by("rfc9068"), {}),
            ({}, {"client_id": "phone-app"}),
            ({}, {}),
        ]:
            answer = client.post(TOKEN, data=standard | more, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        camel = {"grantType": "RefreshToken", "refreshToken": token}
        assert client.post(TOKEN, data=camel).status_code == 401
        assert client.post("/auth-service/v1/refresh", json={"refresh_token": token}).is_error
        shown = {"x-refresh-token": token}
        assert client.get("/v1/auth/refresh-token", headers=shown).is_error
        for headers in ({}, by("narrow"), by("poster", "x")):
            client.post(REVOKE, data={"token": token}, headers=headers)
        answer = client.post(TOKEN, data=standard, headers=by("billing"))
    assert answer.status_code == 200, answer.text


def test_a_session_that_the_operator_begins_is_its_clients(clientele: Clientele) -> None:
    begun = clientele.server.issued("carol", "--client", "billing")
    shown = {"grant_type": "refresh_token", "refresh_token": begun["refresh_token"]}
    with httpx.Client(base_url=clientele.url) as client:
        assert client.post(TOKEN, data=shown).status_code == 400
        answer = client.post(TOKEN, data=shown, headers=clientele.registered.basic("billing"))
    assert answer.status_code == 200, answer.text


def test_a_public_client_logs_in_refreshes_and_revokes_by_its_name(clientele: Clientele) -> None:
    password = clientele.server.user("dora")
    begun = clientele.asked("phone-app", grant_type="password", username="dora", password=password)
    shown = {"grant_type": "refresh_token", "refresh_token": begun.json()["refresh_token"]}
    assert httpx.post(clientele.url + TOKEN, data=shown).json()["error"] == "invalid_grant"
    pair = clientele.asked("phone-app", **shown).json()
    token = {"token": pair["refresh_token"]}
    named = {"client_id": "phone-app"}
    assert httpx.post(clientele.url + INTROSPECT, data=token | named).status_code == 401
    assert httpx.post(clientele.url + REVOKE, data=token | named).status_code == 200
    shown = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    assert clientele.asked("phone-app", **shown).json()["error"] == "invalid_grant"


def test_a_client_knows_about_its_own_tokens_alone(clientele: Clientele) -> None:
    """But for a gateway, which may introspect any access token, and no refresh token."""
    pair = clientele.handed_over("billing")
    nobodys = clientele.server.pair("erna")
    by, url = clientele.registered, clientele.url + INTROSPECT
    with httpx.Client() as client:
        for token, owner, is_for_gateways in (
            (pair["access_token"], "billing", True),
            (pair["refresh_token"], "billing", False),
            (nobodys.access_token, None, True),
            (nobodys.refresh_token, None, False),
        ):
            own = client.post(url, data={"token": token}, headers=by.basic("billing"))
            other = client.post(url, data={"token": token}, headers=by.basic("narrow"))
            gateway = client.post(url, data={"token": token} | by.client_assertion("portal"))
            assert own.json()["active"] == (owner == "billing")
            assert gateway.json()["active"] == is_for_gateways
            for answer in (own, other, gateway):
                assert answer.json()["active"] or answer.json() == {"active": False}
            assert other.json() == {"active": False}


def test_pyjwt_verifies_a_signed_introspection_which_is_no_token(clientele: Clientele) -> None:
    """RFC 9701 §5, §8.1."""
    token, url = clientele.handed_over("billing")["access_token"], clientele.url + INTROSPECT
    headers = clientele.registered.basic("billing")
    plain = httpx.post(url, data={"token": token}, headers=headers).json()
    accept = {"Accept": "application/token-introspection+jwt"}
    signed = httpx.post(url, data={"token": token}, headers=headers | accept).text
    assert jwt.get_unverified_header(signed)["typ"] == "token-introspection+jwt"
    keys = jwt.PyJWKClient(f"{clientele.url}/.well-known/jwks.json")
    claims = jwt.decode(
        signed,
        keys.get_signing_key_from_jwt(signed),
        algorithms=["RS512"],
        audience="billing",
        issuer=clientele.url,
    )
    assert list(claims) == ["iss", "aud", "iat", "token_introspection"]
    assert claims["token_introspection"] == plain
    again = httpx.post(url, data={"token": signed}, headers=headers)
    assert again.json() == {"active": False}
    bearer = {"Authorization": f"Bearer {signed}"}
    assert httpx.post(f"{clientele.url}/api/oauth2/logout", headers=bearer).status_code == 401
