"""Which passwords an account may be given."""

import pytest

from token_server.accounts.password_rules import check_new_password
from token_server.problems import Problem


def rule_against(password: str, *, name: str = "alice", min_length: int = 12) -> str:
    with pytest.raises(Problem) as refused:
        check_new_password(password, name=name, min_length=min_length)
    text = f"{refused.value.text} {refused.value.hint}"
    assert password not in text, "the password is not echoed"
    return refused.value.text


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "größer als zwölf",
        "パスワードではない文字列です",
        "xK2!mmPq9-vL",
        "🔑🗝️🚪🏠🔒🔓🧷🧲🪛🔧🔨🪚",
    ],
)
def test_a_long_password_is_taken(password: str) -> None:
    check_new_password(password, name="alice", min_length=12)


@pytest.mark.parametrize("password", ["elevenchars", "Cafe\u0301Cafe\u0301Xyz", "🔑" * 11])
def test_length_counts_code_points_of_the_composed_form(password: str) -> None:
    assert "fewer than 12 characters" in rule_against(password)


def test_the_least_length_is_a_setting() -> None:
    check_new_password("xK2!mmPq", name="alice", min_length=8)
    assert "fewer than 13 characters" in rule_against("xK2!mmPq9-vL", min_length=13)


@pytest.mark.parametrize(
    "password",
    [
        "Password2024",
        "PASSWORD2024!!!",
        "Counterstrike",
        "iloveyou1234",
        "P@ssw0rd12345",
    ],
)
def test_a_common_password_is_refused_with_an_appendix_too(password: str) -> None:
    assert "is a common one" in rule_against(password)


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "abababababab", "1112223334441"])
def test_a_password_of_few_different_characters_is_refused(password: str) -> None:
    assert "different characters" in rule_against(password)


@pytest.mark.parametrize("password", ["horse9horse9", "battery battery "])
def test_a_password_that_repeats_a_shorter_one_is_refused(password: str) -> None:
    assert "repeats a shorter text" in rule_against(password)


@pytest.mark.parametrize(
    "password",
    [
        "abcdefghijklm",
        "QwertyUIOPasd",
        "123456789012",
        "9876543210987",
        "1qaz2wsx3edc",
        "mlkjihgfedcb",
    ],
)
def test_a_sequence_is_refused(password: str) -> None:
    assert "sequence" in rule_against(password)


@pytest.mark.parametrize(
    ("password", "name"),
    [
        ("token-server1", "alice"),
        ("Token_Server!", "alice"),
        ("Bob.Miller-1", "bob.miller@b.example"),
        ("123annemarie7", "annemarie"),
        ("José-Maria-1", "Jose\u0301-maria"),
    ],
)
def test_a_password_made_of_the_names_is_refused(password: str, name: str) -> None:
    assert "name" in rule_against(password, name=name)


def test_a_short_name_within_a_password_is_no_matter() -> None:
    check_new_password("calcium horse", name="al", min_length=12)
    check_new_password("annemarie rides horses", name="annemarie", min_length=12)
