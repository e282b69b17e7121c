"""psql: a crowd of interactive sessions, its \\copy, its FETCH_COUNT, Ctrl-C and notifications."""

import concurrent.futures
import os
import re
import signal
import subprocess

from dbapi import DbApi
from report import WORKERS, check, run, same

PSQL = os.path.join(os.environ["PGWEIR_BIN"], "psql")
END = "-- answered"


class SqlError(Exception):
    def __init__(self, sqlstate, message):
        super().__init__(message)
        self.sqlstate = sqlstate


class Psql:
    """A session: commands go to its standard input, a line of our own marks an answer's end."""

    def __init__(self):
        self.child = subprocess.Popen(
            [PSQL, "-XqAt", "-F", "\t", "-v", "VERBOSITY=verbose"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1)

    def ask(self, text):
        """The lines it answers."""
        self.child.stdin.write(f"{text}\n\\echo '{END}'\n")
        lines, sqlstate = [], None
        for line in self.child.stdout:
            if line == f"{END}\n":
                break
            if error := re.match(r"(?:ERROR|FATAL):  (\w{5}): ", line):
                sqlstate = error.group(1)
            lines.append(line.rstrip("\n"))
        else:
            raise AssertionError(f"psql ended: {lines}")
        if sqlstate:
            raise SqlError(sqlstate, "\n".join(lines))
        return lines

    def close(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait()


class PsqlDriver(DbApi):
    """What psql prints is text: numbers and truths are made of it again."""

    def query(self, connection, sql, *parameters):
        for parameter in parameters:
            sql = sql.replace("?", "'" + str(parameter) + "'", 1)
        return [tuple(map(value_of, line.split("\t"))) for line in connection.ask(sql + ";")]


def value_of(text):
    return int(text) if text.isdecimal() else {"t": True, "f": False}.get(text, text)


psql = PsqlDriver(Psql, lambda error: getattr(error, "sqlstate", None))


@check("values")
def values():
    with psql.connections() as [one]:
        same(one.ask("SELECT 7, 'Grüße ☂', NULL, '\\x00ff'::bytea, 1.50, ARRAY[1, NULL];"),
             ["7\tGrüße ☂\t\t\\x00ff\t1.50\t{1,NULL}"])
        same(one.ask("SELECT 1 AS \"a b\", now() AS t \\gdesc"),
             ["a b\tinteger", "t\ttimestamp with time zone"])
        same(one.ask("SELECT 1\\; SELECT 2;"), ["1", "2"])


@check("large values")
def large_values():
    with psql.connections() as [one]:
        same(one.ask("SELECT repeat('☂x', 1000000);"), ["☂x" * 1000000])
        same(one.ask(f"SELECT length('{'☂x' * 1000000}');"), ["2000000"])


psql.register_errors_and_transactions()


@check("server-side cursor")
def server_side_cursor():
    with psql.connections() as [one]:
        one.ask("\\set FETCH_COUNT 100")
        same(one.ask("SELECT generate_series(1, 1000);"), [str(i) for i in range(1, 1001)])
        one.ask("\\unset FETCH_COUNT")
        same(one.ask("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 9); "
                     "FETCH ABSOLUTE 5 FROM c; FETCH PRIOR FROM c; COMMIT;"), ["5", "4"])


@check("copy in")
def copy_in():
    with psql.connections() as [one]:
        one.ask("CREATE TABLE copied (n int, t text);")
        rows = "\n".join(f"{i}\tline {i}" for i in range(1000))
        one.ask(f"COPY copied FROM STDIN;\n{rows}\n\\.")
        psql.refused("22P02", one.ask, "COPY copied FROM STDIN;\nno number\tx\n\\.")
        same(one.ask("SELECT count(*), min(t) FROM copied;"), ["1000\tline 0"])


@check("copy out")
def copy_out():
    with psql.connections() as [one]:
        same(one.ask("\\copy (SELECT n, 'x' FROM generate_series(1, 1000) n) TO STDOUT"),
             [f"{i}\tx" for i in range(1, 1001)])
        same(one.ask("SELECT 7;"), ["7"])


@check("describe")
def describe():
    """The catalogue queries of \\d, one after another."""
    with psql.connections() as [one]:
        one.ask("CREATE TABLE described (n int PRIMARY KEY, t text DEFAULT 'x');")
        same(one.ask("\\d described")[:2], ["n\tinteger\t\tnot null\t", "t\ttext\t\t\t'x'::text"])


@check("cancel")
def cancel():
    """Ctrl-C, which also ends a psql that is not at a terminal."""
    with psql.connections() as [other]:
        for _ in range(3):
            with psql.connections() as [one]:
                one.child.stdin.write("SELECT 'cancel me', pg_sleep(20);\n")
                psql.wait_until_seen(other, "%cancel me%pg_sleep%")
                one.child.send_signal(signal.SIGINT)
                same("ERROR:  57014: " in one.child.stdout.read(), True)
            same(psql.query(other, "SELECT 8"), [(8,)])


@check("login")
def login():
    """A session for every statement, as scripts of a shell do."""
    def once(i):
        done = subprocess.run([PSQL, "-XAt", "-c", f"SELECT {i}"], capture_output=True, text=True)
        same((done.returncode, done.stdout, done.stderr), (0, f"{i}\n", ""))

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(once, range(WORKERS)))


psql.register_concurrency()


@check("listen")
def listen():
    with psql.connections(2) as [one, other]:
        one.ask("LISTEN news;")
        other.ask("NOTIFY news, 'hello';")
        # psql looks for notifications when a statement is over.
        told = [line for _ in range(5) for line in one.ask("SELECT 7;")]
        same([line.split(" received")[0] for line in told if "received" in line],
             ['Asynchronous notification "news" with payload "hello"'])


psql.register_session_state()
psql.register_discard_all()
run("psql", subprocess.run([PSQL, "--version"], capture_output=True, text=True).stdout.split()[2])
