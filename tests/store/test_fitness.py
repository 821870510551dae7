"""What is found out about a store before anybody is served, and what that leads to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from support.processes import free_port
from support.valkey import running_valkey

from token_server.problems import Problem
from token_server.store.connect import connect
from token_server.store.fitness import Fitness, check_fitness
from token_server.store.names import ACCOUNTS, PROBE

AsUser = Callable[..., Awaitable[str]]

pytestmark = pytest.mark.anyio
RULES = ("appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy")


@pytest.fixture
async def settings(redis: Redis) -> AsyncIterator[Redis]:
    """The shared store, to be set otherwise; set back afterwards."""
    before = await redis.config_get(*RULES)
    yield redis
    for name, value in before.items():
        assert name is not None
        assert value is not None
        await redis.config_set(name, value)


@pytest.fixture
async def as_user(redis: Redis, store_socket: Path) -> AsyncIterator[AsUser]:
    """The URL of a user who may run these commands on the shared store."""

    async def url(*commands: str) -> str:
        await redis.acl_setuser(
            "user", enabled=True, passwords=["+pw"], keys=["*"], commands=commands
        )
        return f"unix://user:pw@{store_socket}"

    yield url
    await redis.acl_deluser("user")


async def fitness_at(url: str) -> Fitness:
    client = connect(url)
    try:
        return await check_fitness(client)
    finally:
        await client.aclose()


async def problem_at(url: str) -> Problem:
    with pytest.raises(Problem) as refused:
        await fitness_at(url)
    return refused.value


def the_warning(fitness: Fitness) -> str:
    (warning,) = fitness.warnings
    return f"{warning.level}: {warning.text}. {warning.fix}"


async def test_the_embedded_store_is_fit_and_fsyncs_by_itself(redis: Redis) -> None:
    assert await check_fitness(redis) == Fitness(waits_for_fsync=False, warnings=())


async def test_checking_leaves_nothing_behind(redis: Redis) -> None:
    await check_fitness(redis)
    assert await redis.keys() in ([], [PROBE.encode()])
    assert 0 < await redis.pttl(PROBE) <= 10_000


async def test_a_store_that_fsyncs_once_a_second_is_waited_for(settings: Redis) -> None:
    await settings.config_set("appendfsync", "everysec")
    assert await check_fitness(settings) == Fitness(waits_for_fsync=True, warnings=())


async def test_a_store_that_never_fsyncs_is_warned_of_and_not_waited_for(settings: Redis) -> None:
    """WAITAOF would never be answered: each log-in would fail."""
    await settings.config_set("appendfsync", "no")
    fitness = await check_fitness(settings)
    assert not fitness.waits_for_fsync
    assert "appendfsync no" in the_warning(fitness)
    assert "set appendfsync always" in the_warning(fitness)


async def test_where_waiting_is_not_allowed_it_is_warned_of(
    settings: Redis, as_user: AsUser
) -> None:
    await settings.config_set("appendfsync", "everysec")
    fitness = await fitness_at(await as_user("+@all", "-waitaof"))
    assert not fitness.waits_for_fsync
    assert "+waitaof" in the_warning(fitness)


@pytest.mark.parametrize(
    ("save", "forgets"), [("3600 1", "since its last snapshot"), ("", "everything")]
)
async def test_without_an_append_only_file_what_it_forgets_is_warned_of(
    settings: Redis, save: str, forgets: str
) -> None:
    await settings.config_set("appendonly", "no")
    await settings.config_set("appendfsync", "everysec")
    await settings.config_set("save", save)
    fitness = await check_fitness(settings)
    assert not fitness.waits_for_fsync
    assert forgets in the_warning(fitness)
    assert "set appendonly yes" in the_warning(fitness)


async def test_a_store_that_evicts_is_refused(settings: Redis, store_socket: Path) -> None:
    await settings.config_set("maxmemory", "100mb")
    await settings.config_set("maxmemory-policy", "volatile-lru")
    problem = await problem_at(f"unix://{store_socket}")
    assert "maxmemory-policy volatile-lru deletes sessions" in problem.text
    assert problem.hint == "set maxmemory-policy noeviction"


async def test_a_store_that_would_evict_if_it_had_a_limit_is_warned_of(settings: Redis) -> None:
    await settings.config_set("maxmemory-policy", "allkeys-lru")
    assert "maxmemory-policy allkeys-lru" in the_warning(await check_fitness(settings))


async def test_a_store_that_is_full_is_refused(settings: Redis, store_socket: Path) -> None:
    await settings.config_set("maxmemory", "1")
    problem = await problem_at(f"unix://{store_socket}")
    assert "does not take a write" in problem.text
    assert "maxmemory" in problem.text


async def test_a_replica_is_refused(tmp_path: Path) -> None:
    with running_valkey(tmp_path, "--replicaof", "127.0.0.1", str(free_port())) as socket:
        problem = await problem_at(f"unix://{socket}")
    assert "it is a replica" in problem.text
    assert problem.hint == "name the primary in STORE_URL"


async def test_a_node_of_a_cluster_is_refused(tmp_path: Path) -> None:
    options = ("--cluster-enabled", "yes", "--port", str(free_port()), "--cluster-port")
    with running_valkey(tmp_path, *options, str(free_port())) as socket:
        problem = await problem_at(f"unix://{socket}")
    assert "cluster mode" in problem.text


async def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    options = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    primary = ("--replicaof", "127.0.0.1", str(free_port()))
    with running_valkey(tmp_path, *options, *primary) as socket:
        problem = await problem_at(f"unix://{socket}")
    assert "replica" in problem.text
    assert "allkeys-lru" in problem.text
    assert problem.hint is not None
    assert "primary" in problem.hint
    assert "noeviction" in problem.hint


@pytest.mark.parametrize(
    ("denied", "untold"),
    [
        (["-config"], "appendfsync"),
        (["-config", "-info"], "version, role, maxmemory-policy, appendonly, appendfsync"),
    ],
)
async def test_what_a_managed_store_does_not_tell_is_warned_of(
    as_user: AsUser, denied: list[str], untold: str
) -> None:
    """And what can be waited for is waited for: it may be needed."""
    fitness = await fitness_at(await as_user("+@all", *denied))
    assert fitness.waits_for_fsync
    assert f"the store does not tell its {untold}." in the_warning(fitness)


async def test_a_user_who_may_not_write_is_refused(as_user: AsUser) -> None:
    problem = await problem_at(await as_user("+@all", "-set"))
    assert "'set'" in problem.text


@pytest.mark.parametrize("user_info", ["app:s3cr3t@", ":s3cr3t@", ""])
async def test_a_wrong_password_is_told_and_not_shown(tmp_path: Path, user_info: str) -> None:
    with running_valkey(tmp_path, "--requirepass", "another") as socket:
        problem = await problem_at(f"unix://{user_info}{socket}")
    assert problem.text == "the store does not accept the user and password"
    assert "s3cr3t" not in f"{problem!r} {problem.hint} {problem.__cause__}"
    assert problem.__suppress_context__


async def test_a_store_that_is_not_there_is_told() -> None:
    port = free_port()
    problem = await problem_at(f"redis://app:s3cr3t@127.0.0.1:{port}")
    assert "cannot be reached" in problem.text
    assert f"127.0.0.1:{port}" in problem.text
    assert "s3cr3t" not in f"{problem!r} {problem.hint} {problem.__cause__!r}"


@pytest.mark.parametrize(
    ("denied", "right"),
    [
        ("-eval", "+eval"),
        ("-evalsha", "+evalsha"),
        ("-hincrby", "+hincrby"),
        ("-zremrangebyrank", "+zremrangebyrank"),
    ],
)
async def test_a_missing_right_is_named_with_the_command_that_gives_it(
    as_user: AsUser, denied: str, right: str
) -> None:
    problem = await problem_at(await as_user("+@all", denied))
    assert problem.text == f"the user user of the store may not run {right[1:]}"
    assert problem.hint == f"ACL SETUSER user {right}"


async def test_a_user_who_may_not_name_its_connection_is_good_enough(as_user: AsUser) -> None:
    fitness = await fitness_at(await as_user("+@all", "-client|setname", "-client|setinfo"))
    assert fitness.warnings == ()


async def test_a_key_of_another_type_is_refused_by_name(redis: Redis, store_socket: Path) -> None:
    await redis.lpush(ACCOUNTS, "of another program")
    problem = await problem_at(f"unix://{store_socket}")
    assert f"the key {ACCOUNTS} in the store is of type list, expected set" in problem.text
    await redis.delete(ACCOUNTS)


async def test_a_database_that_is_not_there_is_named(store_socket: Path) -> None:
    problem = await problem_at(f"unix://{store_socket}?db=99")
    assert problem.text == "the store has no database 99"


@asynccontextmanager
async def listener(answer: bytes | None) -> AsyncIterator[int]:
    """A port that gives this answer to anything, and hangs up; None: it stays silent."""
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        with suppress(ConnectionError):
            await reader.read(1)
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.wait([each for each in connections if each])


@pytest.mark.parametrize("answer", [None, b"-ERR unknown command\r\n"], ids=["none", "error"])
async def test_tls_spoken_to_a_plain_port_is_told(answer: bytes | None) -> None:
    async with listener(answer) as port:
        problem = await problem_at(f"rediss://127.0.0.1:{port}")
    assert problem.text == f"the store at 127.0.0.1:{port} does not answer in TLS"
    assert "redis://" in str(problem.hint)


@pytest.mark.parametrize("alert", [b"", bytes.fromhex("15030100020246")], ids=["none", "alert"])
async def test_no_tls_spoken_to_a_tls_port_is_told(alert: bytes) -> None:
    async with listener(alert) as port:
        problem = await problem_at(f"redis://127.0.0.1:{port}")
    assert problem.text == f"what listens at 127.0.0.1:{port} does not answer as a store does"
    assert "rediss://" in str(problem.hint)


async def test_a_store_that_is_not_there_is_told_without_the_words_of_a_driver() -> None:
    port = free_port()
    problem = await problem_at(f"redis://127.0.0.1:{port}")
    assert problem.text == f"the store cannot be reached at 127.0.0.1:{port}: Connection refused"
    problem = await problem_at("unix:///nowhere/s")
    assert problem.text == ("the store cannot be reached at /nowhere/s: No such file or directory")


async def test_an_unknown_host_of_the_store_is_named() -> None:
    problem = await problem_at("redis://store.invalid:6379")
    assert problem.text == (
        "the store cannot be reached at store.invalid:6379: the host name cannot be resolved"
    )
