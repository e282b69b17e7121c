"""pgbench: each of its protocols under twenty clients, its pipelines, and its books at the end."""

import os
import re
import subprocess
import tempfile

from report import WORKERS, check, run, same

PROGRAMS = os.environ["PGWEIR_BIN"]
TRANSACTIONS = 20


def program(name, *arguments):
    done = subprocess.run([os.path.join(PROGRAMS, name), *map(str, arguments)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{name} ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def pgbench(*arguments, clients=WORKERS, transactions=TRANSACTIONS):
    # A thread each: while one client of a thread prepares, its others would keep their servers.
    output = program("pgbench", "-n", "-c", clients, "-j", clients, "-t", transactions, *arguments)
    counts = re.findall(r"processed: (\d+)/|failed transactions: (\d+)", output)
    same(counts, [(str(clients * transactions), ""), ("", "0")])


def script(text, *arguments, **counts):
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(text)
        file.flush()
        pgbench("-f", file.name, *arguments, **counts)


def the_books_balance(sql="SELECT count(*) FROM pgbench_history"):
    """Every delta was counted alike by tellers, branches, accounts and the history."""
    sums = program("psql", "-XAt", "-c", """
        SELECT count(DISTINCT total) FROM (
            SELECT sum(abalance) AS total FROM pgbench_accounts UNION ALL
            SELECT sum(bbalance) FROM pgbench_branches UNION ALL
            SELECT sum(tbalance) FROM pgbench_tellers UNION ALL
            SELECT coalesce(sum(delta), 0) FROM pgbench_history) AS sums""")
    same(sums, "1\n")
    return int(program("psql", "-XAt", "-c", sql))


def tables():
    program("pgbench", "-i", "-q", "-s", "1")


@check("copy in")
def copy_in():
    """pgbench -i fills its tables with COPY."""
    tables()
    same(program("psql", "-XAt", "-c", "SELECT count(*), sum(aid) FROM pgbench_accounts"),
         "100000|5000050000\n")


def protocol(name, mode, vacuumed=[]):
    @check(name)
    def transactions():
        if not vacuumed:
            tables()
            vacuumed.append(True)
        before = the_books_balance()
        pgbench("-M", mode)
        same(the_books_balance(), before + WORKERS * TRANSACTIONS)


protocol("simple protocol", "simple")
protocol("unnamed statements", "extended")
protocol("named statements", "prepared")


def pipeline_of(mode):
    # A wrong answer is a division by zero, which ends pgbench.
    lines = "".join(f"SELECT 1 / (:n + {i} = :n + {i})::int;\n" for i in range(20))
    script(f"\\set n random(1, 1000000)\n\\startpipeline\n{lines}\\endpipeline\n", "-M", mode)


@check("pipeline")
def pipeline():
    pipeline_of("extended")


@check("pipeline of named statements")
def pipeline_of_named_statements():
    pipeline_of("prepared")


@check("errors")
def errors():
    """Aborted transactions are rolled back and tried anew: --max-tries."""
    program("psql", "-Xq", "-c", "CREATE TABLE counted (n int); INSERT INTO counted VALUES (0)")
    script("BEGIN ISOLATION LEVEL SERIALIZABLE;\nUPDATE counted SET n = n + 1;\nCOMMIT;\n",
           "--max-tries=1000", clients=5, transactions=10)
    same(program("psql", "-XAt", "-c", "SELECT n FROM counted"), "50\n")


@check("values")
def values():
    """\\gset and \\aset read what came."""
    script("SELECT :client_id AS mine, 7 AS seven \\gset\n"
           "SELECT 1 / (:mine = :client_id AND :seven = 7)::int;\n")


@check("concurrency")
def concurrency():
    """A new session for every transaction: -C."""
    script("SELECT 1;\n", "-C", transactions=5)


run("pgbench", program("pgbench", "--version").split()[2])
