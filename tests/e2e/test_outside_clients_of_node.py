"""Node's OAuth libraries, unmodified, as clients of the running server."""

from pathlib import Path

import httpx
from support.clientele import Clientele
from support.outside_programs import run_by_node
from support.registered import INVOICES, TRICKY


def asked_of(clientele: Clientele, *clients: str) -> dict[str, object]:
    return {
        **clientele.registered.secrets,
        "tricky": clientele.registered.secrets[TRICKY],
        "issuer": clientele.url,
        "portalKey": clientele.registered.keys["portal"].as_dict(private=True),
        "refreshTokens": {name: clientele.handed_over(name)["refresh_token"] for name in clients},
        "audience": INVOICES,
    }


def test_oauth4webapi_discovers_refreshes_inspects_and_revokes(
    clientele: Clientele, node_packages: Path
) -> None:
    """It encodes id and secret (RFC 6749 §2.3.1), and reads signed introspection (RFC 9701)."""
    told = run_by_node(
        "oauth4webapi.mjs", node_packages, **asked_of(clientele, "billing", TRICKY, "portal")
    )
    expected = {
        "scope": "profile",
        "sub": "alice",
        "active": True,
        "signed": True,
        "dead": False,
    }
    assert told["results"] == [expected] * 3
    assert (told["claims"]["client_id"], told["claims"]["aud"]) == ("rfc9068", INVOICES)


def test_openid_client_discovers_refreshes_exchanges_and_revokes(
    clientele: Clientele, node_packages: Path
) -> None:
    told = run_by_node(
        "openid-client.mjs", node_packages, **asked_of(clientele, "billing", "poster", "portal")
    )
    expected = {
        "scope": "profile",
        "sub": "alice",
        "aud": INVOICES,
        "active": True,
        "dead": False,
        "refused": "invalid_grant",
    }
    assert told["results"] == [expected] * 3


def test_jose_verifies_an_access_token_of_rfc_9068(
    clientele: Clientele, node_packages: Path
) -> None:
    token = clientele.handed_over("rfc9068", resource=INVOICES)["access_token"]
    told = run_by_node(
        "jose.mjs", node_packages, issuer=clientele.url, token=token, audience=INVOICES
    )
    assert (told["sub"], told["client_id"]) == ("alice", "rfc9068")


def test_oidc_client_ts_finds_the_server_by_its_authority_alone(
    clientele: Clientele, node_packages: Path
) -> None:
    """At /.well-known/openid-configuration: it looks nowhere else."""
    password = clientele.server.user("olga")
    told = run_by_node(
        "oidc-client-ts.mjs",
        node_packages,
        issuer=clientele.url,
        username="olga",
        password=password,
    )
    assert len({*told["refresh_tokens"], *told["access_tokens"]}) == 4
    shown = {"grant_type": "refresh_token", "refresh_token": told["refresh_tokens"][-1]}
    assert clientele.asked("phone-app", **shown).json()["error"] == "invalid_grant"


def test_simple_oauth2_revokes_both_tokens_of_a_pair(
    clientele: Clientele, node_packages: Path
) -> None:
    """It fails after the first where the answer is no JSON, and the second stays alive."""
    billing = clientele.registered.secrets["billing"]
    told = run_by_node(
        "simple-oauth2.mjs",
        node_packages,
        issuer=clientele.url,
        billing=billing,
        pair=clientele.handed_over("billing"),
    )
    assert told["own"] == "profile"
    url, by = f"{clientele.url}/api/oauth2/introspect", clientele.registered.basic("billing")
    for name in ("access_token", "refresh_token"):
        answer = httpx.post(url, data={"token": told["pair"][name]}, headers=by)
        assert answer.json() == {"active": False}
    shown = {"grant_type": "refresh_token", "refresh_token": told["pair"]["refresh_token"]}
    assert clientele.asked("billing", **shown).json()["error"] == "invalid_grant"
