"""The same runs have the same traces whoever compiled core/ and sim/, and however: as this build
does, by GCC without optimisation, and by Clang 19 with it and with sanitizers, which see what they
run. On the way they compile without a warning under Clang too.

usage: trace_hashes.py BUILD_FOLDER    (the other builds are kept in BUILD_FOLDER/trace)
"""

import pathlib
import shlex
import subprocess
import sys

import tree

# The small world of core's tests, whose program's source stands beside this file; and whole
# simulations, which print the sum of their traces.
SMALL = "trace_hash"
LARGE = "pgweir-sim"
FUZZERS = ["simulation_fuzz", "sql_fuzz"]
SEED_FIRST = 1
SEED_COUNT = 100
SIMULATIONS = ["--mode", "safety", "--seed", "1", "--seeds", "6", "--jobs", "2"]
RUN_SECONDS_MAX = 120

# The other builds of this same project: only what the program needs is compiled in them.
VARIANTS = {
    "gcc-O0": ("g++", ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0"]),
    # As the preset `fuzz`: the tests of fuzz/ live in it as well.
    "sanitized": ("clang++-19", ["-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                                 "-DPGWEIR_SANITIZE=fuzzer-no-link,address,undefined"]),
}

ADVICE = """The same seed must be the same run with every compiler and every optimisation.
Look for: two draws or two changes of state among the arguments of one call, a read of an
uninitialised field, the order of pointers or of equal elements in a sort, signed overflow, char
taken for signed. Where one variant alone stands out, valgrind or the asan preset may name it."""


def run(command, **options):
    try:
        return subprocess.run(command, capture_output=True, text=True, **options)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is missing: ./test installs it")


def build(name, folder):
    """Compiles what has changed; says what went wrong, or nothing."""
    compiler, flags = VARIANTS[name]
    targets = [SMALL, LARGE] + (FUZZERS if name == "sanitized" else [])
    steps = [
        ["cmake", "-S", str(tree.ROOT), "-B", str(folder), "-G", "Ninja",
         f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_UNITY_BUILD=ON", *flags],
        ["cmake", "--build", str(folder), "--parallel", "2", "--target", *targets,
         "--", "-k", "0"],
    ]
    for step in steps:
        result = run(step)
        if result.returncode != 0:
            return f"{name}: {shlex.join(step)}\n{result.stdout}{result.stderr}"
    return None


def output(*command):
    """(the lines it printed, what went wrong or nothing)"""
    command = [str(word) for word in command]
    try:
        result = run(command, timeout=RUN_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return [], f"{shlex.join(command)} did not end in {RUN_SECONDS_MAX} seconds"
    if result.returncode != 0:
        return [], (f"{shlex.join(command)} ended with {result.returncode}:\n{result.stdout}"
                    f"{result.stderr}")
    return result.stdout.splitlines(), None


def traces(folder):
    """A build's line for each seed of the small world, and one of whole simulations."""
    small, complaint = output(folder / SMALL, SEED_FIRST, SEED_COUNT)
    if complaint:
        return [], complaint
    if len(small) != SEED_COUNT:
        return [], f"{folder / SMALL} printed {len(small)} lines"
    large, complaint = output(folder / LARGE, *SIMULATIONS)
    return small + [line for line in large if line.startswith("trace: ")], complaint


def difference(folders, lines):
    """Of two variants, the first seed they disagree about and how to see it; nothing if none."""
    (one, other) = folders
    for i, (left, right) in enumerate(zip(lines[one], lines[other], strict=True)):
        if left != right:
            words = [SMALL, str(SEED_FIRST + i), "1"] if i < SEED_COUNT else [LARGE, *SIMULATIONS]
            again = "\n".join(f"    {folders[name]}/{shlex.join(words)}" for name in folders)
            return (f"{one} and {other} differ, first here:\n"
                    f"    {one}: {left}\n    {other}: {right}\n  again:\n{again}")
    return None


def main(build_folder):
    folders = {"this build": build_folder}
    complaints = []
    for name in VARIANTS:
        folders[name] = build_folder / "trace" / name
        if complaint := build(name, folders[name]):
            complaints.append(complaint)
    if complaints:
        tree.finish(complaints, "core/ and sim/ compile without a warning in all of these builds.")

    lines = {}
    for name, folder in folders.items():
        lines[name], complaint = traces(folder)
        if complaint:
            complaints.append(f"{name}: {complaint}")
    if complaints:
        tree.finish(complaints, "A run must end well before it can be compared.")

    names = list(folders)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            pair = {one: folders[one], other: folders[other]}
            if complaint := difference(pair, lines):
                complaints.append(complaint)
    tree.finish(complaints, ADVICE)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]).resolve())
