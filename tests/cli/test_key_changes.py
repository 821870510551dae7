"""`keys rotate`, `keys revoke`, `keys passphrase`, as an operator types them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.keys import opened

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset, state

Keys = Callable[..., Result]
CACHED = (
    "verifiers that honour max-age accept its access tokens for up to 1800 s more, "
    "others for up to a day, or until their key file changes: restart them"
)
PICKED_UP = "hint: running servers pick this up within 5 s; none needs a restart"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> Keys:
    def run(*arguments: str, **settings: str) -> Result:
        environment = {f"TOKEN_SERVER_{name}": value for name, value in settings.items()}
        environment["TOKEN_SERVER_KEYS_DIR"] = str(folder)
        return CliRunner().invoke(command, arguments, env=environment)

    return run


def begin(folder: Path, *, ago: timedelta) -> list[str]:
    """A keyset that was made then."""
    made = KeysDirectory(folder).ensure_first(key_size=2048, now=datetime.now(UTC) - ago)
    return list(made)


def keyset_in(folder: Path) -> Keyset:
    return KeysDirectory(folder).load()


def states(folder: Path) -> str:
    keyset = keyset_in(folder)
    return " ".join(state(keyset, key, datetime.now(UTC)) for key in keyset.keys)


def facts(result: Result) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    return [(line["event"], line["kid"]) for line in lines]


def said(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if not line.startswith("{")]


def test_rotate_makes_the_pending_key_sign_where_the_active_one_is_due(
    keys: Keys, folder: Path
) -> None:
    first, second = begin(folder, ago=timedelta(days=90))
    rotated = keys("rotate")
    assert rotated.exit_code == 0
    third = keyset_in(folder).keys[2].kid
    assert rotated.stdout.splitlines() == [
        f"rotated: {second} signs from now on",
        f"announced: {third}",
    ]
    assert facts(rotated) == [("key_rotated", second), ("key_made", third)]
    assert said(rotated) == [PICKED_UP]
    assert states(folder) == "retiring active pending"
    assert first == keyset_in(folder).keys[0].kid


def test_rotate_says_when_a_key_that_is_not_due_will_be(keys: Keys, folder: Path) -> None:
    first, _ = begin(folder, ago=timedelta(days=1))
    before = (folder / "keyset.json").read_bytes()
    refused = keys("rotate", KEY_ROTATION_INTERVAL="2d")
    due_at = keyset_in(folder).keys[0].announced_at + timedelta(days=2)
    assert refused.exit_code == 0
    assert refused.stdout.startswith(f"not due: {first} is due for rotation from ")
    assert datetime.fromisoformat(refused.stdout.split()[-1]) == due_at
    assert said(refused) == ["hint: --now rotates it whatever its age"]
    assert (folder / "keyset.json").read_bytes() == before


def test_rotate_now_schedules_a_pending_key_that_verifiers_may_not_know(
    keys: Keys, folder: Path
) -> None:
    _, second = begin(folder, ago=timedelta(minutes=50))
    scheduled = keys("rotate", "--now")
    signs_from = scheduled.stdout.splitlines()[0].split()[-1]
    assert scheduled.stdout.startswith(f"scheduled: {second} signs from {signs_from}\nannounced: ")
    assert [fact for fact, _ in facts(scheduled)] == ["key_scheduled", "key_made"]
    again = keys("rotate", "--now")
    assert again.stdout == f"already scheduled: {second} signs from {signs_from}\n"
    assert (facts(again), said(again)) == ([], [])


def test_rotated_just_now_it_says_from_when_to_ask_again(keys: Keys, folder: Path) -> None:
    _, second = begin(folder, ago=timedelta(days=1))
    keys("rotate", "--now")
    again = keys("rotate", "--now")
    assert again.exit_code == 0
    assert again.stdout.startswith(f"already rotated: {second} signs since ")
    ask_again_at = datetime.fromisoformat(said(again)[0].split()[-1])
    rotated_at = keyset_in(folder).keys[1].signs_from
    assert rotated_at
    assert ask_again_at - rotated_at == timedelta(minutes=15)


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(keys: Keys, folder: Path) -> None:
    _, second = begin(folder, ago=timedelta(days=90))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    dry = keys("rotate", "--dry-run")
    assert dry.stdout == f"dry run: rotated: {second} signs from now on\n"
    assert facts(dry) == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_servers_pick_a_change_up_in_a_quarter_of_a_short_propagation_period(
    keys: Keys, folder: Path
) -> None:
    begin(folder, ago=timedelta(days=1))
    rotated = keys("rotate", "--now", KEY_PROPAGATION_PERIOD="2")
    assert said(rotated) == [
        "hint: running servers pick this up within 0.5 s; none needs a restart"
    ]


def test_revoke_takes_the_active_key_out_and_destroys_its_private_half(
    keys: Keys, folder: Path
) -> None:
    first, second = begin(folder, ago=timedelta(days=1))
    revoked = keys("revoke", first)
    third = keyset_in(folder).keys[2].kid
    assert revoked.stdout.splitlines() == [
        f"revoked: {first}",
        f"signing: {second}",
        f"announced: {third}",
    ]
    assert facts(revoked) == [
        ("key_revoked", first),
        ("key_made", third),
        ("key_destroyed", first),
    ]
    assert said(revoked) == [
        f"hint: {CACHED}",
        f"token-server: destroyed the private key of {first}",
        PICKED_UP,
    ]
    assert states(folder) == "revoked active pending"
    assert {path.stem for path in folder.glob("*.pem")} == {second, third}
    listed = json.loads(keys("jwks").stdout)["keys"]
    assert [key["kid"] for key in listed] == [second, third]


def test_revoke_says_what_is_risked_where_the_next_key_is_young(keys: Keys, folder: Path) -> None:
    first, second = begin(folder, ago=timedelta(minutes=1))
    revoked = keys("revoke", first)
    assert f"a verifier may not know {second}" in revoked.stderr
    assert states(folder) == "revoked active pending"


def test_revoking_the_scheduled_key_says_that_the_rotation_is_off(
    keys: Keys, folder: Path
) -> None:
    first, second = begin(folder, ago=timedelta(minutes=1))
    keys("rotate", "--now")
    revoked = keys("revoke", second)
    assert f"signing: {first}" in revoked.stdout
    assert "hint: the rotation to it is off" in said(revoked)
    assert states(folder) == "active revoked pending"


def test_revoke_again_changes_nothing(keys: Keys, folder: Path) -> None:
    first, _ = begin(folder, ago=timedelta(days=1))
    keys("revoke", first)
    again = keys("revoke", first)
    assert again.exit_code == 0
    assert again.stdout.startswith(f"already revoked: {first} since ")
    assert facts(again) == []


def test_revoke_of_an_unknown_kid_is_a_problem(keys: Keys, folder: Path) -> None:
    begin(folder, ago=timedelta(days=1))
    refused = keys("revoke", "nobody")
    assert isinstance(refused.exception, Problem)
    assert refused.exception.hint == '"token-server keys list" shows the keys it holds'


@pytest.mark.parametrize("words", [["-Ab_1"], ["--", "-Ab_1"], ["-h"], ["--Kid"]])
def test_a_kid_may_begin_with_a_hyphen(keys: Keys, folder: Path, words: list[str]) -> None:
    begin(folder, ago=timedelta(days=1))
    refused = keys("revoke", *words)
    assert isinstance(refused.exception, Problem), "not a wrong usage"


def test_rotate_destroys_the_private_key_that_no_longer_signs(keys: Keys, folder: Path) -> None:
    first, _ = begin(folder, ago=timedelta(days=1))
    keys("rotate", "--now", GRACE_PERIOD="0")
    assert (folder / f"{first}.pem").exists(), "a slower clock may still sign with it"
    document = json.loads((folder / "keyset.json").read_text())
    earlier = (datetime.now(UTC) - timedelta(seconds=31)).isoformat()
    document["keys"][0]["stops_at"] = document["keys"][1]["signs_from"] = earlier
    (folder / "keyset.json").write_text(json.dumps(document))
    asked = keys("rotate", GRACE_PERIOD="0")
    assert asked.stdout.startswith("not due")
    assert facts(asked) == [("key_destroyed", first)]
    assert not (folder / f"{first}.pem").exists()


def test_nothing_changes_where_the_passphrase_is_wrong(
    keys: Keys, folder: Path, tmp_path: Path
) -> None:
    """A key that the others cannot open must not come to sign."""
    first, _ = begin(folder, ago=timedelta(days=90))
    passphrase = secret(tmp_path / "passphrase")
    before = (folder / "keyset.json").read_bytes()
    for words in (["rotate"], ["revoke", first]):
        refused = keys(*words, KEYS_PASSPHRASE_FILE=str(passphrase))
        assert isinstance(refused.exception, Problem)
        assert "is not encrypted" in refused.exception.text
    assert (folder / "keyset.json").read_bytes() == before


def secret(path: Path, text: str = "8q3vYw0nW5yJm2s1V7cZ4g") -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_passphrase_encrypts_every_key_anew(keys: Keys, folder: Path, tmp_path: Path) -> None:
    kids = begin(folder, ago=timedelta(days=1))
    one, other = secret(tmp_path / "one"), secret(tmp_path / "other", "Xk1a9Qn7sP0rT4bW6zE2")
    done = keys("passphrase", "--to", str(one))
    assert done.stdout.splitlines() == [f"encrypted: {kid}" for kid in kids]
    assert said(done) == [f"hint: KEYS_PASSPHRASE_FILE must name {one} from now on"]
    assert len(opened(KeysDirectory(folder, passphrase_file=one), datetime.now(UTC))) == 2
    keys("passphrase", "--to", str(other), KEYS_PASSPHRASE_FILE=str(one))
    assert len(opened(KeysDirectory(folder, passphrase_file=other), datetime.now(UTC))) == 2
    plain = keys("passphrase", "--plain", KEYS_PASSPHRASE_FILE=str(other))
    assert said(plain) == ["hint: KEYS_PASSPHRASE_FILE must not be set from now on"]
    assert len(opened(KeysDirectory(folder), datetime.now(UTC))) == 2
    assert {path.name for path in folder.iterdir()} == {
        *(f"{kid}.pem" for kid in kids),
        *("keyset.json", "lock"),
    }


@pytest.mark.parametrize("words", [[], ["--plain", "--to", "/dev/null"]])
def test_passphrase_never_guesses_whether_to_encrypt(keys: Keys, words: list[str]) -> None:
    assert keys("passphrase", *words).exit_code == 2


def test_a_passphrase_that_others_can_read_is_refused(
    keys: Keys, folder: Path, tmp_path: Path
) -> None:
    begin(folder, ago=timedelta(days=1))
    passphrase = secret(tmp_path / "passphrase")
    passphrase.chmod(0o644)
    refused = keys("passphrase", "--to", str(passphrase))
    assert isinstance(refused.exception, Problem)
    assert refused.exception.hint == f"chmod 600 {passphrase}"
    assert len(opened(KeysDirectory(folder), datetime.now(UTC))) == 2
