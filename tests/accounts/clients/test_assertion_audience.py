"""Whom an assertion is for, and for how long."""

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from support.desk import FILE, ISSUER, LOGIN, TOKEN_PATH, Desk, by_assertion, faults, open_desk
from support.desk import signed as compact

from token_server.tokens.refusals import AssertionRefused, ClientRefused

pytestmark = pytest.mark.anyio

INTROSPECT = "/api/oauth2/introspect"
BY_PORTAL = {"alg": "ES256", "kid": "portal-1"}
WIDE_ISSUER = FILE + 'assertion_audience = "endpoints"\nmax_assertion_lifetime = "1h"\n'


async def prove(desk: Desk, client_id: str, **claims: object) -> None:
    header = BY_PORTAL if client_id == "portal" else {"alg": "RS256"}
    assertion = compact(header, desk.claims(client_id, **claims), client_id)
    assert await desk.client(by_assertion(assertion))


async def hand_over(desk: Desk, **claims: object) -> None:
    portal = desk.desk.registry.find("portal")
    assert portal
    told: dict[str, Any] = {"iss": LOGIN, "sub": "alice"} | claims
    await desk.desk.assertions(
        compact({"alg": "ES256"}, desk.claims(**told), "login"), client=portal
    )


@pytest.mark.parametrize("audience", [ISSUER, ISSUER + TOKEN_PATH])
async def test_a_client_of_endpoints_may_name_issuer_and_endpoint(
    desk: Desk, audience: str
) -> None:
    """Authlib names the token endpoint, and lives an hour."""
    await prove(desk, "mobile", aud=audience, exp=desk.clock().timestamp() + 3600)
    with pytest.raises(ClientRefused):
        await prove(desk, "mobile", aud=[audience])
    with pytest.raises(ClientRefused):
        await prove(desk, "mobile", aud=ISSUER + INTROSPECT)
    with pytest.raises(ClientRefused):
        await prove(desk, "mobile", exp=desk.clock().timestamp() + 3631)


async def test_it_may_name_the_endpoint_that_it_calls(desk: Desk) -> None:
    claims = desk.claims("mobile", aud=ISSUER + INTROSPECT)
    shown = by_assertion(compact({"alg": "RS256"}, claims, "mobile"))
    called = type(shown)(
        **{name: getattr(shown, name) for name in shown.__slots__} | {"endpoint": INTROSPECT}
    )
    assert await desk.client(called)


async def test_an_issuer_of_endpoints_may_name_the_token_endpoint(
    redis: Redis, tmp_path: Path
) -> None:
    desk = await open_desk(redis, tmp_path, toml=WIDE_ISSUER)
    in_an_hour = desk.clock().timestamp() + 3600
    for audience in (ISSUER, ISSUER + TOKEN_PATH):
        await hand_over(desk, aud=audience, exp=in_an_hour)
    for other in ([ISSUER], ISSUER + INTROSPECT):
        with pytest.raises(AssertionRefused):
            await hand_over(desk, aud=other)


SEEN: list[tuple[object, str, str]] = [
    (ISSUER + TOKEN_PATH, ISSUER + TOKEN_PATH, "assertion_audience is not endpoints"),
    ("https://evil.example", "https://evil.example", "its aud is not the issuer alone"),
    ([ISSUER, "x"], f'["{ISSUER}", "x"]', "its aud is not the issuer alone"),
    (None, "null", "its aud is not the issuer alone"),
    ("a\x1b[2J\nb" + "c" * 500, "a?[2J?b" + "c" * 193, "its aud is not the issuer alone"),
]


@pytest.mark.parametrize(("audience", "seen", "because"), SEEN, ids=range(len(SEEN)))
async def test_the_audit_line_names_the_audience_that_was_seen(
    desk: Desk, audience: object, seen: str, because: str
) -> None:
    with pytest.raises(ClientRefused) as of_client:
        await prove(desk, "portal", aud=audience)
    with pytest.raises(AssertionRefused) as of_issuer:
        await hand_over(desk, aud=audience)
    for refused in (of_client, of_issuer):
        assert refused.value.ids["aud"] == seen
        assert because in str(refused.value.ids["because"])
        assert refused.value.ids["client_id"] == "portal"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('assertion_audience = "any"', "assertion_audience must be one of issuer, endpoints"),
        ('assertion_audience = ["issuer"]', "assertion_audience must be one of issuer, endpoints"),
        ("max_assertion_lifetime = 0", "max_assertion_lifetime must be longer than 0"),
    ],
)
def test_a_wrong_member_is_an_error(line: str, fault: str) -> None:
    (found,) = faults(FILE + line)
    assert fault in found


@pytest.mark.parametrize(
    "line", ['assertion_audience = "issuer"', 'max_assertion_lifetime = "5m"']
)
def test_a_client_without_assertions_has_no_such_member(line: str) -> None:
    toml = f'[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "none"\n{line}'
    (found,) = faults(toml)
    assert found.startswith("4: ")
    assert "must not be set: none has no keys" in found
