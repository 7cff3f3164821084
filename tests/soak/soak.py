#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs real software under load, plain and under memsan in each mode, and compares; scripts/soak starts it.

A workload is a shell script in tests/soak/workloads; lib.sh there says what one defines.  A workload that has items
(test files, say) is run in batches of them, so that a soak of any length spreads over all workloads, and the next one
goes on where the last one stopped.  Each batch is run plain first, then in each mode.  Four things fail a run:

    - a line of the plain run's standard output that is not there under memsan, or one more; another exit status
    - a report that tests/soak/known does not name as a bug of that program
    - a hang: no processor time used for --stuck seconds, or much more of it used than in the plain run
    - a program of memsan's left over

What happened is added to RESULTS/results.jsonl; the files of a failed run stay in RESULTS/failed.  What the last plain
run of a workload wrote is in RESULTS/plain: whoever adds or changes a workload reads there whether it does its work,
for programs that all fail at once do so under memsan too.  --table writes docs/soak.md out of all results.
"""
import argparse
import collections
import ctypes
import datetime
import difflib
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
WORKLOADS = os.path.join(HERE, "workloads")
KNOWN = os.path.join(HERE, "known")
KNOWN_KEYS = ("name", "kind", "workload", "match", "bug", "upstream")
TABLE = os.path.join(harness.TOP, "docs/soak.md")
# A report changes no exit status: reports are compared for themselves.
MODES = {
    "plain": None,
    "check": ["--mode=check"],
    "production": ["--mode=production"],
    "fence": ["--mode=check", "-o", "fence=all"],
}
NOBODY = 65534
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TICKS = os.sysconf("SC_CLK_TCK")


# ---- workloads -----------------------------------------------------------------------------------

class Workload:
    """A script in workloads/, whose first comment lines are "# KEY: VALUE"."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".sh")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        # Results of another text of the workload say nothing of this one.
        self.version = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.keys = dict(re.findall(r"^# ([a-z]+): (.*)$", text, re.M))
        self.about = self.keys.pop("about")
        self.packages = self.keys.pop("packages").split()
        self.source = self.keys.pop("source", "")
        self.user = self.keys.pop("user", "") == "yes"
        self.short = self.keys.pop("short", "")
        self.batch = int(self.keys.pop("batch", 1))
        self.cpu = int(self.keys.pop("cpu", 600))
        self.slack = int(self.keys.pop("slack", 120))
        self.linger = int(self.keys.pop("linger", 20))
        self.skip_modes = self.keys.pop("without", "").split()
        self.only = []
        if self.keys:
            raise SystemExit(f"soak: {self.name}: unknown key {next(iter(self.keys))}")

    def missing(self):
        """Packages that are not installed, by dpkg's word."""
        r = subprocess.run(["dpkg-query", "-W", "-f=${binary:Package} ${db:Status-Status}\n", *self.packages],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        there = {line.split()[0].split(":")[0] for line in r.stdout.splitlines() if line.endswith(" installed")}
        return [p for p in self.packages if p not in there]

    def command(self, function, *arguments):
        return ["bash", os.path.join(HERE, "lib.sh"), self.path, function, *arguments]


def workloads(folder):
    return {w.name: w for w in (Workload(p) for p in sorted(glob.glob(os.path.join(folder, "*.sh"))))}


# ---- processes -----------------------------------------------------------------------------------

def processes():
    """{pid: (parent, state, ticks of processor time with those of its reaped children, name)}"""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as f:
                text = f.read().decode(errors="replace")
        except OSError:
            continue
        comm, rest = text[text.index("(") + 1:].rsplit(")", 1)
        fields = rest.split()
        found[int(name)] = (int(fields[1]), fields[0], sum(int(fields[i]) for i in (11, 12, 13, 14)), comm)
    return found


def descendants(of):
    table = processes()
    children = collections.defaultdict(list)
    for pid, (parent, *_) in table.items():
        children[parent].append(pid)
    below, todo = {}, list(children[of])
    while todo:
        pid = todo.pop()
        below[pid] = table[pid]
        todo += children[pid]
    return below


def end_descendants():
    """Ends what still runs below this process, which is the subreaper of all of it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        limit = time.monotonic() + (5 if number == signal.SIGTERM else 30)
        while time.monotonic() < limit:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            for pid in descendants(os.getpid()):
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
            time.sleep(0.1)


def describe_hang(folder):
    """Writes where the threads of all processes below stand."""
    with open(os.path.join(folder, "hang"), "w", encoding="utf-8") as out:
        for pid, (parent, state, _, name) in sorted(descendants(os.getpid()).items()):
            out.write(f"---- {name} {pid}, child of {parent}, state {state}\n")
            if state == "Z":
                continue
            out.flush()
            for command in (["cat", f"/proc/{pid}/wchan", f"/proc/{pid}/status"],
                            ["gdb", "-nx", "-batch", "-ex", "thread apply all bt 40", "-p", str(pid)]):
                try:
                    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60, check=False)
                except (OSError, subprocess.TimeoutExpired) as e:
                    out.write(f"{e}\n")


def port_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports():
    """The first of ten neighbouring ports that nobody uses, below those that the kernel gives out."""
    first = 15000 + os.getpid() * 10 % 15000
    for port in [*range(first, 30000, 10), *range(15000, first, 10)]:
        if all(port_free(port + i) for i in range(10)):
            return port
    raise SystemExit("soak: no free ports")


def supervise(workload, command, folder, env, limit, stuck, out):
    """Runs in a process of its own; writes {status, cpu, memory, elapsed, hang, left} to `out`."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    ended = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.append(1))
    started = time.monotonic()
    files = {n: open(os.path.join(os.path.dirname(folder), n), "wb") for n in ("stdout", "stderr")}
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if workload.user else {}
    child = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, start_new_session=True, **files,
                             **who)
    status = cpu = memory = 0
    hang = ""
    seen, since, looked = -1, started, 0
    done = False

    def reap(pid, code, usage):
        nonlocal cpu, memory, status, done
        cpu += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss)
        if pid == child.pid:
            status, done = os.waitstatus_to_exitcode(code), True
            child.returncode = status

    while not done and not ended and not hang:
        pid, code, usage = os.wait4(-1, os.WNOHANG)
        if pid:
            reap(pid, code, usage)
            continue
        time.sleep(0.02 if time.monotonic() - started < 5 else 0.2)
        if time.monotonic() - looked < 2:
            continue
        looked = time.monotonic()
        used = cpu + sum(p[2] for p in descendants(os.getpid()).values()) / TICKS
        if used > seen + 0.05:
            seen, since = used, looked
        elif looked - since > stuck:
            hang = f"no processor time used for {stuck} s"
        if used > limit:
            hang = f"{used:.0f} s of processor time used, {limit:.0f} allowed"
    if hang:
        describe_hang(os.path.dirname(folder))
    # A server that the workload leaves may need a moment to end.
    left = ""
    if done:
        until = time.monotonic() + workload.linger
        while time.monotonic() < until:
            try:
                pid, code, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid:
                reap(pid, code, usage)
            else:
                time.sleep(0.05)
        left = ", ".join(f"{p[3]} {pid}" for pid, p in descendants(os.getpid()).items())
    end_descendants()
    with open(out, "w", encoding="utf-8") as f:
        json.dump({"status": status, "cpu": round(cpu, 2), "memory": memory, "hang": hang, "left": left,
                   "elapsed": round(time.monotonic() - started, 1), "interrupted": bool(ended)}, f)


