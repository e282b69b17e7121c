"""The table of docs/compatibility.md: what a run found, for each driver and feature."""

BEGIN = "<!-- From here on written by: tests/drivers/run --set all --table -->"
END = "<!-- Written until here -->"

PASSES, DIFFERS, NOT_MADE = "yes", "**no**", ""


def write(path, found, expected):
    text = path.read_text()
    before, rest = text.split(BEGIN)
    _, behind = rest.split(END)
    path.write_text("\n".join([before + BEGIN, "", *lines(found, expected), "", END + behind]))


def lines(found, expected):
    """found: of each driver its version, and what its checks said at each address."""
    made = [check for _, outcomes in found.values() for check in outcomes["direct"]]
    shared = sorted((check for check in set(made) if made.count(check) > 1),
                    key=lambda check: (-made.count(check), check))
    yield "| | " + " | ".join(shared) + " | only here |"
    yield "|---|" + "---|" * (len(shared) + 1)
    for version, outcomes in found.values():
        cells = [cell(outcomes, check) for check in shared]
        own = [f"{check}: {cell(outcomes, check)}" for check in outcomes["direct"]
               if check not in shared]
        yield f"| {version} | " + " | ".join(cells) + " | " + ", ".join(own) + " |"
    reasons = {}
    for name in found:
        for check, why in expected.get(name, {}).items():
            reasons.setdefault(why, {}).setdefault(check, []).append(name)
    yield ""
    yield "Why not:"
    yield ""
    for why, checks in reasons.items():
        told = "; ".join(f"{check} ({', '.join(names)})" for check, names in checks.items())
        yield f"- {why}: {told}"


def cell(outcomes, check):
    if check not in outcomes["direct"]:
        return NOT_MADE
    return DIFFERS if any(said[check] for said in outcomes.values()) else PASSES
