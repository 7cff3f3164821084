# SPDX-License-Identifier: BSD-2-Clause
"""tests/lib/harness.py - shared by the Python runners: folders, cases, counting, compiling and running programs.

A runner finds this module by its own path, in whatever folder it is started:

    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
    import harness

    @harness.case
    def status_is_the_programs(folder):     # folder is new and empty; the parameter may be left out
        harness.equal("status", harness.memsan("run", "true").returncode, 0)

    if __name__ == "__main__":
        sys.exit(harness.main())

A case fails when it raises an exception, and is skipped when it raises Skipped.  For a case that calls check(), the
checks are counted instead of the case.  Every runner understands --list and names of cases.  Its last line is "N
passed, N failed", or "N passed, N failed, N skipped".  Its exit status is 0 when all passed, 77 (automake's "skipped")
when none failed but some were skipped, and 1 otherwise.
"""
import difflib
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
# Seconds; a program that runs longer is taken to hang.
LIMIT = int(os.environ.get("TEST_LIMIT") or 120)
SKIPPED_STATUS = 77


def find_build():
    """The build folder: $BUILD, the current folder if memsan was configured there, else the folder that scripts/test
    or scripts/quickstart made."""
    candidates = [os.environ["BUILD"]] if os.environ.get("BUILD") else [".", os.path.join(TOP, "build-test"),
                                                                        os.path.join(TOP, "build")]
    for folder in candidates:
        if os.path.exists(os.path.join(folder, "config.status")):
            return os.path.abspath(folder)
    return os.path.abspath(candidates[0])


BUILD = find_build()
MEMSAN = os.path.abspath(os.environ.get("MEMSAN") or os.path.join(BUILD, "memsan"))
LIBRARY = os.path.join(BUILD, ".libs/libmemsan.so")
ARCHIVE = os.path.join(BUILD, "libmemsan.a")
CC = shlex.split(os.environ.get("CC", "gcc"))


class Skipped(Exception):
    """Raised by a case that cannot run on this machine; the text says why."""


class Absent(Exception):
    """Raised by a case whose subject this machine's processor or kernel does not have; nothing that one installs brings
    it.  It is named, and is neither passed nor skipped."""


# ---- counting ------------------------------------------------------------------------------------

passed = 0
failed = 0
skipped = 0
absent = 0


def one_passed(name, note=""):
    global passed
    passed += 1
    print(f"PASS: {name}" + (f" ({note})" if note else ""), flush=True)


def one_failed(name, why=""):
    global failed
    failed += 1
    print(f"FAIL: {name}" + (f": {why}" if why else ""), flush=True)


def one_skipped(name, why):
    global skipped
    skipped += 1
    print(f"SKIP: {name}: {why}", flush=True)


def one_absent(name, why):
    global absent
    absent += 1
    print(f"ABSENT: {name}: {why}", flush=True)


def check(name, problem):
    """Counts one of many checks: `problem` is empty, or says what is wrong.  Prints failures only."""
    global passed
    if problem:
        one_failed(name, problem)
    else:
        passed += 1


def finish():
    """Prints the last line; returns the exit status."""
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    if failed or not passed + skipped + absent:
        return 1
    return SKIPPED_STATUS if skipped else 0


# ---- expectations --------------------------------------------------------------------------------

def require(condition, what):
    assert condition, what


def equal(what, got, wanted):
    assert got == wanted, f"{what}: {got!r:.2000}, expected {wanted!r:.2000}"


def within(what, text, pattern):
    assert re.search(pattern, text), f"{what}: {text!r} does not match {pattern!r}"


def wait_until(what, condition, limit=LIMIT):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.01)


# ---- cases ---------------------------------------------------------------------------------------

cases = []


def case(function):
    cases.append(function)
    return function


def near(name, known):
    """The end of a message about an unknown name: known names that are like it."""
    holding = [k for k in known if name in k] if len(name) > 3 else []
    close = list(dict.fromkeys(difflib.get_close_matches(name, known, 5, 0.6) + holding))[:5]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def choose(names, known):
    """The names in the order of `known`; without names, all of `known`.  Ends the runner at an unknown name."""
    for name in names:
        if name not in known:
            runner = os.path.basename(sys.argv[0])
            print(f"{runner}: there is no case '{name}'{near(name, known)} (--list prints all)", file=sys.stderr)
            raise SystemExit(2)
    return [k for k in known if k in names] if names else list(known)


