"""`keys import`, as an operator types it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc.jwk import RSAKey
from support.certificates import as_pem, certificate
from support.keys import opened, private_key, public_key

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing.keystore import KeysDirectory
from token_server.signing.lifecycle import Keyset, state
from token_server.tokens.model import Kid

Keys = Callable[..., Result]
THUMBPRINT = public_key(0).kid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> Keys:
    def run(*arguments: str | Path, stdin: str = "") -> Result:
        environment = {"TOKEN_SERVER_KEYS_DIR": str(folder)}
        words = list(map(str, arguments))
        return CliRunner().invoke(command, words, env=environment, input=stdin)

    return run


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """The key to be imported."""
    return written(tmp_path / "old.pem", private_key(0))


def written(path: Path, key: RSAPrivateKey, passphrase: bytes | None = None) -> Path:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return path


def begin(folder: Path, *, ago: timedelta = timedelta(days=1)) -> None:
    KeysDirectory(folder).ensure_first(key_size=2048, now=datetime.now(UTC) - ago)


def keyset_in(folder: Path) -> Keyset:
    return KeysDirectory(folder).load()


def states(folder: Path) -> list[tuple[str, str]]:
    keyset = keyset_in(folder)
    return [(key.kid, state(keyset, key, datetime.now(UTC))) for key in keyset.keys]


def is_imported(folder: Path, kid: str) -> bool:
    private = opened(KeysDirectory(folder), datetime.now(UTC))[Kid(kid)]
    return private.private_numbers() == private_key(0).private_numbers()


def test_where_there_is_no_keyset_it_begins_one_and_signs_at_once(
    keys: Keys, folder: Path, pem: Path
) -> None:
    done = keys("import", "--as", "active", pem)
    (imported, announced) = keyset_in(folder).keys
    assert done.stdout.splitlines() == [
        f"imported: {THUMBPRINT} signs from now on",
        f"announced: {announced.kid}",
    ]
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(event["event"], event["kid"]) for event in events] == [
        ("key_imported", THUMBPRINT),
        ("key_made", announced.kid),
    ]
    assert "still holds the private key: destroy it" in done.stderr
    assert states(folder) == [(THUMBPRINT, "active"), (announced.kid, "pending")]
    assert imported.announced_at == imported.signs_from
    assert is_imported(folder, THUMBPRINT)


def test_as_active_it_signs_once_verifiers_know_it(keys: Keys, folder: Path, pem: Path) -> None:
    begin(folder)
    done = keys("import", "--as", "active", pem)
    imported = keyset_in(folder).keys[-1]
    assert imported.signs_from == imported.announced_at + timedelta(hours=1)
    assert done.stdout.startswith(f"imported: {THUMBPRINT} signs from ")
    assert [state for _, state in states(folder)] == ["active", "pending", "pending"]
    assert is_imported(folder, THUMBPRINT)


def test_as_pending_which_is_the_default_it_is_the_next_one_to_sign(
    keys: Keys, folder: Path, pem: Path
) -> None:
    begin(folder)
    assert keys("import", pem).stdout == f"imported: {THUMBPRINT} is the next one to sign\n"
    assert keys("rotate", "--now").stdout.startswith(f"scheduled: {THUMBPRINT} signs from ")


def test_to_verify_only_it_is_published_and_its_private_half_is_not_kept(
    keys: Keys, folder: Path, pem: Path
) -> None:
    begin(folder)
    done = keys("import", "--as", "verify-only", pem)
    assert done.stdout == f"imported: {THUMBPRINT} is published, and never signs\n"
    assert states(folder)[-1] == (THUMBPRINT, "retiring")
    assert not (folder / f"{THUMBPRINT}.pem").exists()
    published = json.loads(keys("jwks").stdout)["keys"]
    assert published[-1]["kid"] == THUMBPRINT


def test_a_certificate_alone_can_be_published(keys: Keys, folder: Path, tmp_path: Path) -> None:
    begin(folder)
    file = tmp_path / "certificate.pem"
    own = certificate(0)
    file.write_bytes(as_pem(own))
    refused = keys("import", file)
    assert isinstance(refused.exception, Problem)
    assert refused.exception.hint == "--as verify-only publishes a public key"
    done = keys("import", "--as", "verify-only", "--kid", "certificate", file)
    kid = own.fingerprint(SHA1()).hex().upper()  # noqa: S303 - a name
    assert done.stdout == f"imported: {kid} is published, and never signs\n"
    assert "destroy it" not in done.stderr


@pytest.mark.parametrize(
    ("naming", "kid"),
    [
        ([], "their-name"),
        (["--kid", "thumbprint"], THUMBPRINT),
        (["--kid", "https://old.example/keys#1"], "https://old.example/keys#1"),
    ],
    ids=["its own", "by scheme", "as given"],
)
def test_it_goes_by_the_name_in_a_jwk_or_by_the_one_that_is_asked_for(
    naming: list[str], kid: str, keys: Keys, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "old.jwk"
    jwk = RSAKey.import_key(private_key(0)).as_dict(private=True) | {"kid": "their-name"}
    file.write_text(json.dumps(jwk))
    keys("import", "--as", "active", *naming, file)
    assert states(folder)[0] == (kid, "active")
    assert is_imported(folder, kid)
    assert (folder / f"{THUMBPRINT}.pem").exists(), "no kid is ever the name of a file"


def test_its_certificate_may_come_in_a_file_of_its_own(
    keys: Keys, pem: Path, tmp_path: Path
) -> None:
    own = certificate(0, until=datetime.now(UTC) - timedelta(days=1))
    (tmp_path / "own.crt").write_bytes(as_pem(own))
    done = keys(
        *("import", "--as", "active", "--certificate", tmp_path / "own.crt"),
        *("--kid", "certificate", pem),
    )
    assert "the certificate is not valid now" in done.stderr
    published = json.loads(keys("jwks").stdout)["keys"]
    assert set(published[0]) >= {"x5c", "x5t", "x5t#S256"}
    assert published[0]["kid"] == own.fingerprint(SHA1()).hex().upper()  # noqa: S303 - a name


def test_the_passphrase_of_the_file_is_the_first_line_of_stdin(
    keys: Keys, folder: Path, tmp_path: Path
) -> None:
    file = written(tmp_path / "encrypted.pem", private_key(0), b"s3cret")
    for stdin in ("", "\n", "wrong\n"):
        assert isinstance(keys("import", "--as", "active", file, stdin=stdin).exception, Problem)
    assert not folder.exists()
    done = keys("import", "--as", "active", file, stdin="s3cret\n")
    assert done.exit_code == 0
    assert "s3cret" not in done.output
    assert is_imported(folder, THUMBPRINT)


def refused(result: Result, folder: Path) -> str:
    assert isinstance(result.exception, Problem)
    assert [state for _, state in states(folder)] == ["active", "pending"]
    return result.exception.text


def test_what_is_no_good_changes_nothing(
    keys: Keys, folder: Path, pem: Path, tmp_path: Path
) -> None:
    begin(folder)
    other = tmp_path / "other.crt"
    other.write_bytes(as_pem(certificate(1)))
    assert "256 visible" in refused(keys("import", "--kid", "a b", pem), folder)
    assert "256 visible" in refused(keys("import", "--kid", "é", pem), folder)
    assert "no certificate to name" in refused(keys("import", "--kid", "certificate", pem), folder)
    assert "that of the key" in refused(keys("import", "--certificate", other, pem), folder)
    (tmp_path / "large").write_bytes(bytes(1_000_001))
    assert "too large" in refused(keys("import", tmp_path / "large"), folder)
    (tmp_path / "text").write_bytes(b"no key")
    said = refused(keys("import", tmp_path / "text"), folder)
    assert said == f"{tmp_path}/text: the file is no key that can be read"


def test_a_key_that_is_there_is_not_imported_again(keys: Keys, folder: Path, pem: Path) -> None:
    keys("import", "--as", "active", pem)
    before = (folder / "keyset.json").read_bytes()
    assert "has this key" in refused(keys("import", "--kid", "other", pem), folder)
    assert (folder / "keyset.json").read_bytes() == before


def test_while_a_rotation_is_scheduled_no_other_key_becomes_active(
    keys: Keys, folder: Path, pem: Path
) -> None:
    begin(folder, ago=timedelta(minutes=1))
    keys("rotate", "--now")
    done = keys("import", "--as", "active", pem)
    assert isinstance(done.exception, Problem)
    assert done.exception.text.startswith("a rotation is scheduled: ")


def test_it_needs_a_keyset_unless_it_begins_one(keys: Keys, folder: Path, pem: Path) -> None:
    done = keys("import", pem)
    assert isinstance(done.exception, Problem)
    assert done.exception.hint == '"token-server keys init" makes the first keyset'
    assert not folder.exists()
