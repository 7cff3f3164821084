# SPDX-License-Identifier: BSD-2-Clause
"""Reports of programs' tools: real ones, made by running the tools over bugs.c, and, for tools that do not run on this
machine, ones in their layout."""
import os
import shutil
import subprocess

from reports.kernel import Report

HERE = os.path.dirname(os.path.abspath(__file__))
WHOLE = False

# bug: what each tool calls it, and where
ASAN = {
    "use_freed": "heap-use-after-free use_freed", "overflow_heap": "heap-buffer-overflow overflow_heap",
    "read_stack": "stack-buffer-overflow read_stack", "read_global": "global-buffer-overflow read_global",
    "free_twice": "double-free free_twice", "free_inside": "bad-free free_inside", "read_null": "segv read_null",
    "allocate_too_much": "allocation-size-too-big allocate_too_much",
    "multiply_too_much": "calloc-overflow multiply_too_much",
    "copy_overlapping": "memcpy-param-overlap copy_overlapping", "set_negative": "negative-size-param set_negative",
    "recurse": "stack-overflow recurse",
}
UBSAN = {
    "index_array": "out-of-bounds-index index_array", "read_pair": "misaligned-pointer-use "
    "read_pair;misaligned-pointer-use read_pair",
    "add_too_much": "pointer-overflow add_too_much", "shift": "invalid-shift-exponent shift",
}
VALGRIND = {
    "use_freed": "invalid-read use_freed", "overflow_heap": "invalid-write overflow_heap",
    "free_twice": "invalid-free free_twice", "free_inside": "invalid-free free_inside",
    "read_uninitialised": "uninitialised-condition decide", "read_null": "invalid-read *;fatal-signal "
    "*",  # Valgrind names the call
    "recurse": "stack-overflow recurse",
}
# (name, compiler, flags, command in front, environment, detector, bugs)
TOOLS = [
    ("gcc-asan", "gcc", "-O1 -fsanitize=address", [], {"ASAN_OPTIONS": "detect_leaks=0"}, "asan", ASAN),
    ("clang-asan", "clang", "-O1 -fsanitize=address", [], {"ASAN_OPTIONS": "detect_leaks=0"}, "asan", ASAN),
    ("gcc-lsan", "gcc", "-O1 -fsanitize=leak -DEXIT", [], {}, "lsan", {"leak": "direct-leak leak"}),
    ("clang-msan", "clang", "-O1 -fsanitize=memory -fsanitize-memory-track-origins=2", [], {}, "msan",
     {"read_uninitialised": "use-of-uninitialized-value decide", "read_null": "segv read_null"}),
    ("clang-tsan", "clang", "-O1 -fsanitize=thread", [], {}, "tsan",
     {"race": "data-race touch", "race_with_free": "heap-use-after-free write_late"}),
    ("gcc-tsan", "gcc", "-O1 -fsanitize=thread", [], {}, "tsan",
     {"race": "data-race touch", "race_with_free": "heap-use-after-free write_late"}),
    ("clang-ubsan", "clang", "-O1 -fsanitize=undefined", [], {"UBSAN_OPTIONS": "print_stacktrace=1"}, "ubsan", UBSAN),
    ("gcc-ubsan", "gcc", "-O1 -fsanitize=undefined", [], {"UBSAN_OPTIONS": "print_stacktrace=1"}, "ubsan",
     {"index_array": UBSAN["index_array"], "read_pair": "misaligned-pointer-use read_pair", "shift": UBSAN["shift"]}),
    ("plain-ubsan", "gcc", "-O1 -fsanitize=undefined", [], {}, "ubsan", {"shift": "invalid-shift-exponent -"}),
    ("clang-ubsan-minimal", "clang", "-O1 -fsanitize=undefined -fsanitize-minimal-runtime", [], {}, "ubsan",
     {"index_array": "out-of-bounds-index -", "shift": "invalid-shift-exponent -"}),
    ("gcc-ubsan-brackets", "gcc", "-O1 -fsanitize=undefined", [], {"UBSAN_OPTIONS": "print_stacktrace=1:"
        "symbolize_vs_style=1"}, "ubsan", {"shift": UBSAN["shift"]}),
    ("gcc-asan-named", "gcc", "-O1 -fsanitize=address", [], {"ASAN_OPTIONS": "detect_leaks=0:log_exe_name=1"}, "asan",
     {"read_null": ASAN["read_null"], "free_twice": ASAN["free_twice"]}),
    ("clang-hwasan", "clang", "-O1 -fsanitize=hwaddress -fsanitize-hwaddress-experimental-aliasing", [], {}, "hwasan",
     {"use_freed": "tag-mismatch use_freed", "free_twice": "invalid-free free_twice"}),
    ("mcheck", "gcc", "-O1 -Wl,--no-as-needed -lmcheck", [], {"LD_PRELOAD": "libc_malloc_debug.so.0"}, "glibc",
     {"free_twice": "memory-clobbered-before-block -"}),
    ("clang-scudo", "clang", "-O1 -fsanitize=scudo", [], {}, "scudo",
     {"free_twice": "invalid-chunk-state -", "overwrite_header": "corrupted-chunk-header -"}),
    ("glibc", "gcc", "-O0 -fstack-protector-all", [], {"LIBC_FATAL_STDERR_": "1"}, "glibc",
     {"free_twice": "double-free -", "free_inside": "invalid-pointer -", "smash_stack": "stack-smashing -",
      "overwrite_next": "double-free-or-corruption -"}),
    ("fortify", "gcc", "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2", [], {}, "fortify",
     {"copy_too_much": "fortify-buffer-overflow -"}),
    ("valgrind", "gcc", "-O1", ["valgrind", "--track-origins=yes"], {}, "valgrind", VALGRIND),
    ("valgrind-xml", "gcc", "-O1", ["valgrind", "--xml=yes", "--xml-fd=2", "--leak-check=no"], {},
     "valgrind", VALGRIND),
    ("valgrind-leaks", "gcc", "-O1 -DEXIT", ["valgrind", "--leak-check=full"], {}, "valgrind",
     {"leak": "definitely-lost leak"}),
    ("valgrind-xml-leaks", "gcc", "-O1 -DEXIT", ["valgrind", "--xml=yes", "--xml-fd=2", "--leak-check=full"], {},
     "valgrind", {"leak": "definitely-lost leak"}),
    ("helgrind", "gcc", "-O1", ["valgrind", "--tool=helgrind"], {}, "valgrind", {"race": "data-race touch;data-race "
        "touch"}),
    ("electric-fence", "gcc", "-O1 -lefence", [], {}, "electric-fence", {"free_inside": "bad-free -"}),
]


def expected(detector, what):
    wanted = []
    for one in what.split(";"):
        kind, function = one.split()
        wanted.append((detector, kind, None if function == "-" else function, False))
    return wanted


