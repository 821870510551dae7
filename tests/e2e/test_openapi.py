"""schemathesis asks a whole server what its own description allows and forbids."""

from collections import Counter

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from support.clientele import Clientele

CASES = 5_000
"""At least, in the long profile."""
# By operation; an operation has a part of its cases from the edges of its schema besides.
EXAMPLES, MANY_EXAMPLES = 6, 600
# Basic beside a client's members is two methods at once, which no schema can forbid (RFC 6749
# §2.3): a bad request, however well-formed.
ALSO_EXPECTED = ["400"]


def test_nothing_is_answered_otherwise_than_described(
    clientele: Clientele, *, chaos: bool
) -> None:
    """All checks of schemathesis, on every operation; and never a fault of ours."""
    schema = schemathesis.openapi.from_url(
        f"{clientele.url}/openapi.json", config=SchemathesisConfig()
    )
    schema.config.update(base_url=clientele.url)
    schema.config.generation.update(max_examples=MANY_EXAMPLES if chaos else EXAMPLES)
    schema.config.checks.positive_data_acceptance.expected_statuses += ALSO_EXPECTED
    schema.config.phases.coverage.enabled = chaos
    statuses: Counter[int] = Counter()
    failures: list[str] = []
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            recorder = event.recorder
            statuses.update(
                each.response.status_code if each.response else 0
                for each in recorder.interactions.values()
            )
            failures += [
                f"{recorder.label}: {check.name}: {check.failure_info.failure}"
                f"\n{check.failure_info.code_sample}"
                for checks in recorder.checks.values()
                for check in checks
                if check.failure_info
            ]
    assert failures == []
    assert statuses[500] == statuses[0] == 0
    assert sum(statuses.values()) >= (CASES if chaos else 50), statuses
