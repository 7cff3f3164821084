#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Builds and runs every victim (one program, one bug) and compares the reports with those that the program's first
comment expects.

A victim's header comment holds lines "key: value":
  expect:   none, or one report: KIND [in=FUNCTION] [object=SIZE] [access=SIZE] [entry=NAME] [offset=N] [bad=N]
            [cache=NAME] [found=free|realloc] [alloc=FUNCTION] [free=FUNCTION] [leak=CLASS] [held=OBJECTS]
            [count=OBJECTS]
            Several reports have a line each.  "below" means that they stand in the code: each in a comment
            /* expect: … */ on the line that the innermost frame of the access must have.
  expect-production: the same for production mode
  modes:    the modes to run in (default: check); 'production' needs expect-production unless both expect the same
  options:  MEMSAN_OPTIONS
  flags:    compiler flags
  compile-flags: flags for compiling only, in builds where linking is a step of its own
  libs:     libraries to link
  module:   a source file, which is built as a shared library; the program finds its path in $VICTIM_MODULE
  module-libs: libraries to link the module with
  link-module: the program is linked with the module
  ways:     preload, linked, static   (default: preload)
  status:   the exit status, if it is not exitcode's (99 after a report, else 0)
  status-linked, status-static: the exit status in those ways, which do without memsan run
  output:   the exact standard output, without the last newline
