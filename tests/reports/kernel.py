# SPDX-License-Identifier: BSD-2-Clause
"""Kernel reports in the layouts of several versions and processors, made from parts, with what memsan decode must say.

REPORTS is a list of Report: name, the log's text, and for each report in it detector, kind, function and whether it is
whole."""
from collections import namedtuple

Report = namedtuple("Report", "name text expected")
REPORTS = []


def add(name, text, *expected):
    """expected: "detector kind function", with "!" behind it when the report must be called corrupted"""
    wanted = []
    for line in expected:
        words = line.split()
        wanted.append((words[0], words[1], None if words[2] == "-" else words[2], words[-1] == "!"))
    REPORTS.append(Report(name, text, wanted))


def stamped(text, start=50.0, step=0.000731, caller=None):
    """printk's times in front of the lines, and its caller ids."""
    tag = f"[{caller:>5}]" if caller else ""
    return "".join(f"[{start + i * step:12.6f}]{tag} {line}\n" for i, line in enumerate(text.rstrip("\n").split("\n")))


def frames(names, style="plain"):
    """Lines of a call trace.  "?name" is an unreliable frame."""
    out = []
    for i, name in enumerate(names.split()):
        size = 0x40 + 0x30 * (len(name) % 7 + i % 3)
        offset = (0x1d + 0x11 * i) % size
        mark = ""
        if name[0] == "?":
            mark, name = "? ", name[1:]
        place = f"{name}+0x{offset:x}/0x{size:x}"
        address = 0xffffffff81000000 + sum(map(ord, name)) * 0x1040 + offset
        if style == "address":
            out.append(f" [<{address:016x}>] {mark}{place}")
        elif style == "ppc":
            out.append(f"[c0000000{0x07ab3000 + i * 0x60:08x}] [{address & 0xffffff | 0xc000000001000000:016x}] {place}"
                       + (" (unreliable)" if mark else ""))
        elif style == "arm":
            out.append(f"[<{0xc0100000 + (address & 0xffff0):08x}>] ({name}) from [<{0xc0110000 + i * 64:08x}>] "
                       f"(caller_{i}+0x{offset:x}/0x{size:x})")
        else:
            out.append(f" {mark}{place}")
    return "\n".join(out) + "\n"


ENTRY = "do_syscall_64 entry_SYSCALL_64_after_hwframe"
USER_REGISTERS = """\
RIP: 0033:0x7f2fe9d0b4a9
Code: 00 00 00 75 05 48 83 c4 28 c3 e8 51 14 00 00 90 48 89 f8 48 89 f7 48 89 d6 48 89 ca 4d 89 c2 4d 89 c8 4c 8b
RSP: 002b:00007fff7d10b5f8 EFLAGS: 00000246 ORIG_RAX: 0000000000000003
RAX: ffffffffffffffda RBX: 0000000000000003 RCX: 00007f2fe9d0b4a9
R13: 0000000000000000 R14: 0000000000000000 R15: 0000000000000001
"""
REGISTERS = """\
RSP: 0018:ffffc9000217fb60 EFLAGS: 00010206
RAX: dffffc0000000000 RBX: 0000000000000018 RCX: ffffffff8214f7ac
RDX: 0000000000000003 RSI: 0000000000000008 RDI: 0000000000000018
RBP: ffff88801c6e1a80 R08: 0000000000000001 R09: 0000000000000003
R10: fffffbfff1c1a2d6 R11: 0000000000000001 R12: ffff888021ac3b40
R13: 0000000000000000 R14: 0000000000000001 R15: ffff88801c6e1ac0
FS:  00007f2fe9bff6c0(0000) GS:ffff8880b9a00000(0000) knlGS:0000000000000000
CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
CR2: 00007f2fe9bfed58 CR3: 000000001fd04000 CR4: 00000000003506f0
"""
MACHINE = "Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-1 04/01/2014\n"
RULE = "=" * 66 + "\n"


def cpu(version="6.6.30", comm="worker", pid=4711):
    return f"CPU: 1 PID: {pid} Comm: {comm} Not tainted {version} #12\n" + MACHINE


def kasan(kind, headline, trace, access="Read", size=8, version=5, whole=True):
    """A KASAN report.  trace: the frames behind those that print; version: 4, 5 or 6."""
    address = "ffff88801d3b5a40"
    if version == 4:
        printing = "dump_stack ?show_regs_print_info print_address_description ?" + headline + " kasan_report"
    elif version == 5:
        printing = "dump_stack_lvl print_address_description.constprop.0 ?" + headline + " kasan_report.cold"
    else:
        printing = "dump_stack_lvl print_report kasan_report"
    check = f"__asan_{'load' if access == 'Read' else 'store'}{size}_noabort"
    free = access == "Free"
    text = RULE + f"BUG: KASAN: {kind} in {headline}+0x12d/0x1e0\n"
    if not free:
        text += f"{access} of size {size} at addr {address} by task worker/4711\n"
    elif version == 6:
        text += f"Free of addr {address} by task worker/4711\n"
    text += "\n" + cpu("4.14.90" if version == 4 else "6.6.30")
    text += "Call Trace:\n" + (" <TASK>\n" if version > 4 else "")
    text += frames(f"{printing} {'kasan_report_invalid_free __kasan_slab_free' if free else check} {trace} {ENTRY}")
    text += USER_REGISTERS + (" </TASK>\n" if version > 4 else "")
    text += "\nAllocated by task 4711:\n" + frames("kasan_save_stack __kasan_kmalloc make_thing thing_open")
    text += "\nFreed by task 17:\n" + frames("kasan_save_stack kasan_set_track __kasan_slab_free kfree drop_thing")
    text += f"\nThe buggy address belongs to the object at {address[:-2]}00\n"
    text += " which belongs to the cache kmalloc-128 of size 128\n"
    text += "The buggy address is located 64 bytes inside of\n"
    text += f" {'freed ' if version == 6 else ''}128-byte region [{address[:-2]}00, {address[:-2]}80)\n\n"
    text += "The buggy address belongs to the page:\npage:ffffea000074ed40 refcount:1 mapcount:0\n"
    text += "flags: 0xfff00000000200(slab|node=0|zone=1|lastcpupid=0x7ff)\n"
    text += "page dumped because: kasan: bad access detected\n\nMemory state around the buggy address:\n"
    for row in (-256, -128, 0, 128, 256):
        text += f"{'>' if row == 0 else ' '}{int(address, 16) // 128 * 128 + row:x}: " + " ".join(["fb"] * 16) + "\n"
        if row == 0:
            text += " " * (19 + 3 * 8) + "^\n"
    return text + (RULE if whole else "")


# ---- KASAN: the guilty function ---------------------------------------------------------------------

