# SPDX-License-Identifier: BSD-2-Clause
"""tests/lib/cores.py - core files for tests, wherever /proc/sys/kernel/core_pattern sends those of the kernel.

    program's output, core = cores.make(folder, command)

The kernel writes the file if it puts core files into the current folder. Otherwise, or with TEST_OWN_CORES=1 in the
environment, the program runs under ptrace until SIGABRT is about to end it, and the file is written here as the kernel
writes it: notes (registers of each thread, process, auxiliary vector, mapped files), then all private memory except
what MADV_DONTDUMP leaves out, and of unchanged files only the first page.
"""
import ctypes
import os
import resource
import signal
import struct
import subprocess
import tempfile

PAGE = 4096
PTRACE_TRACEME, PTRACE_CONT, PTRACE_KILL, PTRACE_GETREGSET = 0, 7, 8, 0x4204
PTRACE_SETOPTIONS, PTRACE_ATTACH, PTRACE_O_TRACECLONE, PTRACE_O_EXITKILL = 0x4200, 16, 8, 0x100000
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE = 1, 3, 6, 0x46494c45
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def kernel_writes_them():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        pattern = f.read().strip()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return pattern == "core" and hard == resource.RLIM_INFINITY and not os.environ.get("TEST_OWN_CORES")


def make(folder, command, env=None):
    """Runs a command that ends by SIGABRT; returns what it wrote to standard output, and the path of its core file."""
    if not kernel_writes_them():
        return traced(folder, command, env)
    before = set(os.listdir(folder))
    r = subprocess.run(["prlimit", "--core=unlimited", "--", *command], cwd=folder, capture_output=True, text=True,
                       env=env, check=False)
    found = [f for f in os.listdir(folder) if f.startswith("core") and f not in before]
    assert len(found) == 1, f"no core file of {command}: status {r.returncode}\n{r.stderr}"
    return r.stdout, os.path.join(folder, found[0])


# ---- under ptrace --------------------------------------------------------------------------------

def ptrace(request, tid, address=0, data=0):
    if LIBC.ptrace(request, tid, address, data) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace request {request:#x}: {os.strerror(error)}")


def traced(folder, command, env):
    """`memsan run` and its like start the program as their child: every process and thread that they start is traced,
    and the one that aborts is written."""
    env = dict(os.environ if env is None else env)
    with tempfile.TemporaryFile(mode="w+") as output, open(os.devnull, "r+b") as null:
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(folder)
                os.dup2(null.fileno(), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(null.fileno(), 2)
                resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
                ptrace(PTRACE_TRACEME, 0)
                os.kill(os.getpid(), signal.SIGSTOP)
                os.execvpe(command[0], command, env)
            finally:
                os._exit(126)
        core = follow(pid, os.path.join(folder, "core"))
        output.seek(0)
        return output.read(), core


def follow(first, path):
    options = PTRACE_O_TRACECLONE | 2 | 4 | 0x10 | PTRACE_O_EXITKILL  # fork, vfork and exec as well
    os.waitpid(first, 0)
    ptrace(PTRACE_SETOPTIONS, first, 0, options)
    ptrace(PTRACE_CONT, first)
    written = None
    tracees = {first}
    while tracees:
        try:
            tid, status = os.waitpid(-1, 0x40000000)  # __WALL
        except ChildProcessError:
            break
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            tracees.discard(tid)
            continue
        fresh, sig, event = tid not in tracees, os.WSTOPSIG(status), status >> 16
        tracees.add(tid)
        if sig == signal.SIGABRT and not event and not written:
            written = write(path, group_of(tid), tid)
        deliver = 0 if event or sig == signal.SIGTRAP or (fresh and sig == signal.SIGSTOP) else int(sig)
        try:
            ptrace(PTRACE_CONT, tid, 0, deliver)
        except ProcessLookupError:
            pass
    assert written, "the program did not end by SIGABRT"
    return written


def group_of(tid):
    with open(f"/proc/{tid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Tgid:"))


def registers(tid):
    buffer = ctypes.create_string_buffer(216)
    vector = (ctypes.c_void_p * 2)(ctypes.cast(buffer, ctypes.c_void_p), 216)
    ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, ctypes.cast(vector, ctypes.c_void_p))
    return buffer.raw


def stop(tid, group):
    """Stops another thread of the process, and returns its registers."""
    LIBC.syscall(234, group, tid, int(signal.SIGSTOP))  # tgkill
    while True:
        _, status = os.waitpid(tid, 0x40000000)
        if not os.WIFSTOPPED(status):
            return None
        if os.WSTOPSIG(status) == signal.SIGSTOP:
            return registers(tid)
        ptrace(PTRACE_CONT, tid, 0, 0 if status >> 16 or os.WSTOPSIG(status) == signal.SIGTRAP else os.WSTOPSIG(status))