def undo_ignored_signals():
    """Undoes nohup and the like: every program that this process starts would inherit their ignored signals."""
    for s in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(s) == signal.SIG_IGN:
            signal.signal(s, signal.SIG_DFL)


def run_case(function, make=None):
    """Runs one case in a new folder.  `make` turns the folder into the case's parameter."""
    name = function.__name__
    before = passed + failed + skipped + absent
    try:
        with tempfile.TemporaryDirectory(prefix=f"memsan-{os.path.basename(sys.argv[0])}.") as folder:
            argument = [make(folder) if make else folder] if inspect.signature(function).parameters else []
            note = function(*argument)
    except Skipped as e:
        one_skipped(name, e)
    except Absent as e:
        one_absent(name, e)
    except Exception as e:  # pylint: disable=broad-except; any exception is this case's failure
        one_failed(name, (f"{type(e).__name__}: " if type(e) is not AssertionError else "") + str(e)[:6000])
    else:
        if passed + failed + skipped + absent == before:
            one_passed(name, note or "")


def main(make=None, asked_for=(), names=None):
    """Runs the cases that the command line names, or else all except `asked_for`; returns the exit status."""
    names = sys.argv[1:] if names is None else names
    known = {function.__name__: function for function in cases}
    if names == ["--list"]:
        print("\n".join(known))
        return 0
    if names in (["--help"], ["-h"]):
        print((sys.modules["__main__"].__doc__ or "").strip())
        return 0
    os.chdir(BUILD)
    undo_ignored_signals()
    for name in choose(names, known):
        if names or known[name] not in asked_for:
            run_case(known[name], make)
    if asked_for and not names:
        print("only when asked for by name: " + ", ".join(function.__name__ for function in asked_for))
    return finish()


# ---- programs ------------------------------------------------------------------------------------

def environment(**extra):
    """This process's environment without memsan's variables."""
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "MEMSAN_OPTIONS")}
    env.update(extra)
    return env


def run(*command, **kwargs):
    """Runs a command: standard input is empty, both outputs are returned as text, and LIMIT seconds are the longest
    time.  A status other than 0 is no error."""
    kwargs.setdefault("timeout", LIMIT)
    kwargs.setdefault("check", False)
    kwargs.setdefault("errors", "replace")
    if "input" not in kwargs:
        kwargs.setdefault("stdin", subprocess.DEVNULL)
    if not {"stdout", "stderr"} & kwargs.keys():
        kwargs["capture_output"] = True
    return subprocess.run(command, text=True, **kwargs)


def memsan(*arguments, env=None, **kwargs):
    return run(MEMSAN, *arguments, env=env or environment(), **kwargs)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def compile_c(folder, name, text, *flags):
    """Compiles a program from its text; returns the program's path."""
    source = write(folder, name + ".c", text)
    subprocess.run([*CC, "-o", os.path.join(folder, name), source, *flags], check=True)
    return os.path.join(folder, name)


def json_lines(text):
    """The reports in a text that holds one JSON object on each line."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


# ---- the sources ---------------------------------------------------------------------------------

# Folders that configure, make and Python put beside the sources of a release.
GENERATED = {"autom4te.cache", "_build", "_inst", "_sub", "__pycache__", ".libs", ".deps"}


def source_files(top=TOP):
    """Paths below top: the files that git tracks, or, in a release, all files that are not generated."""
    if os.path.exists(os.path.join(top, ".git")):
        out = run("git", "-C", top, "ls-files", "-z", check=True).stdout
        return sorted(p for p in out.split("\0") if p and os.path.exists(os.path.join(top, p)))
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in GENERATED and (not f.startswith("build") or f == "build-aux")]
        found += [os.path.relpath(os.path.join(folder, f), top) for f in files]
    return sorted(found)


def read_source(path):
    with open(os.path.join(TOP, path), encoding="utf-8", errors="replace") as f:
        return f.read()
