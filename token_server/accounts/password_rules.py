"""Which passwords may be chosen (NIST SP 800-63B §3.1.1.2): length, and a block list.

Only for a new password. One that was set before, under other rules, still logs in.
"""

import unicodedata
from collections.abc import Iterator
from importlib.resources import files

from token_server.problems import Problem

MIN_LENGTH = 8
"""The least that the setting PASSWORD_MIN_LENGTH allows."""
_MIN_DIFFERENT = 5
_MIN_WORD = 4
_SERVICE = ("token-server", "token_server", "tokenserver", "token server")
_ROWS = (
    "0123456789" * 3,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "`1234567890-=qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "!qaz@wsx#edc$rfv%tgb^yhn&ujm*ik<(ol>)p:?",
)


def check_new_password(password: str, *, name: str, min_length: int) -> None:
    """Raises: Problem, which names the rule and never holds the password."""
    text = unicodedata.normalize("NFC", password)
    if len(text) < min_length:
        raise _refused(
            f"has fewer than {min_length} characters",
            hint="choose a longer one, or use --generate; "
            "TOKEN_SERVER_PASSWORD_MIN_LENGTH sets the minimum",
        )
    plain = text.casefold()
    if len(set(plain)) < _MIN_DIFFERENT:
        raise _refused(f"has fewer than {_MIN_DIFFERENT} different characters")
    # A text that repeats a shorter one is found in its double before its own end.
    if (plain + plain).find(plain, 1) < len(plain):
        raise _refused("repeats a shorter text")
    if any(plain in row or plain[::-1] in row for row in _ROWS):
        raise _refused("is a sequence of the alphabet, of digits or of a keyboard")
    if any(
        len(plain.replace(word, "")) < MIN_LENGTH for word in _words_about(name) if word in plain
    ):
        raise _refused("consists of little more than the name of the account or of this program")
    if not {plain, _without_appendix(plain)}.isdisjoint(_common_passwords()):
        raise _refused("is a common one, or a common one with digits or signs added")


def _refused(rule: str, *, hint: str = "choose another one, or use --generate") -> Problem:
    return Problem(f"the password {rule}", hint=hint)


def _words_about(name: str) -> Iterator[str]:
    yield from _SERVICE
    whole = unicodedata.normalize("NFC", name).casefold()
    # Of an e-mail address also what stands before the @.
    yield from (word for word in (whole, whole.partition("@")[0]) if len(word) >= _MIN_WORD)


def _without_appendix(plain: str) -> str:
    """`password2024!` is `password`."""
    while plain and not plain[-1].isalpha():
        plain = plain[:-1]
    return plain


def _common_passwords() -> frozenset[str]:
    """About 8,000, lower case: those of 8 characters or more in Django's list (BSD licence)."""
    listed = files("token_server.accounts") / "common_passwords.txt"
    return frozenset(listed.read_text("utf-8").splitlines())
