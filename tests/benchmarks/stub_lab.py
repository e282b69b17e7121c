"""A lab whose PostgreSQL is the stub, which costs next to nothing, and whose load does as little.

The stub has no passwords, and so the poolers let their clients in without: a login is no part of
what is measured.
"""

import json

from lab import USER, Lab, find_program, free_port


class StubLab(Lab):
    def __init__(self, build, pools):
        super().__init__(build, pools)
        self.stub_program, self.load_program = (
            find_program(self.build / name, "build it (cmake --workflow --preset release)")
            for name in ("stub_postgres", "load"))

    def load(self, port, workload, databases, clients, seconds):
        output = self._run([self.copy(self.load_program, "load"), "--port", port, "--user", USER,
                            "--databases", ",".join(databases), "--workload", workload,
                            "--clients", clients, "--seconds", seconds])
        return LoadResult(json.loads(output))

    def versions(self):
        return {name: version for name, version in super().versions().items()
                if name not in ("postgres", "pgbench")}

    def _start_server(self):
        port = free_port()
        return self._start("stub", [self.copy(self.stub_program, "stub_postgres"), port], port)

    def _client_authentication(self):
        return "trust", ""


class LoadResult:
    def __init__(self, said):
        self.transactions = said["transactions"]
        self.measured = {key: said[key] for key in ("tps", "median_us", "p99_us")}
