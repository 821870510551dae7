"""What a command prints on stderr: one `error:` or `warning:` line, and a `hint:` line."""

import click

from token_server.problems import Problem


def tell(problem: Problem) -> None:
    """Print what is wrong, and how to fix it."""
    print_message("error", problem)


def warn(problem: Problem) -> None:
    """Print what is probably a mistake, and how to fix it. The command goes on."""
    print_message("warning", problem)


def print_message(level: str, problem: Problem) -> None:
    click.echo(f"{level}: {problem.text}", err=True)
    if problem.hint:
        click.echo(f"hint: {problem.hint}", err=True)
