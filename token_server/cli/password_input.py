"""A password from an operator: from stdin, from a terminal, or made; never from argv."""

import secrets
import sys
from getpass import getpass

from token_server.accounts.password_rules import check_new_password
from token_server.accounts.passwords import LONGEST_PASSWORD
from token_server.problems import Problem
from token_server.settings import load_settings

_GENERATED_BYTES = 24


def chosen_password(name: str, *, generate: bool) -> str:
    """Return a generated password, or the one from stdin or the terminal. Raises: Problem."""
    if generate:
        return secrets.token_urlsafe(_GENERATED_BYTES)
    min_length = load_settings().password_min_length
    password = _read()
    check_new_password(password, name=name, min_length=min_length)
    return password


def _read() -> str:
    if sys.stdin is None:  # closed: `users add NAME <&-`
        return _given(b"")
    if sys.stdin.isatty():
        return _prompted()
    # A longer line is cut, and is still too long for a password.
    line = sys.stdin.buffer.readline(LONGEST_PASSWORD + len("\r\n"))
    return _given(line.removesuffix(b"\n").removesuffix(b"\r"))


def _given(line: bytes) -> str:
    if not line:
        raise Problem(
            "no password on stdin", hint="write it to stdin as one line, or use --generate"
        )
    try:
        return line.decode()
    except UnicodeDecodeError:
        # Its text would quote the password.
        raise Problem("the password is not UTF-8") from None


def _prompted() -> str:
    try:
        password, again = getpass("Password: "), getpass("Again: ")
    except EOFError:
        raise Problem("no password was typed") from None
    if password != again:
        raise Problem("the two passwords differ")
    return password