for version in (4, 5, 6):
    def one(name, *rest, _version=version):
        add(f"kasan-{_version}-{name}", stamped(kasan(*rest[:3], version=_version, **rest[3])), rest[4])
    one("plain", "use-after-free", "thing_read", "thing_read vfs_read ksys_read", {}, "kasan use-after-free thing_read")
    one("lock", "use-after-free", "__lock_acquire",
        "__lock_acquire lock_acquire _raw_spin_lock_irqsave thing_poll do_sys_poll", {},
        "kasan use-after-free thing_poll")
    one("mutex", "use-after-free", "mutex_spin_on_owner",
        "mutex_spin_on_owner __mutex_lock mutex_lock_nested thing_ioctl __se_sys_ioctl", {},
        "kasan use-after-free thing_ioctl")
    one("refcount", "use-after-free", "refcount_dec_and_test",
        "refcount_dec_and_test kref_put thing_release __fput task_work_run", {"access": "Write", "size": 4},
        "kasan use-after-free thing_release")
    one("rbtree", "use-after-free", "rb_erase", "rb_erase thing_unlink thing_close __fput", {},
        "kasan use-after-free thing_unlink")
    one("list", "use-after-free", "__list_del_entry_valid", "__list_del_entry_valid thing_unhook __fput", {},
        "kasan use-after-free thing_unhook")
    one("string", "slab-out-of-bounds", "strcmp", "strcmp thing_find thing_open do_dentry_open", {"size": 1},
        "kasan slab-out-of-bounds thing_find")
    one("format", "slab-out-of-bounds", "string", "string_nocheck string vsnprintf seq_printf thing_show seq_read",
        {"size": 1}, "kasan slab-out-of-bounds seq_printf")
    one("copy", "slab-out-of-bounds", "_copy_to_user", "_copy_to_user thing_ioctl __se_sys_ioctl", {"size": 256},
        "kasan slab-out-of-bounds thing_ioctl")
    one("iter", "use-after-free", "copy_page_from_iter", "copy_page_from_iter thing_sendmsg sock_sendmsg",
        {"access": "Write", "size": 4096}, "kasan use-after-free thing_sendmsg")
    one("kobject", "use-after-free", "kobject_put", "kobject_put put_device thing_remove", {},
        "kasan use-after-free thing_remove")
    one("atomic", "use-after-free", "atomic_read", "atomic_read thing_count thing_show", {"size": 4},
        "kasan use-after-free thing_count")
    one("timer", "use-after-free", "__mod_timer", "__mod_timer add_timer thing_arm thing_start",
        {"access": "Write"}, "kasan use-after-free add_timer")
    one("memcpy", "slab-out-of-bounds", "memcpy", "memcpy thing_fill thing_write vfs_write", {"access": "Write"},
        "kasan slab-out-of-bounds thing_fill")
    one("double-free", "double-free or invalid-free", "kfree", "slab_free_freelist_hook kfree thing_destroy __fput",
        {"access": "Free"}, "kasan double-free-or-invalid-free thing_destroy")
    one("isra", "use-after-free", "thing_scan.isra.7", "thing_scan.isra.7 thing_work process_one_work "
        "worker_thread", {},
        "kasan use-after-free thing_scan.isra.7")

# Only unreliable frames: the headline's function stands.
add("kasan-unreliable", stamped(kasan("use-after-free", "thing_peek", "?other_one ?other_two").replace(
    " dump_stack_lvl", " ? dump_stack_lvl").replace(" kasan_report", " ? kasan_report").replace(
    " __asan_load", " ? __asan_load").replace(" do_syscall", " ? do_syscall").replace(
    " print_address", " ? print_address").replace(" entry_SYS", " ? entry_SYS")),
    "kasan use-after-free thing_peek")
# The first frame is not that of the headline: inlined, in a symbolized log.
add("kasan-inlined", kasan("use-after-free", "thing_read", "thing_read").replace(
    "\n thing_read+", "\n thing_peek drivers/thing.c:12 [inline]\n thing_read+"), "kasan use-after-free thing_read")
# A script has added a headline for each inlined function.
add("kasan-two-headlines", kasan("wild-memory-access", "thing_read", "thing_read").replace("BUG: KASAN: ",
    "BUG: KASAN: wild-memory-access in instrument_atomic_read include/linux/instrumented.h:68 [inline]\n"
    "BUG: KASAN: ", 1),
    "kasan wild-memory-access thing_read")
OLD = RULE + """\
BUG: KASAN: use-after-free in thing_rx+0x4f3/0x560 at addr ffff8800691b4c20
Write of size 4 by task worker/9921
=============================================================================
BUG kmalloc-512 (Not tainted): kasan: bad access detected
-----------------------------------------------------------------------------

INFO: Allocated in thing_make+0x4e/0x190 age=33 cpu=1 pid=9921
[<      none      >] ___slab_alloc+0x4cc/0x520
[<      none      >] kmem_cache_alloc+0x250/0x2d0
[<     inline     >] kzalloc include/linux/slab.h:607
[<      none      >] thing_make+0x4e/0x190
INFO: Slab 0xffffea0001a46d00 objects=12 used=9 fp=0xffff8800691b4bf0 flags=0x1fffc0000004080
INFO: Object 0xffff8800691b4bf0 @offset=3056 fp=0xffff8800691b4830

Bytes b4 ffff8800691b4be0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
Object ffff8800691b4bf0: 30 48 1b 69 00 88 ff ff 00 00 00 00 00 00 00 00  0H.i............
CPU: 1 PID: 9921 Comm: worker Tainted: G    B           4.6.0+ #4
""" + MACHINE + """\
Call Trace:
 [<     inline     >] __dump_stack lib/dump_stack.c:15
 [<ffffffff82c83bcf>] dump_stack+0x12e/0x18f lib/dump_stack.c:51
 [<ffffffff817aa5e4>] print_trailer+0xf4/0x150 mm/slub.c:650
 [<ffffffff817b06e0>] object_err+0x2f/0x40 mm/slub.c:661
 [<     inline     >] print_address_description mm/kasan/report.c:179
 [<ffffffff817b2f2e>] kasan_report_error+0x22e/0x5d0 mm/kasan/report.c:275
 [<     inline     >] kasan_report mm/kasan/report.c:297
 [<ffffffff817b3493>] __asan_report_store4_noabort+0x43/0x50 mm/kasan/report.c:320
 [<     inline     >] thing_account drivers/thing.c:77
 [<ffffffff84ae1d23>] thing_rx+0x4f3/0x560 drivers/thing.c:204
 [<ffffffff84ad23a0>] net_rx_action+0x1c4/0x550 net/core/dev.c:4100
Memory state around the buggy address:
 ffff8800691b4b00: fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc fc
 ffff8800691b4b80: fc fc fc fc fc fc fc fc fc fc fc fc fc fc fb fb
>ffff8800691b4c00: fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb
                               ^
 ffff8800691b4c80: fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb
 ffff8800691b4d00: fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb fb
""" + RULE
add("kasan-4.6", stamped(OLD), "kasan use-after-free thing_rx")


# ---- faults ------------------------------------------------------------------------------------------

def oops(headline, rip, trace, die="Oops: 0000 [#1] PREEMPT SMP KASAN", before="", end=True, old=False, task=True):
    address = 0xffffffff81000000 + sum(map(ord, rip)) * 0x1010
    place = f"[<{address:x}>]  [<{address:x}>] {rip}+0x7d/0x3a0" if old else f"{rip}+0x7d/0x3a0"
    text = before + headline + "\n" + (die + "\n" if die else "") + cpu("4.9.12" if old else "6.6.30")
    text += (f"RIP: 0010:{place}\n" if rip else "RIP: 0010:0x0\nCode: Unable to access opcode bytes at RIP "
             "0xffffffffffffffd6.\n")
    text += "Code: 48 89 fa 48 c1 ea 03 80 3c 02 00 0f 85 c1 02 00 00 48 8b 43\n" + REGISTERS
    text += ("Stack:\n ffff880066befd00 ffffffff82d4e304\n" if old else "")
    text += "Call Trace:\n" + (" <TASK>\n" if task and not old else "")
    text += frames(trace + " " + ENTRY, "address" if old else "plain") + ("" if old else USER_REGISTERS)
    text += " </TASK>\n" if task and not old else ""
    text += "Modules linked in:\n"
    return text + ("---[ end trace 0000000000000000 ]---\n" if end else "")


GPF = "general protection fault, probably for non-canonical address 0xdffffc0000000003: 0000 [#1] PREEMPT SMP KASAN"
HINT = "KASAN: null-ptr-deref in range [0x0000000000000018-0x000000000000001f]"
add("gpf", stamped(oops(GPF, "thing_get", "thing_walk vfs_read", die="")),
    "oops general-protection-fault thing_get")
add("gpf-hint", stamped(oops(GPF, "thing_get", "thing_walk vfs_read", die=HINT)), "kasan null-ptr-deref thing_get")
add("gpf-lock", stamped(oops(GPF, "__lock_acquire", "?lock_is_held lock_acquire _raw_spin_lock_bh "
    "thing_xmit", die=HINT)),
    "kasan null-ptr-deref thing_xmit")
add("gpf-thunk", stamped(oops(GPF, "__x86_indirect_thunk_rax", "thing_call vfs_ioctl", die=HINT)),
    "kasan null-ptr-deref thing_call")
