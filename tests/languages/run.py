#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs in five languages, each with a leak, an overflow and a use after free: memsan must report the bug and
nothing else, with the names that people of that language know.

    tests/languages/run.py --build DIR [--update] [NAME...]

A name is a language or LANGUAGE/BUG. --update writes the table of docs/languages.md from this run; without it, the
table must be as the run says. Comments in the programs mark the lines that a report must name: ALLOC, FREE and BAD,
with the bugs that they belong to. A language whose compiler or headers are missing is skipped.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from harness import Skipped, equal, require

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "../../docs/languages.md")
BEGIN, END = "<!-- table: made by tests/languages/run.py --update -->\n", "<!-- end of the table -->\n"
BUGS = ("leak", "overflow", "use-after-free")


def node_headers():
    """Debian keeps them in /usr/include, other builds beside the program."""
    node = shutil.which("node")
    for folder in ("/usr/include", os.path.join(os.path.dirname(os.path.realpath(node)), "../include") if node else ""):
        for name in ("node", "nodejs/src"):
            if os.path.exists(os.path.join(folder, name, "node_api.h")):
                return os.path.join(folder, name)
    raise Skipped("Node's headers are missing (libnode-dev)")


def python_headers():
    """Those of the system's Python, which runs the extension."""
    run = subprocess.run(["/usr/bin/python3", "-c", "import sysconfig; print(sysconfig.get_paths()['include'])"],
                         stdout=subprocess.PIPE, text=True, check=True)
    if not os.path.exists(os.path.join(run.stdout.strip(), "Python.h")):
        raise Skipped("Python's headers are missing (python3-dev)")
    return run.stdout.strip()


# Language: source, who compiles it, the program, what --watch watches, environment, guilty functions by bug.
LANGUAGES = {
    "C": {
        "source": "sessions.c", "compile": lambda s, o: ["gcc", "-g", "-o", o, s], "run": ["{out}"],
        "named": {"leak": "session_open", "overflow": "session_fill", "use-after-free": "session_count"},
    },
    "C++": {
        "source": "sessions.cc", "compile": lambda s, o: ["g++", "-g", "-o", o, s], "run": ["{out}"],
        "named": {"leak": "main", "overflow": "app::Scores<int>::fill(int const&)",
                  "use-after-free": "app::Session::length() const"},
    },
    "Rust": {
        "source": "sessions.rs", "compile": lambda s, o: ["rustc", "-A", "warnings", "-g", "-o", o, s],
        "run": ["{out}"],
        "named": {"leak": "sessions::app::forget", "overflow": "sessions::app::Session::fill",
                  "use-after-free": "<sessions::app::Session as sessions::app::Length>::length"},
    },
    "Python extension": {
        "source": "sessions_python.c", "out": "sessions.so",
        "compile": lambda s, o: ["gcc", "-g", "-shared", "-fPIC", "-I" + python_headers(), "-o", o, s],
        "run": ["/usr/bin/python3", "program.py"], "watch": "sessions.so",
        "env": {"PYTHONMALLOC": "malloc", "PYTHONPATH": "."},
        "named": {"leak": "session_new", "overflow": "session_fill", "use-after-free": "session_best"},
    },
    "Node add-on": {
        "source": "sessions_node.cc", "out": "sessions.node",
        "compile": lambda s, o: ["g++", "-g", "-shared", "-fPIC", "-I" + node_headers(), "-o", o, s],
        "run": ["node", "program.js"], "watch": "sessions.node",
        "named": {"leak": "addon::Forget(napi_env__*, napi_callback_info__*)", "overflow": "addon::Session::fill()",
                  "use-after-free": "addon::Session::best() const"},
    },
}