def real(folder, skipped):
    """Builds and runs everything; `skipped` gets a line for each tool that is not there."""
    for name, compiler, flags, command, environment, detector, bugs in TOOLS:
        program = os.path.join(folder, name)
        if (command and not shutil.which(command[0])) or not shutil.which(compiler):
            skipped.append(f"{name}: {command[0] if command else compiler} is not installed")
            continue
        r = subprocess.run([compiler, "-g", "-w", "-pthread", os.path.join(HERE, "bugs.c"), "-o", program,
                            *flags.split()], capture_output=True, text=True, check=False)
        if r.returncode:
            skipped.append(f"{name}: {r.stderr.strip().splitlines()[-1]}")
            continue
        for bug, what in bugs.items():
            env = {**os.environ, **environment}
            r = subprocess.run([*command, program, bug], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, env=env, timeout=300, check=False)
            yield Report(f"{name}-{bug}", r.stderr.decode("utf-8", "replace"), expected(detector, what))


# ---- layouts of tools that do not run here ------------------------------------------------------------

LAYOUTS = []


def add(name, text, *wanted, to=LAYOUTS):
    parsed = []
    for line in wanted:
        words = line.split()
        parsed.append((words[0], words[1], None if words[2] == "-" else words[2], words[-1] == "!"))
    to.append(Report(name, text, parsed))


HWASAN = """\
==9569==ERROR: HWAddressSanitizer: tag-mismatch on address 0x0042a0807b03 at pc 0x00590b66a5a4
READ of size 1 at 0x0042a0807b03 tags: 3b/6e (ptr/mem) in thread T0
    #0 0x590b66a5a0 in use_freed /src/bugs.c:31:10
    #1 0x590b66a6f8 in main /src/bugs.c:170:2
    #2 0x7a1b2c9e0c in __libc_init (/apex/com.android.runtime/lib64/bionic/libc.so+0x4ae0c)

[0x0042a0807b00,0x0042a0807b20) is a small unallocated heap chunk; size: 32 offset: 3
0x0042a0807b03 is located 3 bytes inside of 20-byte region [0x0042a0807b00,0x0042a0807b14)
freed by thread T0 here:
    #0 0x590b62d4b8 in __sanitizer_free /src/hwasan_allocation_functions.cpp:110:3
    #1 0x590b66a594 in use_freed /src/bugs.c:30:2

previously allocated here:
    #0 0x590b62d6f4 in __sanitizer_malloc /src/hwasan_allocation_functions.cpp:170:3
    #1 0x590b66a6d8 in main /src/bugs.c:155:12

Thread: T0 0x00590000e000 stack: [0x7fe4e6d000,0x7fe566d000) sz: 8388608 tls: [0x7a1f2d4010,0x7a1f2d7000)
Memory tags around the buggy address (one tag corresponds to 16 bytes):
  0x0042a0807a80: 00  00  00  00  00  00  00  00  00  00  00  00  00  00  00  00
=>0x0042a0807b00:[6e] 6e  00  00  00  00  00  00  00  00  00  00  00  00  00  00
  0x0042a0807b80: 00  00  00  00  00  00  00  00  00  00  00  00  00  00  00  00
Tags for short granules around the buggy address (one tag corresponds to 16 bytes):
  0x0042a0807a80: ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..
=>0x0042a0807b00:[..] ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..
See https://clang.llvm.org/docs/HardwareAssistedAddressSanitizerDesign.html#short-granules for a description
Registers where the failure occurred (pc 0x00590b66a5a4):
    x0  3b000042a0807b03  x1  0000000000000000  x2  0000000000000014  x3  0000000000000000
    x4  0000000000000000  x5  0000000000000040  x6  0000000000000000  x7  0000000000000a40
SUMMARY: HWAddressSanitizer: tag-mismatch /src/bugs.c:31:10 in use_freed
"""
add("hwasan", HWASAN, "hwasan tag-mismatch use_freed")
add("hwasan-15", HWASAN.replace("previously allocated here:", "previously allocated by thread T0 here:").replace(
    "[0x0042a0807b00,0x0042a0807b20) is a small", "Cause: use-after-free\n[0x0042a0807b00,0x0042a0807b20) is a small"),
    "hwasan tag-mismatch use_freed")
GWP = """\
*** GWP-ASan detected a memory error ***
Use After Free at 0x7feccab26003 (3 bytes into a 20-byte allocation at 0x7feccab26000) by thread 31027 here:
  #0 ./prog(+0x5e7a4) [0x55585c0a27a4]
  #1 /lib/x86_64-linux-gnu/libc.so.6(+0x3c050) [0x7feccae5a050]
  #2 ./prog(use_freed+0x17) [0x55585c0afa55]
  #3 ./prog(main+0x4c) [0x55585c0afbd4]
  #4 /lib/x86_64-linux-gnu/libc.so.6(__libc_start_main+0x85) [0x7feccae4524a]

0x7feccab26003 was deallocated by thread 31027 here:
  #0 ./prog(+0x5e6ba) [0x55585c0a26ba]
  #1 ./prog(use_freed+0xc) [0x55585c0afa4c]

0x7feccab26003 was allocated by thread 31027 here:
  #0 ./prog(+0x5e6ba) [0x55585c0a26ba]
  #1 ./prog(main+0x1c) [0x55585c0afb9c]

*** End GWP-ASan report ***
"""
add("gwp-asan", GWP, "gwp-asan use-after-free use_freed")
add("gwp-asan-double", GWP.replace("Use After Free at 0x7feccab26003 (3 bytes into a 20-byte allocation at "
                                   "0x7feccab26000)", "Double Free at 0x7feccab26000 (a 20-byte allocation)"),
    "gwp-asan double-free use_freed")
TOMBSTONE = """\
*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***
Build fingerprint: 'google/cheetah/cheetah:14/UP1A.231005.007/10754064:user/release-keys'
Revision: 'MP1.0'
ABI: 'arm64'
Timestamp: 2026-11-21 03:02:16.123456789+0000
Process uptime: 3s
Cmdline: /system/bin/worker
pid: 16856, tid: 16858, name: worker_2  >>> /system/bin/worker <<<
uid: 2000
tagged_addr_ctrl: 000000000007fff3 (PR_TAGGED_ADDR_ENABLE, PR_MTE_TCF_SYNC, mask 0xfffe)
SIGNAL
    x0  0000007e1b3d4a50  x1  0000007fcb1d2f20  x2  0000000000000014  x3  0000000000000010
    lr  0000005a3c1f2fb8  sp  0000007fcb1d2f10  pc  0000005a3c1f2f64  pst 0000000060001000
BACKTRACE
"""
FRAMES = """\
      #00 pc 0000000000001f64  /system/bin/worker (Thing::use(char*)+36) (BuildId: fcb82240218d1473)
      #01 pc 0000000000001fb4  /system/bin/worker (main+84) (BuildId: fcb82240218d1473)
      #02 pc 000000000004988c  /apex/com.android.runtime/lib64/bionic/libc.so (__libc_init+96) (BuildId: 0dce18ea)
"""
OBJECT = """\

deallocated by thread 16858:
      #00 pc 000000000004643c  /apex/com.android.runtime/lib64/bionic/libc.so (scudo::Heap::deallocate(void*)+236)
      #01 pc 0000000000001f4c  /system/bin/worker (Thing::drop(char*)+12)

allocated by thread 16856:
      #00 pc 000000000004643c  /apex/com.android.runtime/lib64/bionic/libc.so (scudo_malloc+36)
      #01 pc 0000000000001fa0  /system/bin/worker (main+60)
"""


