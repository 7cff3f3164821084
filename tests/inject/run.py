#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lets each system call that memsan makes fail, one at a time, and requires that the program does not notice: no crash,
no hang, its output, its files and its exit status as they are without memsan.

    tests/inject/run.py [SCENARIO...]       a part of the faults
    tests/inject/run.py --limit 0           one fault for each way in which memsan came to a call
    tests/inject/run.py --long              every call, with each of its errors
    tests/inject/run.py --scenario S --who runtime --call mmap --nth 7 --errno ENOMEM [--later]    one fault, by hand

A scenario is run once to count its calls (tracer.c), and then once for each chosen fault.  A way to a call is the
functions of memsan that led to it; of the calls that came the same way, the first one fails.  With --later, all calls
of its kind after it fail as well.

What must hold afterwards:
  * the program's standard output, its files, and its exit status are those of a run without memsan.  In a scenario with
    a bug, the status may also be that of a run with memsan (99);
  * standard error has what the program writes, and lines of memsan: at most one more than without the fault;
  * a report is whole, or is missing and a line says why;
  * no process was killed by a signal, and none is left.
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 100
JOBS = len(os.sched_getaffinity(0))

# Each call with the ways in which Linux lets it fail; the first is the one that the short run takes.  "short" is a
# partial result, "empty" the result 0 (end of file).  EPERM stands for a sandbox.  Calls without errors cannot fail, as
# memsan makes them.
ERRORS = {
    "read": "EIO short empty EINTR",
    "write": "ENOSPC short EINTR EAGAIN EPIPE EIO",
    "open": "ENOENT EMFILE EACCES",
    "close": "EINTR EIO",
    "stat": "ENOENT EACCES ENOMEM",
    "fstat": "EOVERFLOW EIO",
    "lstat": "ENOENT EACCES",
    "poll": "EINTR ENOMEM",
    "lseek": "ESPIPE",
    "mmap": "ENOMEM EPERM",
    "mprotect": "ENOMEM EACCES",
    "munmap": "ENOMEM",
    "brk": "",
    "rt_sigaction": "EPERM",
    "rt_sigprocmask": "",
    "ioctl": "ENOTTY",
    "pread64": "EIO short empty",
    "access": "EACCES",
    "pipe": "EMFILE",
    "sched_yield": "EPERM",
    "mremap": "ENOMEM",
    "mincore": "ENOMEM EPERM",
    "membarrier": "EINVAL ENOSYS EPERM",
    "madvise": "EINVAL ENOMEM EPERM",
    "dup": "EMFILE",
    "dup2": "EMFILE EBUSY",
    "nanosleep": "EINTR",
    "clock_nanosleep": "EINTR",
    "getpid": "",
    "clone": "EAGAIN ENOMEM EPERM",
    "fork": "EAGAIN",
    "vfork": "EAGAIN",
    "execve": "ENOENT EACCES ENOMEM EAGAIN",
    "wait4": "EINTR ECHILD",
    "kill": "EPERM ESRCH",
    "fcntl": "EMFILE EINVAL",
    "ftruncate": "EINVAL ENOSPC",
    "getcwd": "ENOENT ERANGE",
    "rename": "EACCES",
    "unlink": "EACCES",
    "readlink": "ENOENT EACCES",
    "sysinfo": "EPERM",
    "getuid": "",
    "getgid": "",
    "geteuid": "",
    "getegid": "",
    "setsid": "EPERM",
    "rt_sigpending": "EPERM",
    "rt_sigtimedwait": "EAGAIN EINTR",
    "rt_sigqueueinfo": "EAGAIN EPERM",
    "sigaltstack": "EPERM ENOMEM",
    "munlock": "EPERM",
    "prctl": "EINVAL EPERM",
    "arch_prctl": "",
    "gettid": "",
    "futex": "EINTR EAGAIN",
    "getdents64": "ENOENT EINVAL empty",
    "set_tid_address": "",
    "timer_create": "EAGAIN EPERM",
    "timer_settime": "EINVAL",
    "timer_delete": "EINVAL",
    "clock_gettime": "EPERM",
    "tgkill": "EAGAIN EPERM ESRCH",
    "waitid": "EINTR ECHILD",
    "openat": "EMFILE ENOENT EACCES",
    "newfstatat": "ENOENT EACCES ENOMEM",
    "readlinkat": "ENOENT EACCES",
    "faccessat": "EACCES ENOENT",
    "ppoll": "EINTR ENOMEM",
    "set_robust_list": "",
    "pipe2": "EMFILE ENFILE",
    "rt_tgsigqueueinfo": "EAGAIN EPERM",
    "prlimit64": "EPERM",
    "process_vm_readv": "EPERM EFAULT ENOSYS ENOMEM",
    "getrandom": "ENOSYS EAGAIN",
    "memfd_create": "EMFILE ENOMEM",
    "statx": "ENOENT",
    "rseq": "",
    "pidfd_send_signal": "EPERM ESRCH",
    "pidfd_open": "EMFILE ENOSYS",
    "clone3": "EAGAIN",
    "close_range": "ENOSYS",
    "faccessat2": "EACCES",
    "process_madvise": "EPERM EINVAL",
    "mlock2": "ENOMEM",
    "umask": "",
    "uname": "EPERM",
    "getppid": "",
    "sched_getaffinity": "EPERM",
    "setsockopt": "EINVAL",
    "pwrite64": "ENOSPC short",
    "restart_syscall": "",
    "alarm": "",
    "pause": "",
    "rt_sigsuspend": "",
}


