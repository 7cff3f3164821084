#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tests/lib/within.py SECONDS LOG COMMAND…: runs a command that must end within so many seconds.

Copies both of its outputs to standard output and to LOG; standard input is empty.  The status is the command's own
(128 and the number for a signal), or 124 when the time was over.  Then the line "FAIL: …" comes with all processes
that ran at that moment, and what each of them waited for.

No process is left behind: what the command started and left running is named and killed.  A pipe that such a process
holds open would otherwise keep the next reader waiting for ever.
"""
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

PR_SET_CHILD_SUBREAPER = 36


def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def parents():
    """Each process's parent."""
    found = {}
    for name in os.listdir("/proc"):
        stat = read(name, "stat") if name.isdigit() else ""
        if stat:
            found[int(name)] = int(stat[stat.rindex(")") + 2:].split()[1])
    return found


def below(pid):
    """All processes that descend from pid, parents first."""
    parent_of = parents()
    found = [pid]
    for p in found:
        found += [child for child, parent in parent_of.items() if parent == p]
    return found[1:]


def state(pid):
    """Its status line: R, S, D, Z."""
    return next((line.split()[1] for line in read(pid, "status").splitlines() if line.startswith("State:")), "Z")


def describe(pid):
    words = read(pid, "cmdline").replace("\0", " ").strip() or "[" + read(pid, "comm").strip() + "]"
    lines = [f"    {pid} {state(pid)} {words[:300]}"]
    for task in sorted(os.listdir(f"/proc/{pid}/task"), key=int) if os.path.isdir(f"/proc/{pid}/task") else []:
        lines.append(f"        thread {task}: {read(pid, f'task/{task}/wchan') or '?'}, "
                     f"system call {read(pid, f'task/{task}/syscall').split(' ')[0].strip() or '?'}")
    return "\n".join(lines)


def kill_all():
    """Kills what descends from this process, until nothing is left; new processes may come meanwhile."""
    while below(os.getpid()):
        for pid in below(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def copy(source, log):
    """Copies the command's outputs until all who hold the pipe are gone."""
    for line in iter(source.readline, b""):
        log.write(line)
        log.flush()
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def wait(child, seconds):
    """The command's status; None: the time is over.  Other children, which became this process's own, are taken too."""
    until = time.monotonic() + seconds
    while True:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if pid == child:
                return os.waitstatus_to_exitcode(status)
            if not pid:
                break
        if signal.sigtimedwait({signal.SIGCHLD}, max(0, until - time.monotonic())) is None:
            return None


def stopped(number, _):
    kill_all()
    os._exit(128 + number)


def main():
    seconds, log, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stopped)
    with open(log, "wb") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,  # pylint: disable=R1732
                                 stderr=subprocess.STDOUT)
        # The thread has it blocked, too, or it would take the signal that wait() waits for; the command has not.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        copier = threading.Thread(target=copy, args=(child.stdout, out))
        copier.start()
        status = wait(child.pid, seconds)
        rest = [p for p in below(os.getpid()) if state(p) != "Z"]
        text = "\n".join(describe(p) for p in rest)
        kill_all()
        copier.join()
        if status is None:
            status = 124
            text = f"FAIL: {' '.join(command)}: not finished within {seconds} s. What ran then:\n{text}\n"
        elif rest:
            text = f"left behind by {command[0]}, and killed:\n{text}\n"
        out.write(text.encode())
    sys.stdout.write(text)
    sys.stdout.flush()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main())