add("gpf-strcmp", stamped(oops(GPF, "strcmp", "thing_lookup thing_open", die="")),
    "oops general-protection-fault thing_lookup")
add("gpf-4.9", stamped(oops("general protection fault: 0000 [#1] SMP KASAN", "list_del", "thing_drop __fput", die="",
                            old=True)), "oops general-protection-fault thing_drop")
add("gpf-4.14-hint", stamped(oops("general protection fault: 0000 [#1] SMP KASAN", "do_raw_spin_lock",
                                  "_raw_spin_lock thing_stop __fput", die="", before="kasan: CONFIG_KASAN_INLINE "
                                  "enabled\nkasan: GPF could be caused by NULL-ptr deref or user memory access\n",
                                  task=False)), "kasan null-ptr-deref-or-user-memory-access thing_stop")
add("gpf-oops-first", stamped(oops("Oops: general protection fault, probably for non-canonical address "
                                   "0xdffffc0000000003: 0000 [#1] SMP KASAN NOPTI", "rb_next", "thing_next", die=HINT)),
    "kasan null-ptr-deref thing_next")
add("page-fault", stamped(oops("BUG: unable to handle page fault for address: fffffbfff4041000", "thing_scan",
                               "thing_probe", die="#PF: supervisor read access in kernel mode\n#PF: error_code(0x0000) "
                               "- not-present page\nPGD 23ffe4067 P4D 23ffe4067 PUD 23ffe3067 PMD 0 \nOops: 0000 [#1] "
                               "PREEMPT SMP KASAN")), "oops page-fault thing_scan")
add("null-jump", stamped(oops("BUG: kernel NULL pointer dereference, address: 0000000000000000", "",
                              "thing_call vfs_ioctl", die="#PF: supervisor instruction fetch in kernel mode\n"
                              "#PF: error_code(0x0010) - not-present page\nOops: 0010 [#1] SMP")),
    "oops null-pointer-dereference thing_call")
add("paging-4.9", stamped(oops("BUG: unable to handle kernel paging request at ffff88002bde1e40", "__memset",
                               "thing_clear thing_ioctl", die="IP: [<ffffffff82d4e304>] __memset+0x24/0x30\n"
                               "PGD ae2c067 PUD ae2d067 PMD 7faa5067 PTE 0\nOops: 0002 [#1] SMP KASAN", old=True)),
    "oops paging-request thing_clear")
add("stack-segment", stamped(oops("stack segment: 0000 [#1] SMP KASAN", "thing_sum", "thing_check", die="")),
    "oops stack-segment-fault thing_sum")
# printk's two calls, with a line of somebody else between them
add("split", stamped("BUG: unable to handle kernel\nthing: link is up\n" + oops(
    "paging request at ffff8800b3d5ed58", "thing_scan", "thing_probe", die="IP: thing_scan+0x7d/0x3a0\nPGD 0\n"
    "Oops: 0000 [#1] SMP", old=True)), "oops paging-request thing_scan")
add("joined", stamped(oops("BUG: unable to handle kernel NULL pointer dereference at 0000000000000018[   50.1] IP: "
                           "thing_scan+0x7d/0x3a0", "thing_scan", "thing_probe", die="PGD 0 P4D 0\nOops: 0000 [#1] "
                           "SMP")),
    "oops null-pointer-dereference thing_scan")
# a panic, with a trace of its own, and another processor's stack behind the report
add("other-cpu", stamped(oops(GPF, "__lock_acquire", "lock_acquire _raw_spin_lock", die="", end=False, task=False)
                         .replace(ENTRY.split(maxsplit=1)[0], "thing_kick") + "Sending NMI from CPU 1 to CPUs 0:\n"
                         "NMI backtrace for cpu 0\n" + cpu(comm="swapper/0", pid=0) + "RIP: "
                         "0010:innocent_one+0x1b/0x20\n"
                         + REGISTERS + "Call Trace:\n" + frames("innocent_two cpu_startup_entry")
                         + "---[ end trace 0000000000000000 ]---\n"), "oops general-protection-fault thing_kick")

ARM64 = """\
Unable to handle kernel paging request at virtual address dfff800000000003
KASAN: null-ptr-deref in range [0x0000000000000018-0x000000000000001f]
Mem abort info:
  ESR = 0x0000000096000005
  EC = 0x25: DABT (current EL), IL = 32 bits
  SET = 0, FnV = 0
  EA = 0, S1PTW = 0
  FSC = 0x05: level 1 translation fault
Data abort info:
  ISV = 0, ISS = 0x00000005, ISS2 = 0x00000000
  CM = 0, WnR = 0, TnD = 0, TagAccess = 0
[dfff800000000003] address between user and kernel address ranges
Internal error: Oops: 0000000096000005 [#1] PREEMPT SMP
Modules linked in:
""" + cpu().replace("QEMU", "linux,dummy") + """\
pstate: 60400005 (nZCv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
pc : thing_get+0x54/0x1c0
lr : thing_walk+0x3c/0x90
sp : ffff800083a77b20
x29: ffff800083a77b20 x28: ffff0000c2a40000 x27: dfff800000000000
x2 : 0000000000000000 x1 : 0000000000000003 x0 : 0000000000000018
Call trace:
""" + frames("thing_get thing_walk vfs_read invoke_syscall el0_svc_common do_el0_svc") + """\
Code: d2d00001 d343fc00 f2fbffe1 8b010000 (39c00000)
---[ end trace 0000000000000000 ]---
"""
add("arm64", stamped(ARM64), "kasan null-ptr-deref thing_get")
add("arm64-abort", stamped("""\
Internal error: synchronous external abort: 0000000096000410 [#1] PREEMPT SMP
Modules linked in:
""" + cpu() + """\
pstate: 60400005 (nZCv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
pc : readl+0x14/0x40
lr : thing_status+0x3c/0x90
sp : ffff800083a77b20
x29: ffff800083a77b20 x28: ffff0000c2a40000 x27: 0000000000000000
Call trace:
""" + frames("readl thing_status thing_irq") + "Code: d2d00001 d343fc00\n---[ end trace 0000000000000000 ]---\n"),
    "oops synchronous-external-abort thing_status")
add("arm64-4.14", stamped("""\
Unable to handle kernel NULL pointer dereference at virtual address 00000010
Mem abort info:
  Exception class = DABT (current EL), IL = 32 bits
[0000000000000010] user address but active_mm is swapper
Internal error: Oops: 96000005 [#1] PREEMPT SMP
Modules linked in:
""" + cpu("4.14.117") + """\
task: ffffffe9a8e0a880 task.stack: ffffff800bca8000
PC is at __mutex_lock.isra.2+0x74/0x4c0
LR is at thing_suspend+0x24/0x40
pc : [<ffffff9a1d0bf0d4>] lr : [<ffffff9a1cb1d4c8>] pstate: 60400145
sp : ffffff800bcabc30
x29: ffffff800bcabc30 x28: 0000000000000000
Process worker (pid: 4711, stack limit = 0xffffff800bca8000)
Call trace:
 __mutex_lock.isra.2+0x74/0x4c0
 mutex_lock+0x24/0x30
 thing_suspend+0x24/0x40
 dpm_run_callback+0x40/0x190
---[ end trace 4c6f1f4e1f2d2c4a ]---
"""), "oops null-pointer-dereference thing_suspend")
add("arm", stamped("""\
8<--- cut here ---
Unable to handle kernel paging request at virtual address fee00000 when read
[fee00000] *pgd=80000080007003, *pmd=00000000
Internal error: Oops: 206 [#1] PREEMPT SMP ARM
Modules linked in:
""" + cpu() + """\
PC is at thing_fetch+0x1c/0x60
LR is at thing_poll+0x38/0x80
pc : [<80834d28>]    lr : [<80835e30>]    psr: 60000013
sp : df915e70  ip : df915e90  fp : df915e8c
r10: 00000122  r9 : 83f5c800  r8 : 00000000
r3 : fee00000  r2 : 00000000  r1 : 8277a7b8  r0 : 00000000
Flags: nZCv  IRQs on  FIQs on  Mode SVC_32  ISA ARM  Segment user
Control: 30c5387d  Table: 84d0d4c0  DAC: 00000000
Process worker (pid: 4711, stack limit = 0xdf914000)
Stack: (0xdf915e70 to 0xdf916000)
5e60:                                     00000000 80281c8c 00000000 4c5f9f1e
Backtrace:\x20
[<80834d0c>] (thing_fetch) from [<80835e30>] (thing_poll+0x38/0x80)
 r5:00000000 r4:8277a7b8
[<80835df8>] (thing_poll) from [<80500de4>] (vfs_poll+0x2a0/0x5b4)
[<80500b44>] (vfs_poll) from [<80501540>] (ksys_poll+0x74/0xec)
Code: e24cb004 e52de004 e8bd4000 e5903000 (e5930000)\x20
---[ end trace 0000000000000000 ]---
"""), "oops paging-request thing_fetch")
add("arm-unhandled", stamped("""\
Unhandled fault: imprecise external abort (0x1406) at 0xb6f4f000
pgd = 84d0d4c0
[b6f4f000] *pgd=6e8b1835, *pte=6e8d475f
Internal error: : 1406 [#1] PREEMPT SMP ARM
Modules linked in:
""" + cpu("4.19.20") + """\
PC is at thing_kick+0x1c/0x60
LR is at thing_poll+0x38/0x80
pc : [<80834d28>]    lr : [<80835e30>]    psr: 60000013
Process worker (pid: 4711, stack limit = 0xdf914000)
""" + frames("thing_kick thing_poll", "arm") + "---[ end trace 0000000000000000 ]---\n"),
    "oops imprecise-external-abort thing_kick")
