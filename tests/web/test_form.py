"""The form dialect's reading: aliases, grants, flags, and the spelling of the answer."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.tokens.clients import Grant
from token_server.tokens.refusals import GrantUnsupported, RequestMalformed
from token_server.web.dialects import standard_form
from token_server.web.dialects.dialect import LogInRequest, RefreshRequest, TokenRequest
from token_server.web.dialects.form import parse
from token_server.web.token import spelling_of
from token_server.web.wire import parse_fields


def asked(body: str) -> TokenRequest:
    return parse(parse_fields(body.encode()))


@pytest.mark.parametrize("grant", ["grantType", "grant_type", "GrantType", "granttype"])
@pytest.mark.parametrize(
    "value", ["RefreshToken", "refreshToken", "refresh_token", "Refresh_token", "refreshtoken"]
)
@pytest.mark.parametrize(
    "name", ["RefreshToken", "refreshToken", "refresh_token", "Refresh_token", "refreshtoken"]
)
def test_a_refresh_is_read_in_every_spelling_that_is_sent(
    grant: str, value: str, name: str
) -> None:
    assert asked(f"{grant}={value}&{name}=abc") == RefreshRequest(refresh_token="abc")


@pytest.mark.parametrize("value", ["Password", "password", "PASSWORD"])
@pytest.mark.parametrize("name", ["userName", "username", "UserName", "user_name"])
def test_a_log_in_is_read_in_every_spelling_that_is_sent(value: str, name: str) -> None:
    expected = LogInRequest(name="alice", password="a b", short_term=False)
    assert asked(f"grantType={value}&{name}=alice&password=a+b") == expected
    assert asked(f"grant_type={value}&{name}=alice&Password=a%20b") == expected


def test_a_user_name_and_a_password_alone_are_a_log_in() -> None:
    expected = LogInRequest(name="alice", password="pw", short_term=False)
    assert asked("username=alice&password=pw") == expected
    assert asked("grantType=&username=alice&password=pw") == expected


@pytest.mark.parametrize(
    ("flags", "short_term"),
    [
        ("", False),
        ("&longLivedRefreshToken=true", False),
        ("&longLivedRefreshToken=false", False),
        ("&use_short_term_refresh=true", True),
        ("&useShortTermRefresh=True", True),
        ("&short_lived_refresh_token=1", True),
        ("&short_lived_refresh_token=0&use_short_term_refresh=True", True),
        ("&longLivedRefreshToken=False&use_short_term_refresh=1", True),
        ("&longLivedRefreshToken=&use_short_term_refresh=&short_lived_refresh_token=", False),
        ("&use_short_term_refresh=False", False),
    ],
)
def test_short_term_is_what_is_asked_for(flags: str, short_term: bool) -> None:  # noqa: FBT001 - a table
    request = asked(f"grant_type=password&username=alice&password=pw{flags}")
    assert request == LogInRequest(name="alice", password="pw", short_term=short_term)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("refreshToken=abc", id="no grant"),
        pytest.param("username=alice", id="no grant, a name only"),
        pytest.param("grantType=RefreshToken", id="no refresh token"),
        pytest.param("grantType=RefreshToken&refreshToken=", id="an empty refresh token"),
        pytest.param("grantType=Password&userName=alice", id="no password"),
        pytest.param("grantType=Password&userName=alice&password=", id="an empty password"),
        pytest.param("grantType=Password&password=pw", id="no user name"),
        pytest.param("grantType=RefreshToken&refreshToken=a&refreshToken=a", id="twice"),
        pytest.param("grantType=RefreshToken&refreshToken=a&refresh_token=b", id="both spellings"),
        pytest.param("grantType=RefreshToken&refreshToken=a&refresh_token=", id="once empty"),
        pytest.param("grantType=RefreshToken&refresh_token=&refreshToken=a", id="first empty"),
        pytest.param("grantType=RefreshToken&refreshToken=a&x=&x=", id="empty twice"),
        pytest.param("grantType=&grantType=RefreshToken&refreshToken=a", id="an empty grant"),
        pytest.param("grantType=RefreshToken&grant_type=refresh_token&refreshToken=a", id="grant"),
        pytest.param("grantType=RefreshToken&refreshToken=a&x=1&X=1", id="an unknown one twice"),
        pytest.param("grantType=Password&userName=a&password=b&longLivedRefreshToken=yes", id="?"),
        pytest.param(
            "grantType=Password&userName=a&password=b"
            "&longLivedRefreshToken=true&use_short_term_refresh=true",
            id="long-lived and short-term",
        ),
        pytest.param('{"grantType":"RefreshToken","refreshToken":"a"}', id="JSON"),
    ],
)
def test_what_is_malformed_is_refused(body: str) -> None:
    with pytest.raises(RequestMalformed):
        asked(body)


@pytest.mark.parametrize("name", ["refresh_token", "client_id", "client_secret", "scope", "x"])
def test_an_empty_member_counts_when_it_is_given_twice(name: str) -> None:
    """RFC 6749 §3.2: two readers of the form could take different ones."""
    for twice in (f"{name}=&{name}=a", f"{name}=a&{name}=", f"{name}=&{name}="):
        with pytest.raises(RequestMalformed):
            standard_form.read(parse_fields(f"grant_type=refresh_token&{twice}".encode()))


@pytest.mark.parametrize(
    "grant", ["authorization_code", "client_credentials", "RefreshTo%E2%84%AAen", "refresh token"]
)
def test_an_unknown_grant_is_refused(grant: str) -> None:
    """U+212A, whose lower case is `k`, makes no known grant of an unknown one."""
    with pytest.raises(GrantUnsupported):
        asked(f"grantType={grant}&refreshToken=abc")


def test_flags_mean_nothing_on_a_refresh() -> None:
    """Clients send what their log-in form had; the session keeps its class."""
    body = "grantType=RefreshToken&refreshToken=abc&longLivedRefreshToken=yes"
    assert asked(body) == RefreshRequest(refresh_token="abc")


def test_unknown_members_are_ignored() -> None:
    body = "grant_type=refresh_token&refresh_token=abc&code=&vbr_token=x&mfa_token=y&rememberMe=1"
    assert asked(body) == RefreshRequest(refresh_token="abc")


@pytest.mark.parametrize(
    ("body", "spelling"),
    [
        ("grantType=x", "camel"),
        ("granttype=x", "camel"),
        ("grant_type=x", "rfc6749"),
        ("Grant_Type=x", "rfc6749"),
        ("refresh_token=x", "camel"),
        ("username=a&password=b", "camel"),
        ("refreshToken=x&grant_type=refresh_token", "rfc6749"),
        ("grantType=RefreshToken&refresh_token=x", "camel"),
        ("", "camel"),
    ],
)
def test_the_grant_members_name_tells_the_spelling(body: str, spelling: str) -> None:
    assert spelling_of(parse_fields(body.encode())).spelling == spelling


def test_neither_spelling_shows_its_secrets_in_a_repr() -> None:
    assert "abc" not in repr(asked("grantType=RefreshToken&refreshToken=abc"))
    assert "abc" not in repr(asked("grantType=Password&userName=alice&password=abc"))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=64))
def test_any_members_are_read_or_refused(fields: list[tuple[str, str]]) -> None:
    with contextlib.suppress(RequestMalformed, GrantUnsupported):
        assert isinstance(parse(fields), RefreshRequest | LogInRequest)
    with contextlib.suppress(RequestMalformed, GrantUnsupported):
        assert standard_form.read(fields).grant in Grant


@given(st.lists(st.sampled_from(["grantType=refresh_token", "refreshToken=a", "refresh_token=b"])))
def test_a_member_given_twice_never_passes(members: list[str]) -> None:
    """Whatever the order: what is read stood there exactly once."""
    try:
        request = asked("&".join(members))
    except RequestMalformed:
        return
    assert isinstance(request, RefreshRequest)
    assert len(members) == 2
