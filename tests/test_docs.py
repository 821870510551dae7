"""What README and docs say is so: commands are run, output is compared, links lead somewhere."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.server import Server, running_server

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "SECURITY.md"]
DEFAULT_URL = "http://127.0.0.1:8080"
END = "-- end of output --"
# A test installs nothing, also where the .venv is not current; and it speaks as in a terminal,
# also where `make test` runs it: a make below another one says which directory it enters.
MAKE = 'make() { env -u MAKEFLAGS -u MAKELEVEL make -o .venv/.installed "$@"; }\n'


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines that it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *printed = part.splitlines()
        yield command, printed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("readme"), ISSUER=DEFAULT_URL) as running:
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_readmes_session_prints_what_the_readme_says(server: Server) -> None:
    beside_make_run = blocks(ROOT / "README.md", "console")[1:]
    session = [command for block in beside_make_run for command in commands(block)]
    script = "".join(f"{_here(command, server)}\necho '{END}'\n" for command, _ in session)
    done = subprocess.run(
        ["/bin/bash", "-c", MAKE + script],
        cwd=ROOT,
        env=server.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    outputs = done.stdout.split(END)[:-1]
    assert len(outputs) == len(session), done.stdout
    for (command, printed), output in zip(session, outputs, strict=True):
        expected = "\n".join(printed)
        pattern = ".*".join(map(re.escape, _here(expected, server).split("…")))
        assert re.fullmatch(pattern, output.strip("\n"), re.DOTALL), (command, output)


def test_the_readmes_verifier_verifies_an_access_token(server: Server) -> None:
    (program,) = blocks(ROOT / "README.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", _here(program, server)],
        input=server.pair("verified").access_token,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "verified\n", done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_make_target_that_is_told_of_is_there_and_every_one_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    told = {
        target for page in PAGES for target in re.findall(r"`make ([a-z-]+)", page.read_text())
    }
    assert told <= targets
    assert targets - explained <= {"lint", "types"}


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def _here(text: str, server: Server) -> str:
    """Ask this server; the issuer is the name in its tokens, and stays."""
    return text.replace(f"{DEFAULT_URL}/", f"{server.url}/")
