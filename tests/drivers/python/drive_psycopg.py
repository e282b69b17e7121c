"""psycopg 3: prepared by itself and by hand, pipelines, COPY, cursors, cancel, notifications."""

import datetime
import decimal
import select

import psycopg
from dbapi import DbApi
from report import CROWD, ROUNDS, SECONDS_MAX, address, check, run, same


def connect(**more):
    here = address()
    return psycopg.connect(host=here["host"], port=here["port"], user=here["user"],
                           password=here["password"], dbname=here["database"],
                           **{"autocommit": True, "prepare_threshold": None, **more})


plain = DbApi(connect, lambda error: getattr(error, "sqlstate", None))


@check("values")
def values():
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    row = (7, 2**40, "Grüße ☂", b"\0\xff", decimal.Decimal("1.50"), moment, None, True, [1, None],
           0.1, {"a": [1]})
    sql = ("SELECT %s::int, %s::bigint, %s::text, %s::bytea, %s::numeric, %s::timestamptz, %s, "
           "%s::bool, %s::int[], %s::float8, %s::jsonb")
    with connect() as connection:
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                found = cursor.execute(
                    sql, (*row[:-1], psycopg.types.json.Jsonb(row[-1]))).fetchone()
                for value, wanted in zip(found, row, strict=True):
                    if wanted == moment:
                        value = value.astimezone(datetime.timezone.utc)
                    same(value, wanted)


@check("large values")
def large_values():
    with connect() as connection:
        for size in (1 << 13, 1 << 16, 5_000_000):
            text = "☂x" * (size // 4)
            found = connection.execute("SELECT %s::text, md5(%s::text)", (text, text)).fetchone()
            same(found[0], text)
            same(connection.execute("SELECT length(%s::text)", (text,)).fetchone(), (len(text),))


plain.register_errors_and_transactions()
plain.register_parameters("unnamed statements")


@check("nested transactions")
def nested_transactions():
    with connect() as connection:
        connection.execute("CREATE TABLE nested (n int)")
        with connection.transaction():
            connection.execute("INSERT INTO nested VALUES (1)")
            try:
                with connection.transaction():
                    connection.execute("INSERT INTO nested VALUES (2)")
                    connection.execute("SELECT 1/0")
            except psycopg.errors.DivisionByZero:
                pass
        same(connection.execute("SELECT array_agg(n) FROM nested").fetchone(), ([1],))


named = DbApi(lambda: connect(prepare_threshold=0), plain.sqlstate)
named.register_parameters("named statements")
DbApi(lambda: connect(prepare_threshold=5), plain.sqlstate).register_parameters("statement cache")


@check("batch")
def batch():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE batch (n int, t text)")
        cursor.executemany("INSERT INTO batch VALUES (%s, %s)", [(i, str(i)) for i in range(200)])
        same(cursor.rowcount, 200)
        same(cursor.execute("SELECT sum(n)::int, max(t) FROM batch").fetchone(), (19900, "99"))


def failing_pipeline(connection):
    with connection.pipeline():
        connection.execute("SELECT 1/%s::int", (0,))
        connection.execute("SELECT 1")


@check("pipeline")
def pipeline():
    with connect() as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int", (i,)) for i in range(100)]
            same([cursor.fetchone() for cursor in cursors], [(i,) for i in range(100)])
        plain.refused("22012", failing_pipeline, connection)
        same(connection.execute("SELECT 9").fetchone(), (9,))


@check("server-side cursor")
def server_side_cursor():
    with connect() as connection, connection.transaction():
        with connection.cursor(name="numbers") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT generate_series(1, %s)", (1000,))
            same([row[0] for row in cursor], list(range(1, 1001)))
        with connection.cursor(name="back", scrollable=True) as cursor:
            cursor.execute("SELECT generate_series(1, 10)")
            cursor.scroll(5)
            same(cursor.fetchone(), (6,))


@check("copy in")
def copy_in():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE copied (n int, t text)")
        with cursor.copy("COPY copied FROM STDIN") as copy:
            for i in range(1000):
                copy.write_row((i, f"tab\t{i}" * 20))
        same(cursor.rowcount, 1000)

        def broken():
            with cursor.copy("COPY copied FROM STDIN") as copy:
                copy.write("no number\n")

        plain.refused("22P02", broken)
        same(cursor.execute("SELECT count(*)::int, min(t) FROM copied").fetchone(),
             (1000, "tab\t0" * 20))


@check("copy out")
def copy_out():
    with connect() as connection, connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT n, 'x' FROM generate_series(1, 1000) n) TO STDOUT "
                         "(FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            same(list(copy.rows()), [(i, "x") for i in range(1, 1001)])
        same(cursor.execute("SELECT 7").fetchone(), (7,))


plain.register_cancel(lambda connection: connection.cancel())


@check("asynchronous")
async def asynchronous():
    here = address()
    async with await psycopg.AsyncConnection.connect(
            host=here["host"], port=here["port"], user=here["user"], password=here["password"],
            dbname=here["database"], autocommit=True, prepare_threshold=None) as connection:
        for i in range(ROUNDS):
            cursor = await connection.execute("SELECT %s::int", (i,))
            same(await cursor.fetchone(), (i,))


plain.register_concurrency()
named.register_concurrency("concurrency of named statements")


@check("startup settings")
def startup_settings():
    crowd = [connect(options=f"-c work_mem={1000 + i}kB -c search_path=schema_{i}",
                     application_name=f"number {i}") for i in range(CROWD)]
    for i, one in enumerate(crowd):
        for name, wanted in (("work_mem", f"{1000 + i}kB"), ("search_path", f"schema_{i}"),
                             ("application_name", f"number {i}")):
            same(one.execute(f"SHOW {name}").fetchone(), (wanted,))
        one.close()


@check("listen")
def listen():
    with connect() as one, connect() as other:
        came = []
        one.add_notify_handler(lambda note: came.append((note.channel, note.payload)))
        one.execute("LISTEN news")
        other.execute("NOTIFY news, 'hello'")
        select.select([one.fileno()], [], [], SECONDS_MAX)
        one.execute("SELECT 1")
        same(came, [("news", "hello")])


plain.register_session_state()
plain.register_discard_all()
run("psycopg", psycopg.__version__)