def tombstone(signal, backtrace):
    return TOMBSTONE.replace("SIGNAL", signal).replace("BACKTRACE\n", backtrace) + """\

memory near x0 ([anon:scudo:primary]):
    0000007e1b3d4a30 0000000000000000 0000000000000000  ................

memory map (1 entry):
    00000000'00001000-00000000'00002fff r-x         0      2000  /system/bin/worker
"""


LIBC = "      #00 pc 00000000000508d8  /apex/com.android.runtime/lib64/bionic/libc.so (abort+180)\n"
add("mte", tombstone("signal 11 (SIGSEGV), code 9 (SEGV_MTESERR), fault addr 0x0b00007e1b3d4a53 (read)\nCause: "
    "[MTE]: Use "
                     "After Free, 3 bytes into a 20-byte allocation at 0x7e1b3d4a50",
                     "\nbacktrace:\n" + FRAMES + OBJECT), "mte use-after-free Thing::use(char*)")
add("mte-async", tombstone("signal 11 (SIGSEGV), code 8 (SEGV_MTEAERR), fault addr --------",
                           "\nbacktrace:\n" + FRAMES), "mte tag-check-fault Thing::use(char*)")
add("gwp-tombstone", tombstone("signal 11 (SIGSEGV), code 2 (SEGV_ACCERR), fault addr 0x7e1b3d4003\nCause: [GWP-ASan]: "
                               "Buffer Overflow, 4 bytes right of a 20-byte allocation at 0x7e1b3d4000",
                               "\nbacktrace:\n" + FRAMES + OBJECT), "gwp-asan buffer-overflow Thing::use(char*)")
add("fortify-tombstone", tombstone("signal 6 (SIGABRT), code -1 (SI_QUEUE), fault addr --------\nAbort message: "
    "'FORTIFY: "
                                   "strcpy: prevented 20-byte write into 10-byte buffer'", "\nbacktrace:\n" + LIBC
                                   + LIBC.replace("#00", "#01").replace("abort+180", "__fortify_fatal(char const*, "
                                       "...)+124")
                                   + FRAMES.replace("#00", "#02").replace("#01 pc 0000000000001fb4",
                                                                          "#03 pc 0000000000001fb4")),
    "fortify fortify-buffer-overflow Thing::use(char*)")
add("scudo-tombstone", tombstone("signal 6 (SIGABRT), code -1 (SI_QUEUE), fault addr --------\nAbort message: 'Scudo "
                                 "ERROR: corrupted chunk header at address 0x7e1b3d4a50'", "\nbacktrace:\n" + LIBC
                                 + LIBC.replace("#00", "#01").replace("abort+180", "scudo::die()+12") + FRAMES),
    "scudo corrupted-chunk-header Thing::use(char*)")
add("null-tombstone", tombstone("signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0\nCause: null pointer "
                                "dereference", "\nbacktrace:\n" + FRAMES),
    "tombstone null-pointer-dereference Thing::use(char*)")
add("abort-tombstone", tombstone("signal 6 (SIGABRT), code -1 (SI_QUEUE), fault addr --------\nAbort message: 'Check "
                                 "failed: state == kReady'", "\nbacktrace:\n" + LIBC + FRAMES))
add("mte-two-causes", tombstone("signal 11 (SIGSEGV), code 9 (SEGV_MTESERR), fault addr 0x0b00007e1b3d4a4c\n"
    "Note: multiple potential causes for this crash were detected, listing them in decreasing order of likelihood.\n"
    "Cause: [MTE]: Buffer Underflow, 4 bytes left of a 20-byte allocation at 0x7e1b3d4a50\n"
    "Cause: [MTE]: Use After Free, 3 bytes into a 20-byte allocation at 0x7e1b3d4a49",
    "\nbacktrace:\n" + FRAMES + OBJECT), "mte buffer-underflow Thing::use(char*)")
add("stack-tombstone", tombstone("signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x7fcb1d0ff0\n"
    "Cause: stack pointer is in a non-existent map; likely due to stack overflow.", "\nbacktrace:\n" + FRAMES),
    "tombstone stack-overflow Thing::use(char*)")
for message, kind in (("Pointer tag for 0x7e1b3d4a50 was truncated, see 'https://source.android.com/devices/tech/debug/"
                       "tagged-pointers'.", "truncated-pointer-tag"),
                      ("Invalid address 0x7e1b3d4a50 passed to free: value not allocated", "invalid-free"),
                      ("heap corruption detected by dlmalloc", "heap-corruption")):
    add(f"abort-{kind}", tombstone(f"signal 6 (SIGABRT), code -1 (SI_QUEUE), fault addr --------\n"
        f"Abort message: '{message}'", "\nbacktrace:\n" + LIBC + FRAMES), f"tombstone {kind} Thing::use(char*)")
add("logcat-tombstone", "".join(f"11-21 03:02:16.{100 + i}  1234  1234 F DEBUG   : {line}\n" for i, line in enumerate(
    tombstone("signal 11 (SIGSEGV), code 9 (SEGV_MTESERR), fault addr 0x0b00007e1b3d4a53\nCause: [MTE]: Buffer "
        "Overflow, "
              "4 bytes right of a 20-byte allocation at 0x7e1b3d4a50",
              "\nbacktrace:\n" + FRAMES + OBJECT).splitlines())), "mte buffer-overflow Thing::use(char*)")
add("glibc-2.23", """\
*** Error in `./prog': double free or corruption (fasttop): 0x00000000016f3010 ***
======= Backtrace: =========
/lib/x86_64-linux-gnu/libc.so.6(+0x777e5)[0x7f2d1c0c07e5]
/lib/x86_64-linux-gnu/libc.so.6(+0x8037a)[0x7f2d1c0c937a]
/lib/x86_64-linux-gnu/libc.so.6(cfree+0x4c)[0x7f2d1c0cd53c]
./prog(free_twice+0x1c)[0x400566]
./prog(main+0x34)[0x4005a9]
======= Memory map: ========
00400000-00401000 r-xp 00000000 08:01 1053450                            /home/me/prog
""", "glibc double-free-or-corruption free_twice")
add("glibc-2.31", "*** stack smashing detected ***: <unknown> terminated\nAborted (core dumped)\n",
    "glibc stack-smashing -")

