"""What a clients file may say, what follows where it says nothing, and what is wrong with it."""

from datetime import timedelta
from pathlib import Path

import pytest
from support.desk import DEFAULTS, FILE, faults, jwk, read, sha256

from token_server.accounts.clients.file import load_clients
from token_server.accounts.clients.registered import NOBODY
from token_server.problems import Problem
from token_server.tokens.clients import (
    ASSERTION_ALGORITHMS,
    AccessTokenFormat,
    AuthMethod,
    Grant,
    OnReuse,
)

HASH = sha256("s")
PUBLIC = '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "none"\n'
SECRET = (
    '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "client_secret_basic"\n'
    f'client_secret_sha256 = ["{HASH}"]\n'
)
SIGNER = (
    '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "private_key_jwt"\n'
    f'grant_types = ["{Grant.JWT_BEARER}"]\njwks = {{ keys = [{jwk("portal")}] }}\n'
)
KEYLESS = '[[clients]]\nclient_id = "c"\ntoken_endpoint_auth_method = "private_key_jwt"\n'
TRUST = '[[trusted_issuers]]\nissuer = "https://i"\nsigning_algs = ["ES256"]\nclients = ["c"]\n'
ISSUER = f"{TRUST}jwks = {{ keys = [{jwk('login')}] }}\n"
LENGTH = "must be a length of time such as 900 (seconds), 15m, 1h or 14d"

MISTAKES = [
    ("clients = 1", "1: clients must be an array of tables"),
    ("clients = [1]", "1: clients must be an array of tables"),
    ("client = 1", "1: client is not a member; did you mean clients?"),
    (PUBLIC + "x = 1", "4: x is not a member (client c)"),
    (PUBLIC + 'scop = "a"', "4: scop is not a member; did you mean scope? (client c)"),
    (PUBLIC + '"\\u001b[2J" = 1', "4: '\\x1b[2J' is not a member (client c)"),
    (PUBLIC + PUBLIC, "5: client_id is taken by a client before it (client c)"),
    ('[[clients]]\ntoken_endpoint_auth_method = "none"', "1: client_id is missing"),
    ('[[clients]]\nclient_id = "c"', "1: token_endpoint_auth_method is missing (client c)"),
    (PUBLIC + 'grant_types = "password"', "4: grant_types must be an array of strings"),
    (PUBLIC + 'grant_types = ["implicit"]', "4: grant_types must list some of refresh_token"),
    (PUBLIC + 'grant_types = [\n"password",\n"password"]', "4: grant_types must not name any"),
    (PUBLIC + "client_name = 1", "4: client_name must be printable text, not empty (client"),
    (PUBLIC + 'access_token_format = "JWT"', "4: access_token_format must be one of jwt, at+"),
    (PUBLIC + 'introspect = "all"', "4: introspect must be one of own, any (client c)"),
    (PUBLIC + "access_token_lifetime = true", f"4: access_token_lifetime {LENGTH} (client c)"),
    (PUBLIC + "access_token_lifetime = 0", "4: access_token_lifetime must be longer than 0"),
    (PUBLIC + 'session_lifetime = "1w"', f"4: session_lifetime {LENGTH} (client c)"),
    (PUBLIC + "grace_period = -1", f"4: grace_period {LENGTH} (client c)"),
    (PUBLIC + "recovery_period = 1.5", f"4: recovery_period {LENGTH} (client c)"),
    *[
        (PUBLIC + f"scope = {bad}", "4: scope must be names parted by one space, none twice")
        for bad in ('"a  b"', '" a"', '"a "', '"a\\tb"', '"ä"', '"a a"', '"a\\"b"', "1", "[]")
    ],
    (PUBLIC + 'audiences = ["a", ""]', "4: audiences must be printable text, not empty"),
    (PUBLIC + 'audiences = ["refresh"]', '4: audiences must not name "access" or "refresh"'),
    (PUBLIC + 'grant_types = ["client_credentials"]', "4: grant_types must not list client_c"),
    (PUBLIC + 'refresh_policy = "reusable"', '4: refresh_policy must not be "reusable": meth'),
    (PUBLIC + 'on_reuse = "refuse"', '4: on_reuse must not be "refuse": method none'),
    (PUBLIC + f'client_secret_sha256 = ["{HASH}"]', "4: client_secret_sha256 must not be set"),
    (PUBLIC + 'jwks_uri = "https://a"', "4: jwks_uri must not be set: none has no keys"),
    (
        SECRET + 'token_endpoint_auth_signing_alg = "RS256"',
        "5: token_endpoint_auth_sig",
    ),
    (SECRET.replace(HASH, HASH.upper()), "4: client_secret_sha256 must list one or two SHA"),
    (SECRET.replace(HASH, HASH[1:]), "4: client_secret_sha256 must list one or two SHA-256"),
    (SECRET.replace(f'"{HASH}"', ""), "4: client_secret_sha256 must list one or two SHA-256"),
    (
        SECRET.replace(HASH, sha256("")),
        "4: client_secret_sha256 must not be the hash of",
    ),
    (
        SECRET.replace("client_secret_sha256", "#"),
        "1: client_secret_sha256 is missing",
    ),
    (KEYLESS, "1: jwks is missing: jwks or jwks_uri (client c)"),
    (SIGNER + 'jwks_uri = "https://a"', "6: jwks_uri must not be set beside jwks (client c)"),
    (
        SIGNER + 'token_endpoint_auth_signing_alg = "none"',
        "6: token_endpoint_auth_signing_alg",
    ),
    (
        SIGNER + 'token_endpoint_auth_signing_alg = "RS256"',
        "6: token_endpoint_auth_sig",
    ),
    (KEYLESS + "jwks = 1", "4: must be a table (client c)"),
    (KEYLESS + "jwks = { keys = [] }", "4: keys must not be empty (client c)"),
    (KEYLESS + "jwks = {}", "4: keys must not be empty (client c)"),
    (KEYLESS + "jwks = { key = [] }", "4: key is not a member; did you mean keys? (client c)"),
    *[
        (KEYLESS + f'jwks_uri = "{bad}"', "4: jwks_uri must be")
        for bad in (
            *("http://a.example/k", "http://127.0.0.1.example/k", "http://10.0.0.1/k"),
            *("ftp://a", "https://u@a/k", "https://a/k#f", "a", "file:///k", "https://"),
        )
    ],
    (
        SIGNER + ISSUER + ISSUER,
        "12: issuer is taken by an issuer before it (issuer https://i)",
    ),
    (SIGNER + TRUST, "6: jwks is missing: jwks or jwks_uri (issuer https://i)"),
    (
        PUBLIC + ISSUER,
        "7: clients must name clients with the grant urn:ietf:params:oauth",
    ),
    (ISSUER, "4: clients must name clients of this file only (issuer https://i)"),
    (
        SIGNER + ISSUER.replace('"ES256"', '"HS256"'),
        "8: signing_algs must list one or",
    ),
    (SIGNER + ISSUER.replace('"ES256"', '"RS256"'), "8: signing_algs must fit a key of jwks"),
    (
        SIGNER + ISSUER + "max_assertion_lifetime = 0",
        "11: max_assertion_lifetime must be",
    ),
]


