/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/lines_access.c - lines about the access and the task, and the headings of stacks. */
#include "config.h"

#include "decode/decode_internal.h"

/* ---- the access and the task ----------------------------------------------------------------- */

static void set_access_type(struct decode_record *r, const char *word)
{
	static const char *const types[] = { "read", "write", "free", "access", "execute" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strncasecmp(word, types[i], strlen(types[i])) == 0)
			r->access = types[i];
}

/* "insmod/2760", or behind " by thread ": "x/12".  The name may hold slashes. */
static void set_task(struct decode_record *r, const char *p)
{
	size_t len = strcspn(p, "\r\n"), slash = len;
	uint64_t pid;

	while (slash && p[slash - 1] != '/')
		slash--;
	if (!slash || !number_decimal(p + slash, &pid))
		return;
	r->comm = decode_record_string(r, p, slash - 1);
	r->tid = (uint32_t)pid;
	r->have_tid = true;
	if (!r->have_pid)
		r->pid = r->tid;
	r->have_pid = true;
}

bool decode_access_words(const char *t)
{
	static const char *const words[] = { "Read ", "Write ", "Free ", "Access ", "Execute ", "Jump " };
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		known |= starts(t, words[i]);
	return known;
}

/* "Write of size 1 at addr ffff8801f44ec37b by task insmod/2760"; before Linux 4.10: "Read of size 1 by task x/1". */
bool decode_read_access(struct decode_record *r, const char *t)
{
	bool known = decode_access_words(t);
	const char *by;

	by = strstr(t, " by task ");
	if (!by)
		by = strstr(t, " by thread ");
	if (!known || (!by && !strstr(t, " at addr ")))
		return false;
	set_access_type(r, t);
	if (decode_decimal_after(t, " of size ", &r->access_size))
		r->have_size = true;
	if (decode_hex_after(t, " at addr ", &r->addr) || decode_hex_after(t, "of addr ", &r->addr))
		r->have_addr = true;
	if (by)
		set_task(r, strchr(by + 4, ' ') + 1);
	return true;
}

/* The kernel: "CPU: 1 PID: 2760 Comm: insmod Tainted: G    B   4.19.0-rc3+ #698". memsan: "PID: 1 TID: 2 Comm: x
 * memsan 0.1.0 Exe: /x In: free". */
bool decode_read_cpu(struct decode_record *r, const char *t)
{
	const char *comm, *end, *version;
	uint64_t value;

	if (!starts(t, "CPU: ") && !starts(t, "PID: "))
		return false;
	if (decode_decimal_after(t, "CPU: ", &value)) {
		r->cpu = (uint32_t)value;
		r->have_cpu = true;
	}
	if (decode_decimal_after(t, "PID: ", &value)) {
		r->pid = (uint32_t)value;
		r->have_pid = true;
		if (!r->have_tid)
			r->tid = r->pid;
		r->have_tid = true;
	}
	if (decode_decimal_after(t, "TID: ", &value))
		r->tid = (uint32_t)value;
	comm = strstr(t, "Comm: ");
	if (!comm)
		return true;
	comm += 6;
	end = strstr(comm, " Not tainted");
	version = end ? end + 13 : NULL;
	if (!end && (end = strstr(comm, " Tainted: ")) != NULL) {
		const char *p = end + 10;
		/* flags are capital letters and blanks; since Linux 6.14 also "[W]=WARN" */
		while (*p == ' ' || (*p >= 'A' && *p <= 'Z' && (p[1] == ' ' || (p[1] >= 'A' && p[1] <= 'Z'))) ||
		       *p == '[')
			p += *p == '[' ? strcspn(p, " ") : 1;
		version = p;
		while (p > end && p[-1] == ' ')
			p--;
		r->tainted = decode_record_string(r, end + 1, (size_t)(p - end - 1));
	}
	if (!end)
		end = strstr(comm, " memsan ");
	if (!r->comm)
		r->comm = decode_record_string(r, comm, end ? (size_t)(end - comm) : strlen(comm));
	if (version)
		r->kernel = decode_record_string(r, version, strcspn(version, " "));
	if ((comm = strstr(t, " Exe: ")) != NULL) {
		end = strstr(comm + 6, " In: ");
		r->exe = decode_record_string(r, comm + 6, end ? (size_t)(end - comm - 6) : strlen(comm + 6));
	}
	return true;
}

/* KFENCE: "Out-of-bounds read at 0xffff8c3f2e291fff (1B left of kfence-#72):" and similar lines; a stack follows. */
bool decode_read_kfence_access(struct decode_open *o, const char *t)
{
	static const struct {
		const char *mark, *access;
	} marks[] = {
		{ "Out-of-bounds read at ", "read" },  { "Out-of-bounds write at ", "write" },
		{ "Use-after-free read at ", "read" }, { "Use-after-free write at ", "write" },
		{ "Corrupted memory at ", "write" },   { "Invalid free of ", "free" },
		{ "Invalid read at ", "read" },        { "Invalid write at ", "write" },
	};
	struct decode_record *r = o->record;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *p = after(t, marks[i].mark);
		if (!p || !decode_hex(p, &r->addr))
			continue;
		r->access = marks[i].access;
		r->have_addr = true;
		if ((p = strchr(p, '(')) != NULL && number_decimal(p + 1, &r->object.distance)) {
			r->object.have_distance = true;
			r->object.relation = strstr(p, "B left of") ? "to the left of" : "to the right of";
		}
		o->section = SECTION_TRACE;
		o->stack = decode_record_stack(r, starts(t, "Corrupted") ? "noticed" : "access");
		return true;
	}
	return false;
}

