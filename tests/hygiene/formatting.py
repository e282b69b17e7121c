"""Every C++ source is formatted as .clang-format says, by clang-format 19."""

import subprocess
import sys

import tree

sources = [str(path.relative_to(tree.ROOT)) for path in tree.files(".h", ".cc")]
try:
    result = subprocess.run(
        ["clang-format-19", "--dry-run", "-Werror", *sources],
        cwd=tree.ROOT, capture_output=True, text=True,
    )
except FileNotFoundError:
    sys.exit("clang-format-19 is missing: ./test installs it, or apt-get install clang-format-19")
if result.returncode != 0:
    lines = [line for line in result.stderr.splitlines() if "error: code" in line]
    badly = sorted({line.split(":")[0] for line in lines})
    if not badly:
        sys.exit(result.stderr)
    tree.finish(badly, f"To fix: clang-format-19 -i {' '.join(badly)}")
