"""Client credentials that prove nothing: refused at each endpoint, and nothing breaks."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey
from support.clientele import Clientele
from support.leaks import TOKEN, written
from support.registered import ASSERTION_TYPE, JWT_BEARER, LOGIN, TOKEN_EXCHANGE, TRICKY

Headers = list[tuple[bytes, bytes]]
Case = tuple[str, Headers, dict[str, str]]
ENDPOINTS = ("token", "revoke", "introspect")
AT_LEAST = 60


def raw(credentials: bytes | str) -> Headers:
    sent = credentials if isinstance(credentials, bytes) else credentials.encode()
    return [(b"Authorization", sent)]


def basic(pair: bytes) -> Headers:
    return raw(b"Basic " + base64.b64encode(pair))


def right(clientele: Clientele, client_id: str = "billing") -> Headers:
    return raw(clientele.registered.basic(client_id)["Authorization"])


def two_at_once(clientele: Clientele) -> Iterator[Case]:
    """RFC 6749 §2.3: each of them right, or one of them."""
    known = clientele.registered
    secret, by_key = known.secrets["billing"], known.client_assertion
    yield "Basic and a secret", right(clientele), {"client_secret": secret}
    own = {"client_id": "billing", "client_secret": secret}
    other = {"client_id": "billing", "client_secret": f"{secret}x"}
    yield "Basic and another secret in the body", right(clientele), other
    yield "another secret in Basic", basic(f"billing:{secret}x".encode()), own
    yield "Basic and an assertion", right(clientele), by_key()
    yield "Basic and an assertion alone", right(clientele), {"client_assertion": "x"}
    yield "a secret and an assertion", [], own | by_key()
    poster = {"client_id": "poster", "client_secret": known.secrets["poster"]}
    yield "two methods of two clients", [], poster | by_key()
    yield "two headers", right(clientele) * 2, {}
    yield "two headers of two clients", [*right(clientele), *right(clientele, "narrow")], {}
    yield "Basic and Bearer", [*right(clientele), *raw("Bearer x")], {}
    yield "Bearer and Basic", [*raw("Bearer x"), *right(clientele)], {}
    yield "two in one header", raw(right(clientele)[0][1] * 2), {}
    yield "two with a comma", raw(b", ".join(value for _, value in right(clientele) * 2)), {}
    yield "another client_id", right(clientele), {"client_id": "narrow"}
    yield "a public client's client_id", right(clientele), {"client_id": "phone-app"}


def of_another_method(clientele: Clientele) -> Iterator[Case]:
    """Right credentials, sent as this client may not."""
    known = clientele.registered
    billing, poster = known.secrets["billing"], known.secrets["poster"]
    yield "in the body", [], {"client_id": "billing", "client_secret": billing}
    yield "in the header", basic(f"poster:{poster}".encode()), {}
    yield "by name alone", [], {"client_id": "billing"}
    yield "by name alone, with a key", [], {"client_id": "portal"}
    yield "by a secret, with a key", [], {"client_id": "portal", "client_secret": billing}
    yield "by Basic without a secret", basic(b"phone-app:"), {}


def misspelt(clientele: Clientele) -> Iterator[Case]:
    """RFC 6749 §2.3.1, RFC 7617 §2."""
    secret = clientele.registered.secrets["billing"].encode()
    tricky = clientele.registered.secrets[TRICKY]
    yield "nothing behind the scheme", raw("Basic"), {}
    yield "not base64", raw("Basic !!!"), {}
    yield "base64 cut short", raw(right(clientele)[0][1][:-3]), {}
    yield "base64url", raw(b"Basic " + base64.urlsafe_b64encode(b"billing:\xff\xfb\xff~??")), {}
    yield "without a colon", basic(b"billing"), {}
    yield "a colon alone", basic(b":"), {}
    yield "no secret", basic(b"billing:"), {}
    yield "no name", basic(b":" + secret), {}
    yield "not UTF-8", basic(b"billing:\xff\xfe"), {}
    yield "not UTF-8 once decoded", basic(b"billing:%FF%FE"), {}
    yield "not UTF-8 in the name", basic(b"%ff\xff:" + secret), {}
    yield "a NUL", basic(b"billing\0:" + secret), {}
    yield "a NUL once decoded", basic(b"billing%00:" + secret), {}
    yield "a name in other case", basic(b"Billing:" + secret), {}
    yield "a space before", basic(b" billing:" + secret), {}
    yield "a newline after", basic(b"billing:" + secret + b"\n"), {}
    yield "encoded twice", basic(f"{quote(quote(TRICKY))}:{quote(quote(tricky))}".encode()), {}
    yield "not encoded", basic(f"{TRICKY}:{tricky}".encode()), {}
    yield "not ASCII in the header", raw("Basic é".encode("latin-1")), {}
    yield "sixty thousand bytes of it", basic(b"a" * 6_000 + b":b"), {}
    yield "nobody", basic(b"nobody:" + secret), {}
    yield "nobody, in the body", [], {"client_id": "nobody", "client_secret": secret.decode()}
    yield "another one's secret", basic(b"narrow:" + secret), {}
    yield "the stored hash", basic(b"billing:" + _stored_hash(clientele).encode()), {}


def no_assertion(clientele: Clientele) -> Iterator[Case]:
    """RFC 7523 §3."""
    known, now = clientele.registered, int(time.time())
    good = known.client_assertion()["client_assertion"]
    yield "no type", [], {"client_assertion": good}
    yield "another type", [], {"client_assertion": good, "client_assertion_type": "jwt"}
    yield "a type alone", [], {"client_assertion_type": ASSERTION_TYPE}
    other_name = {"client_id": "mobile"}
    yield "another client_id beside it", [], known.client_assertion() | other_name
    faults: dict[str, dict[str, object]] = {
        "list of us": {"aud": [clientele.url]},
        "for somebody else": {"aud": "https://other.example"},
        "far away": {"exp": now + 7200},
        "past": {"exp": now - 1},
        "no end": {"exp": None},
        "an end that is text": {"exp": str(now + 60)},
        "no jti": {"jti": None},
        "of another": {"iss": "mobile"},
        "about another": {"sub": "mobile"},
        "of nobody": {"iss": "nobody", "sub": "nobody"},
        "of a login system": {"iss": LOGIN, "sub": LOGIN},
        "a subject that is none": {"sub": {"a": 1}},
    }
    for name, claims in faults.items():
        yield name, [], known.client_assertion("portal", **claims)
    yield "an assertion about a user", [], _shown(known.assertion())
    yield "HS256 by a secret", [], _shown(_by_hmac(clientele))
    for header in ({"typ": "at+jwt"}, {"kid": "../../etc"}, {"kid": 'a"\\é'}, {"crit": ["kid"]}):
        own = {"iss": "portal", "sub": "portal", "aud": clientele.url}
        yield str(header), [], _shown(known.signed("portal", own, header=header))
    yield "parts that are no JSON", [], _shown("e30.x.y")
    yield "only dots", [], _shown("." * 50_000)


def _shown(assertion: str) -> dict[str, str]:
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _by_hmac(clientele: Clientele) -> str:
    claims = {"iss": "billing", "sub": "billing", "aud": clientele.url, "jti": "1"}
    key = OctKey.import_key(clientele.registered.secrets["billing"])
    return jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])


def _stored_hash(clientele: Clientele) -> str:
    lines = Path(clientele.server.folder / "clients.toml").read_text().splitlines()
    [first, *_] = [line for line in lines if line.startswith("client_secret_sha256")]
    return first.split('"')[1]


def test_nobody_is_let_in_who_proves_nothing(clientele: Clientele) -> None:
    victim = clientele.handed_over("billing", "victim")
    grant = {"grant_type": "client_credentials", "token": victim["access_token"]}
    refused = 0
    with httpx.Client(base_url=clientele.url) as client:
        for cases in (two_at_once, of_another_method, misspelt, no_assertion):
            for name, headers, members in cases(clientele):
                for endpoint in ENDPOINTS:
                    answer = client.post(
                        f"/api/oauth2/{endpoint}", data=grant | members, headers=headers
                    )
                    said = (answer.status_code, answer.json()["error"])
                    assert said in {(400, "invalid_request"), (401, "invalid_client")}, name
                    assert answer.headers["cache-control"] == "no-store"
                    refused += 1
    assert refused >= AT_LEAST * len(ENDPOINTS)
    told = httpx.post(
        f"{clientele.url}/api/oauth2/introspect",
        data={"token": victim["access_token"]} | clientele.registered.client_assertion(),
    )
    assert told.json()["active"] is True


def test_an_unknown_client_and_a_wrong_secret_are_told_alike(clientele: Clientele) -> None:
    asked = {"grant_type": "client_credentials"}
    answers = [
        httpx.post(f"{clientele.url}/api/oauth2/token", data=asked, headers=headers)
        for headers in (
            basic(b"nobody:x"),
            basic(b"billing:x"),
            basic(b"portal:x"),
            basic(b"\xff:"),
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {
        'Basic realm="token-server"'
    }


def test_what_clients_show_is_written_down_nowhere(clientele: Clientele) -> None:
    """Neither right nor wrong, neither in the log nor in the audit log nor in the store."""
    canary = "canary-" * 8
    for client_id in ("billing", "poster", "portal"):
        assert clientele.asked(client_id, grant_type="client_credentials").status_code == 200
        clientele.asked(client_id, grant_type=JWT_BEARER, assertion=canary)
        clientele.asked(client_id, grant_type=TOKEN_EXCHANGE, subject_token=canary)
        clientele.handed_over(client_id)
    wrong = {"client_id": canary, "client_secret": canary, "token": canary}
    for endpoint in ENDPOINTS:
        url = f"{clientele.url}/api/oauth2/{endpoint}"
        httpx.post(url, data={"grant_type": canary} | wrong)
        httpx.post(url, data={"token": canary}, headers=basic(f"{canary}:{canary}".encode()))
        httpx.post(url, data=_shown(canary))
    haystack = b"\n".join(written(clientele.server.folder))
    assert b"client_refused" in haystack
    assert not TOKEN.search(haystack)
    for secret in (canary, *clientele.registered.secrets.values()):
        assert secret.encode() not in haystack


def test_a_clients_assertion_is_good_once_on_all_workers(clientele: Clientele) -> None:
    shown = {"grant_type": "client_credentials"} | clientele.registered.client_assertion()
    url = f"{clientele.url}/api/oauth2/token"
    assert httpx.post(url, data=shown).status_code == 200
    for _ in range(8):
        again = httpx.post(url, data=shown)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


def test_a_secret_guessed_too_often_is_answered_429(clientele: Clientele) -> None:
    with httpx.Client(base_url=clientele.url, headers=basic(b"guessed:x")) as client:
        asked = {"grant_type": "client_credentials", "token": "x"}
        urls = [f"/api/oauth2/{endpoint}" for endpoint in ENDPOINTS]
        statuses = [client.post(urls[n % 3], data=asked).status_code for n in range(100)]
        assert set(statuses) == {401}
        for url in urls:
            answer = client.post(url, data=asked)
            assert (answer.status_code, answer.json()["error"]) == (429, "too_many_attempts")
            assert 1 <= int(answer.headers["retry-after"]) <= 6
