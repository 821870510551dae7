"""Private keys are for one user: what the keys directory refuses, and what it says then."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as make_ec_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.keys import NOW, opened, private_key

from token_server.cli.keys import command
from token_server.problems import Problem
from token_server.signing import pem
from token_server.signing.keystore import KeysDirectory
from token_server.tokens.model import Kid

PASSPHRASE = "8q3vYw0nW5yJm2s1V7cZ4g"
NOBODY = 65534
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain keyset and an encrypted one, made once."""
    made = tmp_path_factory.mktemp("made")
    (made / "passphrase").write_text(f"{PASSPHRASE}\n")
    (made / "passphrase").chmod(0o600)
    use(made / "plain")
    use(made / "encrypted", made / "passphrase")
    return made


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def plain(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "plain", tmp_path / "plain"))


@pytest.fixture
def encrypted(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "encrypted", tmp_path / "encrypted"))


@pytest.fixture
def passphrase_file(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made / "passphrase", tmp_path / "passphrase"))


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A directory whose owner has no privileges; root, who may write everywhere, becomes them."""
    folder = Path(tempfile.mkdtemp())
    user = os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
    yield folder
    os.seteuid(user)
    shutil.rmtree(folder)


def use(folder: Path, passphrase_file: Path | None = None) -> tuple[Kid, ...]:
    """What a server does when it starts."""
    keys = KeysDirectory(folder, passphrase_file=passphrase_file)
    keys.ensure_first(key_size=2048, now=NOW)
    return tuple(opened(keys))


def active_key(folder: Path) -> Path:
    return folder / f"{KeysDirectory(folder).load().keys[0].kid}.pem"


def give_away(folder: Path) -> None:
    """To a third user: neither root nor the one that root became."""
    os.seteuid(0)
    os.chown(folder, NOBODY - 1, -1)
    folder.chmod(0o755)
    os.seteuid(NOBODY)


def problem_with(folder: Path, passphrase_file: Path | None = None) -> Problem:
    """The problem, which neither tells a secret nor changes a file."""
    before = {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}
    with pytest.raises(Problem) as caught:
        use(folder, passphrase_file)
    assert {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()} == before
    assert PASSPHRASE not in f"{caught.value.text} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize("mode", [0o604, 0o660, 0o610])
def test_a_private_key_open_to_others_is_a_problem(plain: Path, mode: int) -> None:
    path = active_key(plain)
    path.chmod(mode)
    problem = problem_with(plain)
    assert problem.text == f"{path} is open to others (mode {mode:04o})"
    assert problem.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o660, 0o602])
def test_a_keyset_that_others_may_write_is_a_problem(plain: Path, mode: int) -> None:
    path = plain / "keyset.json"
    path.chmod(mode)
    assert problem_with(plain).hint == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_directory_that_others_may_write_is_a_problem(plain: Path, mode: int) -> None:
    plain.chmod(mode)
    problem = problem_with(plain)
    assert problem.text == f"{plain} can be written to by others (mode {mode:04o})"
    assert problem.hint == f"chmod 700 {plain}"


def test_no_keys_are_made_where_others_may_write(empty: Path) -> None:
    empty.mkdir()
    (empty / "notes").touch()
    empty.chmod(0o777)
    assert problem_with(empty).hint == f"chmod 700 {empty}"


def test_a_read_only_directory_with_a_good_keyset_is_good(nobodys: Path) -> None:
    kids = use(nobodys)
    nobodys.chmod(0o500)
    with pytest.raises(PermissionError):
        (nobodys / "probe").touch()
    assert use(nobodys) == kids


def test_a_directory_that_cannot_be_written_is_a_problem(nobodys: Path) -> None:
    (nobodys / "notes").touch()
    nobodys.chmod(0o500)
    problem = problem_with(nobodys)
    assert problem.text == f"{nobodys}/lock: Permission denied"
    assert problem.hint == f"KEYS_DIR ({nobodys}) must be a directory of the user who runs this"


@only_root
def test_a_directory_of_another_user_is_a_problem(nobodys: Path) -> None:
    give_away(nobodys)
    assert problem_with(nobodys).text == f"{nobodys} belongs to another user (uid {NOBODY - 1})"


@pytest.mark.usefixtures("nobodys")
def test_a_directory_of_root_is_a_problem_for_everybody_else() -> None:
    with pytest.raises(Problem, match=r"^/ belongs to another user \(uid 0\)$"):
        use(Path("/"))


@only_root
def test_a_keyset_of_another_user_is_a_problem(nobodys: Path) -> None:
    """Its owner can swap it."""
    use(nobodys)
    give_away(nobodys)
    assert problem_with(nobodys).text == f"{nobodys} belongs to another user (uid {NOBODY - 1})"


@only_root
def test_root_makes_no_keys_that_the_owner_of_the_directory_could_not_read(empty: Path) -> None:
    empty.mkdir(mode=0o700)
    os.chown(empty, NOBODY, -1)
    assert problem_with(empty).text == f"{empty} belongs to another user (uid {NOBODY})"


def test_a_file_in_place_of_the_directory_is_a_problem(empty: Path) -> None:
    empty.touch()
    assert problem_with(empty).text == f"{empty}/keyset.json: Not a directory"


def test_with_a_passphrase_the_private_keys_are_encrypted(
    encrypted: Path, passphrase_file: Path
) -> None:
    kids = use(encrypted, passphrase_file)
    assert len(kids) == 2
    for kid in kids:
        assert b"ENCRYPTED" in (encrypted / f"{kid}.pem").read_bytes()


@pytest.mark.parametrize("text", [PASSPHRASE, f"{PASSPHRASE}\r\n", f"{PASSPHRASE}\nfor tests\n"])
def test_the_passphrase_is_the_first_line_of_its_file(
    encrypted: Path, passphrase_file: Path, text: str
) -> None:
    passphrase_file.write_bytes(text.encode())
    assert len(use(encrypted, passphrase_file)) == 2


def test_a_wrong_passphrase_names_the_file_and_makes_no_other_key(
    encrypted: Path, passphrase_file: Path
) -> None:
    passphrase_file.write_text("another\n")
    assert problem_with(encrypted, passphrase_file).text == (
        f"{active_key(encrypted)} cannot be opened with the passphrase in {passphrase_file}"
    )


def test_an_encrypted_key_without_a_passphrase_is_a_problem(encrypted: Path) -> None:
    problem = problem_with(encrypted)
    assert problem.text == f"{active_key(encrypted)} is encrypted"
    assert problem.hint == "name the file that holds its passphrase in KEYS_PASSPHRASE_FILE"


def test_a_plain_key_is_a_problem_where_a_passphrase_is_set(
    plain: Path, passphrase_file: Path
) -> None:
    """Who sets it believes that the keys are encrypted."""
    assert problem_with(plain, passphrase_file).text == (
        f"{active_key(plain)} is not encrypted, yet KEYS_PASSPHRASE_FILE is set"
    )


def test_the_hint_about_plain_keys_is_a_command_that_encrypts_them(
    plain: Path, passphrase_file: Path
) -> None:
    hint = problem_with(plain, passphrase_file).hint
    assert hint is not None
    assert hint.startswith('"token-server keys passphrase" encrypts')
    environment = {
        "TOKEN_SERVER_KEYS_DIR": str(plain),
        "TOKEN_SERVER_KEYS_PASSPHRASE_FILE": str(passphrase_file),
    }
    done = CliRunner().invoke(command, ["passphrase"], env=environment)
    assert (done.exit_code, done.stdout.count("encrypted: ")) == (0, 2)
    assert len(use(plain, passphrase_file)) == 2


@pytest.mark.parametrize("text", ["", "\n", "\r\n", "\nlater"])
def test_an_empty_passphrase_is_a_problem_and_makes_no_keys(
    empty: Path, passphrase_file: Path, text: str
) -> None:
    passphrase_file.write_bytes(text.encode())
    assert problem_with(empty, passphrase_file).text == f"{passphrase_file} holds no passphrase"
    assert not empty.exists()


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o601, 0o444])
def test_a_passphrase_is_for_its_owner_only(
    empty: Path, encrypted: Path, passphrase_file: Path, mode: int
) -> None:
    """Whether it is for the first keys or for those that are there."""
    passphrase_file.chmod(mode)
    for folder in (empty, encrypted):
        problem = problem_with(folder, passphrase_file)
        assert problem.text == f"{passphrase_file} is open to others (mode {mode:04o})"
        assert problem.hint == f"chmod 600 {passphrase_file}"
    assert not empty.exists()
    passphrase_file.chmod(0o600)
    assert len(use(encrypted, passphrase_file)) == 2


def test_a_missing_passphrase_file_is_a_problem(empty: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    assert problem_with(empty, away).text == f"{away} cannot be read: No such file or directory"
    assert not empty.exists()


def test_a_missing_private_key_is_a_problem(plain: Path) -> None:
    path = active_key(plain)
    path.unlink()
    problem = problem_with(plain)
    assert problem.text == f"{path} is missing"
    assert 'let another key sign: "token-server keys revoke KID"' in str(problem.hint)


def test_a_private_key_that_is_another_one_is_a_problem(plain: Path) -> None:
    path = active_key(plain)
    path.unlink()
    pem.write_private_key(path, private_key(0), None)
    assert problem_with(plain).text.startswith(f"{path} is not the key")


@pytest.mark.parametrize(
    ("kept", "how"), [(0, "it is empty"), (100, "it is no complete PEM file"), (-100, "it is no")]
)
def test_a_damaged_private_key_is_a_problem(plain: Path, kept: int, how: str) -> None:
    path = active_key(plain)
    path.write_bytes(path.read_bytes()[:kept])
    problem = problem_with(plain)
    assert problem.text.startswith(f"{path} is damaged: {how}")
    assert "keys revoke KID" in str(problem.hint)


def test_a_private_key_that_is_no_rsa_key_is_a_problem(plain: Path) -> None:
    path = active_key(plain)
    key = make_ec_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert problem_with(plain).text == f"{path} is no RSA key"
