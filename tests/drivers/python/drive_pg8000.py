"""pg8000: every statement has a name, the same names in every session. It cannot cancel."""

import datetime
import decimal
import io

import pg8000
from dbapi import DbApi
from report import address, check, run, same


def connect():
    here = address()
    connection = pg8000.connect(host=here["host"], port=int(here["port"]), user=here["user"],
                                database=here["database"])
    connection.autocommit = True
    return connection


# Its errors are the fields of the server's message.
plain = DbApi(connect, lambda error: error.args[2] if len(error.args) > 2 else None)


@check("values")
def values():
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    row = (7, 2**40, "Grüße ☂", b"\0\xff", decimal.Decimal("1.50"), moment, True, [1, None], 0.1)
    with plain.connections() as [one]:
        found = plain.query(one, "SELECT ?::int, ?::bigint, ?::text, ?::bytea, ?::numeric, "
                            "?::timestamptz, ?::bool, ?::int[], ?::float8", *row)
        for value, wanted in zip(found[0], row, strict=True):
            same(value, wanted)
        same(plain.query(one, "SELECT NULL"), [(None,)])


plain.register_errors_and_transactions()
plain.register_parameters("statement cache")


@check("copy in")
def copy_in():
    with plain.connections() as [one]:
        cursor = one.cursor()
        cursor.execute("CREATE TABLE copied (n int)")
        text = "".join(f"{i}\n" for i in range(1000)).encode()
        cursor.execute("COPY copied FROM STDIN", stream=io.BytesIO(text))
        same(plain.query(one, "SELECT count(*)::int FROM copied"), [(1000,)])


@check("copy out")
def copy_out():
    with plain.connections() as [one]:
        came = io.BytesIO()
        one.cursor().execute("COPY (SELECT generate_series(1, 1000)) TO STDOUT", stream=came)
        same(came.getvalue(), "".join(f"{i}\n" for i in range(1, 1001)).encode())


plain.register_concurrency()
plain.register_session_state()
run("pg8000", pg8000.__version__)
