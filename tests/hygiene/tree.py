"""What the hygiene tests share: the files of the tree, and C++ without comments and strings."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_OURS = ("__pycache__", "node_modules")


def files(*suffixes, below=("",)):
    """All files with these suffixes below these folders, but for build folders, hidden ones and what
    others wrote."""
    found = []
    for folder in below:
        for path in sorted((ROOT / folder).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if parts[0] == "build" or any(part.startswith(".") or part in NOT_OURS for part in parts):
                continue
            if path.suffix in suffixes and path.is_file():
                found.append(path)
    return found


def without_comments_and_strings(text):
    """The same lines with comments gone and string literals empty. Character literals stay."""

    def replaced(match):
        token = match.group(0)
        if token.startswith("/"):
            return " " + "\n" * token.count("\n")
        if token.startswith("'"):
            return token
        return '""' + "\n" * token.count("\n")

    return re.sub(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
        replaced,
        text,
        flags=re.DOTALL,
    )


def finish(complaints, advice):
    """Ends the test: with what is wrong, each on its line, and what to do about it."""
    for complaint in complaints:
        print(complaint)
    if complaints:
        print(f"\n{len(complaints)} complaint(s). {advice}")
        sys.exit(1)
