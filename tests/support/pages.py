"""Pages for people, taken at their word: commands are run, and what they print is compared."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.server import Server

# A test installs nothing, also where the .venv is not current; and it speaks as in a terminal,
# also where `make test` runs it: a make below another one says which directory it enters.
MAKE = 'make() { env -u MAKEFLAGS -u MAKELEVEL make -o .venv/.installed "$@"; }\n'
DEFAULT_URL = "http://127.0.0.1:8080"
END = "-- end of this command's output --"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def sections(page: str) -> dict[str, str]:
    """By heading of the second level."""
    _, *parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines that it is said to print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *printed = part.splitlines()
        yield command, printed


def here(text: str, server: Server) -> str:
    """Ask this server; the issuer is the name in its tokens, and stays."""
    return text.replace(f"{DEFAULT_URL}/", f"{server.url}/")


def play_console(consoles: list[str], server: Server, *, cwd: Path) -> None:
    """Type all of it into one shell. An ellipsis on the page stands for anything."""
    session = [command for block in consoles for command in commands(here(block, server))]
    script = "".join(f"{command}\necho {shlex.quote(END)}\n" for command, _ in session)
    done = subprocess.run(
        ["/bin/bash", "-c", MAKE + script],
        cwd=cwd,
        env=server.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    outputs = done.stdout.split(END + "\n")[:-1]
    assert len(outputs) == len(session), done.stdout
    for (command, printed), output in zip(session, outputs, strict=True):
        pattern = ".*".join(map(re.escape, "\n".join(printed).split("…")))
        assert re.fullmatch(pattern, output.strip("\n"), re.DOTALL), (command, output)