Markers in the code, /* ALLOC */, /* FREE */ and /* BAD */, name the line that the innermost frame of the alloc stack,
of the free stack, and of the access or noticing stack must have.  Any other report is a failure.
With VICTIMS_KEEP=FOLDER in the environment, programs are built there and used again.
"""
import argparse
import concurrent.futures
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
ROLE_OF_MARKER = {"ALLOC": ("alloc",), "FREE": ("free",), "BAD": ("access", "noticed")}


class Victim:
    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        head = text.split("*/", 2)
        self.keys = {}
        for m in re.finditer(r"^ \* ([a-z-]+):(| .*)$", "*/".join(head[:2]), re.M):
            self.keys.setdefault(m.group(1), []).append(m.group(2).strip())
        self.markers = {}
        for number, line in enumerate(text.splitlines(), 1):
            for m in re.finditer(r"/\* (ALLOC|FREE|BAD) \*/", line):
                self.markers.setdefault(m.group(1), set()).add(number)
        if self.keys.get("expect") == ["below"]:
            self.keys["expect"] = []
            for number, line in enumerate(text.splitlines(), 1):
                for m in re.finditer(r"/\* expect: (.*?) \*/", line):
                    self.keys["expect"].append(f"{m.group(1)} line={number}")
        if "expect" not in self.keys:
            raise SystemExit(f"{path}: no 'expect:' line")

    def one(self, key, default=""):
        return self.keys.get(key, [default])[-1]

    def expectations(self, mode):
        lines = self.keys.get("expect-" + mode, self.keys["expect"])
        return [] if lines == ["none"] else lines


def parse_expectation(line):
    words = line.split()
    return words[0], dict(w.split("=", 1) for w in words[1:])


def stack_of(report, roles):
    for s in report["stacks"]:
        if s["role"] in roles:
            return s
    return None


def first_frame(report, roles):
    s = stack_of(report, roles)
    return s["frames"][0] if s and s["frames"] else None


def check_report(victim, mode, report, expectation):
    """The differences between a report and one 'expect:' line, as texts."""
    kind, wants = parse_expectation(expectation)
    wrong = []
    if report["kind"] != kind:
        wrong.append(f"kind {report['kind']}, expected {kind}")
    if report.get("schema") != "memsan-report/1" or report.get("detector") != "memsan":
        wrong.append("not a memsan-report/1 of detector memsan")
    if "in" in wants and wants["in"] not in report["title"]:
        wrong.append(f"title {report['title']!r} does not name {wants['in']}")
    if "object" in wants and (report["object"] or {}).get("size") != int(wants["object"]):
        wrong.append(f"object size {(report['object'] or {}).get('size')}, expected {wants['object']}")
    if "access" in wants and (report["access"] or {}).get("size") != int(wants["access"]):
        wrong.append(f"access size {(report['access'] or {}).get('size')}, expected {wants['access']}")
    if "cache" in wants and (report["object"] or {}).get("cache") != wants["cache"]:
        wrong.append(f"cache {(report['object'] or {}).get('cache')}, expected {wants['cache']}")
    if "entry" in wants and (report["access"] or {}).get("entry") != wants["entry"]:
        wrong.append(f"entry {(report['access'] or {}).get('entry')}, expected {wants['entry']}")
    if "found" in wants and (report["access"] or {}).get("found_at") != "on " + wants["found"]:
        wrong.append(f"found {(report['access'] or {}).get('found_at')}, expected on {wants['found']}")
    for key, field in (("leak", "class"), ("held", "held_objects"), ("count", "objects")):
        if key in wants and str((report.get("leak") or {}).get(field)) != wants[key]:
            wrong.append(f"leak {field} {(report.get('leak') or {}).get(field)}, expected {wants[key]}")
    for role in ("alloc", "free"):
        frame = first_frame(report, (role,))
        if role in wants and (frame or {}).get("function") != wants[role]:
            wrong.append(f"{role} stack starts in {(frame or {}).get('function')}, expected {wants[role]}")
    if "place" in wants and wants["place"] not in (report.get("place") or ""):
        wrong.append(f"place {report.get('place')!r} does not name {wants['place']}")
    if "frame" in wants and (first_frame(report, ("frame",)) or {}).get("function") != wants["frame"]:
        wrong.append(f"frame of {(first_frame(report, ('frame',)) or {}).get('function')}, expected {wants['frame']}")
    if "type" in wants and report["access"]["type"] != wants["type"]:
        wrong.append(f"a {report['access']['type']}, expected a {wants['type']}")
    if "line" in wants and (first_frame(report, ("access", "noticed")) or {}).get("line") != int(wants["line"]):
        line = (first_frame(report, ("access", "noticed")) or {}).get("line")
        wrong.append(f"access stack starts at line {line}, expected {wants['line']}")
    if "offset" in wants and not report["object"]:
        wrong.append("no object")
    elif "offset" in wants:
        offset = int(report["access"].get("bad") or report["access"]["addr"], 16) - int(report["object"]["addr"], 16)
        if offset != int(wants["offset"]):
            wrong.append(f"damage at offset {offset} of the object, expected {wants['offset']}")
    if "bad" in wants:
        bad = int(report["access"]["bad"] or "0", 16) - int((report["object"] or {"addr": "0"})["addr"], 16)
        if bad != int(wants["bad"]):
            wrong.append(f"first bad byte at offset {bad} of the object, expected {wants['bad']}")
    for marker, roles in ROLE_OF_MARKER.items():
        lines = victim.markers.get(marker)
        if not lines or (mode == "production" and marker != "BAD"):
            continue
        frame = first_frame(report, roles)
        if frame is None:
            if roles != ROLE_OF_MARKER["BAD"] or "nostack" not in wants:
                wrong.append(f"no {'/'.join(roles)} stack")
        elif frame.get("line") not in lines or os.path.basename(frame.get("file")
                                                                or "") != os.path.basename(victim.path):
            wrong.append(f"{'/'.join(roles)} stack starts at {frame.get('function')} "
                         f"{frame.get('file')}:{frame.get('line')},"
                         f" expected line {sorted(lines)}")
    return wrong


def is_current(binary, sources):
    return os.path.exists(binary) and all(os.path.getmtime(s) <= os.path.getmtime(binary) for s in sources)


def build(args, victim, way, out):
    cxx = victim.path.endswith(".cc")
    compiler = args.cxx if cxx else args.cc
    binary = os.path.join(out, f"{victim.name}-{way}")
    modules = [(os.path.join(args.dir, extra), os.path.join(out, f"{victim.name}-module{i}.so"))
               for i, extra in enumerate(victim.keys.get("module", []))]
    if is_current(binary, [victim.path, *([args.archive] if way == "static" else []), *(m[0] for m in modules)]):
        return binary, ""
    # A fixed set of flags, so that line numbers and frames are those of the source.
    command = [*shlex.split(compiler), "-g", args.level, "-fno-optimize-sibling-calls", "-fno-inline", "-fno-builtin",
               "-w", *shlex.split(victim.one("flags")), "-I", args.include, "-o", binary, victim.path]
    if args.compile_flags:
        # An instrumented program is compiled with flags that the link must not get.
        part = binary + ".o"
        flags = [*shlex.split(args.compile_flags), *shlex.split(victim.one("compile-flags"))]
        compile_only = [*command[:command.index("-o")], *flags, "-c", "-o", part, victim.path]
        r = subprocess.run(compile_only, capture_output=True, text=True)
        if r.returncode != 0:
            return None, r.stderr
        command[command.index(victim.path)] = part
    if way == "linked":
        command += ["-Wl,--no-as-needed"] if args.plain else []
        command += ["-L", args.libdir, "-Wl,-rpath," + args.libdir, "-lmemsan"]
    elif way == "static":
        command += ["-static", args.archive]
    command += ["-pthread", *shlex.split(victim.one("libs"))]
    for source, so in modules:
        part = so + ".o"
        compile_one = [*shlex.split(args.cc), *shlex.split(args.compile_flags), "-g", "-O1", "-fPIC", "-w", "-c", "-o",
                       part, source]
        link_one = [*shlex.split(args.cc), "-shared", "-o", so, part, *shlex.split(victim.one("module-libs"))]
        for step in (compile_one, link_one):
            r = subprocess.run(step, capture_output=True, text=True)
            if r.returncode != 0:
                return None, r.stderr
        if victim.one("link-module"):
            command.append(so)
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode != 0:
        return None, r.stderr
    return binary, ""


def run(args, victim, way, mode, binary, out):
    report_file = os.path.join(out, f"{victim.name}-{way}-{mode}.json")
    if os.path.exists(report_file):
        os.unlink(report_file)
    env = dict(os.environ, VICTIM_MODULE=os.path.join(out, f"{victim.name}-module0.so"))
    env.pop("MEMSAN_OPTIONS", None)
    options = ":".join(filter(None, [args.options, victim.one("options")]))
    # An object that is fenced by chance would change the reports.
    if "fence" not in options:
        options = ":".join(filter(None, ["fence=off", options]))
    if way == "preload":
        command = [args.memsan, "run", f"--mode={mode}", "--format=json", f"--report={report_file}"]
        for o in filter(None, re.split(r"(?<!:):(?!:)", options)):
            command += ["-o", o]
        command += ["--", binary]
    else:
        open(report_file, "w").close()
        own = f"mode={mode}:format=json:report_file={report_file}:symbolizer={args.symbolizer}"
        env["MEMSAN_OPTIONS"] = ":".join(filter(None, [own, options]))
        command = [binary]
    command += shlex.split(victim.one("args"))
    try:
        r = subprocess.run(command, capture_output=True, text=True, errors="replace", env=env,
                           timeout=harness.LIMIT,
                           stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return [f"did not finish within {harness.LIMIT} s"], []
    with open(report_file, encoding="utf-8") as f:
        lines = f.read().splitlines()
    reports, wrong = [], []
    for line in lines:
        try:
            reports.append(json.loads(line))
        except ValueError as e:
            wrong.append(f"not JSON ({e}): {line[:200]}")
    expected = victim.expectations(mode)
    if victim.one("reports") == "any" and reports:
        reports = reports[:1]
    if len(reports) != len(expected):
        wrong.append(f"{len(reports)} reports, expected {len(expected)}: " + "; ".join(x["title"] for x in reports))
    # Reports of threads and children may come in any order: match each expectation with the best report left.
    left = list(reports)
    for e in expected:
        if not left:
            break
        best = min(left, key=lambda rep: len(check_report(victim, mode, rep, e)))
        wrong += check_report(victim, mode, best, e)
        left.remove(best)
    status = int(victim.one("status-" + way, victim.one("status", "99" if expected else "0")))
    if r.returncode != status:
        wrong.append(f"exit status {r.returncode}, expected {status}")
    if r.stderr.strip() and victim.one("stderr") != "any":
        wrong.append("standard error: " + r.stderr.strip()[:400])
    if "output" in victim.keys and r.stdout.rstrip("\n") != victim.one("output"):
        wrong.append(f"standard output {r.stdout!r}")
    return wrong, reports


def attempt(args, victim, out):
    """Runs one victim in each of its ways and modes; returns a list of (label, differences)."""
    results = []
    for way in victim.one("ways", "preload").split():
        binary, error = build(args, victim, way, out)
        for mode in victim.one("modes", "check").split():
            label = f"{victim.name} ({way}, {mode})"
            if not binary:
                results.append((label, ["does not compile: " + error.strip()[:800]]))
                continue
            wrong, _ = run(args, victim, way, mode, binary, out)
            results.append((label, wrong))
    return results


def main():
    parser = argparse.ArgumentParser(description="run the victims and check their reports")
    parser.add_argument("--build", default=harness.BUILD,
                        help="build folder with memsan, .libs and libmemsan.a, or an install prefix")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--cxx", default="g++")
    parser.add_argument("--dir", default=HERE, help="folder of the victims")
    parser.add_argument("--form", default="",
                        help="name of the build that --cc makes; victims may say 'not-form: NAME' or 'only-form: NAME'")
    parser.add_argument("--compile-flags", default="",
                        help="flags for compiling only; then linking is a step of its own")
    parser.add_argument("--level", default="-O1", help="optimisation")
    parser.add_argument("--options", default="", help="MEMSAN_OPTIONS for every victim, before its own")
    parser.add_argument("--plain", action="store_true",
                        help="the programs are not instrumented: leaves out the victims that say 'needs: compiler'")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="print the names of the victims")
    parser.add_argument("victims", nargs="*", help="names; none: all")
    args = parser.parse_args()
    build_dir = os.path.abspath(args.build)
    installed = os.path.isdir(os.path.join(build_dir, "bin"))
    args.memsan = os.path.join(build_dir, "bin/memsan" if installed else "memsan")
    args.libdir = os.path.join(build_dir, "lib" if installed else ".libs")
    args.archive = os.path.join(build_dir, "lib/libmemsan.a" if installed else "libmemsan.a")
    args.symbolizer = os.path.join(build_dir, "libexec/memsan/memsan-symbolize" if installed else "memsan-symbolize")
    args.include = os.path.join(build_dir, "include") if installed else os.path.join(HERE, "../../preload")
    paths = sorted(os.path.join(args.dir, f) for f in os.listdir(args.dir) if f.endswith((".c", ".cc")))
    victims = [Victim(p) for p in paths if not os.path.basename(p).startswith("module_")]
    chosen = harness.choose(args.victims, [v.name for v in victims])
    if args.list:
        print("\n".join(chosen))
        return 0
    victims = [v for v in victims if v.name in chosen and args.form not in v.one("not-form").split()]
    victims = [v for v in victims if not v.one("only-form") or args.form in v.one("only-form").split()]
    victims = [v for v in victims if not (args.plain and v.one("needs") == "compiler")]
    if args.victims and not victims:
        print(f"{' '.join(chosen)}: not for this form")
        return 0
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        if os.environ.get("VICTIMS_KEEP"):
            out = os.path.join(os.environ["VICTIMS_KEEP"], f"{args.form or 'plain'}{args.level}")
            os.makedirs(out, exist_ok=True)
        else:
            out = stack.enter_context(tempfile.TemporaryDirectory(prefix="memsan-victims."))
        for results in pool.map(lambda v: attempt(args, v, out), victims):
            for label, wrong in results:
                if wrong:
                    harness.one_failed(label, "\n    " + "\n    ".join(wrong))
                else:
                    harness.one_passed(label)
    return harness.finish()


if __name__ == "__main__":
    sys.exit(main())