def call_numbers():
    """{name: number} and {number: name} of this machine's system calls."""
    r = subprocess.run([*harness.CC, "-E", "-dM", "-include", "asm/unistd_64.h", "-x", "c", "/dev/null"],
                       stdout=subprocess.PIPE, text=True, check=True)
    by_name = {name: int(nr) for name, nr in re.findall(r"^#define __NR_(\w+) (\d+)$", r.stdout, re.M)}
    return by_name, {nr: name for name, nr in by_name.items()}


NUMBER, NAME = call_numbers()


@dataclasses.dataclass(frozen=True)
class Fault:
    who: str
    call: str
    nth: int
    error: str
    later: bool = False

    def __str__(self):
        return (f"--who {self.who} --call {self.call} --nth {self.nth} --errno {self.error}"
                + (" --later" if self.later else ""))

    def options(self):
        kind = {"short": ["--short"], "empty": ["--empty"]}.get(self.error)
        return ["--who", self.who, "--call", str(NUMBER[self.call]), "--nth", str(self.nth),
                *(kind or ["--error", str(getattr(errno, self.error))]), *(["--later"] if self.later else [])]


@dataclasses.dataclass
class Result:
    status: object
    stdout: str
    stderr: str
    files: dict
    log: list


# ---- the scenarios -------------------------------------------------------------------------------

@dataclasses.dataclass
class Scenario:
    """A program with memsan.  `form` says how memsan comes to it: run, preload, linked, static, instrumented."""
    what: str
    form: str = "preload"
    options: str = ""
    bug: str = ""        # the kind of report that is due
    arguments: tuple = ()
    run: tuple = ()      # of memsan run
    seen: str = ""       # where the report goes: stderr, or a file
    looks: bool = False  # a command of memsan looks at the program
    most: int = 1000     # so many faults with --limit: much is as in another scenario