/* ---- headings of stacks ---------------------------------------------------------------------- */

void decode_open_stack(struct decode_open *o, enum decode_section section, const char *role)
{
	o->section = section;
	o->stack = decode_record_stack(o->record, role);
}

/* " by task 484 on cpu 0 at 32.919330s (0.02s ago):", " by thread prog/12 (1.50 s ago):" */
static void stack_thread(struct decode_open *o, const char *t)
{
	struct decode_stack *s = o->stack;
	const char *thread = strstr(t, "by thread "), *ago = strstr(t, "s ago)"), *open;
	uint64_t value, hundredths = 0;

	if (!s)
		return;
	if (decode_decimal_after(t, "by task ", &value) || decode_decimal_after(t, " pid=", &value)) {
		s->tid = (uint32_t)value;
		s->have_tid = true;
	}
	if (thread && (thread += 10, strchr(thread, '/'))) {
		size_t slash = strcspn(thread, ":");
		const char *blank = strstr(thread, " (");
		if (blank)
			slash = (size_t)(blank - thread);
		while (slash && thread[slash] != '/')
			slash--;
		if (number_decimal(thread + slash + 1, &value)) {
			s->thread = decode_record_string(o->record, thread, slash);
			s->tid = (uint32_t)value;
			s->have_tid = true;
		}
	}
	for (open = ago; open && open > t && *open != '('; open--)
		;
	if (open && (open = number_decimal(open + 1, &value)) != NULL) {
		if (*open == '.')
			number_decimal(open + 1, &hundredths);
		s->age_ms = value * 1000 + hundredths * 10;
		s->have_age = true;
	}
}

/* SLUB: "Allocated in func+0x1/0x2 age=1 cpu=0 pid=12".  Before Linux 5.16 this frame is the whole stack; later it is
 * the first of several. */
static void slub_track(struct decode_open *o, const char *in)
{
	struct decode_frame place, *f;

	if (!o->stack || !decode_place(o->record, in, &place, NULL) || !(f = decode_stack_frame(o->record, o->stack)))
		return;
	place.at_line = DECODE_NONE;
	*f = place;
}

/* "kfence-#72: 0xffff8c3f2e292000-0xffff8c3f2e29201f, size=32, cache=kmalloc-32"; before Linux 5.17 with "[…" and ",
 * size=". */
bool decode_read_kfence_object(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *cache, *allocated;

	if (!starts(t, "kfence-#"))
		return false;
	allocated = strstr(t, "] allocated by task ");
	if (allocated) { /* before Linux 5.17 the line is also the heading of the stack */
		decode_open_stack(o, SECTION_ALLOC, "alloc");
		stack_thread(o, allocated);
	}
	r->object.present = decode_hex_after(t, ": 0x", &r->object.addr) ||
	                    decode_hex_after(t, " [0x", &r->object.addr);
	decode_decimal_after(t, "size=", &r->object.size);
	if ((cache = strstr(t, "cache=")) != NULL) {
		r->object.cache = decode_record_string(r, cache + 6, strcspn(cache + 6, " ]"));
		decode_decimal_after(cache, "kmalloc-", &r->object.cache_size);
	}
	if (!r->object.relation && r->have_addr && r->addr >= r->object.addr) {
		r->object.distance = r->addr - r->object.addr;
		r->object.relation = "inside of";
		r->object.have_distance = true;
	}
	if (!r->object.state)
		r->object.state = strstr(r->kind, "use-after-free") ? "freed" : "allocated";
	return true;
}

bool decode_read_heading(struct decode_open *o, const char *t)
{
	const char *p;

	if ((p = after(t, "INFO: ")) != NULL && (o->form == FORM_SLUB || o->inner_slub))
		t = p;
	if (starts(t, "Allocated by ") || starts(t, "allocated by task ") || starts(t, "Allocated in ") ||
	    starts(t, "Allocated:"))
		decode_open_stack(o, SECTION_ALLOC, "alloc");
	else if (starts(t, "Freed by ") || starts(t, "freed by task ") || starts(t, "Freed in ") || starts(t, "Freed:"))
		decode_open_stack(o, SECTION_FREE, "free");
	else if (starts(t, "Last potentially related work") || starts(t, "Second to last potentially") ||
	         starts(t, "Last call_rcu") || starts(t, "Second to last call_rcu"))
		decode_open_stack(o, SECTION_WORK, "work");
	else
		return false;
	stack_thread(o, t);
	if (strncmp(t + 1, "llocated in ", 12) == 0 || strncmp(t, "Freed in ", 9) == 0)
		slub_track(o, t);
	return true;
}

/* "Call Trace:" continues the stack that a RIP line has begun, or begins a new one. */
bool decode_read_trace_heading(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;

	if (!starts(t, "Call Trace:") && !starts(t, "Call trace:") && !starts(t, "Backtrace:") &&
	    !starts(t, "backtrace"))
		return false;
	if (o->trace_began && o->form != FORM_KMEMLEAK && o->form != FORM_KASAN)
		o->stack = NULL; /* the panic that follows has a trace of its own */
	else if (starts(t, "backtrace"))
		o->stack = decode_record_stack(r, "alloc");
	else if (!(o->form == FORM_OOPS && r->nr_stacks && r->stacks[0].nr == 1 && r->stacks[0].frames[0].exact))
		o->stack = decode_record_stack(r, o->form == FORM_SLUB || o->form == FORM_TRACE ? "noticed" : "access");
	else
		o->stack = &r->stacks[0];
	o->section = SECTION_TRACE;
	o->trace_began = true;
	return true;
}