# ---- two processes on one stream ----------------------------------------------------------------------

ONE = """\
==4711==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000013 at pc 0x4011d6 bp 0x7ffe sp 0x7ffd
READ of size 1 at 0x602000000013 thread T0
    #0 0x4011d5 in use_freed /src/bugs.c:31
    #1 0x4012d5 in main /src/bugs.c:170
    #2 0x7f2fe9c0524a in __libc_start_call_main ../sysdeps/nptl/libc_start_call_main.h:58

0x602000000013 is located 3 bytes inside of 20-byte region [0x602000000010,0x602000000024)
freed by thread T0 here:
    #0 0x7f2fe9eb76a8 in __interceptor_free ../libsanitizer/asan/asan_malloc_linux.cpp:52
    #1 0x4011a5 in use_freed /src/bugs.c:30
    #2 0x4012d5 in main /src/bugs.c:170

previously allocated by thread T0 here:
    #0 0x7f2fe9eb89cf in __interceptor_malloc ../libsanitizer/asan/asan_malloc_linux.cpp:69
    #1 0x401205 in main /src/bugs.c:155

SUMMARY: AddressSanitizer: heap-use-after-free /src/bugs.c:31 in use_freed
==4711==ABORTING
"""
TWO = ONE.replace("4711", "4712").replace("use_freed", "other_use").replace("/src/bugs.c", "/src/other.c")
add("asan-one-after-the-other", ONE + TWO, "asan heap-use-after-free use_freed", "asan heap-use-after-free other_use")
LINES, OTHERS = ONE.splitlines(True), TWO.splitlines(True)
add("asan-two-at-once", "".join(a + b for a, b in zip(LINES, OTHERS)), "asan heap-use-after-free * !",
    "asan heap-use-after-free * !")
add("asan-two-blocks", "".join(LINES[:4] + OTHERS[:9] + LINES[4:] + OTHERS[9:]), "asan heap-use-after-free use_freed !",
    "asan heap-use-after-free other_use !")
add("asan-file-without-line", ONE.replace("/src/bugs.c:31\n", "/src/bugs.c\n", 1), "asan heap-use-after-free use_freed")
add("asan-path-with-blanks", ONE.replace("/src/bugs.c", "/my src/bugs.c"), "asan heap-use-after-free use_freed")

# ---- nothing is lost silently -------------------------------------------------------------------------

# Of a tool that is not known, of a version that is not known, without a headline, in broken JSON: said, not taken.
def process(pid, code, heap, kind, access, bug):
    """A report of AddressSanitizer's, of a process whose code and heap lie at these addresses."""
    freed = kind.endswith("use-after-free")
    shadow = (heap >> 3) + 0x7fff8000 & ~0xf
    parts = [f"=================================================================\n"
             f"=={pid}==ERROR: AddressSanitizer: {kind} on address {heap:#x} at pc {code + 0x1212:#x} bp {code:#x} sp "
             f"{code:#x}\n{access} of size 1 at {heap:#x} thread T0\n", "\n{heap} is located 3 bytes inside of 20-byte "
             "region [{low},{high})\n"]
    stacks = [[bug, "caller_1", "caller_2", "main"]]
    if freed:
        parts.append("freed by thread T0 here:\n")
        stacks.append(["__interceptor_free", "drop", "main"])
    parts.append("previously allocated by thread T0 here:\n" if freed else "allocated by thread T0 here:\n")
    stacks.append(["__interceptor_malloc", "make", "main"])
    text = parts[0]
    for number, names in enumerate(stacks):
        if number:
            text += parts[number + 1] if number > 1 or freed else parts[2]
        text += "".join(f"    #{i} {code + 0x1211 + 0x100 * number + 0x20 * i:#x} in {name} /src/{bug}.c:{10 + i}\n"
                        for i, name in enumerate(names)) + ("" if number else parts[1].format(
                            heap=hex(heap), low=hex(heap - 3), high=hex(heap + 17))) + ("\n" if number else "")
    text += f"SUMMARY: AddressSanitizer: {kind} /src/{bug}.c:10 in {bug}\nShadow bytes around the buggy address:\n"
    text += "".join(f"{'=>' if row == 5 else '  '}{shadow - 0x50 + 0x10 * row:#014x}: fa fa fa fa fa fa fa fa fa"
                    f"{'[fd]' if row == 5 else ' fa '}fd fa fa fa fa fa\n" for row in range(11))
    return (text + "Shadow byte legend (one shadow byte represents 8 application bytes):\n"
            f"  Addressable:           00\n  Heap left redzone:       fa\n=={pid}==ABORTING\n").splitlines(True)


def alternating(one, other, take):
    """Lines of two processes on one stream: `take` of one, then as many of the other."""
    one, other = list(one), list(other)
    out = []
    while one or other:
        out += one[:take] + other[:take]
        one, other = one[take:], other[take:]
    return "".join(out)


READER = process(4711, 0x55d9a2052000, 0x603000000043, "heap-use-after-free", "READ", "read_late")
WRITER = process(4713, 0x560b1c7d1000, 0x606000004058, "heap-buffer-overflow", "WRITE", "write_far")
TWIN = process(4714, 0x55d9a2052000, 0x603000000043, "heap-use-after-free", "READ", "read_late")
# In the order in which they end.
BOTH = ["asan heap-use-after-free read_late", "asan heap-buffer-overflow write_far"]
for count in (1, 2, 3, 7, 20):
    add(f"two-processes-{count}", alternating(READER, WRITER, count), *(BOTH if count == 20 else reversed(BOTH)))