SCENARIOS = {
    "start": Scenario("hello"),
    "start_linked": Scenario("hello", "linked"),
    "start_static": Scenario("hello", "static"),
    "start_instrumented": Scenario("hello", "instrumented"),
    "start_run": Scenario("hello", "run"),
    "work": Scenario("work"),
    "work_fenced": Scenario("work", options="fence=all"),
    "work_production": Scenario("work", options="mode=production:fence=on:fence.sample_interval=1"),
    "work_production_fenced": Scenario("work", options="mode=production:fence=all:harden=full", most=15),
    "work_watched": Scenario("work", options="watch=main", most=20),
    "work_instrumented": Scenario("work", "instrumented"),
    "children": Scenario("children"),
    "signals": Scenario("signals"),
    "overflow": Scenario("overflow", "run", bug="right-redzone", seen="stderr"),
    "overflow_log": Scenario("overflow", options="log_path=log", bug="right-redzone", seen="log"),
    "overflow_json": Scenario("overflow", "run", run=("--format=json", "--report=report"), bug="right-redzone",
                              seen="report"),
    "overflow_static": Scenario("overflow", "static", options="symbolizer=SYMBOLIZER", bug="right-redzone",
                                seen="stderr"),
    "read_instrumented": Scenario("bad_read", "instrumented", bug="out-of-bounds", seen="stderr"),
    "use_fenced": Scenario("bad_fenced", options="mode=production:fence=all", bug="use-after-free", seen="stderr"),
    "fault": Scenario("fault", bug="fault", seen="stderr"),
    "fault_handled": Scenario("handled"),
    "leak": Scenario("leak", options="leak=on", bug="unreferenced", seen="stderr"),
    "leak_production": Scenario("leak", options="mode=production:leak=on", bug="unreferenced", seen="stderr",
                                most=15),
    "live_leak": Scenario("live", arguments=("MEMSAN", "leak", "--pid", "PID"), looks=True),
    "live_slabinfo": Scenario("live", arguments=("MEMSAN", "slabinfo", "--pid", "PID"), looks=True),
}


class Place:
    """Compiled programs, and a folder for each run."""

    def __init__(self, folder):
        self.folder = folder
        self.tracer = self.compile("tracer", os.path.join(HERE, "tracer.c"))
        self.programs = {}
        self.ranges = {}

    def compile(self, name, source, *flags, compiler=None):
        out = os.path.join(self.folder, name)
        subprocess.run([*(compiler or harness.CC), "-g", "-O1", "-o", out, source, "-pthread", *flags], check=True)
        return out

    def program(self, form):
        if form in self.programs:
            return self.programs[form]
        source = os.path.join(HERE, "program.c")
        libs = os.path.dirname(harness.LIBRARY)
        if form == "linked":
            exe = self.compile("linked", source, "-L", libs, "-Wl,-rpath," + libs, "-lmemsan")
        elif form == "static":
            exe = self.compile("static", source, "-static", harness.ARCHIVE)
            self.ranges[form] = self.memsan_code(exe)
        elif form == "instrumented":
            exe = self.compile("instrumented", source,
                               compiler=[os.path.join(harness.BUILD, "memsan-cc"), *harness.CC])
        else:
            exe = self.compile("plain", source)
        self.programs[form] = exe
        return exe

    def memsan_code(self, exe):
        """A file with the addresses of memsan's functions in a static program."""
        def symbols(path):
            r = harness.run("nm", "-n", "--defined-only", path, check=True)
            return re.findall(r"^([0-9a-f]+) ([tTwW]) (\S+)$", r.stdout, re.M)
        ours = {name for _, _, name in symbols(harness.ARCHIVE)}
        code = sorted({(int(address, 16), name) for address, _, name in symbols(exe)})
        path = exe + ".ranges"
        with open(path, "w", encoding="utf-8") as f:
            for (start, name), (end, _) in zip(code, code[1:] + [(code[-1][0] + 16, "")]):
                if name in ours and end > start:
                    f.write(f"{start:x} {end:x}\n")
        return path

    def command(self, s, with_memsan=True):
        """(the command, its variables, the tracer's options)"""
        form = s.form if with_memsan else "plain"
        program = self.program("plain" if form in ("preload", "run") else form)
        arguments = [harness.MEMSAN if a == "MEMSAN" else a for a in s.arguments]
        command = [program, s.what, *arguments]
        variables = []
        options = []
        if with_memsan:
            given = s.options.replace("SYMBOLIZER", harness.MEMSAN + "-symbolize")
            variables = ["MEMSAN_OPTIONS=" + given] if given else []
            if form == "preload":
                variables.append("LD_PRELOAD=" + harness.LIBRARY)
            if form == "run":
                command = [harness.MEMSAN, "run", *s.run, *command]
            if form == "static":
                options = ["--ranges", self.ranges[form]]
        return command, variables, options

    def run(self, s, fault=None, with_memsan=True, cpu=60, idle=30):
        command, variables, options = self.command(s, with_memsan)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            # Before main() gets there, memsan's files are not in the program's folder.
            log = os.path.join(folder, ".log")
            traced = [self.tracer, "--log", log, "--cpu", str(cpu), "--idle", str(idle), *options]
            for v in variables:
                traced += ["--env", v]
            if fault:
                traced += fault.options()
            with open(os.path.join(folder, ".out"), "w+b") as out, open(os.path.join(folder, ".err"), "w+b") as err:
                r = subprocess.run([*traced, "--", *command], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   cwd=folder, env=harness.environment(), check=False)
                out.seek(0)
                err.seek(0)
                texts = [f.read().decode(errors="backslashreplace") for f in (out, err)]
            files = {}
            for name in sorted(os.listdir(folder)):
                if not name.startswith("."):
                    with open(os.path.join(folder, name), encoding="utf-8", errors="backslashreplace") as f:
                        name = re.sub(r"^log\.\d+(\.\d+)?$", "log", name)
                        files[name] = files.get(name, "") + f.read()
            with open(log, encoding="utf-8") as f:
                lines = f.read().splitlines()
            end = next((line.split()[1:] for line in lines if line.startswith("end ")), ["tracer", str(r.returncode)])
            status = int(end[1]) if end[0] == "exited" else -int(end[1]) if end[0] == "signal" else "hang"
            return Result(status, texts[0], texts[1], files, lines)


