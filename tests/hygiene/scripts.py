"""Every shell script parses, and shellcheck has nothing to say about it."""

import subprocess
import sys

import tree

scripts = [tree.ROOT / "run", tree.ROOT / "test", tree.ROOT / ".ci/run", *tree.files(".sh")]
complaints = []
for script in scripts:
    # SC2317: shellcheck 0.9 takes functions that only a trap calls for unreachable.
    for command in (["bash", "-n"], ["shellcheck", "--external-sources", "--exclude=SC2317"]):
        try:
            result = subprocess.run(
                [*command, str(script)], cwd=tree.ROOT, capture_output=True, text=True
            )
        except FileNotFoundError:
            sys.exit(f"{command[0]} is missing: ./test installs it")
        if result.returncode != 0:
            complaints.append(result.stdout + result.stderr)
tree.finish(complaints, "Each SC number is explained at https://www.shellcheck.net/wiki/.")
