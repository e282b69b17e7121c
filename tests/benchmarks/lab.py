"""A throwaway PostgreSQL and poolers in front of it, for measuring.

A Lab owns a temporary folder, the processes it started and their ports on 127.0.0.1. Nothing in it
runs as root: started by root, everything runs as the user postgres. Leaving its `with` block ends
every process by its id and removes the folder; the processes also end when this one is killed.
"""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

USER = "bench"
PASSWORD = "bench-password"
DATABASE = "bench"
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 30
CLIENT_SECONDS_MAX = 100


class LabError(Exception):
    """What could not be started or run, and what it said."""


class NoTransactions(LabError):
    """A load of so many seconds that were over before one transaction was."""


class Process:
    """A running program of the lab and the port it serves."""

    def __init__(self, name, child, port, log):
        self.name = name
        self.child = child
        self.port = port
        self.log = log

    def thread_cpu_ns(self):
        """Time on a processor since its start, of each of its threads."""
        return {schedstat.parent.name: int(schedstat.read_text().split()[0])
                for schedstat in Path(f"/proc/{self.child.pid}/task").glob("*/schedstat")}

    def memory_bytes(self):
        """Resident memory that is the process's own: not its program's and libraries' pages."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024

    def stop(self, how=signal.SIGKILL):
        if self.child.poll() is None:
            self.child.send_signal(how)
        self.child.wait()


class Lab:
    """build: the folder of pgweir and forwarder. PGWEIR and PGBOUNCER name other programs. pools:
    the poolers' databases, and how many servers each may have."""

    def __init__(self, build, pools=None, client_count_max=6000):
        self.build = Path(build)
        self.pools = pools or {DATABASE: 20}
        self.client_count_max = client_count_max
        self.account = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.bin = postgres_folder()
        self.pgbench_program = find_program(
            shutil.which("pgbench", path=f"{self.bin}:{os.environ['PATH']}"),
            "install pgbench (apt install postgresql-contrib)")
        self.pgweir_program = find_program(
            os.environ.get("PGWEIR", self.build / "pgweir"),
            "build it (cmake --workflow --preset release), or set PGWEIR to its path")
        self.pgbouncer_program = find_program(
            os.environ.get("PGBOUNCER", "/usr/sbin/pgbouncer"),
            "install it (apt install pgbouncer), or set PGBOUNCER to its path")
        self.forwarder_program = find_program(
            self.build / "forwarder", "build it (cmake --workflow --preset release)")
        self.processes = []
        self.server = None  # what the poolers stand in front of

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pgweir-lab-"))
        os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        # As Ctrl-C: the block is left in order, and everything ended.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))
        try:
            self.server = self._start_server()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop(signal.SIGQUIT if process.name == "postgres" else signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    # What stands in front of the lab's PostgreSQL, each with a name.

    def pgweir(self, environment=None, machines=1):
        name = "pgweir" if machines == 1 else f"pgweir-{machines}"
        port = free_port()
        command = [self.copy(self.pgweir_program, "pgweir"),
                   self._pooler_settings(name, port, f"machines = {machines}")]
        return self._start(name, command, port, environment)

    def pgbouncer(self, *settings):
        port = free_port()
        command = [self.copy(self.pgbouncer_program, "pgbouncer"), "-q",
                   self._pooler_settings("pgbouncer", port, *settings)]
        return self._start("pgbouncer", command, port)

    def forwarder(self, environment=None, threads=1):
        name = "forwarder" if threads == 1 else f"forwarder-{threads}"
        port = free_port()
        command = [self.copy(self.forwarder_program, "forwarder"), port, "127.0.0.1",
                   self.server.port, threads]
        return self._start(name, command, port, environment)

    @contextlib.contextmanager
    def running(self, *processes):
        """Ends these processes with the block."""
        try:
            yield processes
        finally:
            for process in processes:
                process.stop()
                self.processes.remove(process)

    # Clients. They raise when the program or a transaction failed.

    def psql(self, port, sql, database=DATABASE):
        return self._client([self.bin / "psql", "-XAt", "-v", "ON_ERROR_STOP=1", "-c", sql],
                            port, database).strip()

    def fill_pgbench_tables(self, scale):
        self._client([self.pgbench_program, "-i", "-q", "-s", str(scale)], self.server.port,
                     DATABASE)

    def pgbench(self, port, *arguments):
        output = self._client([self.pgbench_program, "-n", *arguments], port, DATABASE)
        return PgbenchResult(output)

    def write(self, name, text):
        """The path of a file of the lab with this text."""
        path = self.folder / name
        path.write_text(text)
        os.chown(path, self.account.pw_uid, self.account.pw_gid)
        return path

    def copy(self, program, name):
        """The path of a copy that the account may read, wherever the program was built."""
        copy = self.folder / name
        if not copy.exists():
            shutil.copy(program, copy)
            copy.chmod(0o755)
        return copy

    def versions(self):
        def first_line(program):
            return self._run([program, "--version"]).splitlines()[0]

        model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        return {
            "pgweir": f"{first_line(self.copy(self.pgweir_program, 'pgweir'))} "
                      f"({self.pgweir_program})",
            "pgbouncer": f"{first_line(self.copy(self.pgbouncer_program, 'pgbouncer'))} "
                         f"({self.pgbouncer_program})",
            "postgres": first_line(self.bin / "postgres"),
            "pgbench": first_line(self.pgbench_program),
            "kernel": f"{os.uname().sysname} {os.uname().release} {os.uname().machine}",
            "processors": f"{os.cpu_count()} × {model.group(1) if model else 'unknown'}",
        }

    def _start_server(self):
        data = self.folder / "data"
        self._run([self.bin / "initdb", "-D", data, "-U", USER, "--auth=scram-sha-256",
                   f"--pwfile={self.write('password', PASSWORD)}", "--encoding=UTF8",
                   "--locale=C", "--no-sync"])
        port = free_port()
        command = [self.bin / "postgres", "-D", data]
        for setting in ("listen_addresses=127.0.0.1", f"port={port}", "max_connections=200",
                        f"unix_socket_directories={self.folder}", "fsync=off"):
            command += ["-c", setting]
        postgres = self._start("postgres", command, port, database="postgres")
        self.psql(port, f"create database {DATABASE}", database="postgres")
        return postgres

    def _client_authentication(self):
        """auth_type, and the user's secret. Clients are checked against PostgreSQL's own SCRAM
        verifier: a plain password would cost some versions of PgBouncer a key derivation with every
        login, and so compare that and nothing else."""
        return "scram-sha-256", self.psql(
            self.server.port, f"select rolpassword from pg_authid where rolname = '{USER}'")

    def _pooler_settings(self, name, port, *others):
        """The same for both poolers, but for these other lines."""
        auth_type, secret = self._client_authentication()
        users = self.write(f"{name}-users.txt", f'"{USER}" "{secret}"\n')
        databases = "\n".join(
            f"{database} = host=127.0.0.1 port={self.server.port} user={USER} password={PASSWORD} "
            f"pool_size={size}" for database, size in self.pools.items())
        lines = "\n".join(others)
        return self.write(f"{name}.ini", f"""\
[databases]
{databases}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = {auth_type}
auth_file = {users}
pool_mode = transaction
max_client_conn = {self.client_count_max}
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_stats = 0
{lines}
""")

    def _as_account(self, command, *options):
        """As the account, in one process: its id is the program's."""
        drop = []
        if os.getuid() == 0:
            drop = [f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}",
                    "--clear-groups"]
        return ["setpriv", *drop, *options, *map(str, command)]

    def _start(self, name, command, port, environment=None, database=DATABASE):
        log = self.folder / f"{name}.log"
        # Its own session: a Ctrl-C is ours alone, and we end everything in order.
        with log.open("w") as output:
            child = subprocess.Popen(
                self._as_account(command, "--pdeathsig=INT" if name == "postgres"
                                 else "--pdeathsig=KILL"),
                cwd=self.folder, env={**os.environ, **(environment or {})}, stdout=output,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        process = Process(name, child, port, log)
        self.processes.append(process)
        self._wait_until_serving(process, database)
        return process

    def _wait_until_serving(self, process, database):
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.psql(process.port, "select 1", database)
                return
            except LabError as error:
                if process.child.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                raise LabError(f"{process.name} does not answer a query:\n{error}\n"
                               f"Its log:\n{process.log.read_text()}") from None

    def _client(self, command, port, database):
        environment = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": USER,
                       "PGPASSWORD": PASSWORD, "PGDATABASE": database, "PGSSLMODE": "disable",
                       "PGGSSENCMODE": "disable", "PGCONNECT_TIMEOUT": "20"}
        return self._run(command, environment)

    def _run(self, command, environment=None):
        name = Path(command[0]).name
        try:
            done = subprocess.run(
                self._as_account(command, "--pdeathsig=KILL"), cwd="/",
                env={**os.environ, "LC_ALL": "C", **(environment or {})}, capture_output=True,
                text=True, timeout=CLIENT_SECONDS_MAX, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            raise LabError(f"{name} did not end in {CLIENT_SECONDS_MAX} s: "
                           "does whatever it talks to still answer?") from late
        if done.returncode != 0:
            raise LabError(f"{name} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


class PgbenchResult:
    def __init__(self, output):
        transactions = re.search(r"number of transactions actually processed: (\d+)", output)
        tps = re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE)
        failed = re.search(r"number of failed transactions: ([1-9]\d*)", output)
        if transactions and int(transactions.group(1)) == 0 and not failed:
            raise NoTransactions(f"no transaction came to its end in time:\n{output}")
        if not transactions or not tps or failed:
            raise LabError(f"pgbench did not get all its transactions through:\n{output}")
        self.transactions = int(transactions.group(1))
        self.measured = {"tps": float(tps.group(1))}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_program(path, hint):
    if path is None or not os.access(path, os.X_OK):
        raise LabError(f"{path or 'a program'} is missing: {hint}")
    return Path(path).resolve()


def postgres_folder():
    """The folder of the newest installed PostgreSQL's programs."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    newest = max(folders, key=lambda folder: int(folder.parent.name), default=None)
    if newest is None:
        initdb = shutil.which("initdb")
        return find_program(initdb, "install PostgreSQL (apt install postgresql)").parent
    return newest