class Interrupted(Exception):
    pass


class Runner:
    def __init__(self, args):
        self.results = os.path.abspath(args.results)
        self.build = identity(args.memsan)
        self.memsan = copy_of(args.memsan, os.path.join(self.results, "memsan-" + self.build))
        self.cache = os.path.join(self.results, "cache")
        self.stuck = args.stuck
        self.keep = args.keep
        os.makedirs(self.cache, exist_ok=True)
        for name in ("failed", "plain"):
            os.makedirs(os.path.join(self.results, name), exist_ok=True)
        os.chmod(self.results, 0o755)

    def environment(self, workload, home, mode):
        env = {k: v for k, v in os.environ.items() if k in ("LANG", "http_proxy", "https_proxy")}
        # Programs of Debian are wanted, not those that somebody put before them.
        env.update(PATH="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C.UTF-8", TZ="UTC", HOME=home,
                   TMPDIR=home + "/tmp", CACHE=os.path.join(self.cache, workload.name), PORT=str(free_ports()),
                   SOAK_MODE=mode, WORKLOAD=workload.name)
        return env

    def prepare(self, workload):
        """Fetches and builds what the workload needs, plain, once; returns what went wrong."""
        folder = os.path.join(self.cache, workload.name)
        stamp = os.path.join(folder, ".prepared")
        if os.path.exists(stamp) and open(stamp, encoding="utf-8").read() == workload.version:
            return ""
        os.makedirs(os.path.join(folder, "tmp"), exist_ok=True)
        env = self.environment(workload, folder, "prepare")
        with open(folder + ".log", "wb") as log:
            child = subprocess.Popen(workload.command("prepare"), cwd=folder, env=env, stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log, start_new_session=True)
            try:
                status = child.wait()
            except (KeyboardInterrupt, Interrupted):
                os.killpg(child.pid, signal.SIGTERM)
                raise
        if status:
            with open(folder + ".log", errors="replace", encoding="utf-8") as f:
                return f"prepare ended with status {status}: " + " / ".join(f.read().splitlines()[-3:])
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(workload.version)
        return ""

    def items(self, workload):
        env = self.environment(workload, os.path.join(self.cache, workload.name), "items")
        r = subprocess.run(workload.command("items"), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           text=True, check=False)
        return r.stdout.split()

    def run(self, workload, items, mode, limit, options=()):
        """One run; returns its result.  Its files stay in RESULTS/now."""
        top = os.path.join(self.results, "now")
        shutil.rmtree(top, ignore_errors=True)
        # The folder has the same name in each mode: some programs print it, or make sockets in it.
        folder = os.path.join(top, "work")
        os.makedirs(folder + "/tmp")
        report = os.path.join(top, "report")
        open(report, "w", encoding="utf-8").close()
        if workload.user:
            for path in (folder, folder + "/tmp", report):
                os.chown(path, NOBODY, NOBODY)
        command = workload.command("run", *items)
        if MODES[mode]:
            command = [self.memsan, "run", *MODES[mode], f"--report={report}", "-o", "exitcode=0",
                       "-o", "max_reports=20", *[w for o in options for w in ("-o", o)], "--", *command]
        env = self.environment(workload, folder, mode)
        result = os.path.join(top, "result")
        supervisor = os.fork()
        if supervisor == 0:
            try:
                supervise(workload, command, folder, env, limit, self.stuck, result)
            finally:
                os._exit(0)
        try:
            os.waitpid(supervisor, 0)
        except (KeyboardInterrupt, Interrupted):
            os.kill(supervisor, signal.SIGTERM)
            os.waitpid(supervisor, 0)
            raise
        with open(result, encoding="utf-8") as f:
            got = json.load(f)
        if got.pop("interrupted"):
            raise Interrupted
        with open(os.path.join(top, "stdout"), errors="replace", encoding="utf-8") as f:
            got["lines"] = f.read().splitlines()
        with open(report, errors="replace", encoding="utf-8") as f:
            got["reports"] = split_reports(f.read())
        return got

    def keep_files(self, name):
        kept = os.path.join(self.results, "failed", name)
        shutil.rmtree(kept, ignore_errors=True)
        os.rename(os.path.join(self.results, "now"), kept)
        return kept


