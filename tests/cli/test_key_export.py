"""`keys export --pem`: a file per key, for programs that fetch no JWK Set."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from support.keys import private_key

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing import pem
from token_server.signing.keystore import KeysDirectory
from token_server.signing.public_files import LIST, file_name
from token_server.signing.rsa_keys import numbers_of
from token_server.tokens.model import Kid

Keys = Callable[..., Result]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    environment = {"TOKEN_SERVER_KEYS_DIR": str(tmp_path / "keys")}
    KeysDirectory(tmp_path / "keys").ensure_first(
        key_size=2048, now=datetime.now(UTC) - timedelta(days=100)
    )
    return lambda *words: CliRunner().invoke(command, list(map(str, words)), env=environment)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "exported" / "pem"


def published(keys: Keys) -> dict[str, tuple[str, str]]:
    return {key["kid"]: (key["n"], key["e"]) for key in json.loads(keys("jwks").stdout)["keys"]}


def written(out: Path) -> dict[str, tuple[str, str]]:
    found = {path.stem: load_pem_public_key(path.read_bytes()) for path in out.glob("*.pem")}
    assert all(isinstance(key, RSAPublicKey) for key in found.values())
    return {kid: numbers_of(key) for kid, key in found.items() if isinstance(key, RSAPublicKey)}


def test_each_key_of_the_jwk_set_is_a_file_of_its_name(keys: Keys, out: Path) -> None:
    done = keys("export", "--pem", out)
    assert done.exit_code == 0, done.exception
    assert written(out) == published(keys)
    assert sorted(done.stdout.splitlines()) == [
        f"written: {path}" for path in sorted(out.glob("*.pem"))
    ]
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o644}
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in out.iterdir())


def test_a_second_run_changes_and_prints_nothing(keys: Keys, out: Path) -> None:
    keys("export", "--pem", out)
    before = unchanged_parts(out)
    again = keys("export", "--pem", out)
    assert (again.exit_code, again.output) == (0, "")
    assert unchanged_parts(out) == before


def unchanged_parts(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Reading a file changes its time of access, and nothing else."""
    stats = {path.name: path.stat() for path in folder.iterdir()}
    return {name: (each.st_ino, each.st_mtime_ns, each.st_mode) for name, each in stats.items()}


def test_what_left_the_jwk_set_is_removed_and_what_came_is_written(keys: Keys, out: Path) -> None:
    first, second = published(keys)
    keys("export", "--pem", out)
    (out / "of-another.pem").write_text("kept")
    (out / "notes").write_text("kept")
    keys("revoke", first)
    rows = json.loads(keys("export", "--pem", out, "--json").stdout)
    changes = {(row["kid"], Path(row["file"]).name): row["change"] for row in rows}
    (third,) = published(keys).keys() - {second}
    assert changes == {
        (second, f"{second}.pem"): "unchanged",
        (third, f"{third}.pem"): "written",
        (None, f"{first}.pem"): "removed",
    }
    assert (out / "of-another.pem").read_text() == (out / "notes").read_text() == "kept"


def test_a_file_that_something_else_wrote_is_not_replaced(keys: Keys, out: Path) -> None:
    first, _ = published(keys)
    out.mkdir(parents=True)
    (out / f"{first}.pem").write_text("precious")
    refused = keys("export", "--pem", out)
    assert isinstance(refused.exception, Problem)
    assert "was not written by this command" in refused.exception.text
    assert [path.read_text() for path in out.iterdir()] == ["precious"]


@pytest.mark.parametrize("names", ['["../x.pem"]', '{"files": ["/etc/x.pem"]}', "{", "[]", "{}"])
def test_a_list_that_names_anything_else_removes_nothing(
    keys: Keys, out: Path, names: str
) -> None:
    keys("export", "--pem", out)
    (out / LIST).write_text(names)
    before = sorted(path.name for path in out.iterdir())
    assert isinstance(keys("export", "--pem", out).exception, Problem)
    assert sorted(path.name for path in out.iterdir()) == before


@pytest.mark.parametrize(
    "kid", ["../../etc/x", ".hidden", "a/b", "https://x/k#1", "%2F", "~" * 256]
)
def test_a_kid_from_elsewhere_names_a_file_in_the_directory(
    keys: Keys, out: Path, tmp_path: Path, kid: str
) -> None:
    pem.write_private_key(tmp_path / "old.pem", private_key(0), None)
    assert keys("import", "--kid", kid, tmp_path / "old.pem").exit_code == 0
    rows = json.loads(keys("export", "--pem", out, "--json").stdout)
    (file,) = (Path(row["file"]) for row in rows if row["kid"] == kid)
    assert file.parent == out
    assert file.name == file_name(Kid(kid))
    assert file.exists()
    assert not file.name.startswith(".")
    assert [
        row["change"] for row in json.loads(keys("export", "--pem", out, "--json").stdout)
    ] == ["unchanged"] * 3


def test_names_of_files_differ_for_different_kids() -> None:
    kids = ["a/b", "a%2Fb", "a%252Fb", ".a", "%2Ea", "~", "%7E", "A" * 256, "A" * 255]
    assert len({file_name(Kid(kid)) for kid in kids}) == len(kids)


def test_the_directory_of_private_keys_is_refused(keys: Keys, tmp_path: Path) -> None:
    before = sorted(path.name for path in (tmp_path / "keys").iterdir())
    refused = keys("export", "--pem", tmp_path / "." / "keys")
    assert isinstance(refused.exception, Problem)
    assert "directory of the private keys" in refused.exception.text
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == before


def test_a_directory_that_cannot_be_written_to_is_an_error(keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = keys("export", "--pem", tmp_path / "file" / "below")
    assert isinstance(refused.exception, Problem)
    assert str(tmp_path / "file") in refused.exception.text


def test_a_link_is_not_followed(keys: Keys, out: Path, tmp_path: Path) -> None:
    first, _ = published(keys)
    out.mkdir(parents=True)
    (out / f"{first}.pem.new").symlink_to(tmp_path / "precious")
    assert isinstance(keys("export", "--pem", out).exception, Problem)
    assert not (tmp_path / "precious").exists()
