"""Every relative link of README.md and docs/ leads to something that exists."""

import re

import tree

complaints = []
for path in tree.files(".md"):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (path.parent / target.split("#")[0]).exists():
                name = path.relative_to(tree.ROOT)
                complaints.append(f"{name}:{number}: leads nowhere: {target}")
tree.finish(complaints, "Mend the link, or write what it promises.")
