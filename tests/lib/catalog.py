#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tests/lib/catalog.py - every test by its name, for scripts/test.

    catalog.py list                prints all names: unit/test_mem, unit/test_lock/misuse_aborts, victims/double_free …
    catalog.py plan NAME…          prints a line for each runner of these tests: label, make targets or "-", command
    catalog.py cases TEST…         prints the cases of unit tests: test_lock/misuse_aborts …
    catalog.py unit TEST[/CASE]…   runs unit tests in the build folder; the last line is "N passed, N failed"

A name may leave out its first parts (double_free, test_mem).  ':' may stand for '/', and a file's path for its test.
A name that several tests share means all of them.
"""
import glob
import os
import re
import shlex
import subprocess
import sys

import harness

# Runners that list their cases: the script below tests/, its arguments before the names of cases, the make targets that
# it needs.
RUNNERS = {
    "command": ("command", [], ""),
    "docs": ("docs", [], ""),
    "exports": ("exports", [], ""),
    "published": ("published", [], ""),
    "decode": ("decode", [], ""),
    "page": ("page", [], ""),
    "wording": ("wording", [], ""),
    "prefixes": ("prefixes", [], ""),
    "signatures": ("signatures", [], ""),
    "report-sql": ("report-sql", [], ""),
    "readable": ("readable", [], ""),
    "debugger": ("debugger", [], ""),
    "kernel": ("kernel", [], ""),
    "signals": ("signals/run", [], ""),
    "stack": ("stack/run", [], ""),
    "reentry": ("reentry/run", [], ""),
    "harden": ("harden/run", [], ""),
    "torture": ("torture/run", [], ""),
    "watch": ("watch/run", [], "tests/watch/compare tests/watch/behave tests/watch/copies "
              "tests/watch/step"),
    "pinpoint": ("watch/pinpoint", [], ""),
    "races": ("races", [], "tests/unit/races"),
    "examples-caches": ("examples-caches", [], ""),
    "examples-shadow": ("examples-shadow", [], "install"),
    "memsan-cc": ("memsan-cc", [], ""),
    "shadow-early": ("shadow-early", [], ""),
    "victims": ("victims/run.py", [], ""),
    "live": ("live/run.py", [], ""),
    "inject": ("inject/run.py", [], ""),
    "fuzz": ("fuzz/run", ["3"], ""),
    "real": ("real/run.py", [], ""),
    "leaks": ("real/leaks", [], ""),
    "soak": ("soak/soak.py", ["--short"], ""),
    "soak-itself": ("soak/test.py", [], ""),
    "instrumented": ("real/instrumented", [], ""),
    "kernel-real": ("kernel-real", [], ""),
}
# Tests without cases; and the shadow victims, whose cases victims/run.py lists.
WHOLE = {"layers": "tests/layers", "cores": "tests/fuzz/cores", "lint": "scripts/lint", "scores": "tests/scores",
         "languages": "tests/languages/run.py"}
SHADOW = ("victims-shadow", "shadow")
UNIT_NEEDS = "tests/unit/module_helper.la"


def script(path):
    return os.path.join(harness.TOP, "tests", path)


def listed(path, *arguments):
    """Names of a runner's cases."""
    r = subprocess.run([script(path), *arguments, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    return r.stdout.splitlines()


def unit_cases(path):
    return list(dict.fromkeys(re.findall(r"\bcmocka_unit_test\w*\(\s*(\w+)", harness.read_source(path))))


def catalog():
    """{name: (runner, case or None)} of every test."""
    names = {"unit": ("unit", None)}
    for path in sorted(glob.glob(script("unit/test_*.c"))):
        test = os.path.splitext(os.path.basename(path))[0]
        names[f"unit/{test}"] = ("unit", test)
        names.update({f"unit/{test}/{case}": ("unit", f"{test}/{case}") for case in unit_cases(path)})
    for runner, (path, _, _) in RUNNERS.items():
        names[runner] = (runner, None)
        names.update({f"{runner}/{case}": (runner, case) for case in listed(path)})
        if runner == "victims":
            names[SHADOW[0]] = (SHADOW[0], None)
            names.update({f"{SHADOW[0]}/{case}": (SHADOW[0], case)
                          for case in listed(path, "--dir", script(SHADOW[0]))})
    there = [name for name, path in WHOLE.items() if os.access(os.path.join(harness.TOP, path), os.X_OK)]
    names.update({name: (name, None) for name in there})
    return names


def paths():
    """The names of runners by their files: {path: name}"""
    known = {f"tests/{path}": runner for runner, (path, _, _) in RUNNERS.items()}
    known.update({path: name for name, path in WHOLE.items()})
    known[SHADOW[1]] = known["tests/" + SHADOW[1]] = SHADOW[0]
    return known


def resolve(word, names):
    """The full names of the tests that a word means."""
    forms = []
    for form in (word, word.replace(":", "/", 1)):
        form = form.removeprefix("./").removesuffix("/")
        form = paths().get(form, form)
        forms += [form, re.sub(r"\.cc?$", "", form.removeprefix("tests/"))]
    for form in forms:
        if form in names:
            return [form]
    for form in forms:
        found = [name for name in names if name.endswith("/" + form)]
        if found:
            return found
    return []


def command_of(runner, cases):
    """(the make targets that the tests need, the command that runs them)"""
    if runner == "unit":
        programs = sorted({"tests/unit/" + case.split("/")[0] for case in cases})
        return " ".join([UNIT_NEEDS, *programs]), [sys.executable, os.path.abspath(__file__), "unit", *cases]
    if runner == SHADOW[0]:
        return "", [script(SHADOW[1]), *cases]
    if runner in WHOLE:
        return "", [os.path.join(harness.TOP, WHOLE[runner])]
    path, before, targets = RUNNERS[runner]
    return targets, [script(path), *before, *cases]


def plan(words):
    names = catalog()
    asked = {}
    unknown = []
    for word in words:
        found = resolve(word, names)
        if not found:
            last = {name.rsplit("/", 1)[-1]: name for name in names}
            unknown.append(f"there is no test '{word}'{harness.near(word, list(names) + list(last))}")
        if len(found) > 1:
            print(f"'{word}' is {len(found)} tests: {', '.join(found)}", file=sys.stderr)
        for name in found:
            runner, case = names[name]
            asked.setdefault(runner, {})[case] = name
    if unknown:
        raise SystemExit("scripts/test: " + "\nscripts/test: ".join(unknown)
                         + "\n(scripts/test --list prints all names)")
    for runner, cases in asked.items():
        # "command usage_errors" is one case, as "command/usage_errors" is.
        chosen = [case for case in cases if case is not None]
        if not chosen and runner == "unit":
            chosen = [case for r, case in names.values() if r == "unit" and case and "/" not in case]
        targets, command = command_of(runner, chosen)
        label = runner if len(chosen) != 1 else f"{runner}/{chosen[0]}"
        print(label, targets or "-", shlex.join(command), sep="\t")


# ---- unit tests ----------------------------------------------------------------------------------

def run_unit(word):
    """Counts cmocka's result of each test; a program that prints none passes or fails as a whole."""
    test, _, case = word.partition("/")
    r = subprocess.run(["./tests/unit/" + test], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, errors="replace",
                       env=harness.environment(UNIT_TEST=case, srcdir=harness.TOP), check=False)
    found = {kind: dict.fromkeys(re.findall(rf"^\[ *{kind} *\] (\w+)$", r.stdout, re.M))
             for kind in ("OK", "SKIPPED", "FAILED")}
    before = harness.failed
    for name in found["OK"]:
        harness.one_passed(f"{test}/{name}")
    for name in found["SKIPPED"]:
        harness.one_skipped(f"{test}/{name}", "the test called skip() for want of something; see its source")
    for name in found["FAILED"]:
        harness.one_failed(f"{test}/{name}")
    if case and case not in {name for names in found.values() for name in names}:
        harness.one_failed(word, f"it did not run; status {r.returncode}")
    elif not any(found.values()) and r.returncode == 0:
        harness.one_passed(test)
    elif r.returncode not in (0, harness.SKIPPED_STATUS):
        if harness.failed == before:
            harness.one_failed(test, f"ended with status {r.returncode}")
        print(r.stdout)


def main():
    what, words = (sys.argv + [""])[1], sys.argv[2:]
    if what == "list":
        print("\n".join(catalog()))
        return 0
    if what == "plan":
        plan(words)
        return 0
    if what == "cases":
        for test in words:
            print("\n".join(f"{test}/{case}" for case in unit_cases(script(f"unit/{test}.c"))))
        return 0
    if what == "unit":
        os.chdir(harness.BUILD)
        for word in words:
            run_unit(word)
        return harness.finish()
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
