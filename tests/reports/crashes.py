# SPDX-License-Identifier: BSD-2-Clause
"""Layouts of the last words of languages' runtimes, of other checkers and allocators, and lines of ordinary logs that
look alike."""
from reports import tools

LAYOUTS = []


def add(*report):
    tools.add(*report, to=LAYOUTS)


GO = """\
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x8 pc=0x4991c8]

goroutine 1 [running]:
main.(*Table).find(...)
	/src/table.go:14
main.work(0xc000012345, {0xc00001a0c0, 0x3})
	/src/main.go:22 +0x18
main.main()
	/src/main.go:30 +0x2c
exit status 2
"""
add("go-nil", GO, "go nil-pointer-dereference main.(*Table).find")
add("go-index", GO.replace("invalid memory address or nil pointer dereference", "index out of range [5] with length 3")
    .replace("[signal SIGSEGV: segmentation violation code=0x1 addr=0x8 pc=0x4991c8]\n", "\tpanic: later\n"),
    "go index-out-of-bounds main.(*Table).find")
add("go-fault", """\
unexpected fault address 0x7f248a0f42b8
fatal error: fault
[signal SIGSEGV: segmentation violation code=0x1 addr=0x7f248a0f42b8 pc=0x4848e7]

goroutine 1008 gp=0xc000002380 m=0 mp=0x5a1c20 [running]:
runtime.throw({0xf35bdd?, 0x5?})
	/usr/local/go/src/runtime/panic.go:617 +0x72 fp=0xc0002bd688 sp=0xc0002bd658 pc=0x4558e2
runtime.sigpanic()
	/usr/local/go/src/runtime/signal_unix.go:397 +0x401 fp=0xc0002bd6b8 sp=0xc0002bd688 pc=0x46b211
runtime.memmove()
	/usr/local/go/src/runtime/memmove_amd64.s:179 +0x147 fp=0xc0002bd6c0 sp=0xc0002bd6b8 pc=0x4848e7
github.com/me/cookie.decode({0xc0000c5280, 0x20, 0x20})
	/src/cookie/decode.go:77 +0x99 fp=0xc0002bd6c0 sp=0xc0002bd6b8 pc=0x4848e7
created by net/http.(*Server).Serve in goroutine 46
	/usr/local/go/src/net/http/server.go:3086 +0x5cb

goroutine 1 [semacquire, 2 minutes]:
runtime.gopark(0xc00021fca0?, 0x10048f008?, 0x60?, 0xe0?, 0x100b5bd6b?)
	/usr/local/go/src/runtime/proc.go:398 +0xce
main.main()
	/src/main.go:117 +0x10e0

r0      0x0
r29     0x16fdff2e8
exit status 2
""", "go segv github.com/me/cookie.decode")
add("go-map", """\
fatal error: concurrent map writes

goroutine 19 [running]:
main.fill.func1(0x1)
	/src/main.go:12 +0x3c
created by main.fill in goroutine 1
	/src/main.go:11 +0x25
exit status 2
""", "go data-race-on-map main.fill.func1")
add("go-checkptr", """\
fatal error: checkptr: converted pointer straddles multiple allocations

goroutine 1 [running]:
runtime.throw({0x48c5a2?, 0x0?})
	/usr/local/go/src/runtime/panic.go:1077 +0x5c
runtime.checkptrAlignment(0xc000012110, 0x467c80, 0x1)
	/usr/local/go/src/runtime/checkptr.go:26 +0x5b
main.wide(...)
	/src/main.go:9
""", "go invalid-pointer-conversion main.wide")
add("go-race", """\
==================
WARNING: DATA RACE
Write at 0x00c0000b4010 by goroutine 7:
  main.main.func1()
      /src/main.go:12 +0x3c

Previous read at 0x00c0000b4010 by main goroutine:
  main.main()
      /src/main.go:15 +0x5a

Goroutine 7 (running) created at:
  main.main()
      /src/main.go:11 +0x44
==================
Found 1 data race(s)
exit status 66
""", "go data-race main.main.func1")
RUST = """\
thread 'main' (16356) panicked at src/main.rs:1:34:
index out of bounds: the len is 3 but the index is 100
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: core::panicking::panic_fmt
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:80:14
   2: core::panicking::panic_bounds_check
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/panicking.rs:271:5
   3: app::pick
             at ./src/main.rs:1:34
   4: app::main
             at ./src/main.rs:6:17
   5: core::ops::function::FnOnce::call_once
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ops/function.rs:250:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""
add("rust-index", RUST, "rust index-out-of-bounds app::pick")
add("rust-misaligned", RUST.replace("index out of bounds: the len is 3 but the index is 100", "misaligned pointer "
    "dereference: address must be a multiple of 0x4 but is 0x1003").replace(" (16356)", "")
    + "thread caused non-unwinding panic. aborting.\n", "rust misaligned-pointer-dereference app::pick")
add("rust-old", "thread 'main' panicked at 'index out of bounds: the len is 3 but the index is 99', src/main.rs:4:5\n"
    "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n", "rust index-out-of-bounds -")
add("rust-overflow", "thread 'main' (16395) has overflowed its stack\nfatal runtime error: stack overflow, aborting\n",
    "rust stack-overflow -")
PYTHON = """\
Fatal Python error: Segmentation fault