# ---- reports and bugs that are known -------------------------------------------------------------

def split_reports(text):
    parts = re.split(r"^=+$\n", text, flags=re.M)
    return [p for p in parts if p.strip()]


def known_bugs(path):
    """Blocks of tests/soak/known, separated by empty lines: "KEY: VALUE" lines; a line that is indented goes on."""
    bugs = []
    text = re.sub(r"^#.*\n", "", harness.read_source(path), flags=re.M)
    for block in filter(None, re.split(r"\n\s*\n", re.sub(r"\n +", " ", text.strip()))):
        pairs = [line.split(": ", 1) for line in block.splitlines()]
        bug = dict(pairs, match=[value for key, value in pairs if key == "match"])
        if sorted(dict(pairs)) != sorted(KNOWN_KEYS):
            raise SystemExit(f"soak: {path}: each block needs {', '.join(KNOWN_KEYS)}: {block}")
        bugs.append(bug)
    return bugs


def sort_reports(workload, reports, bugs):
    """(names of known bugs, reports that nobody knows)"""
    known, unknown = collections.Counter(), []
    for text in reports:
        names = [b["name"] for b in bugs if workload in b["workload"].split() and
                 all(re.search(m, text) for m in b["match"])]
        if names:
            known[names[0]] += 1
        else:
            unknown.append(text)
    return known, unknown


