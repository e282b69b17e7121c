"""asyncpg: everything prepared, by itself; its pool, cursors, COPY, cancel by timeout, listeners."""

import asyncio
import contextlib
import datetime
import decimal
import os

import asyncpg
from report import CROWD, ROUNDS, SECONDS_MAX, WORKERS, check, run, same


@contextlib.asynccontextmanager
async def connections(count=1, **more):
    """asyncpg takes the address from the environment."""
    all_of_them = []
    try:
        for _ in range(count):
            all_of_them.append(await asyncpg.connect(**more))
        yield all_of_them
    finally:
        for one in all_of_them:
            one.terminate()


async def refused(sqlstate, awaitable):
    try:
        await awaitable
    except asyncpg.PostgresError as error:
        if error.sqlstate != sqlstate:
            raise
    else:
        raise AssertionError(f"no error {sqlstate}")


@check("values")
async def values():
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    row = (7, 2**40, "Grüße ☂", b"\0\xff", decimal.Decimal("1.50"), moment, None, True, [1, None],
           0.1)
    async with connections() as [one]:
        found = await one.fetchrow(
            "SELECT $1::int, $2::bigint, $3::text, $4::bytea, $5::numeric, $6::timestamptz, "
            "$7::text, $8::bool, $9::int[], $10::float8", *row)
        for value, wanted in zip(found, row, strict=True):
            same(value, wanted)


@check("custom types")
async def custom_types():
    """What it does not know it looks up, with a statement of its own in between."""
    async with connections() as [one]:
        await one.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
        await one.execute("CREATE TYPE pair AS (left_one mood, right_one int)")
        same(tuple(await one.fetchval("SELECT $1::pair", ("sad", 7))), ("sad", 7))
        same(await one.fetchval("SELECT ARRAY['glad']::mood[]"), ["glad"])


@check("simple protocol")
async def simple_protocol():
    """execute() without arguments; it tells no values, only tags."""
    async with connections() as [one]:
        same(await one.execute("CREATE TABLE simple (n int)"), "CREATE TABLE")
        same(await one.execute("INSERT INTO simple SELECT 1; UPDATE simple SET n = 2"), "UPDATE 1")


@check("errors")
async def errors():
    async with connections(statement_cache_size=0) as [one]:
        for _ in range(3):
            await refused("22012", one.fetch("SELECT 1/$1::int", 0))
            await refused("42601", one.fetch("SELEKT"))
            await refused("22012", one.execute("SELECT 1/0"))
            same(await one.fetchval("SELECT 7"), 7)


@check("transaction")
async def transaction():
    async with connections(2) as [one, other]:
        await one.execute("CREATE TABLE kept (n int)")
        async with one.transaction():
            await one.execute("INSERT INTO kept VALUES (1)")
            with contextlib.suppress(asyncpg.DivisionByZeroError):
                async with one.transaction():
                    await one.execute("INSERT INTO kept VALUES (2)")
                    await one.execute("SELECT 1/0")
            same(await other.fetchval("SELECT count(*) FROM kept"), 0)
        same([tuple(row) for row in await other.fetch("SELECT n FROM kept")], [(1,)])


async def all_at_once(crowd):
    """Each with a text of its own: another one's statement would be a wrong answer."""
    async def ask(i, one):
        for turn in range(ROUNDS):
            row = await one.fetchrow(f"SELECT {i}, $1::text", f"turn {turn}")
            same(tuple(row), (i, f"turn {turn}"))

    await asyncio.gather(*(ask(i, one) for i, one in enumerate(crowd)))


@check("unnamed statements")
async def unnamed_statements():
    """Parsed and described up to a Sync, bound and executed up to another."""
    async with connections(CROWD, statement_cache_size=0) as crowd:
        await all_at_once(crowd)


@check("statement cache")
async def statement_cache():
    async with connections(CROWD, statement_cache_size=3) as crowd:
        await all_at_once(crowd)
        for i in range(10):  # more than the cache holds
            same(await crowd[0].fetchval(f"SELECT {i}"), i)