Current thread 0x00007fba29cb0b80 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/src/a.py", line 2 in read_null
  File "/src/a.py", line 3 in <module>

Extension modules: numpy.core._multiarray_umath (total: 1)
"""
add("python-segv", PYTHON, "python segv read_null")
add("python-debug", """\
Debug memory block at address p=0x7f87f0d7cfa0: API 'm'
    8 bytes originally requested
    The 8 pad bytes at tail=0x7f87f0d7cfa8 are not all FORBIDDENBYTE (0xfd):
        at tail+0: 0x41 *** OUCH
    Data at p: 41 41 41 41 41 41 41 41

Enable tracemalloc to get the memory block allocation traceback

Fatal Python error: _PyMem_DebugRawFree: bad trailing pad byte
Python runtime state: initialized

""" + PYTHON.split("\n\n")[1] + "\n", "python heap-buffer-overflow read_null")
JAVA = """\
#
# A fatal error has been detected by the Java Runtime Environment:
#
#  SIGSEGV (0xb) at pc=0x00007f83ca2d2f94, pid=15855, tid=15856
#
# JRE version: OpenJDK Runtime Environment (17.0.15+6) (build 17.0.15+6-Debian-1deb12u1)
# Problematic frame:
# C  [libcodec.so+0x1149]  Java_Codec_decode+0x20
#
# No core dump will be written. Core dumps have been disabled.
#
# An error report file with more information is saved as:
# /tmp/hs_err_pid15855.log
#
"""
add("java", JAVA, "java segv Java_Codec_decode")
add("java-file", JAVA.replace(
    "# An error", "\n---------------  S U M M A R Y ------------\n\nCommand Line: Codec\n# An")
    + """
---------------  T H R E A D  ---------------

Current thread (0x00007f83c4018040):  JavaThread "main" [_thread_in_vm, id=15856]