add("arm-6.x", stamped("""\
8<--- cut here ---
Unable to handle kernel NULL pointer dereference at virtual address 0000000c when write
[0000000c] *pgd=00000000
Internal error: Oops: 805 [#1] SMP ARM
""" + cpu() + """\
PC is at memset+0x30/0xb4
LR is at thing_zero+0x38/0x80
pc : [<81834d28>]    lr : [<80835e30>]    psr: 60000013
Register r0 information: NULL pointer
Process worker (pid: 4711, stack limit = 0xdf914000)
Stack: (0xdf915e70 to 0xdf916000)
Call trace:\x20
 memset from thing_zero+0x38/0x80
 thing_zero from thing_open+0x2a0/0x5b4
 thing_open from do_dentry_open+0x74/0xec
Code: e24cb004 e52de004 e8bd4000 e5903000 (e5930000)\x20
---[ end trace 0000000000000000 ]---
"""), "oops null-pointer-dereference thing_zero")
add("powerpc", stamped("""\
BUG: Unable to handle kernel data access on read at 0xc0403c8000001090
Faulting instruction address: 0xc0000000009cb0a4
Oops: Kernel access of bad area, sig: 11 [#1]
LE PAGE_SIZE=64K MMU=Hash SMP NR_CPUS=2048 NUMA pSeries
Modules linked in:
CPU: 1 PID: 4711 Comm: worker Not tainted 6.6.30 #12
NIP:  c0000000009cb0a4 LR: c0000000009cafa0 CTR: c0000000000e1a40
REGS: c000000007ab3640 TRAP: 0380   Not tainted  (6.6.30)
MSR:  8000000000009033 <SF,EE,ME,IR,DR,RI,LE>  CR: 28004442  XER: 00000000
CFAR: c0000000009cb06c IRQMASK: 0\x20
GPR00: c0000000009cafa0 c000000007ab38e0 c000000001612e00 c0403c8000001080\x20
NIP [c0000000009cb0a4] thing_walk+0x134/0x2b0
LR [c0000000009cafa0] thing_walk+0x30/0x2b0
Call Trace:
""" + frames("thing_walk thing_show seq_read", "ppc") + """\
Instruction dump:
7c0802a6 f8010010 f821ffa1 7d2903a6\x20
---[ end trace 0000000000000000 ]---
"""), "oops paging-request thing_walk")
add("powerpc-null", stamped("""\
BUG: Kernel NULL pointer dereference on write at 0x00000008
Faulting instruction address: 0xc0000000009cb0a4
Oops: Kernel access of bad area, sig: 11 [#1]
LE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=2048 NUMA pSeries
CPU: 1 PID: 4711 Comm: worker Not tainted 6.6.30 #12
NIP [c0000000009cb0a4] thing_set+0x134/0x2b0
LR [c0000000009cafa0] thing_set+0x30/0x2b0
Call Trace:
""" + frames("?thing_set thing_show seq_read", "ppc") + "---[ end trace 0000000000000000 ]---\n"),
    "oops null-pointer-dereference thing_set")
add("riscv", stamped("""\
Unable to handle kernel paging request at virtual address dfffffc800000002
Oops [#1]
Modules linked in:
CPU: 1 PID: 4711 Comm: worker Not tainted 6.6.30 #12
Hardware name: riscv-virtio,qemu (DT)
epc : thing_get+0x1c/0x60
 ra : thing_walk+0x38/0x80
epc : ffffffff80835e30 ra : ffffffff80834d28 sp : ff20000004b57a40
 gp : ffffffff85e63bc0 tp : ff6000000f4b0000 t0 : 0000000000000000
status: 0000000200000120 badaddr: dfffffc800000002 cause: 000000000000000d
""" + frames("thing_get thing_walk vfs_read", "address") + "Code: 8b93 0013\n---[ end trace 0000000000000000 ]---\n"),
    "oops paging-request thing_get")
add("riscv-access", stamped("""\
Oops - load access fault [#1]
Modules linked in:
CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1
Hardware name: riscv-virtio,qemu (DT)
epc : thing_get+0x4a/0x9be
 ra : thing_open+0x3c/0x2a0
status: 0000000200000120 badaddr: dfffffff00000008 cause: 0000000000000005
[<ffffffff8096b6fa>] thing_get+0x4a/0x9be
[<ffffffff80b5f2a8>] thing_open+0x3c/0x2a0
---[ end trace 0000000000000000 ]---
"""), "oops load-access-fault thing_get")
add("s390", stamped("""\
Unable to handle kernel pointer dereference in virtual kernel address space
Failing address: 001c9c4000000000 TEID: 001c9c4000000803
Fault in home space mode while using kernel ASCE.
AS:000000007eb40007 R3:0000000000000024\x20
Oops: 0038 ilc:3 [#1] PREEMPT SMP\x20
Modules linked in:
CPU: 1 PID: 4711 Comm: worker Not tainted 6.6.30 #12
Hardware name: QEMU 3906 QEMU (KVM/Linux)
Krnl PSW : 0704c00180000000 001c9c40022a1b0e (thing_get+0x2e/0x210)
           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:0 PM:0 RI:0 EA:3
Krnl GPRS: 001c000000000000 001c000000000000 001c9c4000000000 0000000000000000
Krnl Code: 001c9c40022a1b02: e548f0a80000	mvghi	168(%r15),0
Call Trace:
""" + frames("thing_get thing_walk vfs_read", "address") + "Last Breaking-Event-Address:\n"
                   " [<001c9c40022a1ce8>] thing_walk+0x198/0x240\n---[ end trace 0000000000000000 ]---\n"),
    "oops paging-request thing_get")
add("mips", stamped("""\
CPU 0 Unable to handle kernel paging request at virtual address 0000000c, epc == 80412a30, ra == 80412a10
Oops[#1]:
CPU: 0 PID: 4711 Comm: worker Not tainted 6.6.30 #12
$ 0   : 00000000 00000001 00000000 80a40000
epc   : 80412a30 thing_get+0x30/0x60
ra    : 80412a10 thing_get+0x10/0x60
Status: 1100fc03	KERNEL EXL IE\x20
Cause : 00800008 (ExcCode 02)
Process worker (pid: 4711, threadinfo=82a40000, task=82a38000, tls=77e3e4a0)
Stack : 00000000 80a41d50
Call Trace:
[<80412a30>] thing_get+0x30/0x60
[<80412b10>] thing_walk+0x10/0x60
[<80212b10>] vfs_read+0x10/0x60

---[ end trace 0000000000000000 ]---
"""), "oops paging-request thing_get")