@check("named statements")
async def named_statements():
    async with connections(CROWD) as crowd:
        prepared = [await one.prepare(f"SELECT {i} + $1::int") for i, one in enumerate(crowd)]
        for i, statement in enumerate(prepared):
            same(await statement.fetchval(100), 100 + i)


@check("changed table")
async def changed_table():
    """What is prepared of a table that changes then is prepared anew, without anyone noticing."""
    async with connections(CROWD) as crowd:
        await crowd[0].execute("CREATE TABLE changing AS SELECT 1 AS a")
        for width in range(1, 5):
            for _ in range(2):
                for one in crowd:
                    same(len(await one.fetchrow("SELECT * FROM changing")), width)
            await crowd[0].execute(f"ALTER TABLE changing ADD COLUMN b{width} int")


@check("batch")
async def batch():
    async with connections() as [one]:
        await one.execute("CREATE TABLE batch (n int)")
        await one.executemany("INSERT INTO batch VALUES ($1)", [(i,) for i in range(200)])
        same(await one.fetchval("SELECT sum(n) FROM batch"), 19900)


@check("server-side cursor")
async def server_side_cursor():
    async with connections() as [one], one.transaction():
        found = [row[0] async for row in one.cursor("SELECT generate_series(1, $1)", 1000,
                                                    prefetch=100)]
        same(found, list(range(1, 1001)))


@check("copy in")
async def copy_in():
    async with connections() as [one]:
        await one.execute("CREATE TABLE copied (n int, t text)")
        rows = [(i, f"line {i}") for i in range(1000)]
        same(await one.copy_records_to_table("copied", records=rows), "COPY 1000")
        same(await one.fetchval("SELECT count(*) FROM copied"), 1000)


@check("copy out")
async def copy_out():
    came = bytearray()

    async def take(data):
        came.extend(data)

    async with connections() as [one]:
        tag = await one.copy_from_query("SELECT generate_series(1, 1000)", output=take)
        same((tag, len(came.splitlines())), ("COPY 1000", 1000))


@check("cancel")
async def cancel():
    """A timeout cancels what runs."""
    async with connections() as [one]:
        for _ in range(3):
            try:
                await one.execute("SELECT pg_sleep(20)", timeout=0.05)
            except asyncio.TimeoutError:
                same(await one.execute("SELECT 7"), "SELECT 1")
                continue
            raise AssertionError("it was not cancelled")


@check("concurrency")
async def concurrency():
    """Its pool, and RESET after each of its users."""
    async with asyncpg.create_pool(min_size=WORKERS, max_size=WORKERS) as pool:
        await pool.execute("CREATE TABLE done (worker int)")

        async def work(worker):
            for turn in range(ROUNDS):
                async with pool.acquire() as one, one.transaction():
                    await one.execute("INSERT INTO done VALUES ($1)", worker)
                    same(await one.fetchval("SELECT $1::int", worker * 1000 + turn),
                         worker * 1000 + turn)

        await asyncio.gather(*map(work, range(WORKERS)))
        same(await pool.fetchval("SELECT count(*) FROM done"), WORKERS * ROUNDS)


@check("listen")
async def listen():
    async with connections(2) as [one, other]:
        came = asyncio.Queue()
        await one.add_listener("news", lambda _, pid, channel, text: came.put_nowait(text))
        await other.execute("NOTIFY news, 'hello'")
        same(await asyncio.wait_for(came.get(), SECONDS_MAX), "hello")


@check("startup settings")
async def startup_settings():
    async with connections(server_settings={"work_mem": "1234kB", "search_path": "one"}) as [one]:
        same(await one.fetchval("SELECT current_setting('work_mem')"), "1234kB")
        same(await one.fetchval("SELECT current_setting('search_path')"), "one")
    # Its pool says RESET ALL behind each user.
    own = {"timezone": "Asia/Tokyo", "work_mem": "1234kB"}
    async with asyncpg.create_pool(min_size=1, max_size=1, server_settings=own) as pool:
        for _ in range(3):
            async with pool.acquire() as one:
                for name, value in own.items():
                    same(await one.fetchval("SELECT current_setting($1)", name), value)


os.environ.pop("PGGSSENCMODE", None)
run("asyncpg", asyncpg.__version__)
