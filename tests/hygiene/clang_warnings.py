"""core/ compiles without a warning under Clang 19 too, with the flags of the build.

usage: clang_warnings.py BUILD_FOLDER
"""

import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys

import tree

COMPILER = "clang++-19"


def complaint_about(entry):
    words = shlex.split(entry["command"])
    flags = [w for w in words if w.startswith(("-std", "-W", "-D", "-U", "-I", "-O", "-f"))]
    result = subprocess.run(
        [COMPILER, *flags, "-fsyntax-only", entry["file"]],
        cwd=entry["directory"], capture_output=True, text=True,
    )
    return result.stderr if result.returncode != 0 else None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    database = pathlib.Path(sys.argv[1]) / "compile_commands.json"
    core = str(tree.ROOT / "core") + "/"
    entries = [e for e in json.loads(database.read_text()) if e["file"].startswith(core)]
    if not entries:
        sys.exit(f"{database} names no file of core/")
    try:
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            complaints = [c for c in pool.map(complaint_about, entries) if c]
    except FileNotFoundError:
        sys.exit(f"{COMPILER} is missing: ./test installs it, or apt-get install clang-19")
    tree.finish(complaints, f"GCC took this, {COMPILER} does not: both must be content.")
