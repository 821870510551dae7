"""`token-server users`, called in this process."""

import os
from dataclasses import dataclass

import click
from click.testing import CliRunner, Result

from token_server.cli import token_server
from token_server.problems import Problem


@dataclass(frozen=True, slots=True)
class Run:
    """Runs one command in this process; what it raises for the operator is raised here."""

    settings: dict[str, str]
    """As environment variables."""
    noun: tuple[str, ...] = ()

    def __call__(self, *arguments: str, stdin: str | bytes = "", **more: str) -> Result:
        environment = self.settings | {f"TOKEN_SERVER_{name}": more[name] for name in more}
        result = CliRunner(env=os.environ | environment).invoke(
            token_server, [*self.noun, *arguments], input=stdin, standalone_mode=False
        )
        if isinstance(result.exception, Problem | click.ClickException):
            raise result.exception
        assert result.exception is None, repr(result.exception)
        return result


Users = Run


def wide(text: str) -> str:
    """Return the text in full width, as some keyboards write it."""
    return "".join(chr(ord(each) + 0xFEE0) for each in text)
