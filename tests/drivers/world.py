"""What the drivers are run against: a throwaway PostgreSQL, and pgweirs in front of it.

A World owns a temporary folder and the processes it started. Leaving its `with` block ends each of
them by its id and removes the folder. Nothing in it runs as root: started by root, everything runs
as the user postgres.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

USER = "app"
PASSWORD = "app-password"
# The same, for a driver that cannot do SCRAM: let in without a password, by pgweir too.
TRUSTED_USER = "trusted"
CLUSTER_OWNER = "postgres"
START_SECONDS_MAX = 60
# Below the ports that the system gives to clients: nobody takes one in between.
PORTS = range(20000, 32000)

POSTGRES_SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 300
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
timezone = 'Etc/UTC'
"""


class WorldError(Exception):
    """What could not be started, and what it said."""


class Process:
    """A running program of the world and the port it serves."""

    def __init__(self, name, child, port, log):
        self.name = name
        self.child = child
        self.port = port
        self.log = log

    def must_live(self):
        log = self.log.read_text(errors="replace")
        end = "\n".join(log.splitlines()[-20:])
        if self.child.poll() is not None:
            raise WorldError(f"{self.name} ended with {self.child.returncode}. Its log ends:\n{end}")
        if "event=protocol_desync" in log:
            raise WorldError(f"{self.name} got an answer that nobody had asked for (I-01 of "
                             f"docs/invariants.md). Its log ends:\n{end}")


class World:
    def __init__(self, pgweir):
        self.pgweir = Path(pgweir)
        if not os.access(self.pgweir, os.X_OK):
            raise WorldError(f"{pgweir} is missing: build it (cmake --workflow --preset release), "
                             "or name another one with --pgweir")
        self.programs = postgres_programs()
        self.account = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self.processes = []

    def __enter__(self):
        # As Ctrl-C: the block is left in order, and everything ended.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))
        self.folder = Path(tempfile.mkdtemp(prefix="pgweir-drivers-"))
        self._give(self.folder)
        try:
            self.postgres = self._start_postgres()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.child.poll() is None:
                process.child.send_signal(
                    signal.SIGINT if process.name == "postgres" else signal.SIGKILL)
            process.child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pooler(self, size, auth_type):
        """A pgweir in transaction mode, with so many servers for each database."""
        name = f"pool of {size}"
        port = free_port()
        program = self.folder / "pgweir"
        if not program.exists():  # a copy, which the account may read wherever it was built
            shutil.copy(self.pgweir, program)
            program.chmod(0o755)
        users = self._write("users.txt", f'"{USER}" "{PASSWORD}"\n"{TRUSTED_USER}" ""\n')
        settings = self._write(f"pgweir-{size}-{auth_type}.ini", f"""\
[databases]
* = host=127.0.0.1 port={self.postgres.port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = {auth_type}
auth_file = {users}
pool_mode = transaction
default_pool_size = {size}
machines = {os.environ.get("PGWEIR_MACHINES", "1")}
max_client_conn = 500
""")
        process = self._start(name, [program, settings], port)
        self._wait_until(process, lambda: accepts(port))
        return process

    def new_database(self, name):
        self._as_owner("postgres", f'CREATE DATABASE "{name}" OWNER {USER}')
        self._as_owner(name, "GRANT ALL ON SCHEMA public TO PUBLIC")

    def _start_postgres(self):
        data = self.folder / "data"
        self._run([self.programs / "initdb", "-D", data, "-U", CLUSTER_OWNER,
                   "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8",
                   "--locale=C.UTF-8", "--no-sync", "--no-instructions"])
        port = free_port()
        settings = data / "postgresql.conf"
        settings.write_text(f"{POSTGRES_SETTINGS}\nport = {port}\n"
                            f"unix_socket_directories = '{self.folder}'\n")
        rules = data / "pg_hba.conf"
        rules.write_text(f"host all {TRUSTED_USER} 127.0.0.1/32 trust\n{rules.read_text()}")
        process = self._start("postgres", [self.programs / "postgres", "-D", data], port)
        ready = [self.programs / "pg_isready", "-q", "-h", self.folder, "-p", port]
        self._wait_until(process, lambda: subprocess.run(list(map(str, ready))).returncode == 0)
        self.postgres = process
        self._as_owner("postgres", f"CREATE USER {USER} PASSWORD '{PASSWORD}'; "
                       f"CREATE USER {TRUSTED_USER}; GRANT pg_monitor TO {USER}, {TRUSTED_USER}")
        return process

    def _as_owner(self, database, sql):
        self._run([self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.folder,
                   "-p", self.postgres.port, "-U", CLUSTER_OWNER, "-d", database, "-c", sql])

    def _write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        self._give(path)
        return path

    def _give(self, path):
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _as_account(self, command, death_signal="KILL"):
        drop = []
        if self.account:
            drop = [f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}",
                    "--clear-groups"]
        return ["setpriv", *drop, f"--pdeathsig={death_signal}", *map(str, command)]

    def _start(self, name, command, port):
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            # Its own session: a Ctrl-C is ours alone, and we end everything in order.
            child = subprocess.Popen(
                self._as_account(command, "QUIT" if name == "postgres" else "KILL"),
                cwd=self.folder, stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True)
        process = Process(name, child, port, log)
        self.processes.append(process)
        return process

    def _wait_until(self, process, ready):
        deadline = time.monotonic() + START_SECONDS_MAX
        while not ready():
            process.must_live()
            if time.monotonic() > deadline:
                raise WorldError(f"{process.name} does not serve after {START_SECONDS_MAX} s:\n"
                                 f"{process.log.read_text()}")
            time.sleep(0.02)

    def _run(self, command):
        done = subprocess.run(self._as_account(command), cwd=self.folder, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise WorldError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port(_next=iter(PORTS[os.getpid() % 1000 * 12:])):
    for port in _next:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise WorldError(f"no free port between {PORTS.start} and {PORTS.stop}")


def postgres_programs():
    """The folder of the newest installed PostgreSQL's programs."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    newest = max(folders, key=lambda folder: int(folder.parent.name), default=None)
    if newest is None:
        raise WorldError("no PostgreSQL below /usr/lib/postgresql: apt-get install postgresql")
    return newest
