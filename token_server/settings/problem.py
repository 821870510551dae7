"""What is said of wrong settings: the setting, the rule and the place, never the value."""

from collections.abc import Sequence

from token_server.problems import Problem


class SettingsProblem(Problem):
    """Everything that is wrong, one line each."""

    def __init__(self, lines: Sequence[str]) -> None:
        text = lines[0]
        if len(lines) > 1:
            text = "\n  ".join([f"{len(lines)} settings are wrong", *lines])
        super().__init__(text, hint="correct each setting, or unset it to use its default")
        self.lines = tuple(lines)


class Contradiction(ValueError):
    """Two settings, each good by itself, do not go together."""

    def __init__(self, rule: str, *, other: str) -> None:
        super().__init__(rule)
        self.other = other