# ---- comparing -----------------------------------------------------------------------------------

def compare(plain, under):
    """What differs, as lines."""
    wrong = []
    if under["hang"]:
        wrong.append("hang: " + under["hang"])
    if under["left"]:
        wrong.append("left over: " + under["left"])
    if plain["status"] != under["status"]:
        wrong.append(f"exit status {under['status']}, plain {plain['status']}")
    if sorted(plain["lines"]) != sorted(under["lines"]):
        a, b = collections.Counter(plain["lines"]), collections.Counter(under["lines"])
        differ = ["- " + line for line in (a - b).elements()] + ["+ " + line for line in (b - a).elements()]
        wrong += sorted(differ, key=lambda line: line[2:])[:40]
    elif plain["lines"] != under["lines"]:
        wrong += list(difflib.unified_diff(plain["lines"], under["lines"], lineterm="", n=0))[2:22]
    return wrong


def verdicts(lines):
    """(how many "ok …", how many "not ok …")"""
    return sum(line.startswith("ok ") for line in lines), sum(line.startswith("not ok ") for line in lines)


# ---- the soak ------------------------------------------------------------------------------------

class Soak:
    def __init__(self, args):
        self.args = args
        self.runner = Runner(args)
        self.file = os.path.join(self.runner.results, "results.jsonl")
        self.bugs = known_bugs(args.known)
        self.build = self.runner.build

    def say(self, text):
        line = f"{datetime.datetime.now():%H:%M:%S} {text}"
        print(line, flush=True)
        with open(os.path.join(self.runner.results, "log"), "a", encoding="utf-8") as f:
            f.write(line + "\n")

    def past(self):
        if not os.path.exists(self.file):
            return []
        with open(self.file, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def same(self, result, workload):
        """Is this a result of the workload as it stands, with this build of memsan?"""
        return (result["workload"], result["version"], result["build"]) == (workload.name, workload.version, self.build)

    def next_batches(self, workload, items):
        """Batches of the workload's items: those first that this build has run the fewest times."""
        if not items:
            yield []
            return
        times = collections.Counter()
        for r in self.past():
            if self.same(r, workload) and r["mode"] == "plain":
                times.update(r["items"])
        order = sorted(items, key=lambda i: (times[i], items.index(i)))
        for i in range(0, len(order), workload.batch):
            yield order[i:i + workload.batch]

    def one_batch(self, workload, items):
        label = workload.name + (f" {items[0]}…" if len(items) > 1 else f" {items[0]}" if items else "")
        plain = self.runner.run(workload, items, "plain", workload.cpu)
        for stream in ("stdout", "stderr"):
            shutil.copy(os.path.join(self.runner.results, "now", stream),
                        os.path.join(self.runner.results, "plain", f"{workload.name}.{stream}"))
        if plain["hang"] or not plain["lines"]:
            kept = self.runner.keep_files(f"{workload.name}-plain")
            why = plain["hang"] or f"status {plain['status']}, no output"
            harness.one_skipped(label, f"the plain run failed: {why}; files in {kept}")
            return
        good, bad = verdicts(plain["lines"])
        if good < bad:
            kept = self.runner.keep_files(f"{workload.name}-plain")
            harness.one_skipped(label, f"most tests fail in the plain run, so nothing is shown; files in {kept}")
            return
        self.record(workload, items, "plain", plain, [], {}, [])
        for mode in self.modes(workload):
            # fence=all makes a system call or two of each allocation.
            limit = plain["cpu"] * (60 if mode == "fence" else 15) + workload.slack
            under = self.runner.run(workload, items, mode, limit, self.args.options)
            wrong = compare(plain, under)
            known, unknown = sort_reports(workload.name, under["reports"], self.bugs)
            if wrong and not unknown and self.flaky(workload, items, plain, wrong):
                wrong = []
            self.record(workload, items, mode, under, wrong, known, unknown)
            figures = f"{under['cpu']:.1f} s, plain {plain['cpu']:.1f} s; {under['memory'] // 1024} MiB, plain " \
                f"{plain['memory'] // 1024} MiB" + "".join(f"; known: {n}" for n in known)
            if not wrong and not unknown:
                harness.one_passed(f"{label} ({mode})", figures)
                continue
            if not self.runner.keep:
                shutil.rmtree(os.path.join(self.runner.results, "now/work"), ignore_errors=True)
            where = self.runner.keep_files(f"{workload.name}-{items[0] if items else 'all'}-{mode}")
            text = "\n".join(wrong + [r[:2500] for r in unknown[:3]])
            harness.one_failed(f"{label} ({mode})", f"{figures}; files in {where}\n    "
                               + "\n    ".join(text.splitlines()))

    def flaky(self, workload, items, plain, wrong):
        """Does the plain run differ from itself in the same lines?  Asked only of lines, never of hangs and statuses
        by themselves."""
        differ = {line[2:] for line in wrong if line[:2] in ("- ", "+ ")}
        if not differ or any(line[:2] not in ("- ", "+ ") for line in wrong if not line.startswith("exit status")):
            return False
        now = os.path.join(self.runner.results, "now")
        os.rename(now, now + ".kept")
        try:
            seen = set()
            for _ in range(2):
                again = self.runner.run(workload, items, "plain", workload.cpu)
                seen |= {line[2:] for line in compare(plain, again) if line[:2] in ("- ", "+ ")}
        finally:
            shutil.rmtree(now, ignore_errors=True)
            os.rename(now + ".kept", now)
        if differ <= seen:
            self.say(f"{workload.name}: the plain run differs from itself in the same lines: {sorted(differ)[:5]}")
        return differ <= seen

    def record(self, workload, items, mode, got, wrong, known, unknown):
        good, bad = verdicts(got["lines"])
        line = {"workload": workload.name, "version": workload.version, "items": items, "mode": mode,
                "build": self.build, "time": int(time.time()), "cpu": got["cpu"], "elapsed": got["elapsed"],
                "memory": got["memory"], "ok": good, "not_ok": bad, "lines": len(got["lines"]), "hang": got["hang"],
                "different": wrong, "known": dict(known), "unknown": len(unknown)}
        with open(self.file, "a", encoding="utf-8") as f:
            f.write(json.dumps(line) + "\n")

    def usable(self, chosen):
        """The workloads whose packages are there."""
        for w in chosen:
            missing = w.missing()
            if missing:
                harness.one_skipped(w.name, "not installed: " + " ".join(missing) + " (--install installs them)")
            elif w.user and os.getuid():
                harness.one_skipped(w.name, "only root can start it as another user")
            else:
                yield w

    def prepared(self, workload):
        why = self.runner.prepare(workload)
        if why:
            harness.one_skipped(workload.name, why)
        return not why

    def done(self, workload):
        """What this build has run of it in all modes: its items, or [""]"""
        return {i for r in self.past() if self.same(r, workload) and r["mode"] == self.modes(workload)[-1]
                for i in r["items"] or [""]}

    def modes(self, workload):
        return [m for m in self.args.modes if m not in workload.skip_modes]

    def whole(self, chosen):
        """Without --for: everything once, without what this build has done already."""
        for w in self.usable(chosen):
            if not self.prepared(w):
                continue
            items = w.only or (w.short.replace("yes", "").split() if self.args.short else self.runner.items(w))
            if not (self.args.again or self.args.short or w.only):
                done = self.done(w)
                if done and not set(items) - done:
                    self.say(f"{w.name}: done before (--again runs it again)")
                    continue
                items = [i for i in items if i not in done]
            for i in range(0, max(len(items), 1), w.batch):
                self.one_batch(w, items[i:i + w.batch])

    def timed(self, chosen):
        """With --for: batches of all workloads in turn.  The one that had the least time so far comes first."""
        end = time.monotonic() + self.args.minutes * 60
        used = {w: sum(r["elapsed"] for r in self.past() if self.same(r, w)) for w in self.usable(chosen)}
        batches = {}
        while used and time.monotonic() < end:
            w = min(used, key=used.get)
            started = time.monotonic()
            if w not in batches and not self.prepared(w):
                del used[w]
                continue
            batch = next(batches.get(w, iter([])), None)
            if batch is None:
                batches[w] = self.next_batches(w, self.runner.items(w))
                batch = next(batches[w])
            self.one_batch(w, batch)
            used[w] += time.monotonic() - started


def identity(memsan):
    """Which build of memsan this is."""
    library = os.path.join(os.path.dirname(os.path.abspath(memsan)), ".libs/libmemsan.so")
    path = library if os.path.exists(library) else memsan
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:12]