# ---- the judgement -------------------------------------------------------------------------------

MESSAGE = re.compile(r"^memsan: .*$")
MESSAGE_OF_TOOL = re.compile(r"^memsan(-symbolize| \w+)?: .*$")
REFUSED = re.compile(r"^refused (\d+)$", re.M)
RULE = re.compile(r"^={60,}$")


def split_errors(text):
    """(memsan's messages, the reports' texts, the other lines)"""
    messages, reports, others = [], [], []
    inside = None
    leak = []
    for line in text.splitlines():
        if RULE.match(line):
            if inside is None:
                inside = []
            else:
                reports.append("\n".join(inside))
                inside = None
        elif inside is None and line.startswith("unreferenced object"):
            leak = [line]
        elif leak:
            leak.append(line)
            if not line:
                reports.append("\n".join(leak))
                leak = []
        elif MESSAGE.match(line) or MESSAGE_OF_TOOL.match(line):
            messages.append(line)
        elif inside is not None:
            inside.append(line)
        else:
            others.append(line)
    if inside is not None or leak:
        others.append("a report without an end: " + " ".join(inside or leak)[:200])
    return messages, reports, others


def reports_in(s, result):
    """The texts of reports in the place where they are due."""
    text = result.stderr if s.seen == "stderr" else result.files.get(s.seen, "")
    if "--format=json" in s.run:
        found = []
        for line in text.splitlines():
            if line.startswith("{"):
                found.append(json.dumps(json.loads(line)))
        return found
    return split_errors(text)[1]


@dataclasses.dataclass
class Expected:
    plain: Result     # without memsan
    usual: Result     # with memsan, no fault
    messages: int


def judge_looking(s, fault, expected, r):
    """What memsan leak or memsan slabinfo said of the program: an answer, or a message and a status of its own."""
    status = r.files.get("looked.status")
    if status is None and REFUSED.search(r.stderr):
        return ""  # it was not started
    if status is None:
        return "the command that looked has no status"
    usual = expected.usual.files
    text, errors = r.files.get("looked", ""), r.files.get("looked.err", "")
    if status not in ("0", "1", "2", "126", "127"):
        return f"the command that looked ended with status {status}: {errors[:300]}"
    if status == usual["looked.status"]:
        unwritten = "cannot write the output" in errors or (fault.call == "write" and fault.later)
        if status == "1" and "unreferenced object" not in text and not unwritten:
            return "status 1 without a leak"
        return ""
    if not errors.strip() and not (fault.call == "write" and fault.later):
        return f"the command that looked ended with status {status} and said nothing"
    return ""


