"""JSON objects are read in one way only, or not at all."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_server.strict_json import DEEPEST, read_object, write, write_ascii


def nested(depth: int, *, innermost: str = "1", within: str = "[{}]") -> bytes:
    """An object with so many objects and arrays, the outermost counted, one inside the other."""
    before, after = within.split("{}")
    wrapped = before * (depth - 1) + innermost + after * (depth - 1)
    return f'{{"a":{wrapped}}}'.encode()


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b' \t\r\n{"a": [1, -2.5e3, null, true, {}]}\n',
        '{"name": "J\u00f6rg \U0001f511", "b": "\\u00e9 \\ud83d\\udd11"}'.encode(),
        b'{"money": 9007199254740993, "": "", "a": {"a": 1}, "b": {"a": 1}}',
        b'{"a": 1e308, "b": 1e-999}',
    ],
)
def test_an_object_reads_as_pythons_own_reader_has_it(document: bytes) -> None:
    assert read_object(document) == json.loads(document)


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b" ", b"null", b"1", b'"text"', b"[]", b"[{}]", b"{", b"}", b"{}{}", b"{} x"),
        *(b"{'a': 1}", b"{a: 1}", b'{"a": 1,}', b'{"a": [1,]}', b"{}//", b'{"a": 01}', b'{"a":}'),
        *(b'{"a": 1, "a": 1}', b'{"b": [{"a": 1, "\\u0061": 2}]}', b'{"a":1,"a":1}'),
        *(b'{"b":[{"a":1,"a":2}]}', b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}'),
        *(b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e999}', b"NaN"),
        *(b'{"a": %s}' % (b"9" * 5000), b'{"a": -%s}' % (b"9" * 5000)),
        *(b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'{"a": "\\udd11\\ud83d"}'),
        *(b'{"a": "\xed\xa0\x80"}', b'{"a": "\xff"}', b'{"a": "\xc0\xaf"}', b"\xef\xbb\xbf{}"),
        *("{}".encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-32-be")),
        *(b'{"a": "\n"}', b'{"a": "\0"}', b"{}\0", b"\x0b{}", b"\xc2\xa0{}"),
    ],
)
def test_whatever_else_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_object(document)


@pytest.mark.parametrize("innermost", ["1", '"["'])
@pytest.mark.parametrize("within", ["[{}]", '[{}, "[{"]'])
def test_an_object_may_be_so_deep_and_no_deeper(innermost: str, within: str) -> None:
    read_object(nested(DEEPEST, innermost=innermost, within=within))
    with pytest.raises(ValueError, match="nested too deep"):
        read_object(nested(DEEPEST + 1, innermost=innermost, within=within))


def test_many_objects_side_by_side_are_not_deep() -> None:
    document = json.dumps({"a": [{"b": [1]}] * 1000, "c": "[" * 1000}).encode()
    assert read_object(document) == json.loads(document)


@pytest.mark.parametrize("depth", [500, 5_000, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_what_is_far_too_deep_is_no_fault_of_ours(depth: int, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    for document in (
        b'{"a":' + opening * depth + b"1" + closing * depth + b"}",
        opening * depth,
    ):
        with pytest.raises(ValueError, match=r"."):
            read_object(document)


def test_the_depth_allowed_does_not_hang_on_the_stack_that_is_left() -> None:
    """What a command line took, a server must be able to read."""

    def read_below(calls: int) -> dict[str, object]:
        return read_below(calls - 1) if calls else read_object(nested(DEEPEST))

    assert read_below(sys.getrecursionlimit() // 2)


any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=8,
)


@given(value=st.dictionaries(any_text, values), escaped=st.booleans())
def test_any_object_reads_back_as_written(value: dict[str, object], *, escaped: bool) -> None:
    again = read_object(json.dumps(value, ensure_ascii=escaped).encode())
    assert again == value
    assert list(again) == list(value), "in the order written"


@given(
    document=st.binary(max_size=64)
    | st.lists(
        st.sampled_from([*'{}[]:,"\\0e-', "\\ud800", "\\u0061", '"a":', "1e999", "NaN", "é"]),
        max_size=12,
    ).map(lambda parts: "".join(parts).encode())
)
def test_any_bytes_are_an_object_that_can_be_written_or_refused(document: bytes) -> None:
    try:
        value = read_object(document)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


WITHOUT_FLOATS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), WITHOUT_FLOATS)


@given(OBJECTS)
def test_what_is_written_are_the_bytes_of_pythons_own_writer(members: dict[str, object]) -> None:
    compact = {"separators": (",", ":"), "allow_nan": False}
    assert write(members) == json.dumps(members, ensure_ascii=False, **compact).encode()  # type: ignore[arg-type]
    assert json.loads(write_ascii(members)) == members
    assert write_ascii(members).isascii()


@given(OBJECTS, st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_reads_as_it_was(members: dict[str, object], number: float) -> None:
    assert read_object(write({**members, "a": [number]})) == {**members, "a": [number]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_is_no_json_is_not_written(value: object) -> None:
    for written in (write, write_ascii):
        with pytest.raises(ValueError, match=r"."):
            written({"a": [value]})