Stack: [0x00007f83c9300000,0x00007f83c9400000],  sp=0x00007f83c93fdf30,  free space=1015k
Native frames: (J=compiled Java code, j=interpreted, Vv=VM code, C=native code)
C  [libcodec.so+0x1149]  Java_Codec_decode+0x20
j  Codec.decode([B)V+0
j  Codec.main([Ljava/lang/String;)V+23
v  ~StubRoutines::call_stub
V  [libjvm.so+0x8282d2]  JavaCalls::call_helper(JavaValue*, methodHandle const&, JavaThread*)+0x302

siginfo: si_signo: 11 (SIGSEGV), si_code: 1 (SEGV_MAPERR), si_addr: 0x0000000000000010

Registers:
RAX=0x0000000000000000, RBX=0x00007f83c4018040

---------------  P R O C E S S  ---------------

Heap:
""", "java segv Java_Codec_decode")
add("node-heap", """\
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
----- Native stack trace -----

 1: 0xb78db3 node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]
 2: 0xee8300 v8::Utils::ReportOOMFailure(v8::internal::Isolate*, char const*, v8::OOMDetails const&) [node]
 3: 0x10fb205  [node]
 4: 0x7f2d1c0c07e5 grow_table(int) [/app/build/addon.node]
""", "node out-of-memory grow_table(int)")
add("node-abort", """\
----- Native stack trace -----

 1: 0xb78c4f node::Abort() [node]
 2: 0x7f2d1c0c07e5 free_slot(int) [/app/build/addon.node]

----- JavaScript stack trace -----

1: [eval]:1:9


""", "node aborted free_slot(int)")
add("dotnet", """\
Fatal error. System.AccessViolationException: Attempted to read or write protected memory. This is often an indication \
that other memory is corrupt.
Repeat 2 times:
--------------------------------
   at App.Native.Read(Int64)
--------------------------------
   at App.Program.Main(System.String[]) in /src/Program.cs:line 12
""", "dotnet segv App.Native.Read")
add("coredump", """\
Process 334 (journal) of user 0 dumped core.
Coredump diverted to /var/lib/systemd/coredump/core.journal.0.fce9.334.1746188381000000.zst

Stack trace of thread 334:
#0  0x000073c605eabbe2 n/a (libc.so.6 + 0x9dbe2)
#1  0x000073c605e9fe33 raise (libc.so.6 + 0x91e33)
#2  0x000073c605e9fe74 abort (libc.so.6 + 0x91e74)
#3  0x000073c605f27d85 write_entry (journal + 0x119d85)

Stack trace of thread 335:
#0  0x000073c605eabbe2 poll (libc.so.6 + 0x9dbe2)
ELF object binary architecture: AMD x86-64
""", "coredump core-dumped write_entry")
add("coredump-arrow", "Nov 21 03:02:16 host systemd-coredump[835]: [🡕] Process 797 (swww) of user 1000 dumped core.\n"
    + "                                            \n"
    "                                            Stack trace of thread 797:\n"
    "                                            #0  0x00007f6184b7826c draw (swww + 0x8926c)\n",
    "coredump core-dumped draw")
for number, line in enumerate((
        "prog[12]: segfault at 0 ip 0000000000401136 sp 00007ffd error 4 in prog[401000+1000]",
        "prog[12]: segfault at 10 ip 00007f1 sp 00007ffd error 6 in libc.so.6[7f0000000000+155000] likely on CPU 1",
        "Web Content[12]: segfault at 0 ip 0000000000401136 sp 00007ffd error 4 in prog[1136,401000+1000]",
        "prog[12]: segfault (11) at 0 nip 10000 lr 20000 code 1 in prog[10000000+10000]")):
    add(f"segfault-{number}", f"[   12.345678] {line}\n[   12.345680] Code: 00 11\n", "segfault segv -")
add("segfault-syslog", "Nov 21 03:02:16 host kernel: [   12.345678] prog[12]: segfault at 0 ip 0000000000401136 sp "
    "00007ffd error 4 in prog[401000+1000]\n", "segfault segv -")
add("segfault-gpf", "traps: worker[12] general protection fault ip:7f sp:7f error:0 in libc.so.6[7f+1]\n",
    "segfault general-protection-fault -")
DRM = """\
~~Dr.M~~ 
~~Dr.M~~ Error #1: UNADDRESSABLE ACCESS beyond heap bounds: reading 0x0804b1a5-0x0804b1a6 1 byte(s)
~~Dr.M~~ # 0 peek               [/src/a.c:31]
~~Dr.M~~ # 1 main               [/src/a.c:40]
~~Dr.M~~ Note: @0:00:00.123 in thread 12
~~Dr.M~~ Note: next lower malloc: 0x0804b190-0x0804b1a4
~~Dr.M~~ 
~~Dr.M~~ Error #2: LEAK 40 direct bytes 0x0804b1a0-0x0804b1c8 + 0 indirect bytes
~~Dr.M~~ # 0 replace_malloc     [/drmem/alloc_replace.c:2576]
~~Dr.M~~ # 1 lose               [/src/a.c:12]
~~Dr.M~~ 
"""
add("drmemory", DRM, "drmemory heap-buffer-overflow peek", "drmemory leak lose")
add("purify", """\
****  Purify instrumented ./a.out (pid 1234)  ****
ABW: Array bounds write:
  * This is occurring while in:
	put            [a.c:5]
	main           [a.c:9]
	_start         [crt1.o]
  * Writing 1 byte to 0x21714 in the heap.
  * Address 0x21714 is 1 byte past end of a malloc'd block at 0x21710 of 4 bytes.
  * This block was allocated from:
	malloc         [rtlib.o]
	main           [a.c:8]
MLK: 40 bytes leaked at 0x21720
  * This memory was allocated from:
	malloc         [rtlib.o]
	lose           [a.c:3]
""", "purify heap-buffer-overflow put", "purify leak lose")
add("miri", """\
error: Undefined Behavior: memory access failed: alloc1234 has been freed, so this pointer is dangling
 --> src/main.rs:5:14
  |
5 |     unsafe { *p }
  |              ^^ Undefined Behavior occurred here
  |
  = help: this indicates a bug in the program: it performed an invalid operation, and caused Undefined Behavior
  = note: BACKTRACE:
  = note: inside `look` at src/main.rs:5:14: 5:16
note: inside `main`
 --> src/main.rs:9:5

error: aborting due to 1 previous error
""", "miri use-after-free look")
add("crt-heap", "HEAP CORRUPTION DETECTED: after Normal block (#68) at 0x00B31D00.\nCRT detected that the application "
    "wrote to memory after end of heap buffer.\n", "crt heap-buffer-overflow -")
add("crt-leaks", """\
Detected memory leaks!
Dumping objects ->
C:\\src\\a.cpp(12) : {68} normal block at 0x00B31D00, 20 bytes long.
 Data: <                > CD CD CD CD CD CD CD CD CD CD CD CD CD CD CD CD
{67} normal block at 0x00B31C00, 40 bytes long.
Object dump complete.
""", "crt leak -")
add("crt-check", "Run-Time Check Failure #2 - Stack around the variable 'name' was corrupted.\n",
    "crt stack-buffer-overflow -")
add("msvc-asan", """\
=================================================================
==1234==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x11d3f9e20064 at pc 0x7ff6b1d41079 bp 0x1 sp 0x2
READ of size 4 at 0x11d3f9e20064 thread T0
    #0 0x7ff6b1d41078 in peek C:\\my src\\a.cpp:12
    #1 0x7ff6b1d41088 in main C:\\my src\\a.cpp:20
    #2 0x7ff6b1d42ac8 in invoke_main D:\\a\\_work\\1\\s\\src\\vctools\\crt\\exe_common.inl:78
    #3 0x7ff8c8a17613 in BaseThreadInitThunk+0x13 (C:\\Windows\\System32\\KERNEL32.DLL+0x180017613)

0x11d3f9e20064 is located 0 bytes to the right of 20-byte region [0x11d3f9e20050,0x11d3f9e20064)
allocated by thread T0 here:
    #0 0x7ff8a1d0 in malloc D:\\a\\_work\\1\\s\\src\\asan_malloc_win.cpp:98
    #1 0x7ff6b1d41010 in main C:\\my src\\a.cpp:18

SUMMARY: AddressSanitizer: heap-buffer-overflow C:\\my src\\a.cpp:12 in peek
==1234==ABORTING
""", "asan heap-buffer-overflow peek")
add("dangling", """\
[561781:0705/121435.715912:ERROR:partition_alloc_support.cc(770)] 
[DanglingSignature]\tapp::View::~View() [../../app/view.cc:30:5]\tNo active task

[DanglingPtr](1/3) A raw_ptr/raw_ref is dangling.

[DanglingPtr](2/3) First, the memory was freed at:

Stack trace:
#0 0x59a886410092 base::debug::CollectStackTrace() [../../base/debug/stack_trace_posix.cc:1050:7]
#1 0x59a8864d68ab partition_alloc::PartitionRoot::Free<>() [../../partition_alloc/in_slot_metadata.h:389:5]
#2 0x59a87f0d9cd2 app::Session::Close() [../../app/session.cc:74:5]

Task trace:
No active task.

[DanglingPtr](3/3) Later, the dangling raw_ptr was released at:

Stack trace:
#0 0x59a886410092 base::debug::CollectStackTrace() [../../base/debug/stack_trace_posix.cc:1050:7]
#1 0x59a87f0d9cd9 app::View::~View() [../../app/view.cc:30:5]

""", "chromium dangling-pointer app::View::~View()")
add("chromium-segv", "Received signal 11 SEGV_MAPERR 000000000010\n#0 0x55d9a2 base::debug::CollectStackTrace() "
    "[../../base/debug/a.cc:1050:7]\n#1 0x55d9a3 app::Draw() [../../app/draw.cc:8:1]\n  r8: 0000000000000000  r9: "
    "0000000000000000\n[end of stack trace]\n", "chromium segv app::Draw()")
for number, (line, wanted) in enumerate((
        ("mimalloc: error: double free detected of block 0x1 with size 32", "mimalloc double-free -"),
        ("mimalloc: error: buffer overflow in heap block 0x1 of size 32", "mimalloc heap-buffer-overflow -"),
        ("fatal allocator error: double free", "hardened-malloc double-free -"),
        ("fatal allocator error: canary corrupted", "hardened-malloc heap-buffer-overflow -"),
        ("<jemalloc>: double free detected", "jemalloc double-free -"),
        ("src/tcmalloc.cc:332] Attempt to free invalid pointer 0x7f00", "tcmalloc invalid-free -"),
        ("prog(123) in free(): error: chunk is already free 0x7f10", "bsd-malloc double-free -"),
        ("prog(123,0x7fff) malloc: *** error for object 0x7f: pointer being freed was not allocated",
         "macos-malloc invalid-free -"),
        ("fdsan: attempted to close file descriptor 3, expected to be unowned, actually owned by FILE* 0x7f10",
         "fdsan file-descriptor-ownership -"),
        ("Fatal glibc error: malloc assertion failure in sysmalloc: (old_top == initial_top (av) && old_size == 0)",
         "glibc heap-corruption -"),
        ("1795408930: 2: ERROR: free: tried to free previously freed pointer (err 61)", "dmalloc double-free -"),
        ("   Error: failed OVER picket-fence magic-number check (err 27)", "dmalloc heap-buffer-overflow -"),
        ("1795408931: 1:  not freed: '0x7f90d6b78fc8|s1' (40 bytes) from 'a.c:12'", "dmalloc memory-leak -"),
        ("terminating: *** buffer overflow detected ***: terminated", "fortify fortify-buffer-overflow -"))):
    add(f"allocator-{number}", line + "\n", wanted)
add("parisc", """\
[   12.345678] Kernel Fault: Code=26 (Data memory access rights trap) at addr 00000000deadbeef
[   12.345679] CPU: 0 PID: 12 Comm: worker Not tainted 6.6.30 #12
[   12.345680] IASQ: 0000000000000000 0000000000000000 IAOQ: 000000004032b4c8 000000004032b4cc
[   12.345681]  IAOQ[0]: table_find+0x18/0x40
[   12.345682]  IAOQ[1]: table_find+0x1c/0x40
[   12.345683]  RP(r2): table_work+0x28/0x60
[   12.345684] Backtrace:
[   12.345685]  [<000000004032b4f8>] table_work+0x28/0x60
[   12.345686]  [<000000004020c0d8>] syscall_exit+0x0/0x14
""", "oops paging-request table_find")
add("page-alloc-warning", """\
[   12.345678] ------------[ cut here ]------------
[   12.345679] WARNING: CPU: 1 PID: 12 at mm/page_alloc.c:5545 __alloc_pages+0x2f8/0x330
[   12.345680] CPU: 1 PID: 12 Comm: worker Not tainted 6.6.30 #12
[   12.345681] RIP: 0010:__alloc_pages+0x2f8/0x330
[   12.345682] Call Trace:
[   12.345683]  <TASK>
[   12.345684]  __kmalloc_large_node+0x7a/0x160
[   12.345685]  __kmalloc+0xcd/0x170
[   12.345686]  ring_resize+0x33/0x80 [ring]
[   12.345687]  __x64_sys_ioctl+0x90/0xd0
[   12.345688]  do_syscall_64+0x5b/0x80
[   12.345689]  entry_SYSCALL_64_after_hwframe+0x72/0xdc
[   12.345690]  </TASK>
[   12.345691] ---[ end trace 0000000000000000 ]---
""", "page-alloc page-alloc-warning ring_resize")
add("unread-page-allocation-failure", """\
[   12.345678] worker: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)
[   12.345680] CPU: 1 PID: 12 Comm: worker Not tainted 6.6.30 #12
[   12.345682] Call Trace:
[   12.345683]  <TASK>
[   12.345684]  dump_stack_lvl+0x48/0x60
[   12.345685]  warn_alloc+0x132/0x1b0
[   12.345686]  ring_resize+0x33/0x80 [ring]
""")
# They look alike, and are no reports.
add("quiet-panics", """\
panic: something else went wrong
goroutine 1 [running]:
main.main()
	/src/main.go:5 +0x18
