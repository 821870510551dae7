"""Members that a JSON body must have, as text."""

from collections.abc import Mapping

from token_server.tokens.refusals import MembersRefused


def required_texts(members: Mapping[str, object], *names: str) -> list[str]:
    """The values of these members. Raises: MembersRefused, with all that are at fault."""
    texts = [text for name in names if isinstance(text := members.get(name), str)]
    if len(texts) < len(names):
        raise MembersRefused(
            {
                name: f"The {name.replace('_', ' ')} {_fault(members.get(name))}."
                for name in names
                if not isinstance(members.get(name), str)
            }
        )
    return texts


def _fault(value: object) -> str:
    return "is missing" if value is None else "must be a string"