def judge(s, fault, expected, r):
    """'' or what is wrong."""
    if any(line.startswith("hang ") for line in r.log):
        return "hangs: " + "; ".join(line for line in r.log if line.startswith("hang "))
    left = [line for line in r.log if line.startswith("left ")]
    if left:
        return "a process is left: " + "; ".join(left)
    if s.form == "instrumented" and "its shadow" in r.stderr and "cannot be mapped" in r.stderr and r.status == 1:
        return ""  # instrumented code cannot run without shadow
    if s.form == "static" and fault.later and fault.call in ("mmap", "mprotect") and r.stdout == "":
        return ""  # nor does libc start in a static program without a heap
    usual_deaths = {line.split()[2:][-1] for line in expected.usual.log if line.startswith("died ")}
    for line in r.log:
        if line.startswith("died "):
            _, _, name, sig = line.split()
            if int(sig) != signal.SIGKILL and sig not in usual_deaths:
                return f"{name} was killed by signal {sig}"
    command_failed = (fault.who == "command" and s.form == "run" and r.status in (1, 2, 126, 127) and r.stdout == ""
                      and r.stderr.startswith("memsan"))
    if command_failed:
        return "" if len(r.stderr.splitlines()) == 1 else "memsan run failed with more than one line: " + r.stderr[:600]
    allowed = {expected.plain.status, expected.usual.status} if s.bug else {expected.plain.status}
    if r.status not in allowed:
        return f"status {r.status}, not {sorted(allowed)}: {r.stderr[-400:]}"
    if r.stdout != expected.plain.stdout:
        return f"standard output is {r.stdout[:300]!r}, not {expected.plain.stdout[:300]!r}"
    for name, content in expected.plain.files.items():
        refused = REFUSED.search(r.stderr)
        if not name.startswith("looked") and r.files.get(name) != content and not (refused and name not in r.files):
            return f"file {name} is {r.files.get(name)!r}"
    messages, reports, others = split_errors(r.stderr)
    unknown = [line for line in others if line not in expected.plain.stderr.splitlines()
               and not REFUSED.match(line) and "--format=json" not in s.run]
    if unknown and not s.bug:
        return "standard error has unknown lines: " + "\n".join(unknown)[:600]
    more = [m for m in messages if m not in split_errors(expected.usual.stderr)[0]]
    if len(more) > 1 and not fault.later:
        return f"{len(more)} messages of memsan:\n" + "\n".join(more)[:800]
    refused = REFUSED.search(r.stderr)
    if refused and not fault.later and int(refused.group(1)) > 2:
        return f"{refused.group(1)} allocations failed after one fault"
    if s.looks:
        return judge_looking(s, fault, expected, r)
    if not s.bug:
        return "" if not reports else "a false report: " + reports[0][:600]
    found = reports_in(s, r)
    if s.seen != "stderr" and not found:
        found = reports or [line for line in others if line.startswith("{")]
    unwritable = fault.call == "write" and fault.later
    if not found and not messages and not refused and not unwritable:
        return "no report, and no word about that"
    if found and s.bug not in found[0]:
        return "another report: " + found[0][:400]
    if len(found) > 1:
        return "more than one report"
    if found and r.status != expected.usual.status:
        return f"a report, but status {r.status}"
    return ""


# ---- a scenario's faults -------------------------------------------------------------------------

def count_calls(result):
    """{(who, call): [path of the first call, of the second, …]}"""
    calls = collections.defaultdict(list)
    for line in result.log:
        if line.startswith("call "):
            _, who, number, path = line.split()
            calls[who, NAME[int(number)]].append(path)
    return calls


def choose_faults(calls, long):
    """The faults to try; and how many calls there are."""
    faults = []
    total = 0
    for (who, call), paths in sorted(calls.items()):
        if call not in ERRORS:
            raise SystemExit(f"inject: memsan calls {call}, for which ERRORS has no line")
        errors = ERRORS[call].split()
        if not errors:
            continue
        total += len(paths)
        seen = set()
        for nth, path in enumerate(paths, 1):
            first = path not in seen
            seen.add(path)
            if long:
                faults += [Fault(who, call, nth, e) for e in errors]
            elif first:
                faults.append(Fault(who, call, nth, errors[(len(seen) - 1) % len(errors)]))
            if first and errors[0] not in ("EINTR",) and (long or len(seen) == 1):
                faults.append(Fault(who, call, nth, errors[0], True))
    return faults, total


