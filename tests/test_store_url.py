"""STORE_URL is read in one place: what each good one names, and what is said of the others."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.store_url import (
    Embedded,
    Login,
    Server,
    StoreUrl,
    StoreUrlProblem,
    Tls,
    UnixSocket,
    read,
    without_password,
)

CANARY = "c4n4ry"
SCHEMES = ["redis", "rediss", "unix", "redis+sentinel", "redis+cluster"]
RULES = {
    "must begin with embedded:, redis://, rediss:// or unix://",
    "must be a URL in which special characters of the password are percent-encoded",
    "must have a number as db",
    "must have nothing in its query but db",
    "must have nothing in its query but db, ssl_ca_certs, ssl_certfile, ssl_keyfile",
    "must have the password after a colon, as in redis://:password@host",
    "must look like redis://[user:password@]host[:port][/database]",
    "must look like rediss://[user:password@]host[:port][/database]",
    "must name a folder after embedded:, such as embedded:var/store",
    "must name a socket by its whole path, as in unix:///run/store.sock",
    "must not name a Redis Cluster: that is not supported yet",
    "must not name a Redis Sentinel: that is not supported yet",
}


def server(
    host: str = "h",
    port: int = 6379,
    *,
    login: Login | None = None,
    database: int = 0,
    tls: Tls | None = None,
) -> Server:
    return Server(host=host, port=port, login=login, database=database, tls=tls)


def tls(
    ca_certs: str | None = None, certificate: str | None = None, key: str | None = None
) -> Tls:
    return Tls(ca_certs=ca_certs, certificate=certificate, key=key)


def login(password: str, user: str | None = None) -> Login:
    return Login(user=user, password=password)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("embedded:var/store", Embedded(folder="var/store")),
        ("embedded:/a b/ä?#%41@", Embedded(folder="/a b/ä?#%41@")),
        ("redis://h", server()),
        ("redis://h:/", server()),
        ("redis://h:1/2", server(port=1, database=2)),
        ("redis://h?db=3", server(database=3)),
        ("redis://H.example.", server("h.example.")),
        ("redis://[::1]:7", server("::1", 7)),
        ("redis://:p@h", server(login=login("p"))),
        ("redis://u%40:%2F%23%3F%40:@h", server(login=login("/#?@:", "u@"))),
        ("redis://u:a@b@h", server(login=login("a@b", "u"))),
        ("rediss://h", server(tls=tls())),
        ("rediss://h/1?ssl_ca_certs=a%20b.pem", server(database=1, tls=tls("a b.pem"))),
        ("rediss://h?ssl_certfile=c&ssl_keyfile=k", server(tls=tls(None, "c", "k"))),
        ("unix:///run/s", UnixSocket(path="/run/s", login=None, database=0)),
        ("unix:///a%20b?db=4", UnixSocket(path="/a b", login=None, database=4)),
        ("unix://u:p@/run/s", UnixSocket(path="/run/s", login=login("p", "u"), database=0)),
    ],
)
def test_a_good_url_names_a_store(url: str, named: StoreUrl) -> None:
    assert read(url) == named


# What is not in the tables of tests/settings and tests/store, which see the same rules.
@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("Embedded:a", "must begin with "),
        ("redis:///h", "must look like redis://"),
        ("redis://h//", "must look like redis://"),
        ("redis://h/123456", "must look like redis://"),
        ("redis://h/%31", "must look like redis://"),
        ("redis://1.2.3", "must look like redis://"),
        ("redis://h:65536", "must be a URL in which "),
        ("redis://h\n", "must be a URL in which "),
        ("redis://u:1#p@h", "must be a URL in which "),
        ("redis://h#", "must be a URL in which "),
        ("redis://h?db=1;ssl_keyfile=k", "must have a number as db"),
        ("redis://h?db=\u0661", "must be a URL in which "),
        ("redis://h?db=%D9%A1", "must have a number as db"),
        ("rediss://h?ssl_keyfile=%00", "must have nothing in its query but db, ssl_ca_certs, "),
        ("unix://u:p@h/run/s", "must name a socket by its whole path"),
        ("unix://:6379/run/s", "must name a socket by its whole path"),
        ("unix:///run/%00", "must name a socket by its whole path"),
        ("unix:///run/s?ssl_keyfile=k", "must have nothing in its query but db"),
        ("embedded:a\n", "must name a folder after embedded:"),
    ],
)
def test_any_other_is_told_by_the_rule_that_it_breaks(url: str, rule: str) -> None:
    with pytest.raises(StoreUrlProblem) as refused:
        read(url)
    assert refused.value.rule.startswith(rule)
    assert refused.value.text == f"STORE_URL {refused.value.rule}"


@pytest.mark.parametrize(
    "url", [f"redis://u:{CANARY}@h", f"rediss://:{CANARY}@h", f"unix://:{CANARY}@/run/s"]
)
def test_a_password_shows_in_no_repr(url: str) -> None:
    named = read(url)
    assert isinstance(named, Server | UnixSocket)
    assert named.login == login(CANARY, "u" if "u:" in url else None)
    assert CANARY not in f"{named!r}{named}{named.login!r}"


def read_or_refused(url: str) -> StoreUrl | StoreUrlProblem:
    try:
        return read(url)
    except StoreUrlProblem as problem:
        return problem


any_text = st.text(st.characters(codec=None, exclude_categories=[]), max_size=3)
beginnings = st.sampled_from([f"{scheme}://" for scheme in SCHEMES] + ["embedded:", ""])
pieces = st.sampled_from(
    [*"/:@?#%&=[]a1. \n", "host", "db=", "%2F", "u:p@", "ssl_keyfile=", "/run"]
)


@given(beginning=beginnings, rest=st.lists(pieces | any_text, max_size=9))
def test_any_text_names_a_store_or_breaks_a_rule_whose_words_are_constant(
    beginning: str, rest: list[str]
) -> None:
    named = read_or_refused(beginning + "".join(rest))
    if isinstance(named, StoreUrlProblem):
        assert named.rule in RULES
        # A log shows these too.
        assert named.__cause__ is None
        assert named.__context__ is None


words = st.lists(st.sampled_from([*":@*%h", "%40", "redis"]), max_size=2).map("".join)


@given(
    url=st.builds(
        "{}://{}:{}@{}".format,
        st.sampled_from(SCHEMES),
        words,
        words,
        st.sampled_from(["h", "/s"]),
    )
)
def test_without_its_password_a_url_names_the_same_store(url: str) -> None:
    named = read_or_refused(url)
    if isinstance(named, Server | UnixSocket):
        assert named.login
        masked = replace(named, login=login("***", named.login.user))
        assert read(without_password(url)) == masked


@pytest.mark.parametrize("url", ["redis://h/1?db=2", "unix:///a", "embedded:a:b@c"])
def test_a_url_without_a_password_shows_as_it_is(url: str) -> None:
    assert without_password(url) == url