# ---- stacks -------------------------------------------------------------------------------------------


def guard(trace, rip="__sanitizer_cov_trace_pc", words="TASK stack guard page"):
    return stamped(oops(f"BUG: {words} was hit at ffffc900054afff8 (stack is ffffc900054b0000..ffffc900054b8000)", rip,
                        trace, die="stack guard page: 0000 [#1] PREEMPT SMP KASAN"))


add("guard-recursion", guard("thing_down " * 90 + "thing_open do_dentry_open"), "vmap-stack stack-guard-page "
    "thing_down")
add("guard-cycle", guard("thing_a thing_b thing_c " * 40 + "thing_open do_dentry_open", "unwind_next_frame"),
    "vmap-stack stack-guard-page thing_c")
add("guard-old", guard("thing_down " * 60 + "thing_open vfs_open", "format_decode", "stack guard page"),
    "vmap-stack stack-guard-page thing_down")
add("guard-unreliable", guard("?thing_err ?thing_send " * 40 + "?netif_receive_skb", "thing_lookup"),
    "vmap-stack stack-guard-page thing_send")
add("guard-deep", guard(" ".join(f"thing_{i}" for i in range(20)) + " thing_ioctl vfs_ioctl", "thing_z"),
    "vmap-stack stack-guard-page thing_ioctl")
add("stack-end", stamped("Kernel panic - not syncing: corrupted stack end detected inside scheduler\n" + cpu() +
                         "Call Trace:\n <TASK>\n" + frames("dump_stack_lvl panic __schedule schedule schedule_timeout "
                                                           "thing_wait thing_read vfs_read " + ENTRY) + " </TASK>\n"
                         "Kernel Offset: disabled\nRebooting in 86400 seconds..\n"),
    "vmap-stack corrupted-stack-end thing_read")
add("stack-protector", stamped("Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
                               "thing_parse+0x3d2/0x3e0\n" + cpu() + "Call Trace:\n <TASK>\n" +
                               frames("dump_stack_lvl panic __stack_chk_fail thing_parse thing_write") + " </TASK>\n"
                               "Kernel Offset: disabled\n---[ end Kernel panic - not syncing: stack-protector: Kernel "
                               "stack is corrupted in: thing_parse+0x3d2/0x3e0 ]---\n"),
    "stack-protector stack-protector thing_parse")
add("stack-protector-4.9", stamped("Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
                                   "ffffffff83a4c4f6\n\n" + cpu("4.9.40") + "Call Trace:\n" +
                                   frames("dump_stack panic ?btrfs_thing __stack_chk_fail thing_parse thing_write",
                                          "address") + "Kernel Offset: disabled\n"),
    "stack-protector stack-protector thing_parse")

# ---- leaks --------------------------------------------------------------------------------------------


def leak(trace, style="plain", crc=" (crc 5a2b7f11)"):
    lines = "".join("   " + line + "\n" for line in frames(trace, style).splitlines())
    return (f'BUG: memory leak\nunreferenced object 0xffff88810c2b5a00 (size 128):\n  comm "worker", pid 4711, jiffies '
            f'4294944123\n  hex dump (first 32 bytes):\n    00 5a 2b 0c 81 88 ff ff 00 00 00 00 00 00 00 00  '
            f'.Z+.............\n    00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00  ................\n'
            f'  backtrace{crc}:\n{lines}\n')


add("leak", leak("kmemleak_alloc __kmalloc_cache_noprof kmalloc_noprof thing_make thing_open"),
    "kmemleak unreferenced-object thing_make")
add("leak-helpers", leak("slab_post_alloc_hook kmem_cache_alloc_noprof alloc_inode new_inode_pseudo thing_inode"),
    "kmemleak unreferenced-object new_inode_pseudo")
add("leak-own-allocator", leak("__kmalloc kvmalloc_node thing_alloc_queue thing_init_queue thing_open"),
    "kmemleak unreferenced-object thing_init_queue")
add("leak-string", leak("__kmalloc_node_track_caller kstrdup kstrdup_const kvasprintf_const kobject_set_name_vargs "
                        "dev_set_name thing_register"), "kmemleak unreferenced-object dev_set_name")
add("leak-old", leak("kmemleak_alloc kmem_cache_alloc_trace thing_probe really_probe", "address", ""),
    "kmemleak unreferenced-object thing_probe")

# ---- ODEBUG, usercopy, refcount, lists, fortify -----------------------------------------------------


def warning(place, trace, before="", rip=None, end=True):
    text = "------------[ cut here ]------------\n" + before
    text += f"WARNING: CPU: 1 PID: 4711 at {place}\nModules linked in:\n" + cpu()
    text += f"RIP: 0010:{rip or place.split()[1]}\n" + REGISTERS + "Call Trace:\n <TASK>\n"
    text += frames(trace + " " + ENTRY) + USER_REGISTERS + " </TASK>\n"
    return text + ("---[ end trace 0000000000000000 ]---\n" if end else "")


ODEBUG = ("ODEBUG: free active (active state 0) object: ffff88801c6e1ac0 object type: timer_list hint: "
          "thing_timeout+0x0/0x90\n")
add("odebug", stamped(warning("lib/debugobjects.c:514 debug_print_object+0x169/0x250", "debug_check_no_obj_freed "
                              "kfree thing_destroy thing_close", ODEBUG)), "odebug free-active thing_destroy")
add("odebug-assert", stamped(warning("lib/debugobjects.c:505 debug_print_object+0x16a/0x220",
    "debug_object_assert_init "
                                     "del_timer try_to_grab_pending __cancel_work_timer thing_stop",
                                     ODEBUG.replace("free active", "assert_init not available"))),
    "odebug assert-init-not-available thing_stop")
add("odebug-4.16", stamped(ODEBUG + "------------[ cut here ]------------\nWARNING: CPU: 1 PID: 649 at "
                           "lib/debugobjects.c:291 debug_print_object+0x16a/0x220\nKernel panic - not syncing: "
                           "panic_on_warn set ...\n\n" + cpu("4.16.0") + "Call Trace:\n" + frames(
                               "dump_stack panic __warn.cold.6 report_bug do_error_trap do_invalid_op invalid_op")
                           + "RIP: 0010:debug_print_object+0x16a/0x220\n" + REGISTERS + frames(
                               "?vprintk_func debug_check_no_obj_freed __vunmap vfree kvfree thing_free_table "
                               "thing_setsockopt " + ENTRY) + USER_REGISTERS),
    "odebug free-active thing_free_table")
add("usercopy", stamped("usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-64' (offset 0, "
                        "size 128)!\n------------[ cut here ]------------\nkernel BUG at mm/usercopy.c:102!\n" +
                        oops("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", "usercopy_abort", "__check_heap_object "
                             "__check_object_size thing_read vfs_read", die="")), "usercopy usercopy thing_read")
add("usercopy-simple-read", stamped("usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-64' "
                                    "(offset 0, size 128)!\n------------[ cut here ]------------\nkernel BUG at "
                                    "mm/usercopy.c:102!\n" +
                                    oops("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", "usercopy_abort",
                                         "__check_heap_object __check_object_size simple_read_from_buffer thing_read "
                                         "vfs_read", die="")), "usercopy usercopy thing_read")
add("usercopy-whitelist", stamped("usercopy: Bad or missing usercopy whitelist? Kernel memory overwrite attempt "
    "detected "
                                  "to SLUB object 'thing_cache' (offset 16, size 8)!\n------------[ cut here "
                                  "]------------\nkernel BUG at mm/usercopy.c:102!\n" +
                                  oops("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", "usercopy_abort",
                                       "__check_heap_object __check_object_size thing_write vfs_write", die="")),
    "usercopy usercopy thing_write")
add("usercopy-warn", stamped(warning("mm/usercopy.c:78 usercopy_warn+0xdf/0x100", "__check_heap_object "
                                     "__check_object_size thing_put vfs_read", "Bad or missing usercopy whitelist? "
                                     "Kernel memory exposure attempt detected from SLAB object 'UDPv6' (offset 1048, "
                                     "size 4)!\n")), "usercopy usercopy thing_put")
