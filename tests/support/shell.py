"""The command line, called in this process as the shell calls it in another."""

import gc
import sys
from dataclasses import dataclass

import pytest

from token_server.cli import main


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Shell:
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, **settings: str) -> Done:
        """Settings by their names, as environment variables."""
        with self.monkeypatch.context() as here:
            here.setattr(sys, "argv", ["token-server", *words])
            for name, value in settings.items():
                here.setenv(f"TOKEN_SERVER_{name}", value)
            with pytest.raises(SystemExit) as end:
                main()
        # In a process of its own it would have frozen its imports, and not all that is here.
        gc.unfreeze()
        assert isinstance(end.value.code, int)
        said = self.capsys.readouterr()
        return Done(code=end.value.code, out=said.out, err=said.err)