def test_what_is_not_said_is_as_the_page_and_the_settings_have_it() -> None:
    registered = read(PUBLIC).clients["c"]
    client = registered.client
    assert client.grants == {Grant.REFRESH_TOKEN}
    assert (client.scope, client.audiences) == ((), ())
    assert client.access_token_format is AccessTokenFormat.JWT
    assert client.policy == DEFAULTS
    assert (client.reusable, client.on_reuse) == (None, OnReuse.END)
    assert client.introspects_any is False
    assert registered.algorithms == set(ASSERTION_ALGORITHMS)


def test_everything_that_is_said_is_so() -> None:
    registered = read(
        SECRET
        + 'client_name = "Bill"\n'
        + 'grant_types = ["client_credentials", "refresh_token"]\n'
        + 'scope = "a b"\naudiences = ["https://a", "b"]\naccess_token_format = "at+jwt"\n'
        + 'access_token_lifetime = 60\nrefresh_token_lifetime = "2h"\nsession_lifetime = "3d"\n'
        + 'refresh_policy = "reusable"\ngrace_period = 0\nrecovery_period = "1m"\n'
        + 'on_reuse = "refuse"\nintrospect = "any"\n'
    ).clients["c"]
    client = registered.client
    assert registered.name == "Bill"
    assert registered.secret_hashes == (bytes.fromhex(HASH),)
    assert client.auth_methods == {AuthMethod.BASIC}
    assert client.grants == {Grant.CLIENT_CREDENTIALS, Grant.REFRESH_TOKEN}
    assert (client.scope, client.audiences) == (("a", "b"), ("https://a", "b"))
    assert client.access_token_format is AccessTokenFormat.AT_JWT
    assert client.policy.access_token_lifetime == timedelta(seconds=60)
    assert client.policy.refresh_token_lifetime == timedelta(hours=2)
    assert client.policy.session_lifetime == timedelta(days=3)
    assert client.policy.grace_period == timedelta(0)
    assert client.policy.recovery_period == timedelta(minutes=1)
    assert (client.reusable, client.on_reuse) == (True, OnReuse.REFUSE)
    assert client.introspects_any


def test_an_issuer_is_trusted_as_it_is_written() -> None:
    issuer = read(SIGNER + ISSUER).issuers["https://i"]
    assert issuer.client_ids == {"c"}
    assert issuer.algorithms == {"ES256"}
    assert (issuer.subject_claim, issuer.scope) == ("sub", None)
    assert issuer.max_assertion_lifetime == timedelta(minutes=5)
    more = 'subject_claim = "email"\nscope = "a b"\nmax_assertion_lifetime = "1m"\n'
    issuer = read(SIGNER + ISSUER + more).issuers["https://i"]
    assert (issuer.subject_claim, issuer.scope) == ("email", "a b")
    assert issuer.max_assertion_lifetime == timedelta(minutes=1)


