"""What the scripts that measure have in common: options, rounds, and what is said of many samples.

A leg is what one program does under load for some seconds. In a round each program has one leg, so
that what disturbs the machine disturbs all of them; ratios are taken within a round, where the
conditions were alike. CPU is the kernel's account of a program's threads (schedstat), as a
transaction's share of the leg that it was part of.
"""

import argparse
import json
import shlex
import statistics
import sys
import time
from pathlib import Path

from lab import ROOT, LabError

# What starting a program and warming it up takes, and what a leg takes beyond its seconds.
SETUP_SECONDS = 2
LEG_SECONDS = 0.3


def parser(description, workloads):
    """With the options of every script that measures."""
    names = [workload.name for workload in workloads]
    options = argparse.ArgumentParser(description=description,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=positive, help="legs of each program (default 15)")
    options.add_argument("--seconds", type=positive,
                         help="length of a leg, at most 60 (default 2)")
    options.add_argument("--workloads", type=lambda text: text.split(","), default=names,
                         metavar="NAME,…", help="of " + ", ".join(names))
    options.add_argument("--quick", action="store_true", help="3 rounds of 1 s")
    options.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    options.add_argument("--build", type=Path, default=ROOT / "build/release",
                         help="folder of pgweir and the benchmarks (default build/release)")
    return options


def parse(options_parser, workloads):
    """What was asked for; the names of workloads have become the workloads."""
    options = options_parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.seconds = options.seconds or (1 if options.quick else 2)
    if options.seconds > 60:
        options_parser.error("--seconds: at most 60; for more certainty ask for more --rounds")
    names = [workload.name for workload in workloads]
    unknown = [name for name in options.workloads if name not in names]
    if unknown:
        options_parser.error(f"no such workload: {', '.join(unknown)}; "
                             f"there are {', '.join(names)}")
    options.workloads = [workload for workload in workloads if workload.name in options.workloads]
    return options


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def run(open_lab, measure_all, options):
    """Everything a script does: measure_all gets the lab, prints, and returns what was measured."""
    script = Path(sys.argv[0]).name
    print("Command:", shlex.join(sys.argv))
    try:
        with open_lab() as lab:
            versions = lab.versions()
            for name, version in versions.items():
                print(f"{name + ':':12} {version}")
            results = measure_all(lab)
    except LabError as error:
        sys.exit(f"{script}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{script}: interrupted; everything it started has ended")
    if options.json:
        report = {"command": sys.argv, "versions": versions, "rounds": options.rounds,
                  "seconds": options.seconds, "workloads": results}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        print(f"Every sample is in {options.json}")


def announce(workload_count, program_count, options, more_seconds=0):
    leg = options.seconds + LEG_SECONDS
    total = workload_count * program_count * (options.rounds * leg + SETUP_SECONDS) + more_seconds
    print(f"{workload_count} workloads, {options.rounds} rounds of {options.seconds} s for each of "
          f"{program_count} programs: about {total / 60:.0f} min "
          f"(until {time.strftime('%H:%M', time.localtime(time.time() + total))})", flush=True)


def in_rounds(programs, count, run_leg):
    """The samples of each round, by name; the first one of a round changes with the round."""
    names = list(programs)
    samples = []
    for number in range(count):
        first = number % len(names)
        samples.append({name: run_leg(programs[name]) for name in names[first:] + names[:first]})
    return samples


def leg(program, work):
    """A sample: what the work got done, and what that cost the program."""
    before = program.thread_cpu_ns()
    done = work()
    spent = [ns - before.get(thread, 0) for thread, ns in program.thread_cpu_ns().items()]
    return {**done.measured, "cpu_us": sum(spent) / 1000 / done.transactions,
            "busiest_thread": max(spent) / sum(spent)}


def median(samples, name, key):
    return statistics.median(sample[name][key] for sample in samples)


def spread(values):
    if len(values) == 1:
        return {"median": values[0], "quartiles": [values[0], values[0]]}
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "quartiles": [low, high]}