add("usercopy-4.14", stamped("usercopy: kernel memory overwrite attempt detected to ffff8801d9e3c940 (kmalloc-64) "
                             "(100 bytes)\n------------[ cut here ]------------\nkernel BUG at mm/usercopy.c:72!\n" +
                             oops("invalid opcode: 0000 [#1] SMP KASAN", "__check_object_size", "thing_write", die="",
                                  task=False)), "usercopy usercopy thing_write")
add("page-table-check", stamped("------------[ cut here ]------------\nkernel BUG at mm/page_table_check.c:83!\n" +
                                oops("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", "page_table_check_clear",
                                     "__page_table_check_ptes_clear unmap_page_range unmap_vmas exit_mmap", die="")),
    "oops kernel-bug page_table_check_clear")
add("vm-bug-on", stamped("page dumped because: VM_BUG_ON_PAGE(page_ref_count(page) == 0)\n------------[ cut here "
                         "]------------\nkernel BUG at include/linux/mm.h:1050!\n" +
                         oops("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", "thing_free_page", "thing_release",
                              die="")), "oops kernel-bug thing_free_page")
add("refcount", stamped(warning("lib/refcount.c:28 refcount_warn_saturate+0x15a/0x1d0", "refcount_sub_and_test "
                                "kref_put kobject_put thing_put thing_close",
                                "refcount_t: underflow; use-after-free.\n")), "refcount underflow-use-after-free "
                                "thing_put")
add("refcount-no-end", stamped(warning("lib/refcount.c:25 refcount_warn_saturate+0x13d/0x1d0", "thing_get thing_open",
                                       "refcount_t: addition on 0; use-after-free.\n", end=False)
                               + "thing: link is up\n"), "refcount addition-on-0-use-after-free thing_get")
add("refcount-panic", stamped("refcount_t: increment on 0; use-after-free.\nWARNING: CPU: 1 PID: 4711 at "
                              "lib/refcount.c:153 refcount_inc+0x47/0x50\nKernel panic - not syncing: panic_on_warn "
                              "set "
                              "...\n\n" + cpu("4.16.0") + "Call Trace:\n" + frames(
                                  "dump_stack panic __warn.cold.6 report_bug do_error_trap do_invalid_op invalid_op")
                              + "RIP: 0010:refcount_inc+0x47/0x50\n" + REGISTERS + frames(
                                  "thing_hold thing_ioctl " + ENTRY) + USER_REGISTERS + "Kernel Offset: disabled\n"
                              "Rebooting in 86400 seconds..\n"), "refcount increment-on-0-use-after-free thing_hold")
add("list", stamped("list_del corruption. prev->next should be ffff88801c6e1ac0, but was ffff88801c6e1a80\n"
                    "------------[ cut here ]------------\nkernel BUG at lib/list_debug.c:62!\n" +
                    oops("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", "__list_del_entry_valid", "thing_unhook "
                         "thing_close", die="")), "list-debug list-del-corruption thing_unhook")
add("fortify", stamped("detected buffer overflow in strcpy\n------------[ cut here ]------------\nkernel BUG at "
                       "lib/string.c:1143!\n" + oops("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", "fortify_panic",
                                                     "thing_name thing_open", die="")),
    "fortify fortify-buffer-overflow thing_name")
add("fortify-6.9", stamped(warning("lib/string_helpers.c:1032 __fortify_report+0x9d/0xb0", "__fortify_panic thing_name "
                                   "thing_open", "memcpy: detected buffer overflow: 40 byte write of buffer size "
                                   "32\n")),
    "fortify fortify-buffer-overflow thing_name")

# ---- pages ----------------------------------------------------------------------------------------------

add("bad-page", stamped("BUG: Bad page state in process worker  pfn:7c7e4\npage: refcount:0 mapcount:0 "
                        "mapping:0000000000000000 index:0x0 pfn:0x7c7e4\nflags: 0xfff00000000000(node=0|zone=1)\n"
                        "raw: 00fff00000000000 0000000000000000 0000000000000000 0000000000000000\npage dumped "
                        "because: "
                        "PAGE_FLAGS_CHECK_AT_FREE flag(s) set\npage_owner tracks the page as allocated\npage last "
                        "allocated via order 0, migratetype Unmovable, gfp_mask 0xcc0(GFP_KERNEL), pid 4711, tgid 4711 "
                        "(worker), ts 51002, free_ts 0\n" + frames("post_alloc_hook get_page_from_freelist "
                                                                   "__alloc_pages thing_make thing_open")
                        + "page_owner free stack trace missing\nModules linked in:\n" + cpu() + "Call Trace:\n <TASK>\n"
                        + frames("dump_stack_lvl bad_page free_unref_page __free_pages thing_drop " + ENTRY)
                        + " </TASK>\n"), "page-alloc bad-page-state thing_drop")

# ---- KMSAN ----------------------------------------------------------------------------------------------

SHORT_RULE = "=" * 53 + "\n"
KMSAN_TAIL = "\nBytes 0-3 of 24 are uninitialized\nMemory access of size 24 starts at ffff88813ebe8000\n\n"
add("kmsan", stamped(SHORT_RULE + "BUG: KMSAN: uninit-value in thing_send+0x20e/0x60f\n" + frames(
    "thing_send thing_queue process_one_work worker_thread kthread") + "\nUninit was stored to memory at:\n" + frames(
    "thing_copy thing_build") + "\nUninit was created at:\n" + frames("__alloc_pages alloc_pages folio_alloc "
    "thing_page "
    "thing_write") + KMSAN_TAIL + cpu() + "Workqueue: events thing_work\n" + SHORT_RULE),
    "kmsan uninit-value thing_send")
add("kmsan-helper", stamped(SHORT_RULE + "BUG: KMSAN: uninit-value in crypto_shash_update+0x12/0x60\n" + frames(
    "crypto_shash_update string_nocheck thing_hash thing_bind") + "\nLocal variable desc created at:\n" + frames(
    "thing_bind __sys_bind") + "\n" + cpu() + SHORT_RULE), "kmsan uninit-value thing_hash")
add("kmsan-infoleak", stamped(SHORT_RULE + "BUG: KMSAN: kernel-infoleak in _copy_to_iter+0x12/0x60\n" + frames(
    "instrument_copy_to_user _copy_to_iter copy_to_iter thing_recv sock_recvmsg " + ENTRY)
    + "\nUninit was stored to memory at:\n" + frames("thing_pack thing_fill") + "\nUninit was stored to memory at:\n"
    + frames("thing_carry") + "\nUninit was created at:\n" + frames("slab_post_alloc_hook kmem_cache_alloc_node "
    "__alloc_skb thing_new") + KMSAN_TAIL.replace("Memory access", "Data copied to user address 0000000020000000\n"
    "Memory access") + cpu() + SHORT_RULE), "kmsan kernel-infoleak thing_recv")
add("kmsan-panic", stamped(SHORT_RULE + "BUG: KMSAN: uninit-value in thing_test+0x20e/0x60f\n" + cpu("4.19.0") +
    "Call Trace:\n" + frames("dump_stack kmsan_report __msan_warning thing_test thing_ioctl " + ENTRY) + USER_REGISTERS
    + "\nUninit was created at:\n" + frames("kmsan_save_stack_with_flags kmsan_internal_poison_shadow kmsan_slab_alloc "
    "__kmalloc thing_new") + SHORT_RULE), "kmsan uninit-value thing_test")

# ---- KCSAN ----------------------------------------------------------------------------------------------

add("kcsan", stamped(RULE + "BUG: KCSAN: data-race in thing_get / thing_set\n\nwrite to 0xffff88813ebe8010 of 8 "
    "bytes by "
                     "task 4711 on cpu 1:\n" + frames("thing_set thing_ioctl " + ENTRY) + "\nread to "
                     "0xffff88813ebe8010 "
                     "of 8 bytes by interrupt on cpu 0:\n" + frames("thing_get thing_irq __handle_irq_event_percpu")
                     + "\nvalue changed: 0x0000000000000001 -> 0x0000000000000002\n\nReported by Kernel Concurrency "
                     "Sanitizer on:\n" + cpu() + RULE), "kcsan data-race thing_get")
