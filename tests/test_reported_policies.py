"""What a server reports of its policies when it starts."""

import pytest
from structlog.testing import capture_logs

from token_server.app.preparing import report_policies
from token_server.settings import load_settings


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, 1),
        ({"HEADER_REFRESH_POLICY": "rotating"}, 0),
        ({"DIALECTS": "form,json"}, 0),
    ],
)
def test_reusable_refresh_tokens_of_the_header_dialect_are_reported_once(
    changes: dict[str, str], lines: int
) -> None:
    settings = load_settings({f"TOKEN_SERVER_{name}": text for name, text in changes.items()})
    with capture_logs() as logged:
        report_policies(settings)
    assert len(logged) == lines
    for line in logged:
        assert "RFC 9700 section 4.14.2" in line["event"]
        assert line["hint"].startswith("HEADER_REFRESH_POLICY=rotating")