exit status 2
thread 'main' panicked at src/main.rs:4:5:
called `Option::unwrap()` on a `None` value
stack backtrace:
   0: rust_begin_unwind
             at /rustc/5980/library/std/src/panicking.rs:645:5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
thread 'main' panicked at 'assertion failed: a == b', src/main.rs:4:5
Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding
panic: runtime error: integer divide by zero
fatal error: all goroutines are asleep - deadlock!
a.c:1:10: fatal error: x.h: No such file or directory
FATAL ERROR: cannot open the file
Fatal error. The file is not there.
Process 12 (prog) started
Process completed with exit code 1.
Error #3: the argument is wrong
thread 'main' waits
Received signal 15
traps: prog[12] trap int3 ip:401136 sp:7ffd error:0 in prog[401000+1000]
memory allocation of the budget
ABR: adaptive bit rate
BUG: 695
BUG: https://bugs.example.org/show_bug.cgi?id=12
# There is a chapter about memory leaks, use after free, and buffer overflow
test_segfault_handler ... ok
the program had a segfault at home
""")
add("quiet-sentences", """\
Fix double free or corruption in the parser (#123)
 * Fixed a crash: corrupted double-linked list in cleanup
the log says "corrupted size vs. prev_size" when run twice
gcc: fatal error: out of memory
cc1plus: fatal error: out of memory allocating 65536 bytes after a total of 1000 bytes
a.c:3:2: fatal error: corrupted precompiled header
a general protection fault occurred in the driver
handler for general protection fault: installed
we detected buffer overflow in parse_header
- scsi: memcpy: detected field-spanning write backtrace
docs: has overflowed its stack is what Rust says
server.c: Received signal 15; terminating.
Last run (PID 12) dumped core.
INFO Fatal error. Retrying in 5 s
E0101 Error #3: LEAK of handles suspected
mydb FATAL ERROR: Allocation failed for table
app: fdsan: enabled
caught (SIGSEGV), code 1
SIGSEGV: segmentation violation is signal 11
stack segment: data
x[1]: FORTIFY: level 2 enabled
build: A fatal error has been detected by the linter
<p>an <error> in the markup</p>
""")