def copy_of(memsan, folder):
    """memsan and its library from a build folder, copied: builds go on there, and other users may not read it."""
    build = os.path.dirname(os.path.abspath(memsan))
    if not os.path.exists(os.path.join(build, ".libs/libmemsan.so")):
        return os.path.abspath(memsan)
    if not os.path.exists(folder):
        half = folder + ".half"
        shutil.rmtree(half, ignore_errors=True)
        os.makedirs(half + "/.libs")
        for name in ("memsan", "memsan-symbolize", *glob.glob(".libs/libmemsan*.so*", root_dir=build)):
            shutil.copy(os.path.join(build, name), os.path.join(half, name), follow_symlinks=False)
        # By this the command knows that its files are laid out as in a build folder.
        harness.write(half, "libmemsan.la", "")
        subprocess.run(["chmod", "-R", "a+rX", half], check=True)
        os.rename(half, folder)
    return os.path.join(folder, "memsan")


def default_results():
    """build/soak; elsewhere, when the user that workloads run as could not enter that."""
    path = here = os.path.join(harness.BUILD, "soak")
    while here != "/":
        here = os.path.dirname(here)
        if os.path.exists(here) and not os.stat(here).st_mode & 1:
            return f"/var/tmp/memsan-soak-{os.getuid()}"
    return path