# ---- the file ------------------------------------------------------------------------------------

class Mapping:
    def __init__(self, line):
        words = line.split(None, 5)
        self.start, self.end = (int(x, 16) for x in words[0].split("-"))
        self.rights, self.offset, self.inode = words[1], int(words[2], 16), int(words[4])
        self.path = words[5].rstrip("\n") if len(words) > 5 else ""
        self.anonymous, self.left_out = 0, False

    def dumped(self, memory):
        """How many bytes the kernel would write."""
        if self.left_out or self.path in ("[vvar]", "[vsyscall]") or self.rights[3] == "s" and self.inode:
            return 0
        if self.anonymous or not self.inode or self.rights[3] == "s":
            return self.end - self.start
        try:
            head = os.pread(memory, 4, self.start)
        except OSError:
            return 0
        return PAGE if self.offset == 0 and head == b"\x7fELF" else 0


def mappings(pid):
    found = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as f:
        for line in f:
            word = line.split(None, 1)[0]
            if not word.endswith(":"):
                found.append(Mapping(line))
            elif word == "Anonymous:":
                found[-1].anonymous = int(line.split()[1])
            elif word == "VmFlags:":
                found[-1].left_out = "dd" in line.split()[1:] or "io" in line.split()[1:]
    return found


def note(kind, data):
    return struct.pack("<III8s", 5, len(data), kind, b"CORE") + data + bytes(-len(data) % 4)


def notes(pid, tid, maps):
    threads = sorted((int(t) for t in os.listdir(f"/proc/{pid}/task")), key=lambda t: (t != tid, t))
    with open(f"/proc/{pid}/comm", "rb") as f:
        name = f.read().strip()
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        arguments = f.read().replace(b"\0", b" ")
    with open(f"/proc/{pid}/auxv", "rb") as f:
        vector = f.read()
    files = [m for m in maps if m.inode and m.path.startswith("/")]
    table = struct.pack("<QQ", len(files), PAGE) + b"".join(
        struct.pack("<QQQ", m.start, m.end, m.offset // PAGE) for m in files) + b"".join(
        m.path.encode() + b"\0" for m in files)
    out = b""
    for t in threads:
        words = registers(t) if t == tid else stop(t, pid)
        if words:
            out += note(NT_PRSTATUS, struct.pack("<iiihHQQiiii64x", 6, 0, 0, 6, 0, 0, 0, t, 0, 0, 0) + words
                        + struct.pack("<ii", 1, 0))
        if t == tid:
            out += note(NT_PRPSINFO, struct.pack("<bcbb4xQIIiiii16s80s", 0, b"R", 0, 0, 0, os.getuid(), os.getgid(),
                                                 pid, os.getpid(), pid, pid, name[:15], arguments[:79]))
            out += note(NT_AUXV, vector) + note(NT_FILE, table)
    return out


def write(path, pid, tid):
    maps = mappings(pid)
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        text = notes(pid, tid, maps)
        sizes = [m.dumped(memory) for m in maps]
        head = 64 + 56 * (len(maps) + 1)
        at = -(-(head + len(text)) // PAGE) * PAGE
        with open(path, "wb") as f:
            f.write(struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(maps) + 1, 0,
                                0, 0))
            f.write(struct.pack("<IIQQQQQQ", 4, 0, head, 0, 0, len(text), 0, 4))
            offset = at
            for m, size in zip(maps, sizes):
                flags = 4 * (m.rights[0] == "r") + 2 * (m.rights[1] == "w") + (m.rights[2] == "x")
                f.write(struct.pack("<IIQQQQQQ", 1, flags, offset, m.start, 0, size, m.end - m.start, PAGE))
                offset += size
            f.write(text)
            for m, size in zip(maps, sizes):
                copy_memory(memory, m.start, size, f, at)
                at += size
            f.truncate(at)
    finally:
        os.close(memory)
    return path


def copy_memory(memory, start, size, file, at):
    """Memory that cannot be read, such as a guard page, stays a hole in the file, as the kernel leaves it."""
    done = 0
    while done < size:
        length = min(size - done, 1 << 20)
        try:
            data = os.pread(memory, length, start + done)
        except OSError:
            data = b""
        if not data:
            length = PAGE
            try:
                data = os.pread(memory, PAGE, start + done)
            except OSError:
                pass
        for k in range(0, len(data), PAGE):
            if data[k:k + PAGE].count(0) != len(data[k:k + PAGE]):
                file.seek(at + done + k)
                file.write(data[k:k + PAGE])
        done += len(data) or length
