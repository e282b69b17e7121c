"""The workloads that pgbench puts on what stands in front of PostgreSQL, and measuring one."""

import contextlib
from dataclasses import dataclass

import measuring
from idle_clients import idle_clients
from lab import DATABASE, PASSWORD, USER, LabError, NoTransactions

IDLE_CLIENTS = 5000
CLIENT_COUNT_MAX = IDLE_CLIENTS + 1000
POOL_SIZE = 20
SCALE = 10  # of pgbench's tables: a million accounts
WARM_UP_TRANSACTIONS = 10  # of each client
IDLE_SETUP_SECONDS = 15  # what it takes to log the idle clients in


@dataclass(frozen=True)
class Workload:
    name: str
    what: str
    arguments: tuple = ()
    script: str | None = None
    clients: int = POOL_SIZE
    idle_clients: int = 0


WORKLOADS = (
    Workload("simple", "SELECT 1, simple protocol", ("-M", "simple"), "select 1;"),
    Workload("extended", "SELECT 1, extended protocol", ("-M", "extended"), "select 1;"),
    Workload("key", "SELECT by key", ("-S",)),
    Workload("transaction", "BEGIN, 2 × SELECT 1, END", (),
             "begin;\nselect 1;\nselect 1;\nend;"),
    Workload("result", "a result of 2 MB in rows of 100 bytes", (),
             "select repeat('x', 100) from generate_series(1, 20000);", clients=4),
    Workload("reconnect", "connect with SCRAM, SELECT 1, disconnect "
             "(a forwarder: all of it at PostgreSQL)", ("-C",), "select 1;"),
    Workload("alone", "SELECT 1, one client", (), "select 1;", clients=1),
    Workload("idle", f"SELECT 1 beside {IDLE_CLIENTS:,} idle clients (a forwarder: without them)",
             (), "select 1;", idle_clients=IDLE_CLIENTS),
)


def announce(workloads, program_count, options):
    idle = sum(IDLE_SETUP_SECONDS for workload in workloads if workload.idle_clients)
    measuring.announce(len(workloads), program_count, options, more_seconds=idle)


def fill_tables(lab, workloads):
    """What these need to be there in PostgreSQL."""
    if any("-S" in workload.arguments for workload in workloads):
        lab.fill_pgbench_tables(SCALE)


def measure(lab, workload, programs, options):
    """Every sample of one workload, of programs that have just been started, by their names."""
    result = {"workload": workload.name, "what": workload.what, "servers": POOL_SIZE,
              "clients": workload.clients, "idle_client_bytes": {}}
    with contextlib.ExitStack() as idle:
        for name, program in programs.items():
            warm_up(lab, workload, program)
            # A forwarder would open a server for each.
            if workload.idle_clients and not program.name.startswith("forwarder"):
                before = program.memory_bytes()
                idle.enter_context(idle_clients(program.port, workload.idle_clients, USER,
                                                PASSWORD, DATABASE))
                result["idle_client_bytes"][name] = (
                    (program.memory_bytes() - before) / workload.idle_clients)
        result["samples"] = measuring.in_rounds(
            programs, options.rounds,
            lambda program: run_leg(lab, workload, program, options.seconds))
    return result


def warm_up(lab, workload, program):
    run_pgbench(lab, workload, program, "-t", str(WARM_UP_TRANSACTIONS))


def run_leg(lab, workload, program, seconds):
    """pgbench's time runs from before its clients log in: where that took all of it, there is nothing
    to measure, and the leg is run again for longer."""
    while True:
        try:
            return measuring.leg(
                program, lambda: run_pgbench(lab, workload, program, "-T", str(seconds)))
        except NoTransactions:
            seconds *= 2


def run_pgbench(lab, workload, program, *length):
    arguments = [*length, "-c", str(workload.clients), *workload.arguments]
    if workload.script:
        arguments += ["-f", lab.write(f"{workload.name}.sql", workload.script + "\n")]
    try:
        return lab.pgbench(program.port, *arguments)
    except NoTransactions:
        raise
    except LabError as error:
        raise LabError(f"{workload.name} through {program.name}: {error}") from None


def title(workload):
    clients = "1 client" if workload.clients == 1 else f"{workload.clients} clients"
    return f"{workload.name}: {workload.what}; {clients}"