def is_injected(result):
    return any(line.startswith("injected ") for line in result.log)


def run_scenario(name, place, args):
    s = SCENARIOS[name]
    place.program("plain" if s.form in ("preload", "run") else s.form)
    plain = place.run(s, with_memsan=False)
    usual = place.run(s)
    expected = Expected(plain, usual, 0)
    if s.bug and not any(s.bug in text for text in reports_in(s, usual)):
        raise AssertionError(f"no report without a fault: {usual.stderr[:2000]}")
    if not s.bug and (usual.status, usual.stdout) != (plain.status, plain.stdout):
        raise AssertionError(f"another result without a fault: {usual.status}, {usual.stdout!r}, {usual.stderr!r}")
    faults, total = choose_faults(count_calls(usual), args.long)
    if args.call:
        faults = [f for f in faults if f.call == args.call]
    chosen = len(faults)
    limit = min(args.limit, s.most)
    if limit and not args.long and len(faults) > limit:
        step = len(faults) / limit
        faults = [faults[int(i * step)] for i in range(limit)]
    problems = []
    injected = 0

    def one(fault):
        try:
            r = place.run(s, fault)
            return fault, is_injected(r), judge(s, fault, expected, r)
        except (OSError, ValueError) as e:
            return fault, True, f"{type(e).__name__}: {e}"

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for fault, hit, problem in pool.map(one, faults):
            injected += hit
            if problem:
                problems.append(fault)
                print(f"  {name}: {problem}\n    tests/inject/run.py --scenario {name} {fault}", flush=True)
    survived = injected - len(problems)
    left_out = f", {chosen - len(faults)} more with --limit 0" if chosen > len(faults) else ""
    note = f"{total} calls, {injected} faults injected, {survived} survived{left_out}"
    if problems or not injected:
        harness.one_failed(name, note)
    else:
        harness.one_passed(name, note)
    return injected, survived


def run_one(place, args):
    s = SCENARIOS[args.scenario]
    place.program("plain" if s.form in ("preload", "run") else s.form)
    fault = Fault(args.who, args.call, args.nth, args.errno, args.later)
    expected = Expected(place.run(s, with_memsan=False), place.run(s), 0)
    r = place.run(s, fault)
    for line in r.log:
        if not line.startswith("call "):
            print(line)
    print(f"---- status {r.status}\n---- output\n{r.stdout}---- standard error\n{r.stderr}----")
    for name, content in r.files.items():
        print(f"---- {name}\n{content}")
    if not is_injected(r):
        print("the call was not made so often")
    print(judge(s, fault, expected, r) or "survived")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SCENARIO")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--long", action="store_true", help="every call with every error")
    parser.add_argument("--limit", type=int, default=LIMIT,
                        help=f"so many faults a scenario at most (default {LIMIT}; 0: one for each path)")
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--scenario", choices=SCENARIOS)
    parser.add_argument("--who", default="runtime")
    parser.add_argument("--call")
    parser.add_argument("--nth", type=int, default=0)
    parser.add_argument("--errno")
    parser.add_argument("--later", action="store_true")
    args = parser.parse_args()
    if args.list:
        print("\n".join(SCENARIOS))
        return 0
    harness.undo_ignored_signals()
    folder = tempfile.mkdtemp(prefix="memsan-inject.")
    try:
        place = Place(folder)
        if args.scenario and args.errno:
            run_one(place, args)
            return 0
        sums = [0, 0]
        for name in harness.choose(args.names, SCENARIOS):
            try:
                injected, survived = run_scenario(name, place, args)
                sums = [sums[0] + injected, sums[1] + survived]
            except AssertionError as e:
                harness.one_failed(name, str(e)[:6000])
        print(f"injected {sums[0]}, survived {sums[1]}")
        return harness.finish()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
