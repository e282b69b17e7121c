"""Every story, oracle and planted bug that docs/known-bugs.md names exists."""

import re

import tree

NAME = tree.ROOT / "docs" / "known-bugs.md"
text = NAME.read_text(encoding="utf-8")
sources = "\n".join(path.read_text(encoding="utf-8") for path in tree.files(".cc")
                    if "tests" in path.parts)
stories = {f"{suite}.{story}" for suite, story in
           re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", sources)}
stories |= {f"{suite}.{story}" for suite, story in
            re.findall(r"RC_GTEST_PROP\(\s*(\w+),\s*(\w+)", sources)}
simulation = (tree.ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")
planted = {path.name[:3] for path in (tree.ROOT / "tests" / "mutants").glob("M*.toml")}

complaints = []
for number, line in enumerate(text.splitlines(), 1):
    known = stories | planted | set(re.findall(r"\bO-\d\d\b", simulation))
    named = re.findall(r"`([A-Z]\w*\.\w+)`", line) + re.findall(r"\b[MO]-?\d\d\b", line)
    complaints += [f"docs/known-bugs.md:{number}: there is no {name}" for name in named
                   if name not in known]
missing = [f"B{number}" for number in range(1, 66) if not re.search(rf"\bB{number}\b", text)]
complaints += [f"docs/known-bugs.md: {name} is missing" for name in missing]
tree.finish(complaints, "Name what shows the fault, or mend the name.")