class Language:
    """A program in one language, built once."""

    def __init__(self, name, build, folder):
        self.name = name
        self.memsan = os.path.join(build, "memsan")
        self.about = LANGUAGES[name]
        self.source = os.path.join(HERE, self.about["source"])
        self.folder = os.path.join(folder, name.replace(" ", "-"))
        self.lines = {}
        with open(self.source, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                for marker, bugs in re.findall(r"(ALLOC|FREE|BAD)((?: [a-z-]+)+)", line):
                    for bug in bugs.split():
                        self.lines[marker, bug] = number

    def build(self):
        compiler = self.about["compile"](self.source, "")[0]
        if not shutil.which(compiler):
            raise Skipped(compiler + " is missing")
        if self.about["run"][0][0] != "{" and not shutil.which(self.about["run"][0]):
            raise Skipped(self.about["run"][0] + " is missing")
        if os.path.exists(self.folder):
            return
        os.mkdir(self.folder)
        for name in ("program.py", "program.js"):
            shutil.copy(os.path.join(HERE, name), self.folder)
        out = os.path.join(self.folder, self.about.get("out", "sessions"))
        r = subprocess.run(self.about["compile"](self.source, out), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False)
        require(r.returncode == 0, "the compiler says:\n" + r.stdout)

    def command(self, bug):
        """The command as a user types it, in the folder of the program."""
        watch = "--watch=" + self.about["watch"] if "watch" in self.about else "--watch"
        options = ["-o", "leak=on"] if bug == "leak" else [watch]
        program = [word.replace("{out}", "./sessions") for word in self.about["run"]]
        return ["memsan", "run", *options, *program, bug]

    def run(self, bug, *options):
        command = self.command(bug)
        env = dict(os.environ, ADDON="./sessions.node", **self.about.get("env", {}))
        return subprocess.run([self.memsan, "run", *options, *command[2:]], cwd=self.folder, env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)

    def reports(self, bug):
        path = os.path.join(self.folder, "reports")
        if os.path.exists(path):
            os.unlink(path)
        r = self.run(bug, "--format=json", "--report=" + path)
        require(os.path.exists(path), f"no report; the program said:\n{r.stdout}{r.stderr}")
        equal("exit status", r.returncode, 99)
        decoded = subprocess.run([self.memsan, "decode", "--format=json", path], stdout=subprocess.PIPE, text=True,
                                 timeout=60, check=False)
        return [json.loads(line) for line in decoded.stdout.splitlines()]

    def place(self, record, marker):
        """The line of this program's source that the innermost frame there has."""
        roles = ("alloc",) if marker == "ALLOC" else ("free",) if marker == "FREE" else ("access", "noticed")
        for stack in record["stacks"]:
            if stack["role"] in roles:
                for frame in stack["frames"]:
                    if os.path.basename(frame.get("file") or "") == self.about["source"]:
                        return frame["line"]
        return None


def belongs(bug, record):
    """The object of a use after free is often freed twice in the end."""
    return bug == "use-after-free" and record["kind"] == "double-free"


def check(language, bug):
    """Runs one program with one bug. Returns the title of the report."""
    language.build()
    records = language.reports(bug)
    record = records[0]
    title = record["title"].removeprefix("MEMSAN: ")
    kind, _, function = title.partition(" in ")
    more = [r["title"] for r in records[1:] if not belongs(bug, r)]
    equal("other reports", more, [])
    equal("kind", kind, {"leak": "memory leak", "overflow": "slab-out-of-bounds",
                         "use-after-free": "slab-use-after-free"}[bug])
    equal("the function to blame", function, language.about["named"][bug])
    for marker in ("ALLOC", "FREE", "BAD"):
        if (marker, bug) in language.lines:
            equal(f"the line marked {marker}", language.place(record, marker), language.lines[marker, bug])
    text = language.run(bug)
    source = language.about["source"]
    require(f"{source}:" in text.stderr, "the text does not name the source:\n" + text.stderr)
    frames = re.findall(r"^ +(?!\()\S.*\[(?:node|python3\.\d+)\]", text.stderr, re.M)
    require(len(frames) < 12, f"{len(frames)} frames of the interpreter:\n{text.stderr}")
    if (language.name, bug) == ("Rust", "overflow"):
        # memsan-cc is no help for Rust.
        late = subprocess.run([language.memsan, "run", "./sessions", bug], cwd=language.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False).stderr
        require("\n memsan run --pinpoint -- ./sessions overflow\n" in late and "compile" not in late and
                "memsan-cc" not in late, late)
    return title


def row(language, bug, title):
    env = "".join(f"{k}={v} " for k, v in language.about.get("env", {}).items() if k == "PYTHONMALLOC")
    line = language.lines.get(("BAD", bug), language.lines.get(("ALLOC", bug)))
    return (f"| {language.name} | {bug.replace('-', ' ')} | `{env}{' '.join(language.command(bug))}` | `{title}` | "
            f"[{language.about['source']}:{line}](../tests/languages/{language.about['source']}#L{line}) |")


def table_of(text):
    return text.partition(BEGIN)[2].partition(END)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("BUILD", "."))
    parser.add_argument("--update", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    with open(TABLE, encoding="utf-8") as f:
        text = f.read()
    rows, failed, skipped = {}, [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in LANGUAGES:
            language = Language(name, os.path.abspath(args.build), folder)
            for bug in BUGS:
                full = name + "/" + bug
                if args.names and name not in args.names and full not in args.names:
                    continue
                try:
                    rows[full] = row(language, bug, check(language, bug))
                    require(args.update or rows[full] in table_of(text).splitlines(),
                            f"the table of docs/languages.md has no such row (--update):\n{rows[full]}")
                    print(f"PASS: {full}", flush=True)
                except Skipped as e:
                    skipped.append(full)
                    print(f"SKIP: {full}: {e}", flush=True)
                except (AssertionError, subprocess.SubprocessError) as e:
                    failed.append(full)
                    print(f"FAIL: {full}: {e}", flush=True)
    if args.update and not failed and not skipped and not args.names:
        before, _, rest = text.partition(BEGIN)
        head = "| language | bug | command | what memsan says | line |\n|---|---|---|---|---|\n"
        with open(TABLE, "w", encoding="utf-8") as f:
            f.write(before + BEGIN + head + "\n".join(rows.values()) + "\n" + END + rest.partition(END)[2])
    print(f"{len(rows) - len([f for f in failed if f in rows])} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 77 if skipped and not rows else 0


if __name__ == "__main__":
    sys.exit(main())
