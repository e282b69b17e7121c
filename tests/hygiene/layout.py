"""Headers open with a comment, files stay readable in length, and nothing is marked unfinished."""

import re

import tree

LINES_MAX = 600
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")

complaints = []
for path in tree.files(".h", ".cc", ".py", ".sh", ".txt", ".toml", ".json"):
    name = path.relative_to(tree.ROOT)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if path.suffix == ".h" and not text.startswith("//"):
        complaints.append(f"{name}:1: does not begin with a comment that says what it is")
    if path.suffix in (".h", ".cc") and len(lines) > LINES_MAX:
        complaints.append(f"{name}: {len(lines)} lines, over {LINES_MAX}: usually two concepts")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            complaints.append(f"{name}:{number}: marked unfinished: {line.strip()}")
tree.finish(complaints, "docs/architecture.md says what goes where; unfinished work is an issue.")