# ---- the table -----------------------------------------------------------------------------------

HEAD = """# Real software under load

Written by `scripts/soak --table`; do not edit. `scripts/soak` runs each workload plain, then under `memsan run` with
all programs that it starts, and compares exit status and output line by line.

- **batches**: all runs of the workload, or of a part of its tests, in this mode, with the newest memsan that ran it.
- **passed**, **failed**: tests that pass and that fail, as in the plain run (which may lack something).
- **other**: other lines of output that are as in the plain run.
- **different**: lines that are not as in the plain run. **hangs**, **false**: hangs and reports that are not right.
- **bugs**: bugs of the program that were reported, listed below. **on purpose**: reports of what tests do on purpose.
- **time**: processor time, divided by plain's. **memory**: the largest process, divided by plain's largest.

"""
COLUMNS = ("batches", "passed", "failed", "other", "different", "hangs", "false", "bugs", "on purpose")


def count_batch(result, kinds):
    """One result in the columns of the table."""
    different = [d for d in result["different"] if not d.startswith("hang")]
    count = collections.Counter(batches=1, passed=result["ok"], failed=result["not_ok"], different=len(different),
                                hangs=bool(result["hang"]), false=result["unknown"])
    count["other"] = max(result["lines"] - result["ok"] - result["not_ok"] - len(different), 0)
    for name, times in result["known"].items():
        count["bugs" if kinds.get(name) == "bug" else "on purpose"] += times
    return count


