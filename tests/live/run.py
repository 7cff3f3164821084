#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Scans running processes for leaks in the ways that users have: memsan leak --pid, its commands, leak.scan_interval.
The processes run in containers, under a debugger and under seccomp; have threads that do not answer; or serve load.

    tests/live/run.py --build DIR [--cc CC] [NAME...]       --servers adds redis-server and nginx, 100 scans each
"""
import argparse
import ctypes
import os
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import harness
from harness import Skipped, case, require

HERE = os.path.dirname(os.path.abspath(__file__))


class Place:
    """The build, and a folder for compiled programs."""

    def __init__(self, build, cc, folder):
        self.memsan = os.path.join(build, "memsan")
        self.library = os.path.join(build, ".libs", "libmemsan.so")
        self.folder = folder
        self.cc = cc

    def compile(self, name, *flags, output=None):
        exe = os.path.join(self.folder, output or name)
        if not os.path.exists(exe):
            subprocess.run([self.cc, "-g", "-O1", "-o", exe, os.path.join(HERE, name + ".c"), "-lpthread", *flags],
                           check=True)
        return exe


class Server:
    """A running process of tests/live/server.c."""

    def __init__(self, place, *what, options="", before=()):
        self.place = place
        exe = place.compile("server")
        env = dict(os.environ, LD_PRELOAD=place.library, MEMSAN_OPTIONS="exitcode=0:" + options)
        self.errors = tempfile.TemporaryFile(mode="w+")
        command = [exe, *what]
        if before:
            env.pop("LD_PRELOAD")
            env["PRELOAD"] = place.library
            command = [*before, "env", "LD_PRELOAD=" + place.library, *command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env=env)
        self.pid = self.process.pid
        self.wait_for("ready")
        if before:
            self.pid = self.find_child()

    def find_child(self):
        """The process that runs our program, by its id in this PID namespace."""
        for name in os.listdir("/proc"):
            try:
                if (name.isdigit() and os.readlink(f"/proc/{name}/exe") == self.place.compile("server")
                        and self.is_below(int(name))):
                    return int(name)
            except OSError:
                pass
        raise AssertionError("the process is not found")

    def is_below(self, pid):
        while pid > 1:
            if pid == self.process.pid:
                return True
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                pid = int(f.read().rsplit(")", 1)[1].split()[1])
        return False

    def wait_for(self, word):
        for line in self.process.stdout:
            if line.startswith(word):
                return line
            if line.startswith("woken"):
                raise AssertionError("a thread that slept saw the scan: " + line.strip())
        raise AssertionError(f"the server ended before it said {word}: " + self.log())

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.wait_for("done")

    def log(self):
        self.errors.seek(0)
        return self.errors.read()

    def leak(self, *args):
        r = subprocess.run([self.place.memsan, "leak", "--pid", str(self.pid), *args], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        return r.returncode, r.stdout

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.write("end\n")
            self.process.stdin.close()
            rest = self.process.stdout.read()
            require("woken" not in rest, "a thread that slept saw the scan: " + rest)
            require(self.process.wait(20) == 0, f"the server's status is {self.process.returncode}: " + self.log())
        return self.log()


def count_blocks(text):
    return len(re.findall(r"^unreferenced object", text, re.M))


def expect_loss(server, objects, size):
    """A scan finds exactly these objects lost."""
    status, text = server.leak()
    require(status == 1, f"status {status}: {text}")
    require(count_blocks(text) == 1, "not one place: " + text)
    require(f"direct: {objects} object" in text and f"(size {size})" in text, text)
    require("lose+0x" in text, "no function: " + text)
    return text


# ---- scans of one process ------------------------------------------------------------------------

@case
def asked(place):
    s = Server(place, "quiet")
    status, text = s.leak()
    require(status == 0 and count_blocks(text) == 0, text)
    s.say("lose 3 700")
    expect_loss(s, 3, 700)
    expect_loss(s, 3, 700)
    require("unreferenced" not in s.end(), "the process reported by itself")


@case
def asked_in_production(place):
    s = Server(place, "quiet", options="mode=production")
    s.say("lose 3 700")
    status, text = s.leak()
    require(status == 1 and "direct: 3 objects" in text, text)
    s.end()


@case
def asked_as_json(place):
    s = Server(place)
    s.say("lose 3 700")
    status, text = s.leak("--format=json")
    require(status == 1 and '"kind":"unreferenced-object"' in text and '"function":"lose"' in text, text)
    s.end()


@case
def seccomp(place):
    s = Server(place, "seccomp", "quiet")
    s.say("lose 2 700")
    expect_loss(s, 2, 700)
    s.end()


@case
def first_of_a_container(place):
    probe = subprocess.run(["unshare", "-pf", "--mount-proc", "true"], stderr=subprocess.PIPE, check=False)
    if probe.returncode:
        raise Skipped("unshare is not allowed here")
    s = Server(place, "quiet", before=("unshare", "-pf", "--mount-proc"))
    s.say("lose 2 700")
    expect_loss(s, 2, 700)
    require("did not stop" not in s.leak()[1], "a thread did not answer")
    s.end()


@case
def proc_of_another_name_space(place):
    probe = subprocess.run(["unshare", "-pf", "true"], stderr=subprocess.PIPE, check=False)
    if probe.returncode:
        raise Skipped("unshare is not allowed here")
    s = Server(place, "quiet", before=("unshare", "-pf"))
    s.say("lose 2 700")
    require("did not stop" not in expect_loss(s, 2, 700), "a thread did not answer")
    s.end()


@case
def under_gdb(place):
    if not shutil.which("gdb"):
        raise Skipped("there is no gdb")
    s = Server(place, "quiet", before=("gdb", "-q", "-batch", "-ex", "run", "--args"))
    s.say("lose 2 700")
    for _ in range(3):
        require("did not stop" not in expect_loss(s, 2, 700), "a thread did not answer")
    s.process.stdin.write("end\n")
    s.process.stdin.close()
    rest = s.process.stdout.read()
    require("received signal" not in rest and "exited normally" in rest, rest)


@case
def core_file_of_gcore(place):
    """gcore keeps the core file small: memsan's reserves are left out.  memsan reads the file like the process."""
    if not shutil.which("gcore"):
        raise Skipped("there is no gcore")
    s = Server(place, "quiet", options="mode=production")
    s.say("lose 3 700")
    core = os.path.join(place.folder, "core")
    subprocess.run(["gcore", "-o", core, str(s.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
                   check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28)))
    core += f".{s.pid}"
    require(os.path.getsize(core) < 1 << 27, f"a core file of {os.path.getsize(core)} bytes")
    leak, slabs, live = (subprocess.run([place.memsan, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, timeout=60, check=False).stdout
                         for args in (("leak", "--core", core), ("slabinfo", "--core", core),
                                      ("slabinfo", "--pid", str(s.pid))))
    os.unlink(core)
    require(": 3 objects" in leak, leak)
    require("direct:" in leak or "only possibly lost" in leak, leak)
    require(slabs[slabs.find("slabinfo"):] == live, "of the core file:\n" + slabs + "of the process:\n" + live)
    s.end()


@case
def core_file_of_gcore_lacks_what_is_behind_guards(place):
    """gdb stops copying a mapping at a guard page.  A large object with guard pages stands before the others in the
    heap, so gdb copies none of them: the objects that they point to are only possibly lost."""
    if not shutil.which("gcore"):
        raise Skipped("there is no gcore")
    s = Server(place, "guarded", "quiet")
    core = os.path.join(place.folder, "core")
    subprocess.run(["gcore", "-o", core, str(s.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
                   check=False)
    core += f".{s.pid}"
    r = subprocess.run([place.memsan, "leak", "--core", core], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, timeout=60, check=False)
    os.unlink(core)
    require("gdb left out" in r.stderr and "only possibly lost" in r.stderr, r.stderr)
    require("direct:" not in r.stdout and "possible:" in r.stdout, r.stdout)
    s.end()


@case
def thread_that_blocks(place):
    s = Server(place, "blocked", "quiet")
    s.say("lose 2 700")
    text = expect_loss(s, 2, 700)
    require("1 of 3 threads did not stop; their stacks were scanned as a whole" in text, text)
    s.end()


@case
def thread_that_cannot_be_interrupted(place):
    s = Server(place, "vfork", "quiet")
    s.say("lose 2 700")
    began = time.monotonic()
    text = expect_loss(s, 2, 700)
    require("1 of 3 threads did not stop" in text, text)
    require(time.monotonic() - began < 0.9, "the scan stopped the process for the time of a thread that cannot answer")
    s.end()


@case
def signal_taken_by_the_program(place):
    s = Server(place, "taken")
    s.say("lose 2 700")
    answer = []
    t = threading.Thread(target=lambda: answer.append(s.leak()))
    t.start()
    time.sleep(0.3)
    s.say("alloc")
    t.join()
    status, text = answer[0]
    require(status == 1 and "direct: 2 objects" in text, text)
    s.end()


ALLOCATE_BY = ("malloc", "calloc", "realloc", "realloc-large", "aligned_alloc", "new", "new[]", "kmalloc", "krealloc",
               "cache", "zalloc", "bulk", "vmalloc", "kvmalloc", "pages")


def served_by_every_allocation(place, options):
    """The scan's signal does not arrive, so the request waits for an allocation by any of the functions."""
    s = Server(place, "taken", options=options)
    s.say("lose 2 700")
    for how in ALLOCATE_BY:
        answer = []
        t = threading.Thread(target=lambda to=answer: to.append(s.leak()), daemon=True)
        t.start()
        # Nothing tells when the request has arrived, so the server allocates until the request is served.
        for _ in range(100):
            s.say("alloc " + how)
            t.join(0.2)
            if not t.is_alive():
                break
        require(answer, f"{how} does not serve the request")
        require(answer[0][0] == 1 and "direct: 2 objects" in answer[0][1], how + ": " + answer[0][1])
    s.end()


@case
def served_by_every_allocation_in_check_mode(place):
    served_by_every_allocation(place, "fence=off")


@case
def served_by_every_allocation_with_fences(place):
    served_by_every_allocation(place, "fence=all")


@case
def not_with_memsan(place):
    p = subprocess.Popen(["sleep", "100"])
    r = subprocess.run([place.memsan, "leak", "--pid", str(p.pid)], stderr=subprocess.PIPE, text=True, check=False)
    require(p.poll() is None, "the process died")
    p.kill()
    p.wait()
    require(r.returncode == 2 and "does not run with memsan" in r.stderr, r.stderr)


@case
def stopped(place):
    s = Server(place)
    s.say("lose 2 700")
    os.kill(s.pid, 19)
    while open(f"/proc/{s.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[0] != "T":
        time.sleep(0.01)
    r = s.leak("--external")
    require(r[0] == 1 and "direct: 2 objects" in r[1], r[1])
    os.kill(s.pid, 18)
    expect_loss(s, 2, 700)
    s.end()


def queue_forged(pid, sig, code, value):
    """A siginfo of one's own choice, as a process may send that may signal the other one."""
    info = struct.pack("iiiiiiQ", sig, 0, code, 0, 0, 0, value).ljust(128, b"\0")
    libc = ctypes.CDLL(None, use_errno=True)
    require(libc.syscall(129, pid, sig, info) == 0, os.strerror(ctypes.get_errno()))  # rt_sigqueueinfo


@case
def forged_signal_of_the_timer_starts_no_scan(place):
    """SI_TIMER with memsan's value: without a timer, and before the timer's time, nothing is scanned."""
    with open(os.path.join(harness.TOP, "leak/leak.h"), encoding="utf-8") as f:
        value = int(re.search(r"#define LEAK_POKE_VALUE (0x[0-9a-f]+)", f.read()).group(1), 16)
    for options in ("leak.min_age=0", "leak.min_age=0:leak.scan_interval=1000"):
        s = Server(place, "quiet", options=options)
        s.say("lose 3 700")
        with open(f"/proc/{s.pid}/status", encoding="ascii") as f:
            caught = int(re.search(r"^SigCgt:\s*([0-9a-f]+)", f.read(), re.M).group(1), 16)
        signals = [n for n in range(32, 65) if caught >> (n - 1) & 1]
        require(signals, "memsan has no signal")
        for sig in signals:
            for _ in range(20):
                queue_forged(s.pid, sig, -2, value)
                s.say("lose 1 700")
        # The scanner's thread makes these scans after any other.  What two scans in a row find lost is reported.
        require("0 new" in s.leak("--command=scan")[1], s.log()[-1000:])
        out = s.leak("--command=scan")[1]
        require(out.startswith(f"{3 + 20 * len(signals)} new unreferenced objects"), out + s.log()[-1000:])
        s.process.kill()
        s.process.wait()


@case
def foreign_signal_kills_as_ever(place):
    s = Server(place, "quiet")
    os.kill(s.pid, 61)
    require(s.process.wait(10) == -61, f"status {s.process.returncode}")


@case
def queued_signal_with_a_value_of_its_own_kills_as_ever(place):
    """memsan asks for a scan by a queued signal with a value. Another value is no such request."""
    s = Server(place, "quiet")
    libc = ctypes.CDLL(None, use_errno=True)
    require(libc.sigqueue(s.pid, 61, ctypes.c_void_p(12345)) == 0, "sigqueue failed")
    require(s.process.wait(10) == -61, f"status {s.process.returncode}")


@case
def busy(place):
    """A scan never calls an object lost whose only pointer moves all the time."""
    s = Server(place, "busy", "quiet")
    for _ in range(50):
        status, text = s.leak()
        require(status == 0, text)
    s.say("lose 2 3210")
    expect_loss(s, 2, 3210)
    s.end()


UNSEEN = """recv: -1 EAGAIN
read: -1 EAGAIN
recvmsg: -1 EAGAIN
accept: -1 EAGAIN
semtimedop: -1 EAGAIN
thrd_sleep: 0
poll: 0
epoll_pwait2: 0
ppoll: 0
epoll_wait: 0
epoll_pwait: 0
select: 0
pselect: 0
nanosleep: 0
clock_nanosleep: 0
clock_nanosleep until: 0
sleep: 0
usleep: 0
sem_timedwait: -1 ETIMEDOUT
sem_clockwait: -1 ETIMEDOUT
sigtimedwait: -1 EAGAIN
recvfrom: -1 EAGAIN
recvmmsg: -1 EAGAIN
accept4: -1 EAGAIN
connect: -1 EAGAIN
semop: -1 EIDRM
msgrcv: -1 EIDRM
msgsnd: -1 EIDRM
writer 0: whole
writer 1: whole
writer 2: whole
writer 3: whole
writer 4: whole
sigsuspend: all seen, woken for nothing 0
signalfd: its own only
waits: 0 wrong
SIGCHLD: 1
"""


WAITING = """aio_suspend: -1 EAGAIN
io_getevents: 0
sigtimedwait: -1 EAGAIN
pthread_cond_timedwait: -1 ETIMEDOUT
pthread_mutex_timedlock: -1 ETIMEDOUT
mq_timedreceive: -1 ETIMEDOUT
futex: -1 ETIMEDOUT
futex until: -1 ETIMEDOUT
epoll_wait, raw: 0
nanosleep, raw: 0
ppoll, raw: 0
send: -1 EAGAIN
nanosleep's rest: 0
clock_nanosleep's rest: 0
select's rest: 0
read of a pipe: 1
read of a terminal: 2
pause: -1 EINTR
sigwait: 7
sigwaitinfo: 8
open of a fifo: 0
flock: 0
fcntl: 0
read of inotify: 0
waitid: 3
io_uring_enter: -1 EINTR
"""


def same_with_scans(place, exe, expected):
    """The program prints the expected text without scans, and with a dozen of them."""
    for scans in (False, True):
        env = dict(os.environ, LD_PRELOAD=place.library)
        p = subprocess.Popen([exe], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        p.stdout.readline()
        stop = threading.Event()
        count = [0]

        def scan(pid=p.pid):
            while not stop.is_set():
                r = subprocess.run([place.memsan, "leak", "--pid", str(pid)], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, check=False)
                if stop.is_set() or "no process" in r.stdout or r.returncode == 2:
                    break
                count[0] += 1
                time.sleep(0.05)  # each scan restarts the time limits of sockets, so scans leave gaps
                if count[0] == 12:
                    break

        t = threading.Thread(target=scan)
        if scans:
            t.start()
        out, err = p.communicate(timeout=60)
        stop.set()
        if scans:
            t.join()
            require(count[0] >= 5, f"only {count[0]} scans")
        require(out == expected, ("with" if scans else "without") + " scans: " + "".join(
            line for line in out.splitlines(True) if line not in expected.splitlines(True)) + err)


@case
def unseen(place):
    """The program sees no EINTR, no partial write, no signal and no child, with and without scans."""
    same_with_scans(place, place.compile("unseen", "-O2", "-D_FORTIFY_SOURCE=2"), UNSEEN)


@case
def waiting(place):
    """Calls that are never restarted after a signal handler, made through libc and past it, return in time and with
    the right result."""
    same_with_scans(place, place.compile("waiting", "-O2", "-lrt"), WAITING)


@case
def limits_do_not_begin_anew(place):
    """Each wait with a limit ends although scans keep coming."""
    exe = place.compile("limits", "-O2")
    with subprocess.Popen([exe], stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, LD_PRELOAD=place.library)) as p:
        require(p.stdout.readline() == "ready\n", "the program does not begin")
        scans, end = 0, time.monotonic() + 60
        while p.poll() is None and time.monotonic() < end:
            scans += subprocess.run([place.memsan, "leak", "--pid", str(p.pid)], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, check=False).returncode in (0, 1)
        if p.poll() is None:
            p.kill()
            raise AssertionError("after 60 s have ended only: " + p.stdout.read().replace("\n", " "))
        require(p.returncode == 0, f"status {p.returncode}")
        require(len(p.stdout.read().split()) == 12, "not every wait has ended")
        require(scans >= 3, f"only {scans} scans")


@case
def waiting_in_a_static_program(place):
    library = os.path.join(os.path.dirname(place.memsan), "libmemsan.a")
    require(os.path.exists(library), "there is no " + library)
    exe = place.compile("waiting", "-O2", "-static", "-Wl,--whole-archive", library, "-Wl,--no-whole-archive", "-lrt",
                        output="waiting-static")
    same_with_scans(place, exe, WAITING)


@case
def threads_begin_and_end(place):
    s = Server(place, "churn", "quiet")
    for _ in range(50):
        status, text = s.leak()
        require(status == 0, text)
    s.say("lose 2 3210")
    expect_loss(s, 2, 3210)
    s.end()


# ---- kmemleak's commands -------------------------------------------------------------------------

@case
def command_scan(place):
    s = Server(place, options="leak.min_age=0")
    s.say("lose 3 700")
    require("0 new" in s.leak("--command=scan")[1], "reported by the first scan")
    require("3 new unreferenced objects in 1 places" in s.leak("--command=scan")[1], "not reported by the second")
    require("0 new" in s.leak("--command=scan")[1], "reported twice")
    s.say("lose 1 700")
    s.leak("--command=scan")
    require("1 new" in s.leak("--command=scan")[1], "a later loss is not reported")
    text = s.end()
    require(count_blocks(text) == 2 and "lose+0x" in text, text)


@case
def command_scan_sees_writes(place):
    s = Server(place, options="leak.min_age=0")
    s.say("lose 3 700")
    for _ in range(3):
        require("0 new" in s.leak("--command=scan")[1], "an object that changes between scans is called lost")
        s.say("write")
    s.leak("--command=scan")
    require("3 new" in s.leak("--command=scan")[1], "not reported")
    s.end()


@case
def command_scan_waits_for_age(place):
    s = Server(place, options="leak.min_age=1500")
    began = time.monotonic()
    s.say("lose 3 700")
    while "0 new" in s.leak("--command=scan")[1]:
        require(time.monotonic() - began < 20, "never reported")
    require(time.monotonic() - began > 1.4, "reported before leak.min_age")
    s.end()


@case
def command_clear(place):
    s = Server(place, options="leak.min_age=0:leak=on")
    s.say("lose 3 700")
    require(s.leak("--command=clear")[0] == 0, "status")
    require(s.leak()[0] == 0, "a scan shows cleared objects")
    s.say("lose 2 900")
    expect_loss(s, 2, 900)
    text = s.end()
    require(count_blocks(text) == 1 and "size 900" in text, "at exit: " + text)


@case
def command_interval(place):
    s = Server(place, options="leak.min_age=0")
    s.say("lose 3 700")
    require("every 1 s" in s.leak("--command=scan=1")[1], "no answer")
    began = time.monotonic()
    while "unreferenced object" not in s.log():
        require(time.monotonic() - began < 20, "no report by itself")
        time.sleep(0.05)
    require("no scans" in s.leak("--command=scan=off")[1], "no answer")
    require("every 600 s" in s.leak("--command=scan=on")[1], "no answer")
    require(count_blocks(s.end()) == 1, "not once")


@case
def command_stack(place):
    s = Server(place, "quiet")
    require(s.leak()[0] == 0, "lost before")
    require(s.leak("--command=stack=off")[0] == 0, "status")
    status, text = s.leak()
    require(status == 1 and "(size 99)" in text and "(size 88)" not in text, "with stack=off: " + text)
    s.leak("--command=stack=on")
    require(s.leak()[0] == 0, "stacks again")
    s.end()


@case
def command_dump(place):
    s = Server(place)
    s.say("lose 1 700")
    address = re.search(r"unreferenced object (0x[0-9a-f]+)", s.leak()[1]).group(1)
    status, text = s.leak("--command=dump=" + address)
    require(status == 0 and "size: 700" in text and "lose+0x" in text, text)
    s.end()


@case
def command_wrong(place):
    s = Server(place)
    for word in ("", "scan=", "scan=x", "dump=", "dump=xyz", "stack", "stack=1", "off"):
        require(s.leak("--command=" + word)[0] == 2, f"'{word}' was taken")
    s.end()


def elsewhere_asked(place, options, end_cache):
    """--why, describe and --growth know objects outside slab caches."""
    exe = place.compile("elsewhere")
    env = dict(os.environ, LD_PRELOAD=place.library, MEMSAN_OPTIONS=options)
    with subprocess.Popen([exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as p:
        at = dict(line.split() for line in iter(p.stdout.readline, "ready\n"))

        def ask(*args):
            r = subprocess.run([place.memsan, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               timeout=60, check=False)
            return r.returncode, r.stdout

        def wants(what, status, *patterns):
            require(what[0] == status, f"status {what[0]}: {what[1]}")
            for pattern in patterns:
                require(re.search(pattern, what[1]), f"no '{pattern}': {what[1]}")

        pid = str(p.pid)
        wants(ask("leak", "--pid", pid, "--why", at["told"]), 0, "is reachable", r"global variable (chain|told_block)",
              rf"-> {at['told']} \(size 101, pool\), allocated in cut_told ")
        wants(ask("leak", "--pid", pid, "--why", at["end"]), 0,
              rf"-> {at['pooled']} \(size 102, arena\), allocated in cut_from_pool ",
              rf"at offset 0x10 -> {at['end']} \(size 77, {end_cache}\)")
        wants(ask("leak", "--pid", pid, "--why", at["held"], "--format=json"), 1, r'"reachable":false',
              rf'"address":"{at["lost"]}","size":103')
        wants(ask("describe", "--pid", pid, hex(int(at["pooled"], 16) + 3)), 0, "3 bytes into", "state: allocated",
              "size: 102", "in pool: arena", r"cut out of: the object at 0x\w+ \(size 1048576, ", r"cut_from_pool\+0x")
        wants(ask("describe", "--pid", pid, hex(int(at["end"], 16) + 76)), 0, "76 bytes into", "state: allocated",
              "size: 77", f"cache: {end_cache}")
        saved = os.path.join(place.folder, "census-" + end_cache.split("-")[0])
        wants(ask("leak", "--pid", pid, "--save=" + saved), 0)
        p.stdin.write("\n")
        p.stdin.flush()
        p.stdout.readline()
        wants(ask("leak", "--pid", pid, "--growth=" + saved), 1, r"grown by 20000 bytes, 100 objects",
              r"grown by 4800 bytes, 100 objects.*\n    cut_from_pool",
              r"grown by 4000 bytes, 100 objects.*\n    cut_told")
        wants(ask("leak", "--pid", pid), 1, rf"unreferenced object {at['lost']} \(size 103\)",
              "holding 1 more of 104 bytes")
        p.stdin.close()


@case
def elsewhere_on_the_heap(place):
    elsewhere_asked(place, "exitcode=0", "malloc-80")


@case
def elsewhere_fenced(place):
    elsewhere_asked(place, "exitcode=0:fence=all", r"fence-#\d+")


@case
def interval_by_option(place):
    s = Server(place, "quiet", options="leak.scan_interval=1:leak.min_age=0")
    s.say("lose 3 700")
    began = time.monotonic()
    while "unreferenced object" not in s.log():
        require(time.monotonic() - began < 20, "no report by itself")
        time.sleep(0.05)
    time.sleep(2.2)
    require(count_blocks(s.end()) == 1, "not once")


# ---- servers under load --------------------------------------------------------------------------

def scan_often(place, pid, times):
    silent = 0
    for i in range(times):
        r = subprocess.run([place.memsan, "leak", "--pid", str(pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=60, check=False)
        require(r.returncode == 0, f"scan {i}: " + r.stdout)
        silent += "did not stop" in r.stdout
    return silent


def redis_server(place):
    if not shutil.which("redis-server"):
        raise Skipped("there is no redis-server")
    port = "17379"
    server = subprocess.Popen([place.memsan, "run", "redis-server", "--port", port, "--save", "", "--io-threads", "3"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while subprocess.run(["redis-cli", "-p", port, "ping"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             check=False).returncode:
            require(server.poll() is None, "redis-server does not start")
            time.sleep(0.1)
        out = subprocess.run(["redis-cli", "-p", port, "info", "server"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        pid = re.search(r"process_id:(\d+)", out).group(1)
        load = subprocess.Popen(["redis-benchmark", "-p", port, "-q", "-n", "100000", "-l", "-r", "10000", "-t",
                                 "set,lpush,sadd,hset,zadd,lrange_100"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        silent = scan_often(place, pid, 100)
        require(load.poll() is None, "the load ended early: " + (load.stderr.read() if load.poll() is not None else ""))
        load.terminate()
        load.wait()
        subprocess.run(["redis-cli", "-p", port, "shutdown", "nosave"], stderr=subprocess.DEVNULL, check=False)
        require(server.wait(30) == 0, "redis-server ended badly: " + server.stderr.read())
        return f"{silent} scans met a thread that did not stop"
    finally:
        server.kill()


def nginx(place):
    if not shutil.which("nginx"):
        raise Skipped("there is no nginx")
    folder = os.path.join(place.folder, "nginx")
    os.makedirs(folder + "/logs", exist_ok=True)
    with open(folder + "/index.html", "w", encoding="utf-8") as f:
        f.write("hello " * 5000)
    with open(folder + "/nginx.conf", "w", encoding="utf-8") as f:
        f.write(f"daemon off; master_process on; worker_processes 1; error_log {folder}/logs/error.log; pid "
                f"{folder}/nginx.pid;\n"
                "events { worker_connections 100; }\n"
                f"http {{ access_log off; gzip on; server {{ listen 127.0.0.1:17380; root {folder}; }} }}\n"
                "user root;\n")
    server = subprocess.Popen([place.memsan, "run", "nginx", "-p", folder, "-c", folder + "/nginx.conf"],
                              stderr=subprocess.PIPE, text=True)
    stop = threading.Event()
    served = [0]

    def load():
        import http.client
        while not stop.is_set():
            try:
                c = http.client.HTTPConnection("127.0.0.1", 17380, timeout=10)
                for i in range(20):
                    c.request("GET", "/index.html" if i % 3 else "/none", headers={"Accept-Encoding": "gzip"})
                    c.getresponse().read()
                    served[0] += 1
                c.close()
            except OSError:
                time.sleep(0.05)

    threads = [threading.Thread(target=load) for _ in range(3)]
    try:
        for t in threads:
            t.start()
        while not served[0]:
            require(server.poll() is None, "nginx does not start")
            time.sleep(0.1)
        with open(folder + "/nginx.pid", encoding="utf-8") as f:
            master = int(f.read())
        worker = subprocess.run(["pgrep", "-P", str(master)], stdout=subprocess.PIPE, text=True,
                                check=True).stdout.split()[0]
        before = served[0]
        silent = scan_often(place, worker, 100)
        silent += scan_often(place, master, 10)
        require(served[0] > before + 20, "nothing was served meanwhile")
        os.kill(master, 3)
        require(server.wait(30) == 0, "nginx ended badly: " + server.stderr.read())
        return f"{silent} scans met a thread that did not stop, {served[0]} requests served"
    finally:
        stop.set()
        server.kill()
        for t in threads:
            t.join()


def main():
    p = argparse.ArgumentParser(description="scan running processes for leaks")
    p.add_argument("--build", default=harness.BUILD)
    p.add_argument("--cc", default="gcc")
    p.add_argument("--servers", action="store_true", help="also redis-server and nginx")
    p.add_argument("--list", action="store_true", help="print the names of the cases")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="memsan-live.") as folder:
        place = Place(os.path.abspath(args.build), args.cc, folder)
        return harness.main(lambda _: place, () if args.servers else (redis_server, nginx),
                            ["--list"] if args.list else args.names)


if __name__ == "__main__":
    sys.exit(main())
