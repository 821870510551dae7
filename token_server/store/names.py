"""The names of keys. The braces keep all keys of one subject in one cluster slot."""

import hashlib
import re
from typing import Literal

from token_server.tokens.model import SessionId, Subject, TokenId

SECRET = "token-server:secret"  # noqa: S105 - the name of a key
# In the cluster slot of the store secret: scripts look at both.
KEYSET = "{token-server:secret}:keyset"
KEY_EXPIRIES = "token-server:key-expiries"
KEYSET_HISTORY = "token-server:keyset-history"
VERIFIERS = "token-server:verifiers"
ACCOUNTS = "token-server:accounts"
ACCOUNT_FORMS = "token-server:account-forms"
ATTEMPTS = "token-server:attempts:"
USED = "token-server:used:"
KNOWN_NETWORKS = "token-server:known-networks:"
ISSUERS = "token-server:issuers"
PROBE = "token-server:probe"
BARRIER = "token-server:barrier"
KINDS = {
    SECRET: "string",
    KEYSET: "hash",
    KEY_EXPIRIES: "hash",
    KEYSET_HISTORY: "hash",
    VERIFIERS: "hash",
    ACCOUNTS: "set",
    ACCOUNT_FORMS: "hash",
    ISSUERS: "zset",
}
"""The type of each key that has one name."""
_ESCAPES = str.maketrans({"%": "%25", "{": "%7B", "}": "%7D"})
_ODD = frozenset("%{}")
_GLOB = re.compile(r"[][*?\\]")


def session(subject: Subject, sid: SessionId) -> str:
    return f"{_tag(subject)}:session:{sid}"


def session_and_subject(subject: Subject, sid: SessionId) -> list[str]:
    tag = _tag(subject)
    return [f"{tag}:session:{sid}", f"{tag}:subject"]


def sessions_of(subject: Subject) -> str:
    """A pattern for SCAN."""
    return _GLOB.sub(r"\\\g<0>", _tag(subject)) + ":session:*"


def subject_record(subject: Subject) -> str:
    return f"{_tag(subject)}:subject"


def revoked(subject: Subject, token_id: TokenId) -> str:
    """There for as long as an access token that was revoked alone would have lived."""
    return f"{_tag(subject)}:revoked:{token_id}"


def account(name: Subject) -> str:
    return f"{_tag(name)}:account"


def known_networks(kind: Literal["account", "client"], name: str) -> str:
    """By a digest, because also what was typed as a name is looked up."""
    digest = hashlib.sha256(f"{kind}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{KNOWN_NETWORKS}{digest}"


def subject_of(session_key: str) -> Subject:
    """The subject whose session this key names."""
    tag, _, _ = session_key.rpartition(":session:")
    return Subject(tag[1:-1].replace("%7B", "{").replace("%7D", "}").replace("%25", "%"))


def _tag(subject: Subject) -> str:
    # A brace of the subject's own would end the hash tag early.
    escaped = subject.translate(_ESCAPES) if _ODD.intersection(subject) else subject
    return f"{{{escaped}}}"


def kind_of(key: str) -> str:
    """What a key holds, for the log: its name may hold the name of a subject."""
    if key in KINDS:
        return key
    prefix = next(
        (each for each in (ATTEMPTS, USED, KNOWN_NETWORKS) if key.startswith(each)), None
    )
    if prefix:
        return prefix.rstrip(":")
    _, _, rest = key.rpartition("}:")
    return f"{{subject}}:{rest.partition(':')[0]}"
