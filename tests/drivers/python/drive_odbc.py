"""ODBC (psqlODBC, by way of pyodbc): prepares at the server, fetches in parts."""

import concurrent.futures
import datetime
import decimal
import glob
import re

import pyodbc
from dbapi import DbApi
from report import address, check, run, same

# Where Debian puts it, on whatever machine: what odbcinst.ini calls it may differ.
[LIBRARY] = glob.glob("/usr/lib/*/odbc/psqlodbcw.so")


def connect(autocommit=True, **settings):
    """With truths as truths, and without a savepoint around every statement (the 0 in 7.4-0)."""
    here = address()
    text = ";".join(f"{key}={value}" for key, value in {
        "DRIVER": LIBRARY, "SERVER": here["host"], "PORT": here["port"], "UID": here["user"],
        "PWD": here["password"], "DATABASE": here["database"], "BoolsAsChar": 0,
        "Protocol": "7.4-0", **settings}.items())
    return pyodbc.connect(text, autocommit=autocommit)


plain = DbApi(lambda: connect(UseServerSidePrepare=0), lambda error: error.args[0],
              placeholder="?")
prepared = DbApi(lambda: connect(UseServerSidePrepare=1), plain.sqlstate, placeholder="?")


@check("values")
def values():
    moment = datetime.datetime(2024, 2, 29, 12, 30)
    row = (7, 2**40, "Grüße ☂", b"\0\xff", decimal.Decimal("1.50"), moment, 0.1)
    with plain.connections() as [one]:
        [found] = plain.query(one, "SELECT ?::int, ?::bigint, ?::text, ?::bytea, ?::numeric(5, 2), "
                              "?::timestamp, ?::float8", *row)
        for value, wanted in zip(found, row, strict=True):
            same(value, wanted)


plain.register_errors_and_transactions()
plain.register_parameters("simple protocol")
prepared.register_parameters("named statements")


@check("savepoint for each statement")
def savepoint_for_each_statement():
    """Its way by itself, 7.4-2: an error leaves the transaction as it was before the statement."""
    with connect(autocommit=False, Protocol="7.4-2") as one:
        plain.query(one, "CREATE TABLE saved (n int)")
        for i in range(3):
            plain.query(one, "INSERT INTO saved VALUES (?)", i)
            plain.refused("22012", plain.query, one, "SELECT 1/0")
        one.commit()
        same(plain.query(one, "SELECT count(*)::int FROM saved"), [(3,)])


@check("server-side cursor")
def server_side_cursor():
    with connect(autocommit=False, UseDeclareFetch=1, Fetch=7) as one:
        same([row[0] for row in one.execute("SELECT generate_series(1, 1000)")],
             list(range(1, 1001)))
        one.rollback()


@check("catalogue")
def catalogue():
    """What programs that show tables ask for."""
    with plain.connections() as [one]:
        plain.query(one, "CREATE TABLE shown (n int PRIMARY KEY, t text)")
        cursor = one.cursor()
        same([row.table_name for row in cursor.tables(table="shown")], ["shown"])
        same([row.column_name for row in cursor.columns(table="shown")], ["n", "t"])
        same([row.column_name for row in cursor.primaryKeys(table="shown")], ["n"])


@check("cancel")
def cancel():
    """SQLCancel of a statement that another thread waits for."""
    with plain.connections(2) as [one, other], \
            concurrent.futures.ThreadPoolExecutor(1) as thread:
        for _ in range(3):
            cursor = one.cursor()
            asleep = thread.submit(
                plain.refused, "57014", cursor.execute, "SELECT 'cancel me', pg_sleep(20)")
            plain.wait_until_seen(other, "%cancel me%pg_sleep%")
            cursor.cancel()
            asleep.result()
            same(plain.query(one, "SELECT 7"), [(7,)])
            same(plain.query(other, "SELECT 8"), [(8,)])


plain.register_concurrency()
plain.register_session_state()
plain.register_discard_all()
with connect() as version:
    run("ODBC", re.sub(r"\b0+\b(?=\d)", "", version.getinfo(pyodbc.SQL_DRIVER_VER)))
