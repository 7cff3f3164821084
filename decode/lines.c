/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/lines.c - the lines of a kernel report, or of memsan's, which looks the same: which are its own, and
 * where the report ends.
 *
 * A line belongs to the report when one of the readers below knows it.  The section that the last heading opened says
 * what a frame or a row of bytes means.  Each form has its own end:
 *
 *     KASAN, KFENCE, memsan    a rule of 60 to 70 '='  (SLUB's rule has 77, and old KASAN reports hold one)
 *     KMSAN, KCSAN             a rule of 53 or 66 '='
 *     SLUB                     "FIX …", or the first line behind its call trace that is not its own
 *     kmemleak                 the first line that is not indented
 *     oops                     "---[ end trace …", the end of a panic; without these, it is whole when its trace is
 *     page poison and others   the first line behind the call trace that is not the report's own
 *
 * The next report may begin with a rule, too.  So a rule that comes before the report is whole (its last rows of memory
 * are missing) closes the report only when no headline follows on the next line.
 */
#include "config.h"

#include "decode/decode_internal.h"

/* ---- kmemleak -------------------------------------------------------------------------------- */

static void leak_comm(struct decode_record *r, const char *p)
{
	const char *end = strstr(p, "\", pid ");
	uint64_t value;

	if (end) {
		r->comm = decode_record_string(r, p, (size_t)(end - p));
		if (number_decimal(end + 7, &value)) {
			r->pid = r->tid = (uint32_t)value;
			r->have_pid = r->have_tid = true;
		}
	}
}

/* memsan: "  direct: 3 objects of 96 bytes in malloc-32, holding 2 more of 40 bytes" */
static bool leak_class(struct decode_record *r, const char *t)
{
	const char *colon = strstr(t, ": "), *in;

	if (!colon || !number_decimal(colon + 2, &r->leak.objects) || !strstr(colon, " object"))
		return false;
	r->detector = "memsan";
	r->leak.class = decode_record_string(r, t, (size_t)(colon - t));
	if (starts(t, "reachable: ")) /* up to version 0.2 the headline called this unreferenced, too */
		r->kind = "reachable-object";
	decode_decimal_after(colon, " of ", &r->leak.bytes);
	if ((in = strstr(colon, " bytes in ")) != NULL)
		r->object.cache = decode_record_string(r, in + 10, strcspn(in + 10, ", "));
	if ((in = strstr(colon, "holding ")) != NULL) {
		number_decimal(in + 8, &r->leak.held_objects);
		decode_decimal_after(in, " of ", &r->leak.held_bytes);
	}
	return true;
}

static enum decode_answer line_kmemleak(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t, *p;

	if (o->printed_leak && starts(text, DECODE_PRINTED_LEAK))
		text += strlen(DECODE_PRINTED_LEAK);
	t = text + strspn(text, " \t");
	if (!*t)
		return o->trace_began && (!o->stack || o->stack->nr) ? LINE_BEHIND : LINE_TAKEN;
	if (decode_read_module(o, t))
		return LINE_TAKEN;
	if (t == text)
		return LINE_BEHIND;
	if ((p = after(t, "comm \"")) != NULL) {
		leak_comm(r, p);
		return LINE_TAKEN;
	}
	if (starts(t, "hex dump")) {
		o->section = SECTION_HEX;
		r->row_scale = 1;
		return LINE_TAKEN;
	}
	if (decode_read_trace_heading(o, t))
		return LINE_TAKEN;
	if (o->section == SECTION_HEX)
		return decode_add_row(r, r->object.addr + 16 * r->nr_rows, t, 'o') ? LINE_TAKEN : LINE_FOREIGN;
	if (o->section == SECTION_TRACE)
		return *t == '(' || decode_frame_kernel(r, o->stack, t) ? LINE_TAKEN : LINE_BEHIND;
	return leak_class(r, t) ? LINE_TAKEN : LINE_FOREIGN;
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* The lines that name the instruction of a fault, for each processor.  Those without `own` name another one, or a
 * program's. */
static const struct {
	const char *mark;
	bool own;
} instruction_marks[] = {
	{ "RIP: 0033:", false }, { "RIP: 0023:", false }, { "RIP: 002b:", false }, { "RIP: ", true },
	{ "IP: ", true },        { "EIP: ", true },       { "pc : ", true },       { "PC is at ", true },
	{ "lr : ", false },      { "LR is at ", false },  { "NIP [", true },       { "NIP: ", true },
	{ "LR [", false },       { "epc : ", true },      { "epc   : ", true },    { "ra : ", false },
	{ "ra    : ", false },   { "Krnl PSW : ", true }, { "ERA: ", true },       { "   ra: ", false },
	{ "IAOQ[0]: ", true },   { "TPC: <", true },      { "PC: [<", true },      { "pc is at ", true },
	{ "[ERET  ]: ", true },
};

/* "RIP: 0010:func+0x1/0x2 [mod]", "pc : func+0x1/0x2": the instruction itself. */
static bool read_rip(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	struct decode_frame place, *f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(instruction_marks) && !starts(t, instruction_marks[i].mark); i++)
		;
	if (i == ARRAY_SIZE(instruction_marks))
		return false;
	if (starts(t, "RIP: ") && strspn(t + 5, "0123456789abcdef") == 4 && t[9] == ':')
		t += 10;
	else
		t += strlen(instruction_marks[i].mark);
	t += strcspn(t, "(") < strcspn(t, "+") ? strcspn(t, "(") + 1 : 0; /* s390: in parentheses */
	if (!instruction_marks[i].own || r->nr_stacks || !decode_place(r, t, &place, NULL))
		return true;
	o->stack = decode_record_stack(r, "access");
	f = o->stack ? decode_stack_frame(r, o->stack) : NULL;
	if (f) {
		place.at_line = f->at_line;
		*f = place;
		f->exact = true;
	}
	return true;
}

/* A WARNING names the function: "WARNING: CPU: 0 PID: 12 at lib/refcount.c:28 refcount_warn_saturate+0x8f/0xe0". */
static bool read_warning(struct decode_record *r, const char *t)
{
	const char *p = after(t, "WARNING: ");

	return p && (!starts(p, "CPU: ") || decode_read_cpu(r, p));
}

static bool read_registers(const char *t)
{
	/* Many on a line. */
	/* clang-format off */
	static const char *const marks[] = {
		"RSP: ", "RAX: ", "RBP: ", "RDX: ", "RBX: ", "R10: ", "R13: ", "ORIG_RAX: ", "EFLAGS: ", "FS: ",
		"CS: ", "CR2: ", "DR0: ", "DR3: ", "PKRU: ", "Code: ", "#PF: ", "PGD ", "P4D ", "PUD ", "Oops: ",
		"Oops ", "Internal error: ", "Mem abort info:", "ESR = ", "EC = ", "SET = ", "EA = ", "FSC = ",
		"Data abort info:", "ISV = ", "CM = ", "user pgtable:", "swapper pgtable:", "pstate: ", "sp : ",
		"x29: ", "x2", "x1", "x9 : ", "x8 : ", "x6 : ", "x5 : ", "x3 : ", "x2 : ", "x0 : ", "[ffff", "[0000",
		"[dead", "[dff", "Exception stack", "Task stack:", "IRQ stack:", "Overflow stack:", "Process ",
		"Stack: ", "task: ", "invalid opcode", "kernel BUG at ", "stack guard page: ",
		"kernel stack overflow ", "Kernel panic - not syncing: ", "SMP: stopping", "Dumping ftrace",
		"------------[ cut here", "Modules linked in:", "traps: ", "TASK stack guard page: ", "GS: ",
		"Last level", "note: ", "CPU features:", "Memory Limit:", "lr : ", "BTYPE", "EAX: ", "ESI: ", "DS: ",
		"CR0: ", "DR6: ", "Tainted: ", "Hardware name:", "Workqueue:", "UBSAN: ", "Unloaded tainted modules:",
		"[fee", "8<--- cut here", "Faulting instruction address:", "LE PAGE_SIZE=", "BE PAGE_SIZE=", "REGS: ",
		"MSR: ", "CFAR: ", "GPR0", "GPR1", "GPR2", "XER: ", "Instruction dump:", "--- interrupt: ",
		"Failing address:", "Fault in ", "AS:", "Krnl ", "R:0 ", "Oops[", "$ ", "Hi ", "Lo ", "Status: ",
		"Cause : ", "BadVA : ", "PrId ", "status: ", "gp : ", "t0 : ", "s0 : ", "a0 : ", "Flags: ", "Control: ",
		"Register r", "psr: ", "Segment ", "PC is at", "Last Breaking-Event-Address", "Kernel Offset:",
		"Rebooting in", "pgd = ", "SMP: failed", "Starting crashdump", "Kernel attempted to ",
		"kasan: CONFIG_KASAN",
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (starts(t, marks[i]))
			return true;
	return false;
}

/* "KASAN: null-ptr-deref in range [0x0000000000000000-0x0000000000000007]", "KASAN: maybe wild-memory-access in
 * range […]". */
static bool read_hint(struct decode_record *r, const char *t)
{
	const char *p = after(t, "KASAN: "), *in;

	if (!p || !(in = strstr(p, " in range [")))
		return false;
	r->detector = "kasan";
	if (starts(p, "probably "))
		p += 9;
	if (starts(p, "maybe "))
		p += 6;
	r->kind = decode_kind(r, p, (size_t)(in - p));
	r->have_addr = decode_hex(in + 11, &r->addr) != NULL;
	return true;
}

/* s390: "Failing address: 0000000000000000 TEID: 0000000000000483", of a page. */
static bool read_failing_address(struct decode_record *r, const char *t)
{
	const char *p = after(t, "Failing address: ");

	if (!p)
		return false;
	r->have_addr = decode_hex(p, &r->addr) != NULL;
	if (r->have_addr && r->addr < 4096 && strcmp(r->kind, "paging-request") == 0)
		r->kind = "null-pointer-dereference";
	return true;
}

static bool read_page_fault_access(struct decode_record *r, const char *t)
{
	if (!starts(t, "#PF: "))
		return false;
	if (strstr(t, "read access"))
		r->access = "read";
	else if (strstr(t, "write access"))
		r->access = "write";
	else if (strstr(t, "instruction fetch"))
		r->access = "execute";
	return true;
}

/* Lines that a report has only once.  When one comes again, another report's lines are among this one's. */
static void watch_mixture(struct decode_open *o, const char *t)
{
	static const char *const once[] = { "Allocated by task ",
		                            "Freed by task ",
		                            "Memory state around the buggy",
		                            "The buggy address belongs to the object",
		                            "Reported by Kernel Concurrency",
		                            "Bytes " };
	struct decode_record *r = o->record;
	uint64_t pid;

	if (strcmp(r->detector, "memsan") == 0) {
		o->mixed |= starts(t, "PID: ") && number_decimal(t + 5, &pid) && r->have_pid && r->pid != (uint32_t)pid;
		return;
	}
	if (starts(t, "CPU: ") && decode_decimal_after(t, " PID: ", &pid)) {
		o->mixed |= o->pids++ && r->have_pid && r->pid != (uint32_t)pid;
		return;
	}
	if (decode_access_words(t) && strstr(t, " of size ")) {
		o->mixed |= r->access != NULL && r->have_size;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(once); i++)
		if (starts(t, once[i])) {
			o->mixed |= (o->headings >> i & 1) != 0;
			o->headings |= 1u << i;
		}
}

/* Lines that several forms of kernel reports have. */
static bool read_common(struct decode_open *o, const char *text, const char *t)
{
	struct decode_record *r = o->record;
	const char *pid;
	uint64_t tid;

	o->user_registers |= starts(t, "RIP: 0033:") || starts(t, "RIP: 0023:");
	if (o->form == FORM_KASAN)
		watch_mixture(o, t);
	if (read_hint(r, t) || read_page_fault_access(r, t) || read_warning(r, t) || read_failing_address(r, t))
		return true;
	if (decode_read_cpu(r, t)) {
		if (o->section != SECTION_TRACE || o->form == FORM_KASAN)
			o->stack = NULL;
		o->saw_summary = true;
		return true;
	}
	if (decode_read_heading(o, t) || decode_read_trace_heading(o, t) || decode_read_access(r, t) ||
	    decode_read_kfence_access(o, t) || decode_read_kfence_object(o, t))
		return true;
	if (o->stack && !o->stack->nr && (pid = after(t, "PID = ")) != NULL &&
	    number_decimal(pid, &tid)) { /* Linux 4.8 to 4.10 */
		o->stack->tid = (uint32_t)tid;
		o->stack->have_tid = true;
		return true;
	}
	if (starts(t, "Pointer tag: [")) {
		r->tags = decode_record_string(r, t, strlen(t));
		return true;
	}
	if (starts(t, "The buggy address is located in the frame of:")) {
		decode_open_stack(o, SECTION_FRAME, "frame");
		return true;
	}
	return decode_read_memory(o, text) || decode_read_object(o, t) || decode_read_page(o, t) ||
	       (o->form != FORM_SLUB && decode_read_place(o, t));
}

/* A frame, or a line that may stand between frames. */
static bool read_frame(struct decode_open *o, const char *text, const char *t)
{
	struct decode_record *r = o->record;

	if (*t == '<' && (starts(t, "<TASK>") || starts(t, "</TASK>") || starts(t, "<IRQ>") || starts(t, "</IRQ>") ||
	                  starts(t, "<NMI>") || starts(t, "</NMI>") || starts(t, "<#") || starts(t, "</#") ||
	                  starts(t, "<EOI>") || starts(t, "<<"))) {
		o->task_began |= starts(t, "<TASK>");
		o->trace_ended |= starts(t, "</TASK>");
		return true;
	}
	if (starts(t, "===") && o->form == FORM_OOPS)
		return true;
	if (!o->trace_began &&
	    (starts(t, "unwind_backtrace from ") || (*t == '[' && strstr(t, "(unwind_backtrace) from "))))
		decode_read_trace_heading(o, "Call Trace:"); /* ARM has no heading above it */
	if (!o->stack || o->section == SECTION_PAGE)
		return (o->section == SECTION_PAGE || o->section == SECTION_PLACE || o->section == SECTION_TRACE) &&
		       text != t && decode_frame_kernel(r, NULL, t);
	/* this frame stood in the heading already; now its callers follow */
	if (o->form == FORM_SLUB && o->stack->nr == 1 && o->stack->frames[0].at_line == DECODE_NONE &&
	    decode_frame_kernel(r, NULL, t))
		o->stack->nr = 0;
	if (*t == '(' && (strstr(t, "frames") || strstr(t, " times more)")))
		return true;
	return decode_frame_kernel(r, o->stack, t);
}

/* Is this a trace whose end will be marked?  Where the program's registers follow the last frame, "</TASK>" may be
 * missing. */
static bool trace_open(const struct decode_open *o)
{
	return o->task_began && !o->trace_ended && !o->user_registers && o->section == SECTION_TRACE;
}

/* ---- forms ----------------------------------------------------------------------------------- */

/* Linux 4.x prints SLUB's description of the object inside KASAN's report. */
static bool read_inner_slub(struct decode_open *o, const char *t)
{
	struct decode_object *object = &o->record->object;

	if (starts(t, "BUG ") && strstr(t, "): kasan")) {
		object->cache = decode_record_string(o->record, t + 4, strcspn(t + 4, " "));
		object->present = true;
		o->inner_slub = true;
		return true;
	}
	return o->inner_slub && !o->trace_began && decode_read_slub(o, t);
}

/* KMSAN: where the value that was not initialised comes from. */
static bool read_kmsan(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;

	if (starts(t, "Uninit was stored to memory at:")) {
		decode_open_stack(o, SECTION_TRACE, "stored");
	} else if (starts(t, "Uninit was created at:") || starts(t, "Local variable ")) {
		decode_open_stack(o, SECTION_TRACE, "origin");
		if (*t == 'L')
			r->place = decode_record_string(r, t, strlen(t));
	} else if (starts(t, "Bytes ") || starts(t, "Byte ")) {
		r->detail = decode_record_string(r, t, strlen(t));
		o->stack = NULL;
	} else if (starts(t, "Memory access of size ")) {
		r->have_size = decode_decimal_after(t, "of size ", &r->access_size);
		r->have_addr = decode_hex_after(t, "starts at ", &r->addr);
	} else {
		return starts(t, "Data copied to user address ");
	}
	return true;
}

/* KCSAN: "write to 0xffff… of 8 bytes by task 12 on cpu 1:", "race at unknown origin, with read to …". */
static bool read_kcsan(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *to = strstr(t, " to 0x"), *by = strstr(t, " by ");
	uint64_t tid;

	if (starts(t, "value changed: ")) {
		r->detail = decode_record_string(r, t, strlen(t));
		o->stack = NULL;
		return true;
	}
	if (!to || !by || !strstr(to, " bytes by "))
		return starts(t, "Reported by Kernel Concurrency") || starts(t, "assert no ");
	decode_open_stack(o, SECTION_TRACE, o->trace_began ? "other" : "access");
	if (!o->trace_began) {
		r->have_addr = decode_hex_after(t, " to ", &r->addr);
		r->have_size = decode_decimal_after(t, " of ", &r->access_size);
		r->access = strstr(t, "write") || strstr(t, "read-write") ? "write" : "read";
	}
	o->trace_began = true;
	if (o->stack && decode_decimal_after(by, "by task ", &tid)) {
		o->stack->tid = (uint32_t)tid;
		o->stack->have_tid = true;
	}
	return true;
}

static bool kasan_is_whole(const struct decode_open *o)
{
	const char *detector = o->record->detector;

	if (strcmp(detector, "memsan") == 0)
		return o->summed_up;
	return strcmp(detector, "kasan") == 0 ? o->saw_memory : o->saw_summary;
}

/* Lines that only memsan's reports have: remarks in the head, what shadow bytes mean, the next step with its commands,
 * and the summary. */
static bool read_memsan(struct decode_open *o, const char *text, const char *t)
{
	if (o->section == SECTION_HEAD && (starts(t, "Meaning: ") || starts(t, "The call trace shows ") ||
	                                   starts(t, "The damage was done ") || decode_read_first_byte(o->record, t)))
		return true;
	if (starts(text, "Next: ")) {
		o->section = SECTION_NEXT;
		o->stack = NULL;
		return true;
	}
	if (starts(text, "SUMMARY: MEMSAN: ")) {
		o->mixed |= o->summed_up || decode_summary_differs(o, text);
		o->summed_up = true;
		o->section = SECTION_HEAD;
		o->stack = NULL;
		return true;
	}
	return (o->section == SECTION_NEXT && *text == ' ') ||
	       (o->section == SECTION_MEMORY && starts(text, "Shadow bytes: "));
}

static enum decode_answer line_kasan(struct decode_open *o, const char *text, const char *t)
{
	struct decode_record *r = o->record;
	size_t rule = decode_rule_length(t);

	if (rule >= DECODE_LEAST_RULE && rule <= DECODE_SHORT_RULE) {
		bool whole = kasan_is_whole(o);
		if (whole && r->nr_stacks)
			return LINE_LAST;
		o->closed = true;
		return LINE_TAKEN;
	}
	if (strcmp(r->detector, "memsan") == 0 && read_memsan(o, text, t))
		return LINE_TAKEN;
	if (decode_read_module(o, t))
		return LINE_TAKEN;
	if ((strcmp(r->detector, "kmsan") == 0 && read_kmsan(o, t)) ||
	    (strcmp(r->detector, "kcsan") == 0 && read_kcsan(o, t)))
		return LINE_TAKEN;
	if ((o->section == SECTION_OBJECT && decode_read_slub(o, t)) || rule > DECODE_SHORT_RULE ||
	    read_inner_slub(o, t))
		return o->section = SECTION_OBJECT, LINE_TAKEN;
	if (strspn(t, "-") > 20 && !t[strspn(t, "-")])
		return LINE_TAKEN;
	if (read_common(o, text, t) || read_frame(o, text, t) || read_registers(t))
		return LINE_TAKEN;
	if (starts(t,
	           "Asynchronous ")) { /* MTE noticed later, on the way out of the kernel: nobody knows where it was */
		r->title_function = NULL;
		return LINE_TAKEN;
	}
	if (!*t) {
		o->stack = strcmp(r->detector, "kfence") == 0 || o->section != SECTION_TRACE ? NULL : o->stack;
		o->section = o->section == SECTION_TRACE ? o->section : SECTION_HEAD;
		return LINE_TAKEN;
	}
	return starts(t, "Disabling lock debugging") ? LINE_TAKEN : LINE_FOREIGN;
}

static enum decode_answer line_slub(struct decode_open *o, const char *text, const char *t)
{
	if (starts(t, "FIX ")) {
		size_t len = o->record->object.cache ? strlen(o->record->object.cache) : 0;
		return strncmp(t + 4, o->record->object.cache ? o->record->object.cache : "", len) == 0 &&
		                       t[4 + len] == ':'
		               ? LINE_LAST
		               : LINE_BEHIND;
	}
	if (decode_rule_length(t) > DECODE_SHORT_RULE && (o->trace_began || o->record->nr_stacks))
		return LINE_BEHIND;
	if (o->trace_ended && !starts(t, "Object 0x") && !starts(t, "Allocated in") && !starts(t, "Freed in") &&
	    !starts(t, "INFO: Object"))
		return !*t                                                                       ? LINE_TAKEN
		       : o->section == SECTION_TRACE || !decode_frame_kernel(o->record, NULL, t) ? LINE_BEHIND
		                                                                                 : LINE_TAKEN;
	if (decode_read_heading(o, t))
		return LINE_TAKEN;
	if (decode_read_slub(o, t) || read_common(o, text, t) || read_frame(o, text, t) || read_registers(t) || !*t)
		return LINE_TAKEN;
	return o->trace_began && o->stack && o->stack->nr && o->section == SECTION_TRACE && !trace_open(o)
	               ? LINE_BEHIND
	               : LINE_FOREIGN;
}

/* Another processor's registers and stack may follow a fault: "NMI backtrace for cpu 1". */
static bool begins_other_cpu(const char *t)
{
	return starts(t, "NMI backtrace for cpu ") || starts(t, "Sending NMI from CPU ") ||
	       starts(t, "CPU0: stopping") || starts(t, "CPU1: stopping") || starts(t, "Showing all locks held");
}

/* The functions at which every trace ends. */
static bool is_last_function(const char *function)
{
	static const char *const last[] = { "entry_SYSCALL",   "ret_from_fork",      "el0",
		                            "start_secondary", "secondary_startup",  "ret_fast_syscall",
		                            "system_call",     "start_kernel",       "x86_64_start_kernel",
		                            "entry_INT80",     "entry_SYSENTER",     "ret_from_kernel_thread",
		                            "asm_exc_",        "ret_from_exception", "kthread",
		                            "rest_init",       "tracesys",           "syscall_return",
		                            "syscall_exit" };

	for (size_t i = 0; i < ARRAY_SIZE(last); i++)
		if (starts(function, last[i]))
			return true;
	return false;
}

/* Does the stack have more than the instruction of the fault? */
static bool has_callers(const struct decode_stack *s)
{
	return s->nr > 1 || (s->nr == 1 && !s->frames[0].exact);
}

/* Has a fault's call trace been seen to its end? */
static bool trace_is_whole(const struct decode_open *o)
{
	const struct decode_stack *s = decode_record_main_stack(o->record);

	if (!s || !has_callers(s) || trace_open(o))
		return false;
	return o->trace_over || o->trace_ended || o->user_registers ||
	       (s->frames[s->nr - 1].function && is_last_function(s->frames[s->nr - 1].function));
}

static enum decode_answer line_oops(struct decode_open *o, const char *text, const char *t)
{
	struct decode_record *r = o->record;
	bool in_trace = o->section == SECTION_TRACE && o->trace_began && o->stack && has_callers(o->stack);

	if (starts(t, "---[ end trace") || starts(t, "---[ end Kernel panic"))
		return LINE_LAST;
	if (decode_rule_length(t) >= 60)
		return strcmp(r->detector, "ubsan") == 0 ? LINE_LAST : LINE_BEHIND;
	o->other_cpu |= begins_other_cpu(t);
	if (o->other_cpu)
		return LINE_TAKEN;
	if (o->gpf_hint && starts(t, "general protection fault")) {
		o->gpf_hint = false;
		return LINE_TAKEN;
	}
	if (o->vague && decode_headline_completed(o, t))
		return LINE_TAKEN;
	if (starts(t, "status: ") && strstr(t, " badaddr: ")) { /* RISC-V has no heading above its trace */
		decode_read_trace_heading(o, "Call Trace:");
		return LINE_TAKEN;
	}
	if (read_rip(o, t) || read_common(o, text, t))
		return LINE_TAKEN;
	if (o->form == FORM_OOPS && strcmp(r->detector, "ubsan") == 0 && o->trace_ended)
		return *t && !starts(t, "---") ? LINE_BEHIND : LINE_TAKEN;
	if (read_frame(o, text, t) || !*t)
		return LINE_TAKEN;
	o->trace_over |= in_trace;
	return read_registers(t) ? LINE_TAKEN : LINE_FOREIGN;
}

/* print_hex_dump's "00000010: aa aa aa …", then the stack. */
static enum decode_answer line_trace(struct decode_open *o, const char *text, const char *t)
{
	struct decode_record *r = o->record;
	const char *behind;
	uint64_t addr;

	if (o->trace_ended && strcmp(r->detector, "page-poison") == 0 && decode_read_page(o, t))
		return LINE_TAKEN;
	if (o->trace_ended || decode_rule_length(t) >= 60)
		return LINE_BEHIND;
	if (!o->trace_began && (behind = decode_hex(t, &addr)) != NULL && *behind == ':' &&
	    decode_add_row(r, addr, behind + 1, 'p')) {
		r->row_scale = 1;
		return LINE_TAKEN;
	}
	if (read_common(o, text, t) || read_frame(o, text, t) || read_registers(t) || !*t)
		return LINE_TAKEN;
	return o->stack && o->stack->nr && o->section == SECTION_TRACE && !trace_open(o) ? LINE_BEHIND : LINE_FOREIGN;
}

enum decode_answer decode_line(struct decode_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t");

	switch (o->form) {
	case FORM_KASAN:
		return line_kasan(o, text, t);
	case FORM_SLUB:
		return line_slub(o, text, t);
	case FORM_KMEMLEAK:
		return line_kmemleak(o, text);
	case FORM_OOPS:
		return line_oops(o, text, t);
	case FORM_TRACE:
		return line_trace(o, text, t);
	case FORM_ASAN:
		return decode_line_asan(o, text);
	case FORM_TSAN:
		return decode_line_tsan(o, text);
	case FORM_UBSAN:
		return decode_line_ubsan(o, text);
	case FORM_VALGRIND:
		return decode_line_valgrind(o, text);
	case FORM_VALGRIND_XML:
		return decode_line_valgrind_xml(o, text);
	case FORM_GWP:
		return decode_line_gwp(o, text);
	case FORM_TOMBSTONE:
		return decode_line_tombstone(o, text);
	case FORM_MESSAGE:
		return decode_line_message(o, text);
	case FORM_CRASH:
		return decode_line_crash(o, text);
	case FORM_CHECKER:
		return decode_line_checker(o, text);
	default:
		return LINE_FOREIGN;
	}
}

/* ---- whole or not ---------------------------------------------------------------------------- */

const char *decode_missing(const struct decode_open *o)
{
	const struct decode_record *r = o->record;
	const struct decode_stack *s = decode_record_main_stack(r);

	switch (o->form) {
	case FORM_KASAN:
		return o->closed ? NULL : "its closing line is missing";
	case FORM_SLUB:
		if (trace_open(o))
			return "its call trace goes on";
		return s && (o->trace_began || o->trace_ended) && o->stack && o->stack->nr ? NULL
		       : o->trace_ended                                                    ? NULL
		                        : "its call trace is missing";
	case FORM_KMEMLEAK:
		return s ? NULL : "its backtrace is missing";
	case FORM_OOPS:
		return !s ? "its call trace is missing" : trace_is_whole(o) ? NULL : "its call trace goes on";
	case FORM_TRACE:
		if (strstr(r->kind, "-counter-state") || strstr(r->kind, "pgtables-bytes")) /* one line */
			return NULL;
		return trace_open(o) ? "its call trace goes on" : s ? NULL : "its call trace is missing";
	case FORM_ASAN:
	case FORM_TSAN:
		return o->saw_summary || o->ends_alone ? NULL : "its summary is missing";
	case FORM_VALGRIND_XML:
		return o->saw_summary ? NULL : "its closing element is missing";
	case FORM_GWP:
		return o->saw_summary ? NULL : "its closing line is missing";
	case FORM_UBSAN:
		return !s || s->frames[0].at_line == DECODE_NONE || o->trace_over ? NULL : "its stack goes on";
	case FORM_TOMBSTONE:
		return s ? NULL : "its backtrace is missing";
	case FORM_VALGRIND:
		return s ? NULL : "its stack is missing";
	default:
		return NULL;
	}
}

const char *decode_unfinished(const struct decode_open *o)
{
	const struct decode_record *r = o->record;
	const struct decode_stack *s = decode_record_main_stack(r);
	bool none = !s || !s->nr;

	if (o->form == FORM_CRASH && strcmp(r->detector, "go") == 0)
		return none                                                                ? "its stack is missing"
		       : o->trace_ended || decode_frame_is_start(r, &s->frames[s->nr - 1]) ? NULL
		                                                                           : "its stack goes on";
	if (o->form == FORM_CHECKER && strcmp(r->detector, "drmemory") == 0 && !r->leak.class)
		return none ? "its stack is missing" : o->saw_summary ? NULL : "its notes are missing";
	return NULL;
}

bool decode_goes_on(const struct decode_open *o, const char *text)
{
	return *text == ' ' && o->section == SECTION_TRACE && o->stack && decode_frame_kernel(o->record, NULL, text);
}

bool decode_trace_goes_on(const struct decode_open *o)
{
	if (o->form != FORM_SLUB && o->form != FORM_KMEMLEAK && o->form != FORM_TRACE)
		return false;
	return o->section == SECTION_TRACE && !o->trace_ended && !decode_record_guilty(o->record);
}
