"""What is written reads back as the same: lengths of time, the handover, and a store's URL."""

import itertools
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from token_server.durations import LONGEST, read_duration, write_duration
from token_server.settings import Settings
from token_server.settings.model import Dialect, RefreshPolicy
from token_server.settings.readers import read_store_url
from token_server.store.connect import connect

whole_seconds = st.integers(0, LONGEST // timedelta(seconds=1)).map(
    lambda seconds: timedelta(seconds=seconds)
)


@given(length=whole_seconds)
def test_a_length_of_time_reads_back_as_written(length: timedelta) -> None:
    assert read_duration(write_duration(length)) == length
    assert read_duration(length // timedelta(seconds=1)) == length


@given(number=st.integers(0, 999), unit=st.sampled_from("smhd"))
def test_a_length_of_time_is_its_number_of_units(number: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert read_duration(f"{number}{unit}") == timedelta(seconds=number * seconds)


names = st.from_regex(r"[a-z]{1,20}", fullmatch=True)
ports = st.integers(0, 65535)


DIALECTS: st.SearchStrategy[tuple[Dialect, ...]] = st.sampled_from(
    list(itertools.permutations(("form", "json", "header"), 2))
)
PROXIES = st.sampled_from([(), ("10.0.0.0/8", "2001:db8::7")])
POLICIES: st.SearchStrategy[RefreshPolicy] = st.sampled_from(["rotating", "reusable"])


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    access, session, short_term, refresh = sorted(
        draw(st.lists(whole_seconds.filter(bool), min_size=4, max_size=4))
    )
    grace, recovery = sorted(draw(st.tuples(whole_seconds, whole_seconds)))
    in_store, tls = draw(st.booleans()), draw(st.none() | names.map(Path))
    return Settings(
        host=draw(names),
        port=draw(ports),
        admin_host="::1",
        admin_port=draw(ports),
        workers=draw(st.none() | st.integers(1, 1024)),
        issuer=draw(names.map("https://{}/a".format)),
        clients_file=draw(names.map(Path)) if draw(st.booleans()) else None,
        anonymous_grants=draw(st.sampled_from([(), ("form:refresh", "json:password")])),
        json_refresh_policy=draw(POLICIES),
        header_refresh_policy=draw(POLICIES),
        key_propagation_period=access,
        key_rotation_interval=refresh,
        tls_cert_file=tls,
        keep_alive=access,
        drain_period=grace,
        trusted_proxies=draw(PROXIES),
        tls_key_file=tls,
        store_url=SecretStr(draw(names.map("redis://user:{}@host/1".format))),
        keys_url="store:" if in_store else None,
        keys_dir=None if in_store else draw(names.map(Path)),
        key_size=draw(st.sampled_from([2048, 3072, 4096])),
        multi_buffer_signing=draw(st.sampled_from(["auto", "off"])),
        keys_passphrase_file=draw(names.map(Path) if in_store else st.none() | names.map(Path)),
        dialects=draw(DIALECTS),
        cors_origins=tuple(draw(st.lists(names.map("https://{}".format), unique=True))),
        password_min_length=draw(st.integers(8, 128)),
        access_token_lifetime=access,
        refresh_token_lifetime=refresh,
        short_term_refresh_token_lifetime=short_term,
        session_lifetime=draw(st.none() | st.just(session)),
        grace_period=grace,
        recovery_period=draw(st.sampled_from([None, timedelta(0), recovery])),
    )


@given(settings=any_settings())
def test_a_handover_is_exact(settings: Settings) -> None:
    """Secrets and None included; files are not looked at a second time."""
    assert settings.model_fields_set == Settings.model_fields.keys(), "every setting is drawn"
    again = Settings.from_handover(settings.to_handover())
    assert again == settings
    assert [type(value) for _, value in again] == [type(value) for _, value in settings]


@given(
    scheme=st.sampled_from(["embedded:", "redis://", "rediss://", "unix://"]),
    rest=st.lists(st.sampled_from([*"/:@?#%&=[]a1.", "host", "db=", "%2F", "u:p@"]), max_size=9),
)
def test_what_settings_accept_the_store_accepts(scheme: str, rest: list[str]) -> None:
    """Two rooms read STORE_URL; a bad one must be told as a setting, with its place."""
    try:
        url = read_store_url(scheme + "".join(rest))
    except ValueError:
        return
    connect(url.get_secret_value())