# Nothing in the lines tells these two apart.
add("two-alike", alternating(READER, TWIN, 1), "asan heap-use-after-free * !", "asan heap-use-after-free * !")
UBSAN_STACK = """\
/src/NAME.c:143:9: runtime error: index 4 out of bounds for type 'const int[4]'
    #0 0x5611f62199c4 in NAME /src/NAME.c:143:9
    #1 0x5611f621916e in main /src/NAME.c:216:26
    #2 0x7f79a17c3249 in __libc_start_call_main csu/../sysdeps/nptl/libc_start_call_main.h:58:16

SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior /src/NAME.c:143:9 in 
"""
TSAN_RACE = """\
==================
WARNING: ThreadSanitizer: data race (pid=NUMBER)
  Write of size 4 at 0x7b0400000800 by thread T2:
    #0 NAME /src/NAME.c:106:9 (prog+0xd0b2d)
    #1 work /src/NAME.c:112:2 (prog+0xd0b2d)

  Previous write of size 4 at 0x7b0400000800 by thread T1:
    #0 NAME /src/NAME.c:106:9 (prog+0xd0b2d)
    #1 work /src/NAME.c:112:2 (prog+0xd0b2d)

SUMMARY: ThreadSanitizer: data race /src/NAME.c:106:9 in NAME
==================
"""
MEMSAN_FREE = """\
==================================================================
BUG: MEMSAN: double-free in NAME+0x11/0x13 [prog] at NAME.c:48
Free of addr 0x7e3716400010 by thread prog/NUMBER
Meaning: memory that was already freed is freed again

PID: NUMBER TID: NUMBER Comm: prog memsan 0.2.0 Exe: /src/prog In: free
Call Trace:
 NAME+0x11/0x13 [prog] at /src/NAME.c:48:2
 main+0x309/0x4ba [prog] at /src/NAME.c:204:18

Freed by thread prog/NUMBER (0.00 s ago):
 NAME+0x9/0x13 [prog] at /src/NAME.c:47:2

SUMMARY: MEMSAN: double-free /src/NAME.c:48:2 in NAME
==================================================================
"""
for title, layout, found in (("ubsan", UBSAN_STACK, "ubsan out-of-bounds-index"), ("tsan", TSAN_RACE, "tsan data-race"),
                             ("memsan", MEMSAN_FREE, "memsan double-free")):
    ONE_OF, OTHER_OF = (layout.replace("NAME", name).replace("NUMBER", pid).splitlines(True)
                        for name, pid in (("take_entry", "4711"), ("draw_line", "4713")))
    for count in (1, 2, 3, 4, 8):
        # the summary of TSan's second report stands behind both, and is said
        add(f"{'unread-' if title == 'tsan' else ''}two-{title}-{count}", alternating(ONE_OF, OTHER_OF, count),
            *[found + " * !"] * 2 if len(ONE_OF) > count else [found + " take_entry", found + " draw_line"])
add("unread-kernel-bug", "[   12.345678] BUG: object caught fire at ffff88801d3b5a40\n")
add("unread-summary", "SUMMARY: AddressSanitizer: heap-use-after-free /src/bugs.c:31 in use_freed\n")
for number, line in enumerate((
        "Slab corruption (Tainted: G): size-64 start=ffff880012345678, len=64",
        "page dumped because: VM_BUG_ON_PAGE(page_ref_count(page) == 0)",
        "WARNING: CPU: 1 PID: 12 at mm/vmalloc.c:2743 __vunmap+0x1f/0x2e0",
        "WARNING: mm/slab_common.c:1024 at kmem_cache_destroy+0x11/0x22, CPU#1: x/12",
        "Trying to vfree() bad address (00000000deadbeef)", "kmemleak: Freeing unknown object at 0xffff888012345678",
        "DMA-API: e1000e 0000:00:19.0: device driver frees DMA memory with different size",
        "Thread overran stack, or stack corrupted",
        "CFI failure at thing_call+0x1b/0x40 (target: thing_other+0x0/0x10)",
        "call_rcu(): Double-freed CB 00000000aa55aa55: thing_free+0x0/0x10()!!!   slab kmalloc-64",
        "BUG UNIX (Not tainted): kasan: bad access detected")):
    add(f"unread-kernel-{number}", f"[   12.345678] {line}\n")
for number, line in enumerate((
        "0x602000000013 is located 3 bytes inside of 10-byte region [0x602000000010,0x60200000001a)",
        "freed by thread T0 here:", "READ of size 1 at 0x603000000043 thread T0", "AddressSanitizer:DEADLYSIGNAL",
        "SUMMARY: AddressSanitizer: 40 byte(s) leaked in 1 allocation(s).",
        "==12==LeakSanitizer has encountered a fatal error.", "==12== ERROR SUMMARY: 3 errors from 3 contexts",
        "~~Dr.M~~ Error #2: HANDLE LEAK: file handle 0x12")):
    add(f"unread-tool-{number}", f"{line}\n")
# They look alike, and are no reports.
add("quiet-kernel", "[   12.345678] page dumped because: migration failure\n[   12.345679] DMA-API: preallocated 65536 "
    "debug entries\n[   12.345680] WARNING: CPU: 1 PID: 12 at kernel/sched/core.c:12 foo+0x1/0x2\n"
    "[   12.345681] kmemleak: Kernel memory leak detector initialized (mem pool available: 15868)\n")
add("quiet-tools", "==12== ERROR SUMMARY: 0 errors from 0 contexts\n"
    "==12==    definitely lost: 40 bytes in 1 blocks\nmimalloc: warning: thread is slow\n")
add("unread-json", '{"schema":"memsan-report/1","kind":"use-after-fr\n')
add("unread-valgrind", "==12== Some error of a later version\n==12==    at 0x109168: main (bugs.c:5)\n==12== \n")
add("unread-oops", "[   12.345678] Oops: 0002 [#1] SMP\n[   12.345679] CPU: 1 PID: 1 Comm: init Not tainted 6.6.30 "
    "#12\n")
add("unread-kmemleak", "[   12.345678] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n")
# Other matters that look alike: neither reports nor said.
add("other-matters", "[   12.345678] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 32s!\n"
    "[   12.345679] BUG: sleeping function called from invalid context at mm/slab.h:494\n"
    "[   12.345680] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [worker:12]\n"
    "WARNING: CPU: 0 PID: 12 at kernel/fork.c:12 copy+0x1/0x2\nDUMA was installed\ncorrupted by hand\n"
    "WARNING: this is a warning\nCPU 0 is online\n*** Welcome ***\nfree(): a function of libc that frees\n")

# ---- forms in which people paste reports ----------------------------------------------------------------

# Up to 2013, with a blank behind the pid.
add("asan-2013", ONE.replace("==4711==ERROR", "==4711== ERROR").replace("==4711==ABORTING", "==4711== ABORTING"),
    "asan heap-use-after-free use_freed")
add("asan-remark", "".join(f"[2026-11-21 10:55:38.405][ERROR][1][a7557lwr] {line}, r0=10{number}\n" if line else
                           "[2026-11-21 10:55:38.405][ERROR][1][a7557lwr] \n" for number, line in
                           enumerate(ONE.splitlines())), "asan heap-use-after-free use_freed")
add("tsan-relative", TSAN_RACE.replace("/src/NAME.c:106:9", "src/NAME.c:106").replace("NAME", "touch").replace(
    "NUMBER", "12"), "tsan data-race touch")
add("tsan-two-places", TSAN_RACE.replace("\nSUMMARY", "  Location is stack of main thread.\n\n  Location is global "
    "'<null>' at 0x000000000000 ([stack]+0x00000007de9e6)\n\nSUMMARY", 1).replace("NAME", "touch"),
    "tsan data-race touch")