add("kcsan-one", stamped(RULE + "BUG: KCSAN: data-race in thing_get+0x1b/0x40\n\nrace at unknown origin, with read to "
                         "0xffff88813ebe8010 of 4 bytes by task 4711 on cpu 1:\n" + frames("thing_get "
                         "thing_poll " + ENTRY)
                         + "\nReported by Kernel Concurrency Sanitizer on:\n" + cpu() + RULE), "kcsan data-race "
                             "thing_get")

# ---- UBSAN ----------------------------------------------------------------------------------------------


def ubsan(what, detail, trace, rule="=" * 80 + "\n", task=True):
    return (rule + f"UBSAN: {what} in drivers/thing.c:204:17\n{detail}\n" + cpu() + "Call Trace:\n"
            + (" <TASK>\n" if task else "") + frames(trace + " " + ENTRY) + USER_REGISTERS
            + (" </TASK>\n" if task else "") + rule)


add("ubsan-index", stamped(ubsan("array-index-out-of-bounds", "index 9 is out of range for type 'u8 [8]'",
                                 "dump_stack_lvl ubsan_epilogue __ubsan_handle_out_of_bounds thing_row thing_show")),
    "ubsan array-index-out-of-bounds thing_row")
add("ubsan-object", stamped(ubsan("object-size-mismatch", "load of address 00000000aa55aa55 with insufficient space\n"
                                  "for an object of type 'struct thing'", "dump_stack_lvl ubsan_epilogue "
                                  "ubsan_type_mismatch_common __ubsan_handle_type_mismatch_v1 thing_row thing_show")),
    "ubsan object-size-mismatch thing_row")
add("ubsan-old", stamped(ubsan("Undefined behaviour", "member access within null pointer of type 'struct thing'",
                               "dump_stack ubsan_epilogue handle_null_ptr_deref __ubsan_handle_type_mismatch thing_row",
                               task=False)),
    "ubsan undefined-behaviour thing_row")
add("ubsan-6.9", stamped("------------[ cut here ]------------\n" + ubsan(
    "shift-out-of-bounds", "shift exponent 64 is too large for 64-bit type 'unsigned long'",
    "dump_stack_lvl ubsan_epilogue __ubsan_handle_shift_out_of_bounds thing_shift thing_show", "") +
    "---[ end trace ]---\n"), "ubsan shift-out-of-bounds thing_shift")

# ---- KFENCE ---------------------------------------------------------------------------------------------

add("kfence-free", stamped(RULE + "BUG: KFENCE: invalid free in thing_put+0x1b/0x40\n\nInvalid free of "
                           "0xffff8c3f2e292000 (in kfence-#72):\n" + frames("thing_put thing_close") + "\nkfence-#72: "
                           "0xffff8c3f2e292000-0xffff8c3f2e29201f, size=32, cache=kmalloc-32\n\nallocated by task 4711 "
                           "on cpu 1 at 32.919330s:\n" + frames("thing_make thing_open") + "\n" + cpu() + RULE),
    "kfence invalid-free thing_put")
add("kfence-lock", stamped(RULE + "BUG: KFENCE: use-after-free read in do_raw_spin_lock+0x1b/0x40\n\nUse-after-free "
    "read "
                           "at 0x00000000d5bcb15a (in kfence-#72):\n" + frames("do_raw_spin_lock _raw_spin_lock "
                           "thing_poll thing_work") + "\nkfence-#72: 0xffff8c3f2e292000-0xffff8c3f2e29201f, size=32, "
                           "cache=kmalloc-32\n\nallocated by task 4711 on cpu 1 at 32.919330s:\n"
                           + frames("thing_make thing_open") + "\nfreed by task 4712 on cpu 1 at 32.919330s:\n"
                           + frames("thing_drop") + "\n" + cpu() + RULE), "kfence use-after-free-read thing_poll")

# A copy that was inlined into a module: it acts for its caller, as everywhere.
add("kasan-module-copy", stamped(kasan("slab-out-of-bounds", "memcpy", "thing_fill thing_open do_dentry_open", "Write",
                                       1).replace("memcpy+0x12d/0x1e0", "memcpy+0xac/0xc3 [thing]")),
    "kasan slab-out-of-bounds thing_fill")

# ---- whole or not ---------------------------------------------------------------------------------------

