"""What a `[[clients]]` and a `[[trusted_issuers]]` table say, and which members go together."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from token_server.accounts.clients.jwks import read_jwks
from token_server.accounts.clients.readers import (
    choice,
    choices,
    read_algorithm,
    read_algorithms,
    read_audiences,
    read_auth_methods,
    read_client_id,
    read_jwks_uri,
    read_may_exchange,
    read_scope,
    read_secret_hashes,
    read_subject_prefix,
    read_text,
    read_texts,
)
from token_server.accounts.clients.registered import (
    AssertionAudience,
    KeySource,
    RegisteredClient,
    TrustedIssuer,
)
from token_server.accounts.clients.tables import Table
from token_server.durations import read_duration, read_lifetime, short_term_after
from token_server.tokens.clients import (
    ASSERTION_ALGORITHMS,
    NEEDS_PROOF,
    SECRET_METHODS,
    AccessTokenFormat,
    AuthMethod,
    Client,
    Grant,
    OnReuse,
)
from token_server.tokens.model import ClientId, Policy

_ASSERTION_LIFETIME = timedelta(minutes=5)
_OF_ASSERTIONS = (
    *("jwks", "jwks_uri", "token_endpoint_auth_signing_alg"),
    *("assertion_audience", "max_assertion_lifetime"),
)


class _RefreshPolicy(StrEnum):
    ROTATING = "rotating"
    REUSABLE = "reusable"


class _Introspects(StrEnum):
    OWN = "own"
    ANY = "any"


def read_client(table: Table, defaults: Policy) -> RegisteredClient | None:
    """None: without its name and its method there is no client to speak of."""
    client_id = table.demand("client_id", read_client_id)
    table.of = f"client {client_id}" if client_id else ""
    name = table.take("client_name", read_text, None)
    methods = table.demand("token_endpoint_auth_method", read_auth_methods) or frozenset()
    secret_hashes = table.take("client_secret_sha256", read_secret_hashes, ())
    keys = _keys(table)
    algorithms = table.take(
        "token_endpoint_auth_signing_alg", read_algorithm, frozenset(ASSERTION_ALGORITHMS)
    )
    audience, longest = _audience(table), _max_lifetime(table)
    client = _client(table, ClientId(client_id or ""), methods, defaults)
    table.refuse_the_rest()
    if methods:
        _check_credentials(table, methods, keys, algorithms)
    if client.is_public:
        _check_public(table, client)
    _check_exchange(table, client)
    if not client_id or not methods:
        return None
    return RegisteredClient(
        client=client,
        name=name,
        secret_hashes=secret_hashes,
        keys=keys,
        algorithms=algorithms,
        assertion_audience=audience,
        max_assertion_lifetime=longest,
    )


def _client(
    table: Table, client_id: ClientId, methods: frozenset[AuthMethod], defaults: Policy
) -> Client:
    grants = table.take("grant_types", choices(Grant), frozenset({Grant.REFRESH_TOKEN}))
    refresh_policy = table.take("refresh_policy", choice(_RefreshPolicy), None)
    on_reuse = table.take("on_reuse", choice(OnReuse), OnReuse.END)
    return Client(
        client_id=client_id,
        auth_methods=methods,
        grants=grants,
        scope=table.take("scope", read_scope, ()),
        audiences=table.take("audiences", read_audiences, ()),
        access_token_format=table.take(
            "access_token_format", choice(AccessTokenFormat), AccessTokenFormat.JWT
        ),
        policy=_policy(table, defaults),
        reusable=None if refresh_policy is None else refresh_policy is _RefreshPolicy.REUSABLE,
        on_reuse=on_reuse,
        introspects_any=table.take("introspect", choice(_Introspects), _Introspects.OWN)
        is _Introspects.ANY,
        names_scope="scope" in table,
        may_exchange=frozenset(table.take("may_exchange", read_may_exchange, ())),
    )


def read_issuer(table: Table, clients: Mapping[str, RegisteredClient]) -> TrustedIssuer | None:
    """None: one without a name, or without algorithms, is trusted in nothing."""
    issuer = table.demand("issuer", read_text)
    table.of = f"issuer {issuer}" if issuer else ""
    keys = _keys(table)
    algorithms = table.demand("signing_algs", read_algorithms)
    client_ids = table.demand("clients", read_texts) or ()
    subject_claim = table.take("subject_claim", read_text, "sub")
    subject_prefix = table.take("subject_prefix", read_subject_prefix, "")
    scope = table.take("scope", read_scope, None)
    audience, longest = _audience(table), _max_lifetime(table)
    table.refuse_the_rest()
    _check_key_source(table)
    for client_id in client_ids:
        client = clients.get(client_id)
        if client is None:
            table.fault("must name clients of this file only", "clients")
        elif Grant.JWT_BEARER not in client.client.grants:
            table.fault(f"must name clients with the grant {Grant.JWT_BEARER} only", "clients")
    if not issuer or not algorithms:
        return None
    _check_fit(table, "signing_algs", keys, algorithms)
    return TrustedIssuer(
        issuer=issuer,
        keys=keys,
        algorithms=algorithms,
        client_ids=frozenset(client_ids),
        subject_claim=subject_claim,
        subject_prefix=subject_prefix,
        scope=None if scope is None else " ".join(scope),
        assertion_audience=audience,
        max_assertion_lifetime=longest,
    )


def _audience(table: Table) -> AssertionAudience:
    return table.take("assertion_audience", choice(AssertionAudience), AssertionAudience.ISSUER)


def _max_lifetime(table: Table) -> timedelta:
    return table.take("max_assertion_lifetime", read_lifetime, _ASSERTION_LIFETIME)


def _keys(table: Table) -> KeySource:
    uri = table.take("jwks_uri", read_jwks_uri, None)
    inline = read_jwks(table.table("jwks")) if "jwks" in table else ()
    table.know("jwks")
    return uri or inline


def _policy(table: Table, defaults: Policy) -> Policy:
    access = table.take("access_token_lifetime", read_lifetime, defaults.access_token_lifetime)
    short_term = defaults.short_term_refresh_token_lifetime
    # It follows from the access token's, unless the settings have it otherwise.
    if short_term == short_term_after(defaults.access_token_lifetime):
        short_term = short_term_after(access)
    return Policy(
        access_token_lifetime=access,
        refresh_token_lifetime=table.take(
            "refresh_token_lifetime", read_lifetime, defaults.refresh_token_lifetime
        ),
        short_term_refresh_token_lifetime=short_term,
        session_lifetime=table.take("session_lifetime", read_lifetime, defaults.session_lifetime),
        grace_period=table.take("grace_period", read_duration, defaults.grace_period),
        recovery_period=table.take("recovery_period", read_duration, defaults.recovery_period),
    )


def _check_credentials(
    table: Table, methods: frozenset[AuthMethod], keys: KeySource, algorithms: frozenset[str]
) -> None:
    """Each method has credentials of its own, and no other's."""
    method = min(methods)
    if method in SECRET_METHODS and "client_secret_sha256" not in table:
        table.fault(f"is missing: {method} needs it", "client_secret_sha256")
    if method not in SECRET_METHODS and "client_secret_sha256" in table:
        table.fault(f"must not be set: {method} has no secret", "client_secret_sha256")
    if method is AuthMethod.PRIVATE_KEY_JWT:
        _check_key_source(table)
        _check_fit(table, "token_endpoint_auth_signing_alg", keys, algorithms)
        return
    for name in _OF_ASSERTIONS:
        if name in table:
            table.fault(f"must not be set: {method} has no keys", name)


def _check_key_source(table: Table) -> None:
    if "jwks" in table and "jwks_uri" in table:
        table.fault("must not be set beside jwks", "jwks_uri")
    if "jwks" not in table and "jwks_uri" not in table:
        table.fault("is missing: jwks or jwks_uri", "jwks")


def _check_fit(table: Table, name: str, keys: KeySource, algorithms: frozenset[str]) -> None:
    if isinstance(keys, tuple) and keys and not any(key.algorithms & algorithms for key in keys):
        table.fault("must fit a key of jwks", name)


def _check_public(table: Table, client: Client) -> None:
    """What needs a client that proves itself."""
    for grant in NEEDS_PROOF:
        if grant in client.grants:
            table.fault(f"must not list {grant}: method none", "grant_types")
    if client.reusable:
        table.fault('must not be "reusable": method none', "refresh_policy")
    if client.on_reuse is OnReuse.REFUSE:
        table.fault('must not be "refuse": method none', "on_reuse")


def _check_exchange(table: Table, client: Client) -> None:
    if client.may_exchange and Grant.TOKEN_EXCHANGE not in client.grants:
        table.fault(f"must not be set without the grant {Grant.TOKEN_EXCHANGE}", "may_exchange")
