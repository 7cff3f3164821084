/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/body.c - the lines of a kernel report (and of memsan's, which are alike): access, task, stacks, object, memory.
 *
 * A line belongs to the report when one of the readers below knows it; the section that the last heading opened says what a frame or a
 * row of bytes in it means.  How a report ends is its form's:
 *
 *     KASAN, KFENCE, memsan    a rule of 60 to 70 '='  (SLUB's has 77, and old KASAN reports hold one)
 *     SLUB                     "FIX …", or the first strange line behind its call trace
 *     kmemleak                 the first line that is not indented
 *     oops                     "---[ end trace …", the end of a panic
 *     page poison and others   the first strange line behind the call trace
 *
 * A rule is also what the next report begins with.  So a rule that comes before the report is whole (its last rows of memory are missing) closes it only
 * when no headline follows on the next line.
 */
#include "config.h"

#include "decode/decode_internal.h"

/* ---- the access and the task ------------------------------------------------------------------------------------------------------ */

static void set_access_type(struct log_record *r, const char *word)
{
	static const char *const types[] = { "read", "write", "free", "access", "execute" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strncasecmp(word, types[i], strlen(types[i])) == 0)
			r->access = types[i];
}

/* "insmod/2760", the name may hold slashes; " by thread x/12" */
static void set_task(struct log_record *r, const char *p)
{
	size_t len = strcspn(p, "\r\n"), slash = len;
	uint64_t pid;

	while (slash && p[slash - 1] != '/')
		slash--;
	if (!slash || !log_decimal(p + slash, &pid))
		return;
	r->comm = log_record_string(r, p, slash - 1);
	r->tid = (uint32_t)pid;
	r->have_tid = true;
	if (!r->have_pid)
		r->pid = r->tid;
	r->have_pid = true;
}

/* "Write of size 1 at addr ffff8801f44ec37b by task insmod/2760"; before 4.10 "Read of size 1 by task x/1" */
static bool read_access(struct log_record *r, const char *t)
{
	static const char *const words[] = { "Read ", "Write ", "Free ", "Access ", "Execute ", "Jump " };
	const char *by;
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		known |= starts(t, words[i]);
	by = strstr(t, " by task ");
	if (!by)
		by = strstr(t, " by thread ");
	if (!known || (!by && !strstr(t, " at addr ")))
		return false;
	set_access_type(r, t);
	if (log_decimal_after(t, " of size ", &r->access_size))
		r->have_size = true;
	if (log_hex_after(t, " at addr ", &r->addr) || log_hex_after(t, "of addr ", &r->addr))
		r->have_addr = true;
	if (by)
		set_task(r, strchr(by + 4, ' ') + 1);
	return true;
}

/* "CPU: 1 PID: 2760 Comm: insmod Tainted: G    B   4.19.0-rc3+ #698"; memsan: "PID: 1 TID: 2 Comm: x memsan 0.1.0 Exe: /x In: free" */
static bool read_cpu(struct log_record *r, const char *t)
{
	const char *comm, *end, *version;
	uint64_t value;

	if (!starts(t, "CPU: ") && !starts(t, "PID: "))
		return false;
	if (log_decimal_after(t, "CPU: ", &value)) {
		r->cpu = (uint32_t)value;
		r->have_cpu = true;
	}
	if (log_decimal_after(t, "PID: ", &value)) {
		r->pid = (uint32_t)value;
		r->have_pid = true;
		if (!r->have_tid)
			r->tid = r->pid;
		r->have_tid = true;
	}
	if (log_decimal_after(t, "TID: ", &value))
		r->tid = (uint32_t)value;
	comm = strstr(t, "Comm: ");
	if (!comm)
		return true;
	comm += 6;
	end = strstr(comm, " Not tainted");
	version = end ? end + 13 : NULL;
	if (!end && (end = strstr(comm, " Tainted: ")) != NULL) {
		const char *p = end + 10;
		/* flags are capital letters and blanks; "[W]=WARN" since 6.14 */
		while (*p == ' ' || (*p >= 'A' && *p <= 'Z' && (p[1] == ' ' || (p[1] >= 'A' && p[1] <= 'Z'))) || *p == '[')
			p += *p == '[' ? strcspn(p, " ") : 1;
		version = p;
		while (p > end && p[-1] == ' ')
			p--;
		r->tainted = log_record_string(r, end + 1, (size_t)(p - end - 1));
	}
	if (!end)
		end = strstr(comm, " memsan ");
	if (!r->comm)
		r->comm = log_record_string(r, comm, end ? (size_t)(end - comm) : strlen(comm));
	if (version)
		r->kernel = log_record_string(r, version, strcspn(version, " "));
	if ((comm = strstr(t, " Exe: ")) != NULL) {
		end = strstr(comm + 6, " In: ");
		r->exe = log_record_string(r, comm + 6, end ? (size_t)(end - comm - 6) : strlen(comm + 6));
	}
	return true;
}

/* KFENCE: "Out-of-bounds read at 0xffff8c3f2e291fff (1B left of kfence-#72):" and its sisters; a stack follows. */
static bool read_kfence_access(struct log_open *o, const char *t)
{
	static const struct { const char *mark, *access; } marks[] = {
		{ "Out-of-bounds read at ", "read" }, { "Out-of-bounds write at ", "write" }, { "Use-after-free read at ", "read" },
		{ "Use-after-free write at ", "write" }, { "Corrupted memory at ", "write" }, { "Invalid free of ", "free" },
		{ "Invalid read at ", "read" }, { "Invalid write at ", "write" },
	};
	struct log_record *r = o->record;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *p = after(t, marks[i].mark);
		if (!p || !log_hex(p, &r->addr))
			continue;
		r->access = marks[i].access;
		r->have_addr = true;
		if ((p = strchr(p, '(')) != NULL && log_decimal(p + 1, &r->object.distance)) {
			r->object.have_distance = true;
			r->object.relation = strstr(p, "B left of") ? "to the left of" : "to the right of";
		}
		o->section = SECTION_TRACE;
		o->stack = log_record_stack(r, starts(t, "Corrupted") ? "noticed" : "access");
		return true;
	}
	return false;
}

/* ---- headings of stacks ------------------------------------------------------------------------------------------------------------ */

static void open_stack(struct log_open *o, enum log_section section, const char *role)
{
	o->section = section;
	o->stack = log_record_stack(o->record, role);
}

/* " by task 484 on cpu 0 at 32.919330s (0.02s ago):", " by thread prog/12 (1.50 s ago):" */
static void stack_thread(struct log_open *o, const char *t)
{
	struct log_stack *s = o->stack;
	const char *thread = strstr(t, "by thread "), *ago = strstr(t, "s ago)"), *open;
	uint64_t value, hundredths = 0;

	if (!s)
		return;
	if (log_decimal_after(t, "by task ", &value) || log_decimal_after(t, " pid=", &value)) {
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
		if (log_decimal(thread + slash + 1, &value)) {
			s->thread = log_record_string(o->record, thread, slash);
			s->tid = (uint32_t)value;
			s->have_tid = true;
		}
	}
	for (open = ago; open && open > t && *open != '('; open--)
		;
	if (open && (open = log_decimal(open + 1, &value)) != NULL) {
		if (*open == '.')
			log_decimal(open + 1, &hundredths);
		s->age_ms = value * 1000 + hundredths * 10;
		s->have_age = true;
	}
}

/* SLUB: "Allocated in func+0x1/0x2 age=1 cpu=0 pid=12": the frame is all there is before 5.16, the first of several later. */
static void slub_track(struct log_open *o, const char *in)
{
	struct log_frame place, *f;

	if (!o->stack || !log_place(o->record, in, &place, NULL) || !(f = log_stack_frame(o->record, o->stack)))
		return;
	place.at_line = LOG_NONE;
	*f = place;
}

/* "kfence-#72: 0xffff8c3f2e292000-0xffff8c3f2e29201f, size=32, cache=kmalloc-32" (before 5.17 with "[…" and ", size=") */
static bool read_kfence_object(struct log_open *o, const char *t)
{
	struct log_record *r = o->record;
	const char *cache, *allocated;

	if (!starts(t, "kfence-#"))
		return false;
	allocated = strstr(t, "] allocated by task ");
	if (allocated) { /* before 5.17 it is the heading of the stack too */
		open_stack(o, SECTION_ALLOC, "alloc");
		stack_thread(o, allocated);
	}
	r->object.present = log_hex_after(t, ": 0x", &r->object.addr) || log_hex_after(t, " [0x", &r->object.addr);
	log_decimal_after(t, "size=", &r->object.size);
	if ((cache = strstr(t, "cache=")) != NULL) {
		r->object.cache = log_record_string(r, cache + 6, strcspn(cache + 6, " ]"));
		log_decimal_after(cache, "kmalloc-", &r->object.cache_size);
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

static bool read_heading(struct log_open *o, const char *t)
{
	const char *p;

	if ((p = after(t, "INFO: ")) != NULL && (o->form == FORM_SLUB || o->inner_slub))
		t = p;
	if (starts(t, "Allocated by ") || starts(t, "allocated by task ") || starts(t, "Allocated in ") || starts(t, "Allocated:"))
		open_stack(o, SECTION_ALLOC, "alloc");
	else if (starts(t, "Freed by ") || starts(t, "freed by task ") || starts(t, "Freed in ") || starts(t, "Freed:"))
		open_stack(o, SECTION_FREE, "free");
	else if (starts(t, "Last potentially related work") || starts(t, "Second to last potentially") || starts(t, "Last call_rcu") ||
	         starts(t, "Second to last call_rcu"))
		open_stack(o, SECTION_WORK, "work");
	else
		return false;
	stack_thread(o, t);
	if (strncmp(t + 1, "llocated in ", 12) == 0 || strncmp(t, "Freed in ", 9) == 0)
		slub_track(o, t);
	return true;
}

/* The stack that "Call Trace:" goes to: one that a RIP line has begun, or a new one. */
static bool read_trace_heading(struct log_open *o, const char *t)
{
	struct log_record *r = o->record;

	if (!starts(t, "Call Trace:") && !starts(t, "Call trace:") && !starts(t, "Backtrace:") && !starts(t, "backtrace"))
		return false;
	if (o->trace_began && o->form != FORM_KMEMLEAK && o->form != FORM_KASAN)
		o->stack = NULL; /* of the panic that follows */
	else if (starts(t, "backtrace"))
		o->stack = log_record_stack(r, "alloc");
	else if (!(o->form == FORM_OOPS && r->nr_stacks && r->stacks[0].nr == 1 && r->stacks[0].frames[0].exact))
		o->stack = log_record_stack(r, o->form == FORM_SLUB || o->form == FORM_TRACE ? "noticed" : "access");
	else
		o->stack = &r->stacks[0];
	o->section = SECTION_TRACE;
	o->trace_began = true;
	return true;
}

/* ---- the object ------------------------------------------------------------------------------------------------------------------------ */

/* "The buggy address is located 123 bytes inside of 128-byte region [a, b)", in one line or two. */
static bool read_region(struct log_record *r, const char *t)
{
	const char *region = strstr(t, "-byte region ["), *digits;
	uint64_t start, end;

	if (!region)
		return false;
	for (digits = region; digits > t && digits[-1] >= '0' && digits[-1] <= '9'; digits--)
		;
	log_decimal(digits, &r->object.size);
	if (log_hex(region + 14, &start) && log_hex_after(region, ", ", &end)) {
		r->object.addr = start;
		r->object.present = true;
	}
	if (strstr(t, "allocated "))
		r->object.state = "allocated";
	else if (strstr(t, "freed "))
		r->object.state = "freed";
	return true;
}

static bool read_object(struct log_open *o, const char *t)
{
	struct log_record *r = o->record;
	const char *p;

	if ((p = after(t, "Object at ")) != NULL && (p = log_hex(p, &r->object.addr)) != NULL && starts(p, ", in cache ")) {
		/* 4.8 to 4.10 */
		r->object.present = true;
		r->object.cache = log_record_string(r, p + 11, strcspn(p + 11, " "));
		log_decimal_after(p, " size: ", &r->object.cache_size);
	} else if ((p = after(t, "The buggy address belongs to the object at ")) != NULL) {
		r->object.present = log_hex(p, &r->object.addr) != NULL;
	} else if ((p = after(t, "which belongs to the cache ")) != NULL) {
		r->object.cache = log_record_string(r, p, strcspn(p, " "));
		log_decimal_after(p, " of size ", &r->object.cache_size);
	} else if ((p = after(t, "and was allocated by ")) != NULL) {
		r->object.allocated_by = log_record_string(r, p, strlen(p));
	} else if ((p = after(t, "The buggy address is located ")) != NULL) {
		r->object.have_distance = log_decimal(p, &r->object.distance) != NULL;
		r->object.relation = strstr(p, "inside") ? "inside of" : strstr(p, "left") ? "to the left of" : "to the right of";
		read_region(r, p);
	} else if (!(o->section == SECTION_OBJECT && read_region(r, t))) {
		return false;
	}
	o->section = SECTION_OBJECT;
	o->stack = NULL;
	return true;
}

static void add_place(struct log_record *r, const char *t)
{
	r->place = r->place ? log_record_format(r, "%s\n%s", r->place, t) : log_record_string(r, t, strlen(t));
}

/* Variables, stacks, mappings, pages. */
static bool read_place(struct log_open *o, const char *t)
{
	if (starts(t, "The buggy address belongs to the variable") || starts(t, "The buggy address belongs to stack of") ||
	    starts(t, "The buggy address is located in stack of") || starts(t, "This frame has ") || starts(t, "and is located at offset ") ||
	    starts(t, "The buggy address belongs to the virtual mapping") || starts(t, "The buggy address ") ||
	    starts(t, "index ") || starts(t, "addr ")) {
		o->section = starts(t, "The buggy address belongs to the p") || starts(t, "The buggy address belongs to the physical") ?
			SECTION_PAGE : SECTION_PLACE;
		o->stack = NULL;
		if (o->section == SECTION_PLACE)
			add_place(o->record, t);
		return true;
	}
	if (o->section == SECTION_PLACE && *t && !log_may_begin(t, strlen(t))) {
		add_place(o->record, t);
		return true;
	}
	return false;
}

static bool read_page(struct log_open *o, const char *t)
{
	static const char *const marks[] = { "page:", "page: ", "head:", "flags:", "raw:", "page dumped because", "page_owner tracks",
	                                     "page_type:", "page allocated via", "page last allocated", "page last free", "page_owner free",
	                                     "anon flags", "memcg:", "aops:", "memory_owner", "page_owner info", "ksm flags", "shmem" };

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (starts(t, marks[i])) {
			o->section = SECTION_PAGE;
			o->stack = NULL;
			return true;
		}
	return false;
}

/* KASAN prints so many behind the marked row (META_ROWS_AROUND_ADDR); then only its closing line is missing. */
#define ROWS_BEHIND 2

/* ---- rows of memory ---------------------------------------------------------------------------------------------------------------------- */

/* "6b 6b ?? 00": how many, one blank between them; *end behind the last. */
static uint8_t parse_bytes(const char *p, struct log_row *row)
{
	uint8_t n = 0;

	row->valid = 0;
	while (n < 16) {
		int high, low;
		while (*p == ' ' || *p == '[' || *p == ']')
			p++;
		if (p[0] == '?' && p[1] == '?') {
			row->bytes[n++] = 0;
			p += 2;
			continue;
		}
		high = log_hex_digit(p[0]);
		low = high < 0 ? -1 : log_hex_digit(p[1]);
		if (low < 0 || log_hex_digit(p[2]) >= 0)
			break;
		row->valid |= 1u << n;
		row->bytes[n++] = (uint8_t)(high << 4 | low);
		p += 2;
		if (*p == ' ' && p[1] == ' ')
			break; /* then come the characters */
	}
	return n;
}

static bool add_row(struct log_record *r, uint64_t addr, const char *bytes, char label)
{
	struct log_row probe, *row;

	probe.nr = parse_bytes(bytes, &probe);
	if (!probe.nr || !(row = log_record_row(r)))
		return false;
	probe.addr = addr;
	probe.label = label;
	*row = probe;
	return true;
}

/* How much memory a byte stands for: 8 bytes in generic KASAN, 16 with tags.  The smallest step between rows tells, as a row may have been lost. */
static void row_scale(struct log_open *o)
{
	struct log_record *r = o->record;
	const struct log_row *last = &r->rows[r->nr_rows - 1];
	uint64_t step = r->nr_rows > 1 && last[-1].label == 'm' ? (last->addr - last[-1].addr) / last[-1].nr : 0;

	if ((step != 1 && step != 8 && step != 16) || (o->scale_known && step >= r->row_scale))
		return;
	o->scale_known = true;
	r->row_scale = (uint32_t)step;
	if (r->have_mark)
		r->mark = o->mark_row + o->mark_index * step;
}

/* " ffff8801f44ec300: 00 00 …", ">0x7f…: …"; the caret under the marked row. */
static bool read_memory(struct log_open *o, const char *text)
{
	struct log_record *r = o->record;
	const char *t = text + strspn(text, " >="), *behind;
	uint64_t addr;

	if (starts(t, "Memory state around") || starts(t, "Memory around")) {
		o->section = SECTION_MEMORY;
		o->stack = NULL;
		r->row_scale = starts(t, "Memory around") ? 1 : 8;
		return true;
	}
	if (o->section != SECTION_MEMORY)
		return false;
	if (*t == '^') {
		size_t column = (size_t)(t - text);
		r->have_mark = o->mark_column && column >= o->mark_column && (column - o->mark_column) / 3 < 32;
		o->mark_index = r->have_mark ? (column - o->mark_column) / 3 : 0;
		r->mark = o->mark_row + o->mark_index * r->row_scale;
		return true;
	}
	behind = log_hex(t, &addr);
	if (!behind || *behind != ':' || !add_row(r, addr, behind + 1, 'm'))
		return false;
	row_scale(o);
	if (text[strspn(text, " ")] == '>') {
		o->mark_row = addr;
		o->mark_column = (size_t)(behind - text) + 2;
	}
	o->rows_behind += r->have_mark;
	o->saw_memory |= o->rows_behind >= ROWS_BEHIND;
	return true;
}

/* SLUB's "Redzone  ffff888005e5b040: bb bb …" and its sisters, in words of two lengths. */
static bool read_slub_row(struct log_record *r, const char *t)
{
	static const struct { const char *mark; char label; } marks[] = {
		{ "Bytes b4 ", 'b' }, { "Object ", 'o' }, { "Redzone ", 'r' }, { "Padding ", 'p' }, { "Right Redzone ", 'r' }, { "Left Redzone ", 'r' },
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *p = after(t, marks[i].mark), *colon;
		uint64_t addr;
		if (!p)
			continue;
		p += strspn(p, " ");
		colon = log_hex(p, &addr);
		if (!colon || *colon != ':' || !add_row(r, addr, colon + 1, marks[i].label))
			continue;
		if (marks[i].label == 'o' && !r->object.addr)
			r->object.addr = addr;
		if (marks[i].label == 'o')
			r->object.size += r->rows[r->nr_rows - 1].nr;
		r->row_scale = 1;
		return true;
	}
	return false;
}

/* ---- SLUB ---------------------------------------------------------------------------------------------------------------------------------- */

/* "0xffff888005e5b040-0xffff888005e5b047 @offset=64. First byte 0x78 instead of 0xcc" */
static bool read_first_byte(struct log_record *r, const char *t)
{
	const char *mark = strstr(t, "First byte 0x");
	uint64_t found, expected;

	if (!mark)
		return false;
	if (log_hex_after(mark, "First byte 0x", &found) && log_hex_after(mark, "instead of 0x", &expected)) {
		r->found = (int32_t)(found & 0xff);
		r->expected = (int32_t)(expected & 0xff);
	}
	t += strcspn(t, "0");
	if (starts(t, "0x") && log_hex(t, &r->addr)) {
		r->have_addr = true;
		r->mark = r->addr;
		r->have_mark = true;
		r->access = "write";
	}
	return true;
}

static bool read_slub(struct log_open *o, const char *t)
{
	struct log_record *r = o->record;
	const char *p = after(t, "INFO: ");

	if (p && *(p += strspn(p, " ")))
		t = p;
	if (strspn(t, "-") > 20 || log_rule_length(t) > LOG_SHORT_RULE)
		return true;
	if (starts(t, "Object 0x")) {
		if (log_hex(t + 7, &r->object.addr))
			o->stack = NULL;
		return true;
	}
	if (starts(t, "Slab 0x") || starts(t, "Disabling lock debugging") || starts(t, "Hardware name:")) {
		o->section = SECTION_OBJECT;
		o->stack = NULL;
		return true;
	}
	return read_first_byte(r, t) || read_slub_row(r, t);
}

/* memsan: " prog 0x55d0-0x55e0 /home/me/prog (BuildId 0123ab) (remark)" under "Modules linked in:" */
static bool read_module(struct log_open *o, const char *t)
{
	struct log_record *r = o->record;
	const char *range = strstr(t, " 0x"), *p, *mark, *end;
	struct log_module m = { .name = NULL }, *to;

	if (starts(t, "Modules linked in:") && strcmp(r->detector, "memsan") == 0) {
		o->section = SECTION_MODULES;
		o->stack = NULL;
		return true;
	}
	if (o->section != SECTION_MODULES || !range)
		return false;
	p = log_hex(range + 1, &m.start);
	if (!p || *p != '-' || !(p = log_hex(p + 1, &m.end)) || p[0] != ' ')
		return false;
	mark = strstr(p, " (BuildId ");
	end = mark ? mark : strstr(p, " (");
	m.name = log_record_string(r, t, (size_t)(range - t));
	m.path = log_record_string(r, p + 1, end ? (size_t)(end - p - 1) : strlen(p + 1));
	m.build_id = mark ? log_record_string(r, mark + 10, strspn(mark + 10, "0123456789abcdef")) : NULL;
	if ((to = log_record_module(r)) != NULL)
		*to = m;
	return true;
}

/* ---- kmemleak -------------------------------------------------------------------------------------------------------------------------------- */

static void leak_comm(struct log_record *r, const char *p)
{
	const char *end = strstr(p, "\", pid ");
	uint64_t value;

	if (end) {
		r->comm = log_record_string(r, p, (size_t)(end - p));
		if (log_decimal(end + 7, &value)) {
			r->pid = r->tid = (uint32_t)value;
			r->have_pid = r->have_tid = true;
		}
	}
}

/* memsan: "  direct: 3 objects of 96 bytes in malloc-32, holding 2 more of 40 bytes" */
static bool leak_class(struct log_record *r, const char *t)
{
	const char *colon = strstr(t, ": "), *in;

	if (!colon || !log_decimal(colon + 2, &r->leak.objects) || !strstr(colon, " object"))
		return false;
	r->detector = "memsan";
	r->leak.class = log_record_string(r, t, (size_t)(colon - t));
	log_decimal_after(colon, " of ", &r->leak.bytes);
	if ((in = strstr(colon, " bytes in ")) != NULL)
		r->object.cache = log_record_string(r, in + 10, strcspn(in + 10, ", "));
	if ((in = strstr(colon, "holding ")) != NULL) {
		log_decimal(in + 8, &r->leak.held_objects);
		log_decimal_after(in, " of ", &r->leak.held_bytes);
	}
	return true;
}

static enum log_answer body_kmemleak(struct log_open *o, const char *text)
{
	struct log_record *r = o->record;
	const char *t, *p;

	if (o->printed_leak && starts(text, LOG_PRINTED_LEAK))
		text += strlen(LOG_PRINTED_LEAK);
	t = text + strspn(text, " \t");
	if (!*t)
		return o->trace_began && (!o->stack || o->stack->nr) ? LINE_BEHIND : LINE_TAKEN;
	if (read_module(o, t))
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
	if (read_trace_heading(o, t))
		return LINE_TAKEN;
	if (o->section == SECTION_HEX)
		return add_row(r, r->object.addr + 16 * r->nr_rows, t, 'o') ? LINE_TAKEN : LINE_FOREIGN;
	if (o->section == SECTION_TRACE)
		return *t == '(' || log_frame_kernel(r, o->stack, t) ? LINE_TAKEN : LINE_BEHIND;
	return leak_class(r, t) ? LINE_TAKEN : LINE_FOREIGN;
}

/* ---- faults ------------------------------------------------------------------------------------------------------------------------------------ */

/* "RIP: 0010:func+0x1/0x2 [mod]", "pc : func+0x1/0x2": the instruction itself. */
static bool read_rip(struct log_open *o, const char *t)
{
	struct log_record *r = o->record;
	struct log_frame place, *f;
	bool kernel = starts(t, "RIP: 0010:") || starts(t, "pc : ") || starts(t, "IP: ") || starts(t, "EIP: ") || starts(t, "PC is at ");

	if (starts(t, "RIP: ") || starts(t, "lr : "))
		;
	else if (!kernel)
		return false;
	if (starts(t, "RIP: 0010:"))
		t += 10;
	if (!kernel || r->nr_stacks || !log_place(r, t, &place, NULL))
		return true;
	o->stack = log_record_stack(r, "access");
	f = o->stack ? log_stack_frame(r, o->stack) : NULL;
	if (f) {
		place.at_line = f->at_line;
		*f = place;
		f->exact = true;
	}
	return true;
}

/* "WARNING: CPU: 0 PID: 12 at lib/refcount.c:28 refcount_warn_saturate+0x8f/0xe0" */
static bool read_warning(struct log_record *r, const char *t)
{
	const char *p = after(t, "WARNING: ");

	return p && (!starts(p, "CPU: ") || read_cpu(r, p));
}

static bool read_registers(const char *t)
{
	static const char *const marks[] = {
		"RSP: ", "RAX: ", "RBP: ", "RDX: ", "RBX: ", "R10: ", "R13: ", "ORIG_RAX: ", "EFLAGS: ", "FS: ", "CS: ", "CR2: ", "DR0: ", "DR3: ", "PKRU: ", "Code: ",
		"#PF: ", "PGD ", "P4D ", "PUD ", "Oops: ", "Oops ", "Internal error: ", "Mem abort info:", "ESR = ", "EC = ", "SET = ", "EA = ", "FSC = ",
		"Data abort info:", "ISV = ", "CM = ", "user pgtable:", "swapper pgtable:", "pstate: ", "sp : ", "x29: ", "x2", "x1", "x9 : ", "x8 : ", "x6 : ", "x5 : ", "x3 : ", "x2 : ",
		"x0 : ", "[ffff", "[0000", "[dead", "[dff", "Exception stack", "Task stack:", "IRQ stack:", "Overflow stack:", "Process ", "Stack: ", "task: ", "invalid opcode", "kernel BUG at ",
		"stack guard page: ", "kernel stack overflow ", "Kernel panic - not syncing: ", "SMP: stopping", "Dumping ftrace", "------------[ cut here", "Modules linked in:",
		"traps: ", "TASK stack guard page: ", "GS: ", "Last level", "note: ", "CPU features:", "Memory Limit:", "lr : ", "BTYPE", "EAX: ", "ESI: ", "DS: ", "CR0: ", "DR6: ",
		"Tainted: ", "Hardware name:", "Workqueue:", "UBSAN: ", "Unloaded tainted modules:",
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (starts(t, marks[i]))
			return true;
	return false;
}

/* "KASAN: null-ptr-deref in range [0x0000000000000000-0x0000000000000007]", "KASAN: maybe wild-memory-access in range […]" */
static bool read_hint(struct log_record *r, const char *t)
{
	const char *p = after(t, "KASAN: "), *in;

	if (!p || !(in = strstr(p, " in range [")))
		return false;
	r->detector = "kasan";
	if (starts(p, "probably "))
		p += 9;
	if (starts(p, "maybe "))
		p += 6;
	r->kind = log_kind(r, p, (size_t)(in - p));
	r->have_addr = log_hex(in + 11, &r->addr) != NULL;
	return true;
}

static bool read_page_fault_access(struct log_record *r, const char *t)
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

/* A line that one form or another of a kernel report has. */
static bool read_common(struct log_open *o, const char *text, const char *t)
{
	struct log_record *r = o->record;
	const char *pid;
	uint64_t tid;

	o->user_registers |= starts(t, "RIP: 0033:") || starts(t, "RIP: 0023:");
	if (read_hint(r, t) || read_page_fault_access(r, t) || read_warning(r, t))
		return true;
	if (read_cpu(r, t)) {
		if (o->section != SECTION_TRACE || o->form == FORM_KASAN)
			o->stack = NULL;
		o->saw_summary = true;
		return true;
	}
	if (read_heading(o, t) || read_trace_heading(o, t) || read_access(r, t) || read_kfence_access(o, t) || read_kfence_object(o, t))
		return true;
	if (o->stack && !o->stack->nr && (pid = after(t, "PID = ")) != NULL && log_decimal(pid, &tid)) { /* 4.8 to 4.10 */
		o->stack->tid = (uint32_t)tid;
		o->stack->have_tid = true;
		return true;
	}
	if (starts(t, "Pointer tag: [")) {
		r->tags = log_record_string(r, t, strlen(t));
		return true;
	}
	if (starts(t, "The buggy address is located in the frame of:")) {
		open_stack(o, SECTION_FRAME, "frame");
		return true;
	}
	return read_memory(o, text) || read_object(o, t) || read_page(o, t) || (o->form != FORM_SLUB && read_place(o, t));
}

/* A frame, or what may stand between frames. */
static bool read_frame(struct log_open *o, const char *text, const char *t)
{
	struct log_record *r = o->record;

	if (*t == '<' && (starts(t, "<TASK>") || starts(t, "</TASK>") || starts(t, "<IRQ>") || starts(t, "</IRQ>") || starts(t, "<NMI>") ||
	                  starts(t, "</NMI>") || starts(t, "<#") || starts(t, "</#") || starts(t, "<EOI>") || starts(t, "<<"))) {
		o->task_began |= starts(t, "<TASK>");
		o->trace_ended |= starts(t, "</TASK>");
		return true;
	}
	if (starts(t, "===") && o->form == FORM_OOPS)
		return true;
	if (!o->stack || o->section == SECTION_PAGE)
		return (o->section == SECTION_PAGE || o->section == SECTION_PLACE || o->section == SECTION_TRACE) && text != t &&
		       log_frame_kernel(r, NULL, t);
	/* the frame of the heading again, with its callers */
	if (o->form == FORM_SLUB && o->stack->nr == 1 && o->stack->frames[0].at_line == LOG_NONE && log_frame_kernel(r, NULL, t))
		o->stack->nr = 0;
	if (*t == '(' && strstr(t, "frames"))
		return true;
	return log_frame_kernel(r, o->stack, t);
}

/* In a trace whose end will be marked.  Where the program's registers follow the last frame, "</TASK>" may be missing. */
static bool trace_open(const struct log_open *o)
{
	return o->task_began && !o->trace_ended && !o->user_registers && o->section == SECTION_TRACE;
}

/* ---- forms -------------------------------------------------------------------------------------------------------------------------------------- */

/* 4.x put SLUB's description of the object inside. */
static bool read_inner_slub(struct log_open *o, const char *t)
{
	struct log_object *object = &o->record->object;

	if (starts(t, "BUG ") && strstr(t, "): kasan")) {
		object->cache = log_record_string(o->record, t + 4, strcspn(t + 4, " "));
		object->present = true;
		o->inner_slub = true;
		return true;
	}
	return o->inner_slub && !o->trace_began && read_slub(o, t);
}

static enum log_answer body_kasan(struct log_open *o, const char *text, const char *t)
{
	struct log_record *r = o->record;
	size_t rule = log_rule_length(t);

	if (rule >= 60 && rule <= LOG_SHORT_RULE) {
		bool whole = strcmp(r->detector, "kfence") == 0 ? o->saw_summary : o->saw_memory || strcmp(r->detector, "memsan") == 0;
		if (whole && r->nr_stacks)
			return LINE_LAST;
		o->closed = true;
		return LINE_TAKEN;
	}
	if (strcmp(r->detector, "memsan") == 0 && o->section == SECTION_HEAD && (starts(t, "Meaning: ") || read_first_byte(r, t)))
		return LINE_TAKEN;
	if (read_module(o, t))
		return LINE_TAKEN;
	if ((o->section == SECTION_OBJECT && read_slub(o, t)) || rule > LOG_SHORT_RULE || read_inner_slub(o, t))
		return o->section = SECTION_OBJECT, LINE_TAKEN;
	if (strspn(t, "-") > 20 && !t[strspn(t, "-")])
		return LINE_TAKEN;
	if (read_common(o, text, t) || read_frame(o, text, t) || read_registers(t))
		return LINE_TAKEN;
	if (!*t) {
		o->stack = strcmp(r->detector, "kfence") == 0 || o->section != SECTION_TRACE ? NULL : o->stack;
		o->section = o->section == SECTION_TRACE ? o->section : SECTION_HEAD;
		return LINE_TAKEN;
	}
	return starts(t, "Disabling lock debugging") ? LINE_TAKEN : LINE_FOREIGN;
}

static enum log_answer body_slub(struct log_open *o, const char *text, const char *t)
{
	if (starts(t, "FIX ")) {
		size_t len = o->record->object.cache ? strlen(o->record->object.cache) : 0;
		return strncmp(t + 4, o->record->object.cache ? o->record->object.cache : "", len) == 0 && t[4 + len] == ':' ? LINE_LAST : LINE_BEHIND;
	}
	if (log_rule_length(t) > LOG_SHORT_RULE && (o->trace_began || o->record->nr_stacks))
		return LINE_BEHIND;
	if (o->trace_ended && !starts(t, "Object 0x") && !starts(t, "Allocated in") && !starts(t, "Freed in") && !starts(t, "INFO: Object"))
		return !*t ? LINE_TAKEN : o->section == SECTION_TRACE || !log_frame_kernel(o->record, NULL, t) ? LINE_BEHIND : LINE_TAKEN;
	if (read_heading(o, t))
		return LINE_TAKEN;
	if (read_slub(o, t) || read_common(o, text, t) || read_frame(o, text, t) || read_registers(t) || !*t)
		return LINE_TAKEN;
	return o->trace_began && o->stack && o->stack->nr && o->section == SECTION_TRACE && !trace_open(o) ? LINE_BEHIND : LINE_FOREIGN;
}

static enum log_answer body_oops(struct log_open *o, const char *text, const char *t)
{
	struct log_record *r = o->record;

	if (starts(t, "---[ end trace") || starts(t, "---[ end Kernel panic"))
		return LINE_LAST;
	if (log_rule_length(t) >= 60)
		return strcmp(r->detector, "ubsan") == 0 ? LINE_LAST : LINE_BEHIND;
	if (o->gpf_hint && starts(t, "general protection fault")) {
		o->gpf_hint = false;
		return LINE_TAKEN;
	}
	if (read_rip(o, t) || read_common(o, text, t))
		return LINE_TAKEN;
	if (o->form == FORM_OOPS && strcmp(r->detector, "ubsan") == 0 && o->trace_ended)
		return *t && !starts(t, "---") ? LINE_BEHIND : LINE_TAKEN;
	if (read_frame(o, text, t) || read_registers(t) || !*t)
		return LINE_TAKEN;
	return LINE_FOREIGN;
}

/* "00000010: aa aa aa …" of print_hex_dump, then the stack. */
static enum log_answer body_trace(struct log_open *o, const char *text, const char *t)
{
	struct log_record *r = o->record;
	const char *behind;
	uint64_t addr;

	if (o->trace_ended && strcmp(r->detector, "page-poison") == 0 && read_page(o, t))
		return LINE_TAKEN;
	if (o->trace_ended || log_rule_length(t) >= 60)
		return LINE_BEHIND;
	if (!o->trace_began && (behind = log_hex(t, &addr)) != NULL && *behind == ':' && add_row(r, addr, behind + 1, 'p')) {
		r->row_scale = 1;
		return LINE_TAKEN;
	}
	if (read_common(o, text, t) || read_frame(o, text, t) || read_registers(t) || !*t)
		return LINE_TAKEN;
	return o->stack && o->stack->nr && o->section == SECTION_TRACE && !trace_open(o) ? LINE_BEHIND : LINE_FOREIGN;
}

enum log_answer log_body(struct log_open *o, const char *text)
{
	const char *t = text + strspn(text, " \t");

	switch (o->form) {
	case FORM_KASAN: return body_kasan(o, text, t);
	case FORM_SLUB: return body_slub(o, text, t);
	case FORM_KMEMLEAK: return body_kmemleak(o, text);
	case FORM_OOPS: return body_oops(o, text, t);
	case FORM_TRACE: return body_trace(o, text, t);
	case FORM_ASAN: return log_body_asan(o, text);
	case FORM_VALGRIND: return log_body_valgrind(o, text);
	default: return LINE_FOREIGN;
	}
}

/* ---- whole or not -------------------------------------------------------------------------------------------------------------------------------- */

const char *log_missing(const struct log_open *o)
{
	const struct log_record *r = o->record;
	const struct log_stack *s = log_record_main_stack(r);

	switch (o->form) {
	case FORM_KASAN: return o->closed ? NULL : "its closing line is missing";
	case FORM_SLUB:
		if (trace_open(o))
			return "its call trace goes on";
		return s && (o->trace_began || o->trace_ended) && o->stack && o->stack->nr ? NULL : o->trace_ended ? NULL : "its call trace is missing";
	case FORM_KMEMLEAK: return s ? NULL : "its backtrace is missing";
	case FORM_OOPS: return o->trace_ended && strcmp(r->detector, "ubsan") == 0 ? NULL : "its end of trace is missing";
	case FORM_TRACE: return trace_open(o) ? "its call trace goes on" : s ? NULL : "its call trace is missing";
	case FORM_ASAN: return o->saw_summary ? NULL : "its summary is missing";
	case FORM_VALGRIND: return s ? NULL : "its stack is missing";
	default: return NULL;
	}
}

bool log_trace_goes_on(const struct log_open *o)
{
	if (o->form != FORM_SLUB && o->form != FORM_KMEMLEAK && o->form != FORM_TRACE)
		return false;
	return o->section == SECTION_TRACE && !o->trace_ended && !log_record_guilty(o->record);
}
