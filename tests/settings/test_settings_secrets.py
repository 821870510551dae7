"""No secret leaves settings but by its own name."""

import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from redis.asyncio.connection import parse_url
from support.settings import CANARY, environment, in_file

from token_server.settings import (
    Settings,
    SettingsProblem,
    effective_settings,
    load_settings,
)

STORE_URLS = [
    f"redis://:{CANARY}@h",
    f"redis://u:{CANARY}@h:6379/0",
    f"rediss://u:a@{CANARY}@h/1?ssl_ca_certs=/etc/ca.pem",
    f"unix://:{CANARY}@/run/s?db=2",
]


@pytest.mark.parametrize("url", STORE_URLS)
def test_a_store_is_shown_without_its_password(url: str) -> None:
    environ = environment(STORE_URL=url)
    settings = load_settings(environ)
    assert settings.store_url.get_secret_value() == url
    shown = next(each for each in effective_settings(environ) if each.name == "STORE_URL")
    assert CANARY not in f"{shown}{settings!r}{settings}"
    assert ":***@" in str(shown.value)
    assert CANARY in str(parse_url(url)["password"]), "redis-py reads it as we do"


def test_only_the_password_is_masked() -> None:
    (shown,) = (
        each.value
        for each in effective_settings(environment(STORE_URL="redis://a:a@a:1/2?db=2"))
        if each.name == "STORE_URL"
    )
    assert shown == "redis://a:***@a:1/2?db=2"


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
@pytest.mark.parametrize(
    "value",
    [
        *(f"\x1b{CANARY}", f"redis://{CANARY}", f"redis://:{CANARY}#@h", f"redis://:{CANARY}@h"),
        *(f"redis://u:[{CANARY}@h", f"redis://h:{CANARY}", f"redis://h/{CANARY}", f"{CANARY}://"),
        *(f"redis://h?password={CANARY}", f"redis://:x@h?{CANARY}=1", f"unix://{CANARY}"),
    ],
)
def test_no_message_repeats_a_value(tmp_path: Path, name: str, value: str) -> None:
    """Also not where a secret was given to the wrong setting, nor in a traceback."""
    toml = value.replace("\x1b", "\\u001b")
    for environ in (
        {**environment(**{name: value}), "TOKEN_SERVER_X": value},
        {**in_file(tmp_path, f'x = "{toml}"\n{name.lower()} = "{toml}"')},
        in_file(tmp_path, f'{name.lower()} = "{toml}'),
    ):
        with pytest.raises(SettingsProblem) as refused:
            load_settings(environ)
        assert CANARY not in "".join(traceback.format_exception(refused.value))
        assert CANARY not in f"{refused.value.text}{refused.value.hint}{refused.value!r}"


def test_settings_made_directly_do_not_repeat_a_value_either() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(store_url=SecretStr(f"redis://h/{CANARY}"), host=f"{CANARY}:1")
    assert CANARY not in str(refused.value)
