"""`token-server users`, called in this process."""

import os
from collections.abc import Callable

import click
from click.testing import CliRunner, Result

from token_server.cli import token_server
from token_server.problems import Problem

Users = Callable[..., Result]
Run = Callable[..., Result]


def runner_of(environment: dict[str, str]) -> Run:
    """Runs one command; what it raises for the operator is raised here."""

    def run(*arguments: str, stdin: str | bytes = "") -> Result:
        result = CliRunner(env=os.environ | environment).invoke(
            token_server, arguments, input=stdin, standalone_mode=False
        )
        if isinstance(result.exception, Problem | click.ClickException):
            raise result.exception
        assert result.exception is None
        return result

    return run
