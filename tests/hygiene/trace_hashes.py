"""The same runs have the same traces whoever compiled core/ and sim/, and however: as this build
does, by GCC without optimisation, by Clang 19 with it. On the way they compile without a warning
under Clang too.

usage: trace_hashes.py BUILD_FOLDER    (the other builds are kept in BUILD_FOLDER/trace)
"""

import pathlib
import shlex
import subprocess
import sys

import tree

PROGRAM = "trace_hash"  # its source stands beside this file
SEED_FIRST = 1
SEED_COUNT = 100
RUN_SECONDS_MAX = 120

# The other builds of this same project: only what the program needs is compiled in them.
VARIANTS = {
    "gcc-O0": ("g++", ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0"]),
    "clang-O2": ("clang++-19", ["-DCMAKE_BUILD_TYPE=Release"]),
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
    steps = [
        ["cmake", "-S", str(tree.ROOT), "-B", str(folder), "-G", "Ninja",
         f"-DCMAKE_CXX_COMPILER={compiler}", *flags],
        ["cmake", "--build", str(folder), "--parallel", "2", "--target", PROGRAM,
         "--", "-k", "0"],
    ]
    for step in steps:
        result = run(step)
        if result.returncode != 0:
            return f"{name}: {shlex.join(step)}\n{result.stdout}{result.stderr}"
    return None


def traces(program):
    """(the lines it printed, what went wrong or nothing)"""
    command = [str(program), str(SEED_FIRST), str(SEED_COUNT)]
    try:
        result = run(command, timeout=RUN_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return [], f"{shlex.join(command)} did not end in {RUN_SECONDS_MAX} seconds"
    if result.returncode != 0:
        return [], f"{shlex.join(command)} ended with {result.returncode}:\n{result.stderr}"
    return result.stdout.splitlines(), None


def difference(programs, lines):
    """Of two variants, the first seed they disagree about and how to see it; nothing if none."""
    (one, other) = programs
    for i, (left, right) in enumerate(zip(lines[one], lines[other], strict=True)):
        if left != right:
            again = "\n".join(f"    {programs[name]} {SEED_FIRST + i} 1" for name in programs)
            return (f"{one} and {other} differ, first here:\n"
                    f"    {one}: {left}\n    {other}: {right}\n  again:\n{again}")
    return None


def main(build_folder):
    programs = {"this build": build_folder / PROGRAM}
    complaints = []
    for name in VARIANTS:
        folder = build_folder / "trace" / name
        programs[name] = folder / PROGRAM
        if complaint := build(name, folder):
            complaints.append(complaint)
    if complaints:
        tree.finish(complaints, "core/ and sim/ compile without a warning in all of these builds.")

    lines = {}
    for name, program in programs.items():
        lines[name], complaint = traces(program)
        if complaint:
            complaints.append(f"{name}: {complaint}")
        elif len(lines[name]) != SEED_COUNT:
            complaints.append(f"{name}: {program} printed {len(lines[name])} lines")
    if complaints:
        tree.finish(complaints, "A run must end well before it can be compared.")

    names = list(programs)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            pair = {one: programs[one], other: programs[other]}
            if complaint := difference(pair, lines):
                complaints.append(complaint)
    tree.finish(complaints, ADVICE)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]).resolve())
