"""Purity by source: what must not be in core/ and leaves no undefined symbol, or not always one.

What cannot be told from text is told from the symbols, in purity_symbols.py: calls of the system,
and variables that can be written.
"""

import re

import tree

# What is looked for in code without comments and strings, and why it must not be there.
FORBIDDEN = [
    (
        r"\bunordered_(?:multi)?(?:map|set)\b",
        "its order is not the same on every computer: use std::map or a sorted vector",
    ),
    (r"\b(?:float|double)\b", "it may round differently elsewhere: use integers with their unit"),
    (
        r"#\s*include\s*<(?:random|thread|mutex|shared_mutex|atomic|condition_variable|future|"
        r"semaphore|barrier|latch|stop_token|iostream|istream|ostream|sstream|fstream|filesystem|"
        r"locale|regex|ctime|time\.h|csignal|signal\.h|uv\.h|unistd\.h|fcntl\.h|poll\.h|netdb\.h|"
        r"pthread\.h|(?:sys|netinet|arpa|linux|openssl|spdlog)/[^>]*)>",
        "core is pure: what this brings belongs in the shell, as an effect answered by an event",
    ),
    (r"\bstd\s*::\s*(?:move_only_)?function\b", "it hides an allocation, and who is called"),
    (r"\bgetenv\b", "core has no environment: it is a setting"),
    (r"::\s*now\s*\(", "core has no clock: the time comes with the event"),
    (r"\bthread_local\b", "core has no threads and no global state"),
    (r"\brand\s*\(|\brandom_device\b|\b\w+_distribution\b", "random bytes come from the vault"),
]


def switch_bodies(code):
    """The offset and the text of every switch's body."""
    for match in re.finditer(r"\bswitch\s*\(", code):
        depth, start = 0, None
        for i in range(match.end(), len(code)):
            if code[i] == "{":
                depth += 1
                start = i if start is None else start
            elif code[i] == "}":
                depth -= 1
                if depth == 0 and start is not None:
                    yield start, code[start + 1 : i]
                    break


def own_level(body):
    """A switch's body without what is inside of the switches nested in it, lengths kept."""
    for start, inner in list(switch_bodies(body)):
        body = body[: start + 1] + re.sub(r"[^\n]", " ", inner) + body[start + 1 + len(inner) :]
    return body


def complaints_about(name, text):
    """Each with its line: what is wrong in this source and why."""
    code = tree.without_comments_and_strings(text)
    found = []

    def add(offset, what):
        found.append(f"{name}:{code.count(chr(10), 0, offset) + 1}: {what}")

    for pattern, why in FORBIDDEN:
        for match in re.finditer(pattern, code):
            add(match.start(), f"{match.group(0).strip()}: {why}")
    for start, body in switch_bodies(code):
        body = own_level(body)
        default = re.search(r"\bdefault\s*:", body)
        # A switch over bytes or numbers cannot name all of them; one over an enum must.
        if default and re.search(r"\bcase\s+[A-Za-z_]", body):
            add(start + 1 + default.start(), "default: in a switch over names: name every case, "
                "so that a new one is a compiler error")
    return found


if __name__ == "__main__":
    complaints = []
    for path in tree.files(".h", ".cc", below=("core",)):
        name = path.relative_to(tree.ROOT)
        complaints += complaints_about(name, path.read_text(encoding="utf-8"))
    tree.finish(complaints, "core/ is pure: docs/architecture.md says why, and where it goes.")