def test_a_key_without_a_kid_goes_by_its_thumbprint() -> None:
    inline = jwk("portal").replace('kid = "portal-1"', 'use = "sig"')
    (key,) = read(f"{KEYLESS}jwks = {{ keys = [{inline}] }}").clients["c"].keys
    assert not isinstance(key, str)
    assert key.kid == key.key.thumbprint()


@pytest.mark.parametrize(
    "uri",
    [
        *("https://a.example/jwks", "https://a.example:8443/k?t=1", "https://10.0.0.1/k"),
        *("http://localhost:1/k", "http://127.0.0.1/k", "http://[::1]:8080/k"),
    ],
)
def test_a_jwks_uri_is_https_or_leads_to_this_machine(uri: str) -> None:
    assert read(f'{KEYLESS}jwks_uri = "{uri}"').clients["c"].keys == uri


@pytest.mark.parametrize(("toml", "wrong"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_line_and_name(toml: str, wrong: str) -> None:
    (told,) = faults(toml)
    assert told.startswith(wrong)


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({"d": "AA"}, "must be a public key: it holds a private or"),
        (
            {"kty": "oct", "k": "AA"},
            "must be a public key: it holds a private or",
        ),
        ({"use": "enc"}, "must be a key that verifies signatures"),
        ({"kty": "RSA"}, "must be a JWK: its numbers are no key"),
        ({"kty": "DSA"}, "must be an RSA key, or one on P-256"),
        ({"crv": "P-384"}, "must be an RSA key, or one on P-256"),
        ({"x": "AA"}, "must be a JWK: its numbers are no key"),
        ({"y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"}, "must be a JWK: its numbers are"),
        ({"alg": "RS256"}, "must have an alg that fits it: ES256"),
        ({"kid": ""}, "must have a kid that is text, or none"),
    ],
    ids=str,
)
def test_a_key_that_is_none_to_verify_with_is_a_mistake(
    members: dict[str, str], wrong: str
) -> None:
    (told,) = faults(f"{KEYLESS}jwks = {{ keys = [{jwk('portal', **members)}] }}")
    assert told.startswith(f"4: keys 0 {wrong}")


def test_a_small_rsa_key_is_a_mistake() -> None:
    small = jwk("mobile", n="u" * 300)
    (told,) = faults(f"{KEYLESS}jwks = {{ keys = [{small}] }}")
    assert told.startswith("4: keys 0 must be a JWK: its numbers are no key")


def test_two_keys_of_one_name_are_a_mistake() -> None:
    (told,) = faults(f"{KEYLESS}jwks = {{ keys = [{jwk('portal')}, {jwk('stranger')}] }}")
    assert told.startswith("4: keys 1 must have a kid of its own")


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    toml = """
x = 1
[[clients]]
client_id = "a"
token_endpoint_auth_method = "none"
scope = [
  "a",
]
y = '''
[[clients]]
'''

[[clients]] # the second
client_id = "b"
token_endpoint_auth_method = "private_key_jwt"
[[clients.jwks.keys]]
kty = "oct"
[[clients.jwks.keys]]
kty = "DSA"
[[trusted_issuers]]
"""
    told = [int(line.partition(":")[0]) for line in faults(toml)]
    assert told == [2, 6, 9, 16, 18, 20, 20, 20, 20]


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"\xff", "clients.toml is not in UTF-8"),
        (b"[[clients]", "clients.toml is not well-formed TOML at line 1, column 10"),
        (b'a = 1\nb = "s3cr3t', "clients.toml is not well-formed TOML at end of document"),
        (b"a = 1\na = 2", "clients.toml is not well-formed TOML at end of document"),
        (b"a = " + b"[" * 5000, "clients.toml is not well-formed TOML"),
    ],
    ids=[1, 2, 3, 4, 5],
)
def test_a_file_that_is_no_toml_is_told_with_its_place(
    tmp_path: Path, data: bytes, wrong: str
) -> None:
    path = tmp_path / "clients.toml"
    path.write_bytes(data)
    with pytest.raises(Problem) as refused:
        load_clients(path, DEFAULTS)
    assert refused.value.text.removeprefix(f"{tmp_path}/").startswith(wrong)
    assert "s3cr3t" not in refused.value.text


def test_without_a_file_nobody_is_registered_and_a_missing_one_is_a_problem(
    tmp_path: Path,
) -> None:
    assert load_clients(None, DEFAULTS) is NOBODY
    with pytest.raises(Problem, match="cannot be read: No such file or directory"):
        load_clients(tmp_path / "none.toml", DEFAULTS)


def test_no_repr_shows_a_hash_or_a_key() -> None:
    shown = repr(read(FILE))
    assert sha256("s3cr3t") not in shown
    assert repr(bytes.fromhex(sha256("s3cr3t"))) not in shown
