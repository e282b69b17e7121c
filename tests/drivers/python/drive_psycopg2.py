"""psycopg2: no parameters in the protocol; named cursors, COPY, cancel, polled notifications."""

import datetime
import decimal
import io
import select

import psycopg2
from dbapi import DbApi
from report import SECONDS_MAX, address, check, run, same


def connect(**more):
    here = address()
    connection = psycopg2.connect(host=here["host"], port=here["port"], user=here["user"],
                                  password=here["password"], dbname=here["database"], **more)
    connection.autocommit = True
    return connection


plain = DbApi(connect, lambda error: getattr(error, "pgcode", None))


@check("values")
def values():
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    row = (7, 2**40, "Grüße ☂", decimal.Decimal("1.50"), moment, None, True, [1, None], 0.1)
    with plain.connections() as [one]:
        found = plain.query(one, "SELECT ?::int, ?::bigint, ?::text, ?::numeric, ?::timestamptz, "
                            "?, ?::bool, ?::int[], ?::float8", *row)
        for value, wanted in zip(found[0], row, strict=True):
            same(value, wanted)
        same(bytes(plain.query(one, "SELECT ?::bytea", b"\0\xff")[0][0]), b"\0\xff")
        text = "☂x" * 1_000_000
        same(plain.query(one, "SELECT ?::text", text), [(text,)])


plain.register_errors_and_transactions()
plain.register_parameters("simple protocol")


@check("transaction of its own")
def transaction_of_its_own():
    """Without autocommit, as psycopg2 is by itself: it sends BEGIN before the first statement."""
    with plain.connections(2) as [one, other]:
        plain.query(one, "CREATE TABLE implicit (n int)")
        one.autocommit = False
        one.set_session(isolation_level="SERIALIZABLE", readonly=True)
        same(plain.query(one, "SHOW transaction_isolation"), [("serializable",)])
        plain.refused("25006", plain.query, one, "INSERT INTO implicit VALUES (1)")
        one.rollback()
        plain.query(other, "INSERT INTO implicit VALUES (2)")
        same(plain.query(one, "SELECT n FROM implicit"), [(2,)])
        one.commit()


@check("server-side cursor")
def server_side_cursor():
    with plain.connections() as [one]:
        one.autocommit = False
        with one, one.cursor(name="numbers") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT generate_series(1, %s)", (1000,))
            same([row[0] for row in cursor], list(range(1, 1001)))


@check("copy in")
def copy_in():
    with plain.connections() as [one], one.cursor() as cursor:
        cursor.execute("CREATE TABLE copied (n int)")
        text = "".join(f"{i}\n" for i in range(1000))
        cursor.copy_expert("COPY copied FROM STDIN", io.StringIO(text))
        plain.refused("22P02", cursor.copy_expert, "COPY copied FROM STDIN", io.StringIO("x\n"))
        same(plain.query(one, "SELECT count(*)::int FROM copied"), [(1000,)])


@check("copy out")
def copy_out():
    with plain.connections() as [one], one.cursor() as cursor:
        text = io.StringIO()
        cursor.copy_expert("COPY (SELECT generate_series(1, 1000)) TO STDOUT", text)
        same(text.getvalue(), "".join(f"{i}\n" for i in range(1, 1001)))
        same(plain.query(one, "SELECT 7"), [(7,)])


plain.register_cancel(lambda connection: connection.cancel())
plain.register_concurrency()


@check("startup settings")
def startup_settings():
    with connect(options="-c work_mem=1234kB", application_name="me") as one:
        same(plain.query(one, "SHOW work_mem"), [("1234kB",)])
        same(plain.query(one, "SHOW application_name"), [("me",)])


@check("listen")
def listen():
    with plain.connections(2) as [one, other]:
        plain.query(one, "LISTEN news")
        plain.query(other, "NOTIFY news, 'hello'")
        select.select([one], [], [], SECONDS_MAX)
        one.poll()
        same([(note.channel, note.payload) for note in one.notifies], [("news", "hello")])


plain.register_session_state()
plain.register_discard_all()
run("psycopg2", psycopg2.__version__.split()[0])
