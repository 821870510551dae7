"""Private keys at rest: how they are encrypted, what is still read, and with which passphrase."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from support.keepers import PASSPHRASE, Folder, InStore, Place, passphrase_in
from support.keys import NOW, opened, private_key

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing import pem, pkcs8
from token_server.signing.keystore import KeysDirectory

OPENSSL = shutil.which("openssl")
SHORT = "fifteen bytes.."
PARAMETERS = re.compile(
    rb"PBES2.*PBKDF2.*INTEGER +:([0-9A-F]+).*hmacWithSHA256.*aes-256-cbc", re.DOTALL
)


@pytest.fixture(params=["directory", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "directory":
        return Folder(tmp_path / "keys")
    in_store = InStore(request.getfixturevalue("store_socket"))
    in_store.ask(lambda client: client.flushall())
    return in_store


def rounds_of(text: bytes) -> int:
    """As OpenSSL reads the file."""
    shown = subprocess.run(
        [str(OPENSSL), "asn1parse"], input=text, capture_output=True, check=True
    )
    found = PARAMETERS.search(shown.stdout)
    assert found, shown.stdout
    return int(found[1], 16)


def as_an_earlier_release(passphrase: bytes) -> bytes:
    encryption = BestAvailableEncryption(passphrase)
    return private_key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.skipif(OPENSSL is None, reason="no openssl on this machine")
def test_a_private_key_is_encrypted_with_600_000_rounds_and_openssl_opens_it() -> None:
    text = pkcs8.encrypted(private_key(0), PASSPHRASE.encode())
    assert rounds_of(text) == 600_000
    words = [str(OPENSSL), "pkcs8", "-passin", f"pass:{PASSPHRASE}"]
    plain = subprocess.run(words, input=text, capture_output=True, check=True).stdout
    assert plain == pem.to_pem(private_key(0), None)


def test_no_two_files_of_a_key_are_alike() -> None:
    """Salt and initialization vector are random."""
    texts = {pkcs8.encrypted(private_key(0), PASSPHRASE.encode()) for _ in range(3)}
    assert len(texts) == 3


@pytest.mark.parametrize("passphrase", [b"another passphrase", b"", PASSPHRASE[:-1].encode()])
def test_another_passphrase_opens_nothing(passphrase: bytes) -> None:
    text = pkcs8.encrypted(private_key(0), PASSPHRASE.encode())
    with pytest.raises(ValueError, match=r".*"):
        pkcs8.load(text, passphrase)


def test_a_file_that_asks_for_too_many_rounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep a core busy for as long as its author likes."""
    monkeypatch.setattr(pkcs8, "MAX_ROUNDS", pkcs8.ROUNDS - 1)
    text = pkcs8.encrypted(private_key(0), PASSPHRASE.encode())
    with pytest.raises(ValueError, match="600000 rounds"):
        pkcs8.load(text, PASSPHRASE.encode())


@pytest.mark.skipif(OPENSSL is None, reason="no openssl on this machine")
def test_keys_of_an_earlier_release_are_read_and_encrypted_again_by_a_command(
    tmp_path: Path,
) -> None:
    folder, passphrase_file = tmp_path / "keys", passphrase_in(tmp_path / "passphrase")
    keys = KeysDirectory(folder, passphrase_file=passphrase_file)
    kids = keys.ensure_first(key_size=2048, now=NOW)
    for kid in kids:
        path = folder / f"{kid}.pem"
        private = pem.read_private_key(path, passphrase_file)
        encryption = BestAvailableEncryption(PASSPHRASE.encode())
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    assert [rounds_of((folder / f"{kid}.pem").read_bytes()) for kid in kids] == [2048] * 2
    assert len(opened(keys)) == 2
    environment = {
        "TOKEN_SERVER_KEYS_DIR": str(folder),
        "TOKEN_SERVER_KEYS_PASSPHRASE_FILE": str(passphrase_file),
    }
    done = CliRunner().invoke(command, ["passphrase"], env=environment)
    assert (done.exit_code, done.stdout.count("encrypted: "), done.stderr) == (0, 2, "")
    assert [rounds_of((folder / f"{kid}.pem").read_bytes()) for kid in kids] == [600_000] * 2
    assert len(opened(keys)) == 2


def test_a_short_passphrase_encrypts_no_first_keyset(place: Place, tmp_path: Path) -> None:
    keys = place.keeper(passphrase_in(tmp_path / "passphrase", SHORT))
    with pytest.raises(Problem, match="has 15 bytes, fewer than 16") as caught:
        keys.ensure_first(key_size=2048, now=NOW)
    assert "openssl rand -base64 32" in str(caught.value.hint)
    assert SHORT not in f"{caught.value.text} {caught.value.hint}"
    assert not (place.path.exists() if isinstance(place, Folder) else place.texts())


def test_no_key_is_encrypted_again_with_a_short_passphrase(place: Place, tmp_path: Path) -> None:
    keys = place.keeper(passphrase_in(tmp_path / "passphrase"))
    keys.ensure_first(key_size=2048, now=NOW)
    before = place.texts()
    with pytest.raises(Problem, match="has 15 bytes, fewer than 16"):
        keys.change_passphrase(passphrase_in(tmp_path / "short", SHORT))
    assert place.texts() == before


def test_a_key_under_a_short_passphrase_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    text = as_an_earlier_release(SHORT.encode())
    found = pem.from_pem(text, "the key", passphrase_in(tmp_path / "passphrase", SHORT))
    assert found.private_numbers() == private_key(0).private_numbers()
