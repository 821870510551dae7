"""What an operator must mend. Every room may raise one; the CLI and the launcher tell it."""


class Problem(Exception):
    """One line that says what is wrong, and a hint that says how to mend it; no secrets."""

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