def table(soak, loads):
    """docs/soak.md out of the results of the workloads as they stand.  What failed once and held later with the same
    memsan is still shown."""
    plain, results = {}, []
    past = [r for r in soak.past() if r["workload"] in loads and r["version"] == loads[r["workload"]].version]
    builds = {(r["workload"], *r["items"], r["mode"]): r["build"] for r in past}
    for r in past:
        if r["mode"] == "plain":
            plain[(r["workload"], *r["items"])] = r
        elif builds[(r["workload"], *r["items"], r["mode"])] == r["build"]:
            results.append((r, plain[(r["workload"], *r["items"])]))
    kinds = {b["name"]: b["kind"] for b in soak.bugs}
    out = [HEAD, f"| workload | mode | {' | '.join(COLUMNS)} | time | memory |\n",
           "|---|---|" + "--:|" * (len(COLUMNS) + 2) + "\n"]
    total, seconds = collections.Counter(), 0
    for name in loads:
        for mode in list(MODES)[1:]:
            rows = [pair for pair in results if (pair[0]["workload"], pair[0]["mode"]) == (name, mode)]
            if not rows:
                continue
            count = sum((count_batch(r, kinds) for r, _ in rows), collections.Counter())
            cpu = sum(r["cpu"] for r, _ in rows) / max(sum(p["cpu"] for _, p in rows), 0.01)
            memory = max(r["memory"] for r, _ in rows) / max(max(p["memory"] for _, p in rows), 1)
            cells = " | ".join(str(count[c]) for c in COLUMNS)
            out.append(f"| {name} | {mode} | {cells} | {cpu:.1f} | {memory:.1f} |\n")
            total += count
            seconds += sum(r["elapsed"] for r, _ in rows)
    ran = {r["workload"] for r, _ in results}
    out.append(f"\n{len(ran)} of {len(loads)} workloads, {total['batches']} batches under memsan in\n"
               f"{seconds / 60:.0f} minutes: {total['passed'] + total['failed'] + total['other']} results as in the "
               f"plain run, {total['different']} different, {total['hangs']} hangs, {total['false']} false reports.\n")
    out.append("\n## Workloads\n\n| workload | what is run |\n|---|---|\n")
    out += [f"| {name} | {w.about} |\n" for name, w in loads.items()]
    for kind, title in (("bug", "Bugs of the programs"), ("on purpose", "On purpose")):
        out.append(f"\n## {title}\n\n| workload | what | upstream |\n|---|---|---|\n")
        out += [f"| {b['workload']} | {b['bug']} | {b['upstream']} |\n" for b in soak.bugs if b["kind"] == kind]
    with open(soak.args.output, "w", encoding="utf-8") as f:
        f.write("".join(out))
    print(f"{os.path.relpath(soak.args.output)} is written")


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Runs real software under load, plain and under "
                                     "memsan in three modes, and compares.")
    parser.add_argument("--for", dest="minutes", type=float, metavar="MINUTES",
                        help="spread this time over the workloads; the next run goes on where this one stopped")
    parser.add_argument("--short", action="store_true", help="a minute's selection, as scripts/test runs it")
    parser.add_argument("--again", action="store_true", help="also what this build of memsan has done already")
    parser.add_argument("--modes", default="check,production,fence", type=lambda s: s.split(","))
    parser.add_argument("-o", dest="options", action="append", default=[], help="one more option for memsan run")
    parser.add_argument("--list", action="store_true", help="print the workloads")
    parser.add_argument("--items", action="store_true", help="print the items of the named workloads")
    parser.add_argument("--packages", action="store_true", help="print the packages that the workloads need")
    parser.add_argument("--table", action="store_true", help="write docs/soak.md out of the results, and run nothing")
    parser.add_argument("--keep", action="store_true", help="also keep the working folder of a run that fails")
    parser.add_argument("--stuck", type=int, default=240, help="seconds without use of the processor that are a hang")
    parser.add_argument("--memsan", default=harness.MEMSAN, help="the memsan command")
    parser.add_argument("--workloads", default=WORKLOADS, help="the folder of workloads")
    parser.add_argument("--known", default=KNOWN, help="the file of reports that are right")
    parser.add_argument("--results", default=default_results(), metavar="FOLDER")
    parser.add_argument("--output", default=TABLE, help="where --table writes to")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a workload, or WORKLOAD/ITEM")
    args = parser.parse_args()
    loads = workloads(args.workloads)
    names = list(dict.fromkeys(n.split("/", 1)[0] for n in args.names))
    chosen = [loads[n] for n in harness.choose(names, loads) if names or not args.short or loads[n].short]
    for n in args.names:
        if "/" in n:
            loads[n.split("/", 1)[0]].only.append(n.split("/", 1)[1])
    for mode in args.modes:
        if mode not in MODES or mode == "plain":
            raise SystemExit(f"soak: there is no mode '{mode}' (check, production, fence)")
    if args.list:
        print("\n".join(w.name for w in chosen))
        return 0
    if args.packages:
        print("\n".join(sorted({p for w in chosen for p in w.packages})))
        return 0
    if args.items:
        runner = Runner(args)
        for w in chosen:
            if not runner.prepare(w):
                print("\n".join(f"{w.name}/{i}" for i in runner.items(w)))
        return 0
    soak = Soak(args)
    if args.table:
        table(soak, loads)
        return 0
    harness.undo_ignored_signals()

    def interrupted(*_):
        raise Interrupted

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        if args.minutes:
            soak.timed(chosen)
        else:
            soak.whole(chosen)
    except (KeyboardInterrupt, Interrupted):
        print("interrupted; the next run goes on from here")
        harness.finish()
        return 130
    return harness.finish()


if __name__ == "__main__":
    sys.exit(main())