add("valgrind-assert", "==12== Process terminating with default action of signal 6 (SIGABRT)\n==12==    at 0x4E6F428: "
    "raise (raise.c:54)\n==12==    by 0x4E71029: abort (abort.c:89)\n==12==    by 0x4E67BD6: __assert_fail_base "
    "(assert.c:92)\n==12==    by 0x4E67C81: __assert_fail (assert.c:101)\n==12==    by 0x401C34: check (bugs.c:37)\n"
    "==12== \n", "valgrind fatal-signal check")
HELGRIND = """\
==12== Thread #1: lock order "0x10C0A0 before 0x10C0E0" violated
==12==
==12== Observed (incorrect) order is: acquisition of lock at 0x10C0E0
==12==    at 0x484976E: ??? (in /usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so)
==12==    by 0x10954A: take_both (a.c:25)
==12==    by 0x1097E3: main (a.c:30)
==12==
==12==  followed by a later acquisition of lock at 0x10C0A0
==12==    at 0x484976E: ??? (in /usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so)
==12==    by 0x109559: take_other (a.c:25)
==12==    by 0x1097E3: main (a.c:30)
==12==
==12==  Lock at 0x10C0A0 was first observed
==12==    at 0x484976E: ??? (in /usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so)
==12==    by 0x10950E: take_first (a.c:25)
==12==
"""
add("helgrind-order", HELGRIND.replace("==12==\n", "==12== \n"), "valgrind lock-order take_both")
add("helgrind-unlock", "==12== Thread #1 unlocked an invalid lock at 0x10C0A0\n==12==    at 0x4849C86: ??? (in "
    "/usr/libexec/valgrind/vgpreload_helgrind-amd64-linux.so)\n==12==    by 0x10958D: unlock (a.c:26)\n==12== \n",
    "valgrind lock-misuse unlock")
add("drd-unlock", "==12== The object at address 0x10c0a0 is not a mutex.\n"
    "==12==    at 0x48582D4: pthread_mutex_unlock@* (in /usr/libexec/valgrind/vgpreload_drd-amd64-linux.so)\n"
    "==12==    by 0x10958D: unlock (a.c:26)\n==12== \n",
    "valgrind lock-misuse unlock")
add("valgrind-printf", "==12== Invalid write of size 1\n==12==    at 0x48E7275: _IO_default_xsputn (genops.c:394)\n"
    "==12==    by 0x48C20FE: outstring_func (vfprintf-internal.c:239)\n==12==    by 0x48C20FE: __vfprintf_internal "
    "(vfprintf-process-arg.c:421)\n==12==    by 0x48DC2F6: __vsprintf_internal (iovsprintf.c:96)\n==12==    by "
    "0x48BCD60: sprintf (sprintf.c:30)\n==12==    by 0x10919A: print_name (a.c:6)\n==12== \n",
    "valgrind invalid-write print_name")
add("valgrind-unknown", "==12== Invalid write of size 1\n==12==    at 0x10919A: UnknownInlinedFun (a.c:5)\n"
    "==12==    by 0x10919A: put (a.c:6)\n==12== \n", "valgrind invalid-write put")
add("valgrind-xml-stack", """\
<fatal_signal>
  <tid>1</tid>
  <signo>11</signo>
  <signame>SIGSEGV</signame>
  <sicode>1</sicode>
  <event>Access not within mapped region</event>
  <siaddr>0x1FFEF0161C</siaddr>
  <stack>
    <frame>
      <ip>0x109204</ip>
      <obj>/tmp/a</obj>
      <fn>recurse</fn>
    </frame>
  </stack>
</fatal_signal>
""", "valgrind stack-overflow recurse")
DRM = """\
Error #1: UNADDRESSABLE ACCESS beyond heap bounds: reading 0x0804ebc9-0x0804ebcc 3 byte(s)
# 0 libc.so.6!? (0xf7880851 <libc.so.6+0x74851>)
    ??:0
# 1 overflow_heap (0x080489dc <prog+0x9dc>)
    ??:0
Note: @0:00:02.169 in thread 30814
"""
add("drmemory-addresses", DRM, "drmemory heap-buffer-overflow overflow_heap")
add("drmemory-indented", "".join(f"12:   {line}\n" for line in DRM.splitlines()),
    "drmemory heap-buffer-overflow overflow_heap")
add("drmemory-no-number", "UNADDRESSABLE ACCESS: reading 0x00f4f04b-0x00f4f04c 1 byte(s)\n#0 read_far      "
    "[src\\bugs.c:142]\nNote: @0:00:03.426 in thread 5388\n", "drmemory unaddressable-access read_far")
SCUDO_FRAMES = """\
  #00  pc 0x000000000004f064  /apex/com.android.runtime/lib64/bionic/libc.so (abort+164)
  #01  pc 0x0000000000042b00  /apex/com.android.runtime/lib64/bionic/libc.so (scudo::die()+8)
  #02  pc 0x00000000000433c0  /apex/com.android.runtime/lib64/bionic/libc.so (scudo::reportInvalidChunkState\
(scudo::AllocatorAction, void*)+76)
  #03  pc 0x00000000003f03d0  /system/lib64/libthing.so (Thing::drop()+112)
"""
add("play-console", "*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***\npid: 0, tid: 24499 >>> "
    "org.example <<<\n\nbacktrace:\n" + SCUDO_FRAMES, "scudo invalid-chunk-state Thing::drop()")
add("tombstone-without-head", "signal 6 (SIGABRT), code -1 (SI_QUEUE), fault addr --------\nAbort message: 'Scudo "
    "ERROR: invalid chunk state when deallocating address 0x200006ff5c677d0'\nx0 0000000000000000 x1 0000000000001b0e\n"
    "31 total frames\nbacktrace:\n" + SCUDO_FRAMES.replace("  #", "#"), "scudo invalid-chunk-state Thing::drop()")
for number, line in enumerate((
        "======= Backtrace: =========", "Memory tags around the buggy address (one tag corresponds to 16 bytes):",
        "Shadow bytes around the buggy address:", "==31421== ERROR: libFuzzer: out-of-memory (used: 2060Mb; limit: "
        "2048Mb)", "12 tcmalloc/segv_handler.cc:168] *** GWP-ASan (https://google.github.io/tcmalloc/gwp-asan.html) "
        "has detected a memory error ***")):
    add(f"unread-part-{number}", f"{line}\n")

BAD_POINTER = """\
HWAddressSanitizer: bad pointer 0x7fff4cadcb10
HWAddressSanitizer: CHECK failed: sanitizer_allocator_secondary.h:177 "((IsAligned(reinterpret_cast<uptr>(p), \
page_size_))) != (0)" (0x0, 0x0) (tid=7839)
    #0 0x563430a17152 in __hwasan::CheckUnwind() hwasan.cpp.o
    #1 0x563430a37e44 in __sanitizer::CheckFailed(char const*, int, char const*, unsigned long long, \
unsigned long long) (/src/prog+0x28e44) (BuildId: 8f450918a99c6536659a5869e8bd0e5e838aeb97)
    #2 0x563430a1d3e1 in free (/src/prog+0xe3e1) (BuildId: 8f450918a99c6536659a5869e8bd0e5e838aeb97)
    #3 0x563430a4c507 in free_inside /src/bugs.c:12:43
    #4 0x563430a4c2c8 in main /src/bugs.c:39:51

"""
add("hwasan-bad-pointer", BAD_POINTER, "hwasan invalid-pointer free_inside")
add("msan-bad-pointer", BAD_POINTER.replace("HWAddress", "Memory").replace("__hwasan::", "").replace("hwasan", "msan"),
    "msan invalid-pointer free_inside")