WHOLE = kasan("use-after-free", "thing_read", "thing_read vfs_read ksys_read")
add("cut", stamped(WHOLE[:len(WHOLE) // 2]), "kasan use-after-free thing_read !")
# Two processors print at the same time, without caller ids: the lines mix.
OTHER = kasan("slab-out-of-bounds", "pump_write", "pump_write pump_ioctl vfs_ioctl").replace("worker/4711",
    "pumper/812")
LINES, OTHERS = WHOLE.rstrip("\n").split("\n"), OTHER.rstrip("\n").split("\n")
MIXED = LINES[:9]
for number in range(max(len(LINES) - 9, len(OTHERS))):
    MIXED += LINES[9 + number:10 + number] + OTHERS[number:number + 1]
add("unread-mixed", stamped("\n".join(MIXED)), "kasan use-after-free thing_read !",
    "kasan slab-out-of-bounds pump_write !")
add("two", stamped(WHOLE) + stamped(OTHER, 60.0), "kasan use-after-free thing_read",
    "kasan slab-out-of-bounds pump_write")

# ---- forms in which people paste reports ----------------------------------------------------------------

# One report with a headline for each inlined function of the place; the last one counts.
KMSAN_INLINED = (RULE + "BUG: KMSAN: uninit-value in thing_peek include/linux/thing.h:18 [inline]\n"
                 "BUG: KMSAN: uninit-value in thing_send+0x20e/0x60f drivers/thing.c:204\n" + cpu("5.11.0")
                 + "Call Trace:\n" + frames("dump_stack kmsan_report __msan_warning")
                 + " thing_peek include/linux/thing.h:18 [inline]\n" + frames("thing_send thing_ioctl")
                 + "\nUninit was created at:\n" + frames("kmsan_slab_alloc __kmalloc thing_new") + RULE)
add("kmsan-inlined-headlines", KMSAN_INLINED, "kmsan uninit-value thing_send")
add("kmsan-no-indent", "".join(line.lstrip(" ") + "\n" for line in KMSAN_INLINED.splitlines()),
    "kmsan uninit-value thing_send")
add("kmsan-script", SHORT_RULE + "BUG: KMSAN: uninit-value in[<     inline     >] thing_peek drivers/thing.c:12\n"
    "BUG: KMSAN: uninit-value in[<      none      >] thing_send+0x20e/0x60f drivers/thing.c:204\n" + cpu("5.4.0")
    + "Call Trace:\n [<     inline     >] __dump_stack lib/dump_stack.c:77\n"
    " [<      none      >] kmsan_report+0x127/0x220 mm/kmsan/kmsan_report.c:108\n"
    " [<     inline     >] thing_peek drivers/thing.c:12\n"
    " [<      none      >] thing_send+0x20e/0x60f drivers/thing.c:204\n" + SHORT_RULE, "kmsan uninit-value thing_send")
add("stack-protector-helper", stamped(
    "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: devres_release_all+0xc6/0xc6\n"
    + cpu("5.18.0") + "Call Trace:\n" + frames("dump_backtrace show_stack panic thing_start thing_probe really_probe")
    + "---[ end Kernel panic - not syncing: stack-protector ]---\n"),
    "stack-protector stack-protector devres_release_all")
add("stack-protector-prompt", "root@board:~# Kernel panic - not syncing: stack-protector: Kernel stack is corrupted "
    "in: 802e62f8\n\n" + cpu("4.7.10") + frames("unwind_backtrace show_stack panic __stack_chk_fail thing_read", "arm")
    + "Rebooting in 1 seconds..\n", "stack-protector stack-protector thing_read")
for number, front in enumerate(("board login: ", "/ # ", "root@board:~# ", "login: ")):
    add(f"behind-prompt-{number}", front + oops("general protection fault, probably for non-canonical address "
        "0xdffffc0000000000: 0000 [#1] PREEMPT SMP KASAN", "thing_read", "thing_read vfs_read"),
        "oops general-protection-fault thing_read")
add("refcount-5.4", stamped("refcount_t hit zero at thing_put+0x2b/0x70 in worker[4711], uid/euid: 0/0\n"
                            + warning("kernel/panic.c:681 refcount_error_report+0x9c/0xac",
                                      "ex_handler_refcount fixup_exception thing_put thing_close")),
    "refcount hit-zero thing_put")
add("list-warning-first", stamped("WARNING: CPU: 1 PID: 4711 at lib/list_debug.c:53 __list_del_entry+0x63/0xd0\n"
    "list_del corruption, ffff88801c6e1ac0->next is LIST_POISON1 (dead000000000100)\n" + cpu("3.10.0")
    + "Call Trace:\n" + frames("dump_stack warn_slowpath_fmt __list_del_entry list_del thing_unhook thing_close",
                               "address") + "---[ end trace 6f1c2f1b1d1e2a3b ]---\n"),
    "list-debug list-del-corruption thing_unhook")
add("unread-list-warning", stamped("WARNING: CPU: 1 PID: 4711 at lib/list_debug.c:53 __list_del_entry+0x63/0xd0\n"))
add("bad-page-arm", stamped("BUG: Bad page state in process worker  pfn:02e44\npage:ba409190 count:-1 mapcount:0 "
    "mapping:f8f8f8f8 index:0x1\nflags: 0x0()\npage dumped because: nonzero _count\n" + cpu("4.9.45")
    + frames("unwind_backtrace show_stack dump_stack bad_page thing_drop thing_close", "arm")),
    "page-alloc bad-page-state thing_drop")
add("ubsan-list", "".join(f"[   12.34567{i}] UBSAN: array-index-out-of-bounds in drivers/thing.c:{i}:17\n" for i in
                          range(3)), *["ubsan array-index-out-of-bounds - !"] * 3)
add("kmemleak-module-allocator", leak("__kmalloc kmalloc generic_alloc tkmalloc thing_dump thing_show").replace(
    "x1d0\n", "x1d0 [thing]\n"), "kmemleak unreferenced-object thing_dump")
for number, line in enumerate((
        "Allocated in thing_make+0xa98/0xeac age=2 cpu=0 pid=154", "INFO: Freed in thing_drop+0x77/0xb0 age=6 cpu=26 "
        "pid=0", "Redzone  81b6b480: cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc  ................",
        "The buggy address belongs to the object at ffff88801d3b5a40", "Memory state around the buggy address:",
        "Uninit was created at:", "kfence-#72: 0xffff8c3f2e292000-0xffff8c3f2e29201f, size=32, cache=kmalloc-32",
        "comm \"worker\", pid 326, jiffies 4294937906 (age 20379.570s)")):
    add(f"unread-kernel-part-{number}", f"[   12.345678] {line}\n")

# ---- processors that are rare, the old allocator ---------------------------------------------------

MIPS = """\
CPU: 0 PID: 4711 Comm: worker Not tainted 5.10.176 #0
$ 0   : 00000000 00000001 00000000 6b6b6b6b
epc   : 83a04068 thing_word+0x18/0x60 [thing]
ra    : 83a040d4 thing_poll+0x24/0x80 [thing]
Call Trace:
[<83a04068>] thing_word+0x18/0x60 [thing]
[<83a041d4>] thing_poll+0x24/0x80 [thing]
[<80212b10>] vfs_read+0x10/0x60

Code: 00801025  03e00008 <8c420008> 00000000

---[ end trace 7c2a8a9b3f1f2c11 ]---
"""
add("mips-unaligned", stamped("Unhandled kernel unaligned access[#1]:\n" + MIPS), "oops misaligned-access thing_word")
add("mips-bus-error", stamped("Data bus error, epc == 83a04068, ra == 83a040d4\nOops[#1]:\n" + MIPS),
    "oops data-bus-error thing_word")
add("sparc", stamped("""\
Unable to handle kernel NULL pointer dereference
worker(4711): Oops [#1]
CPU: 1 PID: 4711 Comm: worker Not tainted 6.6.30 #12
TSTATE: 0000004411001605 TPC: 0000000010002068 TNPC: 000000001000206c Y: 00000000    Not tainted
TPC: <thing_get+0x8/0x40 [thing]>
RPC: <thing_init+0x24/0x60 [thing]>
Call Trace:
[<0000000000427fac>] do_one_initcall+0x4c/0x200
Disabling lock debugging due to kernel taint
Caller[0000000000427fac]: do_one_initcall+0x4c/0x200
Instruction DUMP:
 c25a2018
---[ end trace 7c2a8a9b3f1f2c11 ]---
"""), "oops null-pointer-dereference thing_get")
add("m68k", stamped("""\
Unable to handle kernel NULL pointer dereference at virtual address 00000008
Oops: 00000000
PC: [<00804068>] thing_get+0x18/0x60 [thing]
SR: 2000  SP: 00f5be30  a2: 00f4c000
Process worker (pid: 4711, task=00f4c000)
Call Trace: [<008040d4>] thing_init+0x24/0x80 [thing]
 [<0000220c>] do_one_initcall+0x4c/0x200
---[ end trace 7c2a8a9b3f1f2c11 ]---
"""), "oops null-pointer-dereference thing_get")
add("s390-null", stamped("""\
Unable to handle kernel pointer dereference in virtual kernel address space
Failing address: 0000000000000000 TEID: 0000000000000483
Fault in home space mode while using kernel ASCE.
Oops: 0004 ilc:2 [#1] SMP
CPU: 1 PID: 4711 Comm: worker Not tainted 6.6.30 #12
Krnl PSW : 0704c00180000000 000003ff8014a1c2 (thing_get+0x32/0x90 [thing])
Call Trace:
 [<000003ff8014a1c2>] thing_get+0x32/0x90 [thing]
 [<0000000000b1a2f8>] do_one_initcall+0xf8/0x2c0
Last Breaking-Event-Address:
 [<000003ff8014a2b2>] thing_init+0x42/0x80 [thing]
---[ end trace 7c2a8a9b3f1f2c11 ]---
"""), "oops null-pointer-dereference thing_get")
add("user-mode", stamped("Kernel panic - not syncing: Kernel mode fault at addr 0x8, ip 0x60041234\n" + cpu()
    + "Call Trace:\n" + frames("show_stack thing_get do_one_initcall", "address") + "---[ end Kernel panic - not "
    "syncing: Kernel mode fault at addr 0x8, ip 0x60041234 ]---\n"), "oops paging-request thing_get")
add("slab-error", stamped("slab error in verify_redzone_free(): cache `size-64': memory outside object was "
    "overwritten\n" + cpu("3.10.0") + "Call Trace:\n"
    + frames("dump_stack __slab_error cache_free_debugcheck kfree thing_drop thing_close", "address")
    + "ffff88003c2b7a38: redzone 1:0xd84156c5635688c0, redzone 2:0xd84156c563568800.\n"),
    "slub redzone-overwritten thing_drop")
add("rss-counter", stamped("BUG: Bad rss-counter state mm:00000000d1c8a3f2 type:MM_ANONPAGES val:1\n"
    "BUG: non-zero pgtables_bytes on freeing mm: 4096\n"), "page-alloc bad-rss-counter-state -",
    "page-alloc non-zero-pgtables-bytes -")
add("mte-asynchronous", stamped("=" * 66 + "\nBUG: KASAN: invalid-access\nAsynchronous fault: no details available\n\n"
    + cpu() + "Call trace:\n" + frames("dump_backtrace show_stack kasan_report_async mte_check_tfsr_el1 el0_svc "
    "el0t_64_sync_handler") + "=" * 66 + "\n"), "kasan invalid-access -")
