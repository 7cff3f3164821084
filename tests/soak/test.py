#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests of tests/soak/soak.py: does it notice what it is there to notice?  Its workloads are made here."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import harness

SOAK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak.py")
KNOWN = """name: overflow
kind: bug
workload: w
match: right-redzone-overwritten
match: malloc-(16|32)
bug: writes one byte
  too many
upstream: none

"""


def workload(folder, run, keys="", more="", name="w"):
    os.makedirs(folder + "/workloads", exist_ok=True)
    text = f"# about: a test\n# packages: bash\n{keys}\n{more}\nrun() {{\n{run}\n}}\n"
    return harness.write(folder, f"workloads/{name}.sh", text)


def command(folder, *arguments, known=""):
    return [SOAK, "--workloads", folder + "/workloads", "--known", harness.write(folder, "known", known), "--results",
            folder + "/results", "--output", folder + "/table.md", "--modes=check,production", *arguments]


def soak(folder, *arguments, known=""):
    r = harness.run(*command(folder, *arguments, known=known), timeout=900)
    harness.equal("standard error", r.stderr, "")
    return r


def results(folder):
    with open(folder + "/results/results.jsonl", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def last_line(r):
    return r.stdout.splitlines()[-1]


@harness.case
def equal_runs_pass(folder):
    workload(folder, 'echo "ok one"; echo "not ok two"; echo three; return 3')
    r = soak(folder)
    harness.equal("status and sum", (r.returncode, last_line(r)), (0, "2 passed, 0 failed"))
    got = results(folder)
    harness.equal("modes", [x["mode"] for x in got], ["plain", "check", "production"])
    harness.equal("counted", {(x["ok"], x["not_ok"], x["lines"]) for x in got}, {(1, 1, 3)})
    with open(folder + "/results/plain/w.stdout", encoding="utf-8") as f:
        harness.equal("the plain run's output", f.read(), "ok one\nnot ok two\nthree\n")
    harness.require(all(x["memory"] > 500 for x in got), "memory is measured")
    harness.within("done before", soak(folder).stdout, "done before")
    harness.within("again", last_line(soak(folder, "--again")), "2 passed")
    soak(folder, "--table")
    with open(folder + "/table.md", encoding="utf-8") as f:
        harness.within("table", f.read(), r"\| w \| check \| 2 \| 2 \| 2 \| 2 \| 0 \| 0 \| 0 \| 0 \| 0 \|")


@harness.case
def a_workload_that_changed_is_run_again(folder):
    workload(folder, '[ $SOAK_MODE = check ] && echo no || echo yes')
    harness.equal("sum", last_line(soak(folder)), "1 passed, 1 failed")
    workload(folder, "echo yes")
    harness.equal("sum when changed", last_line(soak(folder)), "2 passed, 0 failed")
    soak(folder, "--table")
    with open(folder + "/table.md", encoding="utf-8") as f:
        harness.within("only the new one counts", f.read(), r"\| w \| check \| 1 \| 0 \| 0 \| 1 \| 0 \| 0 \|")


@harness.case
def another_line_and_another_status_fail(folder):
    workload(folder, '[ $SOAK_MODE = check ] && echo "not ok one" || echo "ok one"; echo two', name="line")
    workload(folder, 'echo one; [ $SOAK_MODE != production ] || return 4', name="status")
    r = soak(folder)
    harness.equal("status and sum", (r.returncode, last_line(r)), (1, "2 passed, 2 failed"))
    harness.within("line", r.stdout, r"FAIL: line \(check\).*\n.*\+ not ok one\n.*- ok one")
    harness.within("status", r.stdout, r"FAIL: status \(production\).*\n +exit status 4, plain 0")
    harness.require(os.path.exists(folder + "/results/failed/line-all-check/stdout"), "the files are kept")


@harness.case
def a_report_fails_unless_it_is_known(folder):
    harness.compile_c(folder, "overflow", """#include <stdlib.h>
        int main(void) { volatile char *x = malloc(10); x[10] = 1; free((void *)x); return 0; }""", "-O0", "-w")
    # In production the report ends the program.
    workload(folder, f"echo start; {folder}/overflow 2>&1; echo end")
    r = soak(folder)
    harness.equal("status and sum", (r.returncode, last_line(r)), (1, "0 passed, 2 failed"))
    for mode in ("check", "production"):
        harness.within("report", r.stdout, rf"FAIL: w \({mode}\)(.*\n)+.*BUG: MEMSAN: right-redzone-overwritten")
    harness.equal("counted", [x["unknown"] for x in results(folder)], [0, 1, 1])
    r = soak(folder, "--again", known=KNOWN)
    harness.equal("status and sum when known", (r.returncode, last_line(r)), (0, "2 passed, 0 failed"))
    harness.within("its name", r.stdout, r"PASS: w \(check\).*known: overflow")
    harness.within("another workload's", last_line(soak(folder, "--again", known=KNOWN.replace("d: w", "d: x"))),
                   "2 failed")


@harness.case
def a_hang_is_found_described_and_ended(folder):
    workload(folder, 'echo one; [ $SOAK_MODE != check ] || sleep 100', name="idle")
    workload(folder, 'echo one; [ $SOAK_MODE != check ] || while :; do :; done', name="busy", keys="# slack: 1")
    r = soak(folder, "--stuck=3")
    harness.equal("sum", last_line(r), "2 passed, 2 failed")
    harness.within("idle", r.stdout, r"FAIL: idle \(check\).*\n +hang: no processor time used for 3 s")
    harness.within("busy", r.stdout, r"FAIL: busy \(check\).*\n +hang: [0-9]+ s of processor time used")
    with open(folder + "/results/failed/idle-all-check/hang", encoding="utf-8") as f:
        harness.within("description", f.read(), "---- sleep [0-9]+, child of")


@harness.case
def what_is_left_is_found_and_ended(folder):
    workload(folder, f'[ $SOAK_MODE != check ] || setsid sh -c "echo \\$\\$ >{folder}/pid; exec sleep 100" & sleep .5; '
             'echo one', keys="# linger: 1")
    r = soak(folder)
    harness.within("left over", r.stdout, r"FAIL: w \(check\).*\n +left over: .*sleep")
    with open(folder + "/pid", encoding="utf-8") as f:
        harness.require(not os.path.exists("/proc/" + f.read().strip()), "it is ended")


@harness.case
def an_interrupted_soak_ends_its_servers_and_goes_on(folder):
    workload(folder, f'echo $*; [ ! -e {folder}/wait ] || [ $1 != c ] || '
             f'{{ setsid sh -c "echo \\$\\$ >{folder}/pid; exec sleep 100" & sleep 100; }}',
             more="items() {\necho a b c d\n}", keys="# batch: 1")
    harness.write(folder, "wait", "")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen(command(folder), stdout=subprocess.PIPE, text=True) as child:
            harness.wait_until("the server runs", lambda: os.path.exists(folder + "/pid"))
            harness.wait_until("its number", lambda: open(folder + "/pid", encoding="utf-8").read().endswith("\n"))
            child.send_signal(number)
            said = child.communicate()[0]
        with open(folder + "/pid", encoding="utf-8") as f:
            pid = f.read().strip()
        harness.wait_until(f"the server is ended after {number.name}", lambda: not os.path.exists("/proc/" + pid))
        os.remove(folder + "/pid")
        if number == signal.SIGINT:
            harness.equal("status", child.returncode, 130)
            harness.within("said", said, "goes on from here\n4 passed, 0 failed$")
    os.remove(folder + "/wait")
    r = soak(folder)
    harness.require("PASS: w b" not in r.stdout, "what was done is not done again")
    harness.equal("sum", last_line(r), "4 passed, 0 failed")


@harness.case
def time_is_spread_over_workloads_and_items(folder):
    for name in ("one", "two"):
        workload(folder, "echo $*", more="items() {\nseq 200\n}", keys="# batch: 3", name=name)
    harness.within("sum", last_line(soak(folder, "--for=0.1")), "passed, 0 failed")
    first = results(folder)
    soak(folder, "--for=0.05")
    plain = [(r["workload"], i) for r in results(folder) if r["mode"] == "plain" for i in r["items"]]
    harness.equal("no item is run twice", len(plain), len(set(plain)))
    harness.require(len(plain) > len([r for r in first if r["mode"] == "plain"]) * 3, "the second goes on")
    share = [w for w, _ in plain].count("one") / len(plain)
    harness.require(0.2 < share < 0.8, f"share of one workload: {share}")


@harness.case
def what_cannot_run_is_skipped(folder):
    workload(folder, "echo", name="package", keys="")
    text = open(folder + "/workloads/package.sh", encoding="utf-8").read()
    harness.write(folder, "workloads/package.sh", text.replace("packages: bash", "packages: bash no-such-package"))
    workload(folder, 'echo "not ok one"', name="failing")
    workload(folder, "echo one", more="prepare() {\necho broken; return 1\n}", name="prepare")
    workload(folder, "return 1", name="silent")
    workload(folder, "return 0", name="nothing")
    r = soak(folder)
    harness.equal("status and sum", (r.returncode, last_line(r)), (77, "0 passed, 0 failed, 5 skipped"))
    for line in ("SKIP: package: not installed: no-such-package", "SKIP: failing: most tests fail in the plain run",
                 "SKIP: prepare: prepare ended with status 1: broken",
                 "SKIP: silent: the plain run failed: status 1, no output",
                 "SKIP: nothing: the plain run failed: status 0, no output"):
        harness.within("said", r.stdout, line)


@harness.case
def a_plain_run_that_differs_from_itself_is_no_difference(folder):
    workload(folder, f'echo "try $(wc -l <{folder}/count)"; echo >>{folder}/count')
    harness.write(folder, "count", "")
    r = soak(folder)
    harness.equal("sum", last_line(r), "0 passed, 2 failed")
    workload(folder, f'echo "try $(($(wc -l <{folder}/count) % 2))"; echo >>{folder}/count', name="w")
    r = soak(folder, "--again")
    harness.within("said", r.stdout, "the plain run differs from itself")
    harness.equal("sum", last_line(r), "2 passed, 0 failed")


@harness.case
def every_workload_can_be_read(folder):
    names = harness.run(SOAK, "--list").stdout.split()
    harness.require(len(names) >= 17, f"workloads: {names}")
    for name in names:
        r = harness.run("bash", "-n", os.path.join(os.path.dirname(SOAK), "workloads", name + ".sh"))
        harness.equal(name, (r.returncode, r.stderr), (0, ""))
    harness.require("redis-server" in harness.run(SOAK, "--packages", "redis").stdout.split(), "packages")


if __name__ == "__main__":
    sys.exit(harness.main())