CHECK = BAD_POINTER[BAD_POINTER.index("\n") + 1:].replace("HWA", "A").replace("hwasan", "asan").replace(
    "sanitizer_allocator_secondary.h:177", "asan_thread.cpp:360")
add("asan-check", CHECK, "asan check-failed free_inside")
add("asan-check-12", "==4711==" + CHECK.replace("Sanitizer:", "Sanitizer"), "asan check-failed free_inside")
add("ubsan-minimal-16", "ubsan: pointer-overflow by 0x000000401136\n", "ubsan pointer-overflow *")
add("ubsan-vptr", """\
q.cc:10:66: runtime error: member call on address 0x7fff92626670 which does not point to an object of type 'Base'
0x7fff92626670: note: object has invalid vptr
 00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  00 00 00 00
              ^~~~~~~~~~~~~~~~~~~~~~~
              invalid vptr
    #0 0x56526815882f in price(Base*) /src/q.cc:10:66
    #1 0x5652681581f7 in main /src/q.cc:20:58

SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior q.cc:10:66 in
""", "ubsan dynamic-type-mismatch price(Base*)")
NO_SYMBOLIZER = "==77==WARNING: invalid path to external symbolizer!\n" \
    "==77==WARNING: Failed to use and restart external symbolizer!\n"
add("ubsan-no-symbolizer", "a.c:5:7: runtime error: member access within null pointer of type 'struct thing'\n" +
    NO_SYMBOLIZER + "    #0 0x563e296fd497  (/src/prog+0x2e497) (BuildId: 0e4b8dbdb2101eedded4c952bf6fbf2c00b44729)\n"
    "    #1 0x563e296fcde3 in main /src/a.c:9:2\n\n"
    "SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior a.c:5:7 in \n",
    "ubsan null-pointer-use -")
add("ubsan-in-library", "/usr/include/c++/12/bits/stl_vector.h:1123:34: runtime error: reference binding to null "
    "pointer of type 'int'\n    #0 0x563e296fd497 in std::vector<int, std::allocator<int> >::operator[](unsigned long) "
    "/usr/include/c++/12/bits/stl_vector.h:1123\n    #1 0x563e296fcde3 in overflow_total /src/a.cc:9:2\n"
    "    #2 0x563e296fce00 in main /src/a.cc:19:2\n\n", "ubsan null-pointer-use overflow_total")
add("ubsan-segv-in-glibc", """\
==12==ERROR: UndefinedBehaviorSanitizer: SEGV on unknown address 0x1234558 (pc 0x7f96215c7d45 bp 0x7f sp 0x7f T12)
==12==The signal is caused by a READ memory access.
    #0 0x7f96215c7d45 in arena_for_chunk malloc/./malloc/arena.c:155:8
    #1 0x7f96215c7d46 in free malloc/./malloc/malloc.c:3390:10
    #2 0x5584b581eb84 in free_inside /src/bugs.c:54:23
    #3 0x5584b57f7400 in main /src/bugs.c:60:2

UndefinedBehaviorSanitizer can not provide additional info.
SUMMARY: UndefinedBehaviorSanitizer: SEGV malloc/./malloc/arena.c:155:8 in arena_for_chunk
==12==ABORTING
""", "ubsan segv free_inside")
add("indented-message-in-front", "  free(): double free detected in tcache 2\nAborted (core dumped)\n" + ONE,
    "glibc double-free -", "asan heap-use-after-free use_freed")
add("lsan-segv", """\
LeakSanitizer:DEADLYSIGNAL
==20259==ERROR: LeakSanitizer: SEGV on unknown address 0x000000000010 (pc 0x559938f3d8d7 bp 0x7ffce4 sp 0x7ffce4 T0)
==20259==The signal is caused by a READ memory access.
    #0 0x559938f3d8d7 in read_null /src/bugs.c:10:66
    #1 0x559938f3d718 in main /src/bugs.c:20:58

LeakSanitizer can not provide additional info.
SUMMARY: LeakSanitizer: SEGV /src/bugs.c:10:66 in read_null
==20259==ABORTING
""", "lsan segv read_null")
add("tsan-no-symbols", TSAN_RACE.replace("NUMBER", "77").replace("NAME /src/NAME.c:12:3", "<null> <null>"),
    "tsan data-race *")
add("duma", "DUMA Aborting: free(7f8673d16fe7): address not from DUMA or already freed. Address may be corrupted from "
    "7f8673d16fe2.\n", "electric-fence bad-free -")
add("duma-twice", "DUMA Aborting: free(7f58a1d16fd8): memory already freed.\n", "electric-fence double-free -")

# Two tools on one stream.
GO_PANIC = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45e1a5]

goroutine 1 [running]:
main.take(...)
\t/src/take.go:12
main.main()
\t/src/take.go:40 +0x1d
exit status 2
""".splitlines(True)
NOTED = """\
Error #1: UNADDRESSABLE ACCESS of freed memory: reading 0x0804ebc9-0x0804ebcc 3 byte(s)
# 0 take            [/src/take.c:12]
# 1 main            [/src/take.c:40]
Note: @0:00:02.169 in thread 30814
""".splitlines(True)
FREE = MEMSAN_FREE.replace("NAME", "draw").replace("NUMBER", "4713").splitlines(True)
for count in (1, 2):
    add(f"go-and-asan-{count}", alternating(GO_PANIC, LINES, count), "go nil-pointer-dereference - !",
        "asan heap-use-after-free use_freed")
    add(f"drmemory-and-asan-{count}", alternating(NOTED, LINES, count), "drmemory use-after-free * !",
        "asan heap-use-after-free use_freed")
LEAK = """\
==4711==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 40 byte(s) in 1 object(s) allocated from:
    #0 0x7f12 in strdup (/lib/libasan.so.8+0x1)
    #1 0x4011f5 in title_strdup /src/take.c:12
    #2 0x401235 in main /src/take.c:40

