"""What README and docs say is so: commands are run, output is compared, links lead somewhere."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import DEFAULT_URL, blocks, here, play_console
from support.server import Server, running_server

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "SECURITY.md"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("readme"), ISSUER=DEFAULT_URL) as running:
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_readmes_session_prints_what_the_readme_says(server: Server) -> None:
    _, *beside_make_run = blocks(README.read_text(), "console")
    play_console(beside_make_run, server, cwd=ROOT)


def test_the_readmes_verifier_verifies_an_access_token(server: Server) -> None:
    (program,) = blocks(README.read_text(), "python")
    done = subprocess.run(
        [sys.executable, "-c", here(program, server)],
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
    assert len(README.read_text().splitlines()) <= 150
