"""The id that a refusal and its line in the log share."""

from uuid import RFC_4122, UUID

from token_server.web.refused import new_trace_id


def test_each_trace_id_is_a_random_uuid_of_its_own() -> None:
    uuids = [UUID(new_trace_id()) for _ in range(200)]
    assert {(each.version, each.variant) for each in uuids} == {(4, RFC_4122)}
    assert len(set(uuids)) == len(uuids)
    # Each of the 122 free bits is sometimes one, sometimes none.
    ones, zeros = 0, 0
    for each in uuids:
        ones, zeros = ones | each.int, zeros | ~each.int
    assert (ones & zeros & ((1 << 128) - 1)).bit_count() == 122
