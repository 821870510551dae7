"""A second change of keys within a day warns of verifiers that keep the JWK Set for so long."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.keys import GRACE
from support.killed_changes import POLICY

from token_server.cli.keys import command
from token_server.signing import rotation
from token_server.signing.keystore import KeysDirectory

Keys = Callable[..., Result]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WARNING = "is announced for less than 24 h when it begins to sign"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> Keys:
    environment = {"TOKEN_SERVER_KEYS_DIR": str(folder)}
    return lambda *words: CliRunner().invoke(command, words, env=environment)


def rotated(folder: Path, *, ago: timedelta) -> str:
    """The key that signs since a rotation that long ago; its successor was announced then."""
    directory, now = KeysDirectory(folder), datetime.now(UTC)
    directory.ensure_first(key_size=2048, now=now - 10 * DAY)
    rotate = partial(rotation.rotate, policy=POLICY, at_once=True)
    changed = directory.change(rotate, key_size=2048, clock=lambda: now - ago, grace_period=GRACE)
    return changed.keyset.keys[1].kid


@pytest.mark.parametrize("ago", [timedelta(minutes=30), 2 * HOUR, DAY - HOUR])
def test_a_second_rotation_within_a_day_names_the_verifiers(
    keys: Keys, folder: Path, ago: timedelta
) -> None:
    rotated(folder, ago=ago)
    for words in (["--dry-run"], []):
        stderr = keys("rotate", "--now", *words).stderr
        assert WARNING in stderr
        assert "drf-oidc-auth" in stderr
        assert "restart those verifiers" in stderr


def test_a_second_revocation_within_a_day_names_the_verifiers(keys: Keys, folder: Path) -> None:
    done = keys("revoke", rotated(folder, ago=2 * HOUR))
    assert done.exit_code == 0
    assert WARNING in done.stderr


def test_a_rotation_or_revocation_a_day_later_warns_of_nothing(keys: Keys, folder: Path) -> None:
    kid = rotated(folder, ago=DAY + HOUR)
    assert WARNING not in keys("rotate", "--now", "--dry-run").stderr
    assert WARNING not in keys("revoke", kid).stderr


def test_the_first_change_of_a_keyset_warns_of_nothing(keys: Keys, folder: Path) -> None:
    """Both of its keys were announced at once."""
    now = datetime.now(UTC)
    first, _ = KeysDirectory(folder).ensure_first(key_size=2048, now=now - 2 * HOUR)
    assert WARNING not in keys("rotate", "--now", "--dry-run").stderr
    assert WARNING not in keys("revoke", first).stderr


def test_revoking_the_pending_key_warns_of_nothing(keys: Keys, folder: Path) -> None:
    rotated(folder, ago=2 * HOUR)
    pending = KeysDirectory(folder).load().keys[2].kid
    assert WARNING not in keys("revoke", pending).stderr