SUMMARY: LeakSanitizer: 40 byte(s) leaked in 1 allocation(s).
"""
add("lsan-own-strdup", LEAK, "lsan direct-leak title_strdup")
add("lsan-library-strdup", LEAK.replace("title_", "xml"), "lsan direct-leak main")
add("ubsan-and-lsan", alternating(UBSAN_STACK.replace("NAME", "take").splitlines(True), LEAK.splitlines(True), 4),
    "ubsan out-of-bounds-index take !", "lsan direct-leak - !")
add("go-and-memsan", alternating(GO_PANIC, FREE, 5), "go nil-pointer-dereference main.take !",
    "memsan double-free draw")
add("ubsan-and-memsan", alternating(UBSAN_STACK.replace("NAME", "take").splitlines(True), FREE, 1),
    "ubsan out-of-bounds-index - !", "memsan double-free draw")
add("gwp-and-ubsan", alternating(UBSAN_STACK.replace("NAME", "take").splitlines(True), GWP.splitlines(True), 1),
    "ubsan out-of-bounds-index - !", "gwp-asan use-after-free * !")

for number, front in enumerate(("+", "build.log:NUMBER:")):
    add(f"ubsan-glued-{number}", "".join(front.replace("NUMBER", str(12 + i)) + line for i, line in enumerate(
        UBSAN_STACK.replace("NAME", "take").splitlines(True))), "ubsan out-of-bounds-index take")

# ---- libc's functions, and the tools' own, are nobody's bug ------------------------------------------

HEAP = """\
=================================================================
==4711==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x603000000059 at pc 0x55d0 bp 0x7ffc sp 0x7ffb
WRITE of size 40 at 0x603000000059 thread T0
    #0 0x55d0 in FRAME
    #1 0x55f1 in take /src/take.c:12:14
    #2 0x5612 in main /src/take.c:40:7

SUMMARY: AddressSanitizer: heap-buffer-overflow /src/take.c:12:14 in take
==4711==ABORTING
"""
for number, (frame, guilty) in enumerate((
        ("read (/src/prog+0x4b398) (BuildId: 5f82b2a0)", "take"), ("inet_ntop (/src/prog+0x4dfb6)", "take"),
        ("printf_common(void*, char const*, __va_list_tag*) asan_interceptors.cpp.o", "take"),
        ("getline /usr/include/x86_64-linux-gnu/bits/stdio.h:120:3", "take"),
        ("qsort_r ./stdlib/msort.c:297:3", "take"), ("read /src/io.c:30:5", "read"),
        ("reader (/src/prog+0x1)", "reader"))):
    add(f"asan-libc-{number}", HEAP.replace("FRAME", frame), f"asan heap-buffer-overflow {guilty}")
VALGRIND_WRITE = """\
==4711== Invalid write of size 1
==4711==    at 0x48478E4: strcpy (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)
==4711==    by 0x498C252: inet_ntop4 (inet_ntop.c:89)
==4711==    by 0x498C252: inet_ntop (inet_ntop.c:57)
==4711==    by 0x10A342: take (take.c:12)
==4711==    by 0x109872: main (take.c:40)
==4711==  Address 0x4a49045 is 0 bytes after a block of size 5 alloc'd
==4711==    at 0x48417B4: malloc (in /usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so)
==4711==    by 0x109F08: make (take.c:3)
==4711== 
"""
add("valgrind-libc", VALGRIND_WRITE, "valgrind invalid-write take")
add("valgrind-libc-own", VALGRIND_WRITE.replace("0x498C252", "0x10A252"), "valgrind invalid-write inet_ntop4")
add("tsan-libc", """\
==================
WARNING: ThreadSanitizer: unlock of an unlocked mutex (or by a wrong thread) (pid=4711)
    #0 pthread_mutex_unlock <null> (prog+0x6ef5a) (BuildId: 42a5e688)
    #1 take /src/take.c:12:57 (prog+0xd1b9b) (BuildId: 42a5e688)
    #2 main /src/take.c:40:11 (prog+0xd09d5) (BuildId: 42a5e688)

SUMMARY: ThreadSanitizer: unlock of an unlocked mutex (or by a wrong thread) (/src/prog+0x6ef5a) in \
__interceptor_pthread_mutex_unlock
==================
""", "tsan unlock-of-an-unlocked-mutex-or-by-a-wrong-thread take")
add("ubsan-own-frames", """\
UndefinedBehaviorSanitizer:DEADLYSIGNAL
==4711==ERROR: UndefinedBehaviorSanitizer: SEGV on unknown address 0x000000000000 (pc 0x000000000000 T4711)
==4711==The signal is caused by a READ memory access.
    #0 0x0  (<unknown module>)
    #1 0x55 in ubsan_GetStackTrace(__sanitizer::BufferedStackTrace*, unsigned long, bool) (/src/prog+0x2b082)
    #2 0x56 in take /src/take.c:12:3

UndefinedBehaviorSanitizer can not provide additional info.
SUMMARY: UndefinedBehaviorSanitizer: SEGV (<unknown module>)
==4711==ABORTING
""", "ubsan segv take")
add("ubsan-then-signal", """\
take.c:12:40: runtime error: division by zero
UndefinedBehaviorSanitizer:DEADLYSIGNAL
==4711==ERROR: UndefinedBehaviorSanitizer: FPE on unknown address 0x55e1783d6778 (pc 0x55e1783d6778 T4711)
    #0 0x55e1783d6778 in take /src/take.c:12:40
    #1 0x55e1783d38a4 in main /src/take.c:40:29

UndefinedBehaviorSanitizer can not provide additional info.
SUMMARY: UndefinedBehaviorSanitizer: FPE /src/take.c:12:40 in take
==4711==ABORTING
""", "ubsan integer-divide-by-zero -", "ubsan fpe take")
add("gwp-no-names", """\
*** GWP-ASan detected a memory error ***
Use After Free at 0x7f6b91d06000 (0 bytes into a 24-byte allocation at 0x7f6b91d06000) by thread 4711 here:
  #0 ./prog(+0x3bc9) [0x556687f56bc9]
  #1 ./prog(+0x3ff2) [0x556687f56ff2]
  #2 /lib/x86_64-linux-gnu/libc.so.6(+0x3c050) [0x7f6b91e12050]
  #3 ./prog(+0x12d83) [0x556687f65d83]
  #4 ./prog(main+0x8e4) [0x556687f65464]

*** End GWP-ASan report ***
""", "gwp-asan use-after-free -")
add("memsan-fault-line", """\
==================================================================
BUG: MEMSAN: bad-jump in take+0x3f/0x3f [prog] at take.c:12
Execute at addr 0x3736353433323130 by thread prog/4711

PID: 4711 TID: 4711 Comm: prog memsan 0.2.0 Exe: /src/prog
general protection fault: 0000, signal 11 code 128
Instruction: retq
Call Trace:
 take+0x3f/0x3f [prog] at /src/take.c:12:3
 main+0x1d/0x40 [prog] at /src/take.c:40:7

SUMMARY: MEMSAN: bad-jump /src/take.c:12:3 in take
==================================================================
""", "memsan bad-jump take")
