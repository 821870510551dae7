"""Which values are accepted, alone and together, and what is said of the others."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from support.settings import LENGTH, NO_FILE, TEXT, environment, problems

from token_server.durations import read_duration
from token_server.settings import Settings, load_settings

HOST = "must be an IP address or a host name, without port or brackets"
ISSUER = "must be an https:// or http:// URL without user, query, fragment or final slash"
ORIGINS = (
    "must list origins as browsers send them, such as https://app.example, http://localhost:3000 "
    "or capacitor://localhost: without a path, and for http and https in lower case without the "
    "default port"
)
SCHEMES = "must begin with embedded:, redis://, rediss:// or unix://"
ENCODED = "must be a URL in which special characters of the password are percent-encoded"
SERVER = "must look like redis://[user:password@]host[:port][/database]"
SOCKET = "must name a socket by its whole path, as in unix:///run/store.sock"
COLON = "must have the password after a colon, as in redis://:password@host"
NETWORKS = "must list IP addresses or networks such as 10.0.0.0/8 or 2001:db8::/32, without bits"
POLICY = "must be one of rotating, reusable"


BAD = [
    *[("HOST", bad, HOST) for bad in ("[::1]", "127.0.0.1:80", "256.1.1.1", "-a", "a..b", "a b")],
    *[("ADMIN_HOST", bad, TEXT) for bad in (" ", "localhost ", "a\x1b[31m", "\ud800")],
    *[
        ("PORT", bad, "must be a whole number from 0 to 65535")
        for bad in ("65536", "-1", "http", "80.0", "0x50", "8_0", "٨٠", " 80", "9" * 5000)
    ],
    *[("WORKERS", bad, "must be a whole number from 1 to 1024") for bad in ("0", "auto", "1025")],
    *[
        ("ISSUER", bad, ISSUER)
        for bad in (
            *("tokens.example", "ftp://a", "https://", "https://a/", "https://a?", "https://a#"),
            *("https://u:p@a", "https://a:0", "https://a:", "https://a b", "https://[::1"),
            *("HTTPS://a", "https://a:65536", "https://ä.example", "https://a/<b>"),
        )
    ],
    *[
        ("CORS_ORIGINS", bad, ORIGINS)
        for bad in (
            *("app.example", "https://app.example/", "https://APP.example", "app://"),
            *("file://", "file://localhost", "capacitor://a/", "Capacitor://a", "app://a b"),
            *("capacitor:localhost", "ionic://a:0", "ionic://a:", "ionic://u@a", "1a://a"),
            *("https://app.example:443", "http://a:80", "https://a,,https://b", "https://a?"),
        )
    ],
    *[
        ("TRUSTED_PROXIES", bad, NETWORKS)
        for bad in (
            "*",
            "proxy.example",
            "10.0.0.1/8",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.0/33",
            "unix:",
        )
    ],
    *[
        ("PASSWORD_MIN_LENGTH", bad, "must be a whole number from 8 to 128")
        for bad in ("7", "129", "-8", "twelve")
    ],
    *[
        ("CORS_ORIGINS", bad, "must list each origin: with * every web page could call the server")
        for bad in ("*", "https://a,*")
    ],
    (
        "CORS_ORIGINS",
        "https://a,null",
        'must not list "null": every sandboxed page and local file sends it',
    ),
    ("CORS_ORIGINS", "https://a,https://a", "must not name anything twice"),
    ("DIALECTS", "form,forms", "must be one of form, json, header"),
    ("DIALECTS", "form,form", "must not name anything twice"),
    ("JSON_REFRESH_POLICY", "Rotating", POLICY),
    ("HEADER_REFRESH_POLICY", "none", POLICY),
    *[
        ("STORE_URL", bad, SCHEMES)
        for bad in ("localhost:6379", "redis:h", "mem://", "REDIS://h", "redis+tls://h")
    ],
    ("STORE_URL", "redis+sentinel://h1,h2/n", "must not name a Redis Sentinel: that is not sup"),
    ("STORE_URL", "redis+cluster://h1,h2", "must not name a Redis Cluster: that is not sup"),
    *[
        ("STORE_URL", bad, "must name a folder after embedded:, such as embedded:var/store")
        for bad in ("embedded:", "embedded://var/store", "embedded:~/store")
    ],
    *[
        ("STORE_URL", bad, ENCODED)
        for bad in (
            "redis://:p#q@h",
            "redis://:p[q@h",
            "redis://h:0",
            "redis://:ä@h",
            "redis://a b",
        )
    ],
    *[
        ("STORE_URL", bad, SERVER)
        for bad in ("redis://", "redis://h/one", "redis://h/1/2", "redis://:p@", "redis://%2F")
    ],
    *[("STORE_URL", bad, SOCKET) for bad in ("unix://run/s", "unix://", "unix:///")],
    *[("STORE_URL", bad, COLON) for bad in ("redis://p@h", "redis://u:@h", "unix://p@/run/s")],
    *[
        ("STORE_URL", f"redis://h?{bad}", "must have nothing in its query but db (")
        for bad in ("password=p", "db", "db=", "db=1&db=2", "&", "db=1&")
    ],
    ("STORE_URL", "rediss://h?ssl_cert_reqs=none", "must have nothing in its query but db, ssl_"),
    ("STORE_URL", "redis://h?db=one", "must have a number as db"),
    ("KEYS_DIR", "~/keys", "must not begin with ~: no shell reads it, so write the folder out"),
    *[("KEYS_URL", bad, "must be one of store:") for bad in ("store", "redis://h", "file:keys")],
    ("KEY_SIZE", "1024", "must be one of 2048, 3072, 4096"),
    ("MULTI_BUFFER_SIGNING", "on", "must be one of auto, off"),
    ("KEYS_PASSPHRASE_FILE", "/no/such/file", NO_FILE),
    ("KEYS_PASSPHRASE_FILE", "/dev/null", "must name a regular file"),
    ("TLS_CERT_FILE", "/no/such/file", NO_FILE),
    ("TLS_KEY_FILE", "/no/such/file", NO_FILE),
    ("CLIENTS_FILE", "/no/such/file", NO_FILE),
    *[
        ("ANONYMOUS_GRANTS", bad, "must list password and refresh, each alone or behind a dialect")
        for bad in (
            "form",
            "Password",
            "form:",
            "form:login",
            "camel:refresh",
            "none,refresh",
        )
    ],
    *[
        ("ACCESS_TOKEN_LIFETIME", bad, LENGTH)
        for bad in ("15 m", "15M", "1.5h", "-1", "1w", "m", "1h30m", "٨", "9999999999", "\n")
    ],
    ("REFRESH_TOKEN_LIFETIME", "3651d", "must be from 0 to 3650d"),
    ("SHORT_TERM_REFRESH_TOKEN_LIFETIME", "0", "must be longer than 0"),
    ("SESSION_LIFETIME", "0d", "must be longer than 0"),
    ("KEEP_ALIVE", "0", "must be longer than 0"),
    ("DRAIN_PERIOD", "-1s", LENGTH),
    ("GRACE_PERIOD", "no", LENGTH),
    ("RECOVERY_PERIOD", "none", LENGTH),
    ("KEY_PROPAGATION_PERIOD", "0", "must be longer than 0"),
    ("KEY_ROTATION_INTERVAL", "999999999d", "must be from 0 to 3650d"),
]


@pytest.mark.parametrize(("name", "bad", "rule"), BAD)
def test_a_bad_value_is_told_with_setting_rule_and_place(name: str, bad: str, rule: str) -> None:
    (line,) = problems(environment(**{name: bad}))
    assert line.startswith(f"{name} {rule}")
    assert line.endswith(f" (environment variable TOKEN_SERVER_{name})")


def test_every_setting_has_a_bad_value_in_the_table() -> None:
    # ADMIN_PORT is read as PORT is.
    assert {name for name, _, _ in BAD} | {"ADMIN_PORT"} == {
        name.upper() for name in Settings.model_fields
    }


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"ADMIN_PORT": "8080"}, "ADMIN_PORT must differ from PORT on the same host"),
        ({"PORT": "9090"}, "ADMIN_PORT must differ from PORT on the same host"),
        ({"HOST": "::", "PORT": "9090"}, "ADMIN_PORT must differ from PORT on the same host"),
        (
            {"KEYS_URL": "store:", "KEYS_DIR": "keys", "KEYS_PASSPHRASE_FILE": __file__},
            "KEYS_DIR must not be set together with KEYS_URL",
        ),
        (
            {"KEYS_URL": "store:"},
            "KEYS_PASSPHRASE_FILE must be set where KEYS_URL is",
        ),
        (
            {"TLS_CERT_FILE": __file__},
            "TLS_KEY_FILE must be set together with TLS_CERT_FILE, or neither",
        ),
        (
            {"TLS_KEY_FILE": __file__},
            "TLS_KEY_FILE must be set together with TLS_CERT_FILE, or neither",
        ),
    ],
)
def test_what_contradicts_is_told_with_both_places(settings: dict[str, str], rule: str) -> None:
    (line,) = problems(environment(**settings))
    told, _, places = line.partition(" (")
    assert told == rule
    named = settings.keys() - ({"KEYS_PASSPHRASE_FILE"} if "KEYS_DIR" in settings else set())
    assert all(f"environment variable TOKEN_SERVER_{name}" in places for name in named) or (
        settings.keys() == {"HOST", "PORT"}
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"PORT": "0", "ADMIN_PORT": "0"},
        {"PORT": "9090", "ADMIN_HOST": "10.0.0.1"},
        {"GRACE_PERIOD": "0", "RECOVERY_PERIOD": "1"},
        {"GRACE_PERIOD": "60", "RECOVERY_PERIOD": "0"},
        {"GRACE_PERIOD": "60", "RECOVERY_PERIOD": "1"},
        {"REFRESH_TOKEN_LIFETIME": "1", "SESSION_LIFETIME": "1"},
        {"STORE_URL": "redis://store.default.svc.cluster.local.", "HOST": "fe80::1%eth0"},
        {"ISSUER": "http://[::1]:8080/a", "CORS_ORIGINS": "https://a:80,http://[::1]:3000"},
        {"CORS_ORIGINS": "capacitor://localhost,ionic://localhost,app://Bundle.id:8080"},
        {"CORS_ORIGINS": "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb"},
        {"CORS_ORIGINS": "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc"},
        {"TLS_CERT_FILE": __file__, "TLS_KEY_FILE": __file__},
        {"TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::1,2001:db8::/32"},
        {"KEYS_PASSPHRASE_FILE": __file__},
        {"KEYS_URL": "store:", "KEYS_PASSPHRASE_FILE": __file__},
    ],
)
def test_the_edge_of_a_rule_is_inside(settings: dict[str, str]) -> None:
    load_settings(environment(**settings))


def test_a_short_term_session_outlasts_its_access_token_by_15_minutes() -> None:
    for access, short_term in (("15m", "30m"), ("1h", "75m"), ("3650d", "3650d")):
        settings = load_settings(
            environment(ACCESS_TOKEN_LIFETIME=access, REFRESH_TOKEN_LIFETIME="3650d")
        )
        assert settings.short_term_refresh_token_lifetime == read_duration(short_term)


def test_the_policy_is_that_of_the_settings() -> None:
    settings = load_settings(environment(GRACE_PERIOD="0", SESSION_LIFETIME="30d"))
    policy = settings.policy()
    assert policy.grace_period == timedelta(0)
    assert policy.session_lifetime == timedelta(days=30)
    assert policy.recovery_period is None
    assert policy.access_token_lifetime == timedelta(minutes=15)
    assert policy.refresh_token_lifetime == timedelta(days=14)
    assert policy.short_term_refresh_token_lifetime == timedelta(minutes=30)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1
