"""What is checked alike of every driver with Python's DB-API.

Checks of a session's state go step in step over a crowd of connections: all of them set it before
the first one asks for it again, so that sharing servers without care must show.
"""

import concurrent.futures
import contextlib
import threading
import time

from report import CROWD, KEEPERS, ROUNDS, SECONDS_MAX, WORKERS, check, same


class DbApi:
    """connect() gives a connection in autocommit; sqlstate(error) its five letters."""

    def __init__(self, connect, sqlstate, begin="BEGIN", placeholder="%s"):
        self.connect = connect
        self.sqlstate = sqlstate
        self.begin = begin
        self.placeholder = placeholder

    @contextlib.contextmanager
    def connections(self, count=1):
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(contextlib.closing(self.connect())) for _ in range(count)]

    def query(self, connection, sql, *parameters):
        """The rows, as tuples; nothing of a statement that has none."""
        cursor = connection.cursor()
        try:
            sql = sql.replace("?", self.placeholder)
            cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else None
        finally:
            cursor.close()

    def refused(self, sqlstate, call, *arguments):
        """The call fails, with this SQLSTATE."""
        try:
            call(*arguments)
        except Exception as error:
            if isinstance(error, AssertionError):
                raise
            if self.sqlstate(error) != sqlstate:
                raise
        else:
            raise AssertionError(f"no error {sqlstate}")

    def register_errors_and_transactions(self):
        @check("errors")
        def errors():
            with self.connections() as [one]:
                self.query(one, "CREATE TABLE unique_numbers (n int PRIMARY KEY)")
                self.query(one, "INSERT INTO unique_numbers VALUES (1)")
                for _ in range(3):
                    self.refused("22012", self.query, one, "SELECT 1/0")
                    self.refused("42601", self.query, one, "SELEKT")
                    self.refused("23505", self.query, one, "INSERT INTO unique_numbers VALUES (1)")
                    same(self.query(one, "SELECT 7"), [(7,)])

        @check("transaction")
        def transaction():
            with self.connections(2) as [one, other]:
                self.query(one, "CREATE TABLE kept (n int)")
                for end in ("ROLLBACK", "COMMIT"):
                    self.query(one, self.begin)
                    self.query(one, "INSERT INTO kept VALUES (1)")
                    self.query(one, "SAVEPOINT before")
                    self.refused("22012", self.query, one, "SELECT 1/0")
                    self.refused("25P02", self.query, one, "SELECT 1")
                    self.query(one, "ROLLBACK TO before")
                    same(self.query(one, "SELECT count(*)::int FROM kept"), [(1,)])
                    same(self.query(other, "SELECT count(*)::int FROM kept"), [(0,)])
                    self.query(one, end)
                same(self.query(other, "SELECT count(*)::int FROM kept"), [(1,)])

    def register_parameters(self, name):
        @check(name)
        def parameters():
            """From a crowd that takes turns, each with a text of its own: another one's statement
            would be a wrong answer."""
            with self.connections(CROWD) as crowd:
                for turn in range(ROUNDS):
                    for i, one in enumerate(crowd):
                        same(self.query(one, f"SELECT {i}, ?::text", f"turn {turn}"),
                             [(i, f"turn {turn}")])

    def register_cancel(self, cancel):
        @check("cancel")
        def cancel_of_what_runs():
            with self.connections(2) as [one, other], \
                    concurrent.futures.ThreadPoolExecutor(1) as thread:
                for _ in range(3):
                    asleep = thread.submit(
                        self.refused, "57014", self.query, one, "SELECT 'cancel me', pg_sleep(20)")
                    self.wait_until_seen(other, "%cancel me%pg_sleep%")
                    cancel(one)
                    asleep.result()
                    same(self.query(one, "SELECT 7"), [(7,)])
                    same(self.query(other, "SELECT 8"), [(8,)])

    def wait_until_seen(self, connection, pattern):
        """Until such a statement runs on another server."""
        deadline = time.monotonic() + 5 * SECONDS_MAX
        while not self.query(
                connection, "SELECT pid FROM pg_stat_activity WHERE state = 'active' "
                "AND pid <> pg_backend_pid() AND datname = current_database() "
                "AND query LIKE ?", pattern):
            if time.monotonic() > deadline:
                raise AssertionError("the statement to be cancelled does not run")

    def register_concurrency(self, name="concurrency"):
        @check(name)
        def concurrency():
            with self.connections(1) as [one]:
                self.query(one, "DROP TABLE IF EXISTS done")
                self.query(one, "CREATE TABLE done (worker int, round int)")
                together = threading.Barrier(WORKERS)
                with concurrent.futures.ThreadPoolExecutor(WORKERS) as threads:
                    for done in [threads.submit(self._work, i, together) for i in range(WORKERS)]:
                        done.result()
                same(self.query(one, "SELECT count(*)::int, count(DISTINCT worker)::int FROM done"),
                     [(WORKERS * ROUNDS, WORKERS)])

    def _work(self, worker, together):
        with self.connections() as [own]:
            together.wait(SECONDS_MAX * 3)
            for turn in range(ROUNDS):
                same(self.query(own, f"SELECT {worker}, 'round {turn}'"),
                     [(worker, f"round {turn}")])
                self.query(own, self.begin)
                self.query(own, f"INSERT INTO done VALUES ({worker}, {turn})")
                same(self.query(own, f"SELECT count(*)::int FROM done WHERE worker = {worker}"),
                     [(turn + 1,)])
                self.query(own, "COMMIT")

    def register_session_state(self):
        """Last of a script: where it leaks, what comes after it would suffer."""
        @check("sql prepare")
        def sql_prepare():
            with self.connections(KEEPERS) as crowd:
                for i, one in enumerate(crowd):
                    self.query(one, f"PREPARE own AS SELECT {i}")
                for i, one in enumerate(crowd):
                    same(self.query(one, "EXECUTE own"), [(i,)])
                self.query(crowd[0], "DEALLOCATE own")
                self.refused("26000", self.query, crowd[0], "EXECUTE own")
                same(self.query(crowd[1], "EXECUTE own"), [(1,)])

        @check("role")
        def role():
            """What one may do is nobody else's right."""
            with self.connections(CROWD) as crowd:
                self.query(crowd[0], "SET ROLE pg_monitor")
                for one in crowd[1:]:
                    same(self.query(one, "SELECT current_user = session_user"), [(True,)])
                same(self.query(crowd[0], "SELECT current_user::text"), [("pg_monitor",)])
                self.query(crowd[0], "RESET ROLE")
                for one in crowd:
                    same(self.query(one, "SELECT current_user = session_user"), [(True,)])

        @check("cursor with hold")
        def cursor_with_hold():
            with self.connections(KEEPERS) as crowd:
                for i, one in enumerate(crowd):
                    self.query(one, "DECLARE held CURSOR WITH HOLD FOR "
                               f"SELECT {i} FROM generate_series(1, 3)")
                for i, one in enumerate(crowd):
                    same(self.query(one, "FETCH 2 FROM held"), [(i,), (i,)])

        @check("temporary table")
        def temporary_table():
            with self.connections(KEEPERS) as crowd:
                for i, one in enumerate(crowd):
                    self.query(one, f"CREATE TEMPORARY TABLE own AS SELECT {i} AS n")
                for i, one in enumerate(crowd):
                    same(self.query(one, "SELECT n FROM own"), [(i,)])

        @check("advisory lock")
        def advisory_lock():
            with self.connections(KEEPERS) as crowd:
                self.query(crowd[0], "SELECT pg_advisory_lock(7)")
                for one in crowd[1:]:
                    same(self.query(one, "SELECT pg_try_advisory_lock(7)"), [(False,)])
                same(self.query(crowd[0], "SELECT pg_advisory_unlock(7)"), [(True,)])
                same(self.query(crowd[1], "SELECT pg_try_advisory_lock(7)"), [(True,)])

        @check("reported settings")
        def reported_settings():
            self._settings_are_kept("application_name", lambda i: f"number {i}")
            self._settings_are_kept("timezone", lambda i: ("Etc/UTC", "Asia/Tokyo")[i % 2])

        @check("other settings")
        def other_settings():
            self._settings_are_kept("work_mem", lambda i: f"{1000 + i}kB")
            self._settings_are_kept("search_path", lambda i: f"schema_{i}, public")

    def _settings_are_kept(self, name, value_of):
        with self.connections(CROWD) as crowd:
            for i, one in enumerate(crowd):
                value = value_of(i) if name == "search_path" else f"'{value_of(i)}'"
                self.query(one, f"SET {name} = {value}")
            for i, one in enumerate(crowd):
                same(self.query(one, f"SHOW {name}"), [(value_of(i),)])

    def register_discard_all(self):
        @check("discard all")
        def discard_all():
            """Of one's own session; of no other one."""
            with self.connections(KEEPERS) as crowd:
                for i, one in enumerate(crowd):
                    self.query(one, f"PREPARE kept AS SELECT {i}")
                    self.query(one, f"SET work_mem = '{1000 + i}kB'")
                self.query(crowd[0], "DISCARD ALL")
                self.refused("26000", self.query, crowd[0], "EXECUTE kept")
                same(self.query(crowd[0], "SHOW work_mem"), [("4MB",)])
                for i, one in list(enumerate(crowd))[1:]:
                    same(self.query(one, "EXECUTE kept"), [(i,)])
                    same(self.query(one, "SHOW work_mem"), [(f"{1000 + i}kB",)])
