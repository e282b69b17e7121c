"""Which drivers there are, how each one's script is run, and what must be built for it before."""

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# Debian's own, which sees Debian's modules; another python3 may come first on the path.
PYTHON = ["/usr/bin/python3", "-B"]
# A client needs neither much code nor much memory: start quickly.
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]
JDBC_JAR = "/usr/share/java/postgresql.jar"


@dataclasses.dataclass
class Driver:
    """prepare(folder) builds into the folder whatever run(folder) gives the command for."""

    set: str
    run: object
    prepare: object = lambda folder: []
    auth_type: str = "scram-sha-256"  # how pgweir lets it in
    package: str = ""  # whose version is the driver's, where its script cannot tell it

    def version(self):
        if not self.package:
            return ""
        told = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.package],
                              capture_output=True, text=True).stdout
        return " " + re.sub(r"^\d+:|[-+].*$", "", told)


def python(name, set="all", **more):
    return Driver(set, lambda folder: [*PYTHON, FOLDER / "python" / f"drive_{name}.py"], **more)


def node(name, set="all"):
    return Driver(set, lambda folder: ["node", FOLDER / "node" / f"drive_{name}.mjs"],
                  install_node_modules)


def install_node_modules(folder):
    """What package-lock.json says, unless it is there already."""
    wanted = FOLDER / "node/package-lock.json"
    # npm writes this copy of the lock file when it is done.
    found = FOLDER / "node/node_modules/.package-lock.json"
    if found.exists() and found.stat().st_mtime >= wanted.stat().st_mtime:
        return []
    return [["npm", "ci", "--prefix", FOLDER / "node", "--no-audit", "--no-fund"]]


def jdbc():
    return Driver(
        "fast", lambda folder: [*JAVA, "-cp", f"{folder}/java:{JDBC_JAR}", "DriveJdbc"],
        lambda folder: [["javac", "-d", folder / "java", "-cp", JDBC_JAR,
                         *sorted((FOLDER / "java").glob("*.java"))]])


def go(name, package):
    """With Debian's libraries, where Go looked before it had modules."""
    source = FOLDER / "go"
    return Driver(
        "all", lambda folder: [folder / f"go/{name}"],
        lambda folder: [["env", "GOPATH=/usr/share/gocode", "GO111MODULE=off", "GOFLAGS=",
                         f"GOCACHE={folder}/go/cache", "go", "build", "-p", "1", "-o",
                         folder / f"go/{name}", source / "report.go", source / f"drive_{name}.go"]],
        package=package)


def rust(name, package):
    """With Debian's cargo, compiler and crates."""
    def prepare(folder):
        crate = folder / "rust/crate"
        return [
            # A copy: cargo writes its lock file beside what it builds.
            ["mkdir", "-p", folder / "rust/crate/.cargo"],
            ["cp", "-rp", *(FOLDER / "rust" / part for part in ("Cargo.toml", "src")), crate],
            ["cp", "-p", FOLDER / "rust/config.toml", crate / ".cargo/config.toml"],
            ["env", "-C", crate, f"CARGO_HOME={folder}/rust/home", "RUSTC=/usr/bin/rustc",
             "/usr/bin/cargo", "build", "--quiet", "--jobs", "2"],
        ]
    return Driver("all", lambda folder: [folder / f"rust/crate/target/debug/drive_{name}"], prepare,
                  package=package)


def script(interpreter, path):
    return Driver("all", lambda folder: [interpreter, FOLDER / path])


def libpqxx():
    return Driver("all", lambda folder: [folder / "drive_libpqxx"],
                  lambda folder: [["g++", "-std=c++17", "-O1", "-Wno-deprecated-declarations", "-o",
                                   folder / "drive_libpqxx", FOLDER / "cpp/drive_libpqxx.cc",
                                   "-lpqxx", "-lpq", "-pthread"]])


DRIVERS = {
    "psql": python("psql", "fast"),
    "pgbench": python("pgbench", "fast"),
    "psycopg": python("psycopg", "fast"),
    "asyncpg": python("asyncpg", "fast"),
    "node-pg": node("pg", "fast"),
    "node-postgres": node("postgres", "fast"),
    "jdbc": jdbc(),
    "psycopg2": python("psycopg2"),
    # Debian's knows no SCRAM.
    "pg8000": python("pg8000", auth_type="trust"),
    "odbc": python("odbc"),
    "sqlalchemy": python("sqlalchemy"),
    "django": python("django"),
    "pg-cursor": node("pg_cursor"),
    "pg-copy-streams": node("pg_copy_streams"),
    "postgrejs": node("postgrejs"),
    "knex": node("knex"),
    "sequelize": node("sequelize"),
    "drizzle": node("drizzle"),
    "pdo": script("/usr/bin/php", "php/drive_pdo.php"),
    "dbd-pg": script("/usr/bin/perl", "perl/drive_dbd_pg.pl"),
    "ruby-pg": script("/usr/bin/ruby", "ruby/drive_pg.rb"),
    "active-record": script("/usr/bin/ruby", "ruby/drive_active_record.rb"),
    "libpqxx": libpqxx(),
    "lib-pq": go("lib_pq", "golang-github-lib-pq-dev"),
    "tokio-postgres": rust("tokio_postgres", "librust-tokio-postgres-dev"),
    "pgx": go("pgx", "golang-github-jackc-pgx-v4-dev"),
}


def missing_program(command):
    return None if shutil.which(str(command[0])) else str(command[0])
