"""How a driver's script in Python tells what it found: a line for each of its checks.

    driver NAME VERSION
    run CHECK                   before it, so that one that hangs has a name
    ok CHECK  |  not ok CHECK: why

PGWEIR_CHECK=NAME in the environment runs that check alone.
"""

import asyncio
import inspect
import os
import traceback

# So many at the same time, each more than any pool has servers: workers, and connections that
# take turns.
WORKERS = 20
CROWD = 8
# Connections that keep something in their sessions: each has a server, and the smaller pool has two.
KEEPERS = 2
ROUNDS = 10
# How long something that will come may take; whatever waits for it fails after that.
SECONDS_MAX = 3

_checks = {}


def check(name):
    def register(function):
        _checks[name] = function
        return function

    return register


def run(driver, version):
    print(f"driver {driver} {version}", flush=True)
    only = os.environ.get("PGWEIR_CHECK")
    for name, function in _checks.items():
        if only not in (None, name):
            continue
        print(f"run {name}", flush=True)
        try:
            outcome = function()
            if inspect.isawaitable(outcome):
                asyncio.run(_awaited(outcome))
            print(f"ok {name}", flush=True)
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"not ok {name}: {why} ({_place(error)})", flush=True)


async def _awaited(outcome):
    await outcome


def _place(error):
    """Where in our own scripts it happened."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if os.path.dirname(frame.filename) == os.path.dirname(__file__)
              and frame.filename != __file__]
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"


def same(found, wanted):
    """Equal, and of the same type: 1 is not '1', nor 1.0."""
    if found != wanted or type(found) is not type(wanted):
        raise AssertionError(f"{found!r} ({type(found).__name__}) came, "
                             f"not {wanted!r} ({type(wanted).__name__})")


def address():
    return {key: os.environ[f"PG{key.upper()}"]
            for key in ("host", "port", "user", "password", "database")}
