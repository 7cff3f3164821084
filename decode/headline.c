/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/headline.c - is this line the first of a report, and of which detector?
 * Each detector has a function, which sees the lines whose first letters allow a headline.  It sets the record's
 * detector, kind and headline, what the headline says of the access, and the form of the lines that follow. */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

static void set_headline(struct decode_open *o, const char *detector, const char *text)
{
	o->record->detector = detector;
	o->record->headline = decode_record_string(o->record, text, strlen(text));
}

/* " in func+0x1/0x2 [mod]" at the end of a headline. */
static void headline_function(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *in = strstr(text, strstr(text, " in: ") ? " in: " : " in "), *script = strstr(text, " in[<");
	struct decode_frame f;

	if (script && (script = strstr(script, ">] ")) != NULL)
		in = script - 1;
	if (!in)
		return;
	in += in[3] == ':';
	if (decode_place(r, in + 4, &f, NULL)) {
		if (!f.function_size && strcmp(r->detector, "memsan") == 0)
			return; /* "prog+0x1334" is a place in a module, not a function */
		r->title_function = f.function;
		r->title_module = f.module;
	} else if (strncmp(in + 4, "(null)", 6) != 0) {
		size_t len = strcspn(in + 4, " +");
		bool number = strspn(in + 4, "0123456789abcdefx") == len; /* an address without a name */
		r->title_function = len && !number ? decode_record_string(r, in + 4, len) : NULL;
	}
}

/* ---- KASAN, KFENCE, memsan ------------------------------------------------------------------- */

/* The kind stands before " in " or " on address": "slab-out-of-bounds", "double-free or invalid-free". */
static void kasan_kind(struct decode_open *o, const char *p)
{
	const char *in = strstr(p, " in "), *on = strstr(p, " on address");
	const char *script = strstr(p, " in[<"); /* asan_symbolize.py */
	size_t len = in && (!on || in < on) ? (size_t)(in - p) : on ? (size_t)(on - p) : strlen(p);

	if (script && (size_t)(script - p) < len)
		len = (size_t)(script - p);

	o->record->kind = decode_kind(o->record, p, len);
	if (on)
		o->record->have_addr = decode_hex(on + 12, &o->record->addr);
	if (decode_hex_after(p, " at addr ", &o->record->addr))
		o->record->have_addr = true;
	headline_function(o, p);
}

/* "BUG: KFENCE: out-of-bounds read in func+0x1/0x2" */
static void kfence_access(struct decode_record *r)
{
	static const char *const words[] = { "read", "write" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(r->kind, words[i]))
			r->access = words[i];
	if (strstr(r->kind, "invalid-free"))
		r->access = "free";
}

/* "BUG: Double free or freeing an invalid pointer": Linux 4.8 to 4.10 do not name the detector. */
static enum decode_form headline_kasan_free(const char *text, struct decode_open *o)
{
	if (!starts(text, "BUG: Double free or freeing an invalid pointer"))
		return FORM_NONE;
	set_headline(o, "kasan", text);
	o->record->kind = decode_kind(o->record, text + 5, strlen(text + 5));
	o->record->access = "free";
	return FORM_KASAN;
}

static enum decode_form headline_kasan(const char *text, struct decode_open *o)
{
	static const struct {
		const char *mark, *detector;
	} marks[] = {
		{ "BUG: KASAN: ", "kasan" },   { "BUG: KASan: ", "kasan" }, { "BUG: KFENCE: ", "kfence" },
		{ "BUG: MEMSAN: ", "memsan" }, { "BUG: KMSAN: ", "kmsan" }, { "BUG: KCSAN: ", "kcsan" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *p = after(text, marks[i].mark);
		if (!p)
			continue;
		set_headline(o, marks[i].detector, text);
		kasan_kind(o, p);
		if (strcmp(marks[i].detector, "kfence") == 0)
			kfence_access(o->record);
		if (strcmp(marks[i].detector, "kmsan") == 0)
			decode_open_stack(o, SECTION_TRACE, "access"); /* frames follow at once */
		return FORM_KASAN;
	}
	return headline_kasan_free(text, o);
}

/* ---- SLUB ------------------------------------------------------------------------------------ */

/* The words of a SLUB message up to what differs from report to report: numbers, names, addresses. */
static const char *slub_kind(struct decode_record *r, const char *p)
{
	char words[200];
	size_t n = 0;

	while (*p && n + 1 < sizeof(words)) {
		size_t len = strcspn(p, " ");
		bool changes = false;
		for (size_t i = 0; i < len; i++)
			changes |= isdigit((unsigned char)p[i]) != 0;
		if (starts(p, "in ") || starts(p, "on __") || *p == '(' || *p == '.')
			break;
		if (memchr(p, '(', len)) /* "object(0x…)" */
			changes = false, len = strcspn(p, "(");
		if (!changes && n + len + 2 < sizeof(words)) {
			memcpy(words + n, p, len);
			n += len;
			words[n++] = ' ';
		}
		if (len && p[len - 1] == '.')
			break;
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return decode_kind(r, words, n);
}

/* "BUG kmalloc-64 (Tainted: G    B): Right Redzone overwritten" */
static enum decode_form headline_slub(const char *text, struct decode_open *o)
{
	const char *cache = after(text, "BUG "), *open, *close;
	struct decode_record *r = o->record;

	if (!cache || !(open = strstr(cache, " (")) || !(close = strstr(open, "): ")))
		return FORM_NONE;
	if (!starts(open, " (Tainted:") && !starts(open, " (Not tainted"))
		return FORM_NONE;
	if (starts(close + 3, "kasan: ")) /* Linux 4.x: a line of KASAN's report, whose headline was lost */
		return FORM_NONE;
	set_headline(o, "slub", text);
	r->object.cache = decode_record_string(r, cache, (size_t)(open - cache));
	r->object.present = true;
	r->tainted = starts(open, " (Tainted") ? decode_record_string(r, open + 2, (size_t)(close - open - 2)) : NULL;
	r->kind = slub_kind(r, close + 3);
	if (decode_hex_after(close + 3, "pointer 0x", &r->addr) || decode_hex_after(close + 3, "object(0x", &r->addr))
		r->have_addr = true;
	return FORM_SLUB;
}

/* In a WARNING: "cache_from_obj: Wrong slab cache. kmalloc-8 but object is from kmalloc-16". */
static enum decode_form headline_wrong_cache(const char *text, struct decode_open *o)
{
	const char *from = strstr(text, " but object is from ");

	if (strstr(text, ": Object is not a Slab page!")) {
		set_headline(o, "slub", text);
		o->record->kind = "object-is-not-a-slab-page";
		o->record->access = "free";
		return FORM_OOPS;
	}
	if (!from || !strstr(text, "Wrong slab cache"))
		return FORM_NONE;
	set_headline(o, "slub", text);
	o->record->kind = "wrong-slab-cache";
	o->record->access = "free";
	o->record->object.present = true;
	o->record->object.cache = decode_record_string(o->record, from + 20, strcspn(from + 20, " "));
	return FORM_OOPS;
}

/* "kmem_cache_destroy mine: Slab cache still has objects"; since Linux 5.17 in a WARNING, with " when called from
 * func+0x1/0x2" at the end. */
static enum decode_form headline_busy_cache(const char *text, struct decode_open *o)
{
	const char *cache = after(text, "kmem_cache_destroy "),
		   *end = cache ? strstr(cache, ": Slab cache still has objects") : NULL;
	struct decode_record *r = o->record;

	if (!end)
		return FORM_NONE;
	set_headline(o, "slub", text);
	r->kind = "slab-cache-still-has-objects";
	r->object.present = true;
	r->object.cache = decode_record_string(r, cache, (size_t)(end - cache));
	return strstr(end, " when called from ") ? FORM_OOPS : FORM_TRACE;
}

/* The old allocator, SLAB: "slab error in verify_redzone_free(): cache `size-64': memory outside object was
 * overwritten". */
static enum decode_form headline_slab(const char *text, struct decode_open *o)
{
	const char *p = after(text, "slab error in "), *cache = p ? strstr(p, "cache `") : NULL,
		   *end = cache ? strstr(cache, "': ") : NULL;
	struct decode_record *r = o->record;

	if (!end)
		return FORM_NONE;
	set_headline(o, "slub", text);
	r->object.present = true;
	r->object.cache = decode_record_string(r, cache + 7, (size_t)(end - cache - 7));
	end += 3;
	if (starts(end, "memory outside object was overwritten"))
		r->kind = "redzone-overwritten";
	else
		r->kind = decode_kind(r, end, strcspn(end, ","));
	return FORM_TRACE;
}

/* ---- kmemleak -------------------------------------------------------------------------------- */

/* "unreferenced object 0xffff888005e5b000 (size 128):"; with kmemleak.verbose, each line has DECODE_PRINTED_LEAK in
 * front. */
static enum decode_form headline_kmemleak(const char *text, struct decode_open *o)
{
	const char *p = after(text, DECODE_PRINTED_LEAK), *reachable;
	struct decode_record *r = o->record;

	o->printed_leak = p != NULL;
	p = p ? p : text;
	reachable = after(p, "reachable object ");
	p = reachable ? reachable : after(p, "unreferenced object ");
	if (!p)
		return FORM_NONE;
	if (*p == '(') {
		p += strcspn(p, ")");
		p += *p ? 2 : 0;
	}
	if (!starts(p, "0x") || !(p = decode_hex(p, &r->object.addr)))
		return FORM_NONE;
	set_headline(o, "kmemleak", text);
	r->kind = "unreferenced-object";
	r->object.present = true;
	r->object.state = "allocated";
	decode_decimal_after(p, "(size ", &r->object.size);
	if (reachable)
		r->kind = "reachable-object";
	r->leak.class = reachable ? "reachable" : "unreferenced";
	r->leak.objects = 1;
	r->leak.bytes = r->object.size;
	return FORM_KMEMLEAK;
}

/* ---- faults ---------------------------------------------------------------------------------- */

struct fault {
	const char *mark, *kind, *address;
	enum decode_form form;
};

/* The first that the line begins with counts. */
static const struct fault faults[] = {
	{ "general protection fault", "general-protection-fault", "address ", FORM_OOPS },
	{ "Oops: general protection fault", "general-protection-fault", "address ", FORM_OOPS },
	{ "stack segment: ", "stack-segment-fault", "", FORM_OOPS },
	{ "BUG: kernel NULL pointer dereference", "null-pointer-dereference", "address: ", FORM_OOPS },
	{ "BUG: Kernel NULL pointer dereference", "null-pointer-dereference", " at ", FORM_OOPS },
	{ "BUG: unable to handle kernel NULL pointer dereference", "null-pointer-dereference", " at ", FORM_OOPS },
	{ "BUG: unable to handle kernel paging request", "paging-request", " at ", FORM_OOPS },
	{ "BUG: unable to handle page fault", "page-fault", "address: ", FORM_OOPS },
	{ "BUG: Unable to handle kernel data access", "paging-request", " at ", FORM_OOPS },
	{ "BUG: Unable to handle kernel instruction fetch", "paging-request", "", FORM_OOPS },
	/* printk's second call may have been lost, or comes in a line of its own */
	{ "BUG: unable to handle kernel", "kernel-fault", " at ", FORM_OOPS },
	{ "BUG: Unable to handle kernel", "kernel-fault", " at ", FORM_OOPS },
	{ "BUG: stack guard page was hit", "stack-guard-page", " at ", FORM_OOPS },
	{ "BUG: TASK stack guard page was hit", "stack-guard-page", " at ", FORM_OOPS },
	{ "BUG: IRQ stack guard page was hit", "stack-guard-page", " at ", FORM_OOPS },
	{ "BUG: NMI stack guard page was hit", "stack-guard-page", " at ", FORM_OOPS },
	{ "BUG: Bad page state", "bad-page-state", "", FORM_TRACE },
	{ "BUG: Bad page cache", "bad-page-cache", "", FORM_TRACE },
	{ "BUG: Bad page map", "bad-page-map", "", FORM_TRACE },
	{ "BUG: Bad rss-counter state", "bad-rss-counter-state", "", FORM_TRACE },
	{ "BUG: non-zero pgtables_bytes on freeing mm", "non-zero-pgtables-bytes", "", FORM_TRACE },
	{ "Unable to handle kernel NULL pointer dereference", "null-pointer-dereference", "address ", FORM_OOPS },
	{ "Unable to handle kernel paging request", "paging-request", "address ", FORM_OOPS },
	{ "Unable to handle kernel access", "paging-request", "address ", FORM_OOPS },
	{ "Unable to handle kernel read from unreadable memory", "paging-request", "address ", FORM_OOPS },
	{ "Unable to handle kernel write to read-only memory", "paging-request", "address ", FORM_OOPS },
	{ "Unable to handle kernel execute", "paging-request", "address ", FORM_OOPS },
	{ "Unable to handle kernel pointer dereference", "paging-request", "", FORM_OOPS },
	{ "Unhandled fault: ", NULL, " at ", FORM_OOPS },
	/* MIPS */
	{ "Unhandled kernel unaligned access", "misaligned-access", "", FORM_OOPS },
	{ "Kernel unaligned instruction access", "misaligned-access", "", FORM_OOPS },
	{ "Data bus error, epc ", "data-bus-error", "", FORM_OOPS },
	{ "Instruction bus error, epc ", "instruction-bus-error", "", FORM_OOPS },
	/* user-mode Linux */
	{ "Kernel panic - not syncing: Segfault with ", "paging-request", "", FORM_OOPS },
	{ "Kernel panic - not syncing: Kernel mode fault", "paging-request", " addr ", FORM_OOPS },
	{ "Unhandled prefetch abort: ", NULL, " at ", FORM_OOPS },
	{ "Internal error: synchronous external abort", "synchronous-external-abort", "", FORM_OOPS },
	{ "Internal error: synchronous tag check fault", "tag-check-fault", "", FORM_OOPS },
	{ "Internal error: synchronous parity", "synchronous-parity-error", "", FORM_OOPS },
	/* RISC-V */
	{ "Oops - load access fault", "load-access-fault", "", FORM_OOPS },
	{ "Oops - store (or AMO) access fault", "store-access-fault", "", FORM_OOPS },
	{ "Oops - instruction access fault", "instruction-access-fault", "", FORM_OOPS },
	{ "Oops - load address misaligned", "misaligned-access", "", FORM_OOPS },
	{ "Oops - store (or AMO) address misaligned", "misaligned-access", "", FORM_OOPS },
	{ "Insufficient stack space to handle exception", "stack-overflow", "", FORM_OOPS },
	{ "kernel stack overflow", "stack-overflow", "", FORM_OOPS },
	{ "PANIC: double fault", "double-fault", "", FORM_OOPS },
	{ "Kernel panic - not syncing: stack-protector", "stack-protector", "", FORM_OOPS },
	{ "Kernel panic - not syncing: corrupted stack end", "corrupted-stack-end", "", FORM_OOPS },
	{ "Kernel panic - not syncing: kernel stack overflow", "stack-overflow", "", FORM_OOPS },
	{ "ODEBUG: ", NULL, "object: ", FORM_OOPS },
	{ "Bad or missing usercopy whitelist? ", "usercopy", "", FORM_OOPS },
	{ "list_add corruption", "list-add-corruption", "", FORM_OOPS },
	{ "list_add double add", "list-add-double-add", "", FORM_OOPS },
	{ "list_del corruption", "list-del-corruption", "", FORM_OOPS },
	{ "list_add_valid or KFENCE", "list-add-corruption", "", FORM_OOPS },
	{ "refcount_t: ", NULL, "", FORM_OOPS },
	/* Linux 4.15 to 5.4, from assembly: "refcount_t hit zero at func+0x1/0x2 in prog[12], uid/euid: 0/0" */
	{ "refcount_t hit zero at ", "hit-zero", "", FORM_OOPS },
	{ "refcount_t overflow at ", "overflow", "", FORM_OOPS },
	{ "refcount_t underflow at ", "underflow", "", FORM_OOPS },
	{ "usercopy: ", "usercopy", "", FORM_OOPS },
	{ "detected buffer overflow in ", "fortify-buffer-overflow", "", FORM_OOPS },
	{ "kernel BUG at lib/list_debug.c", "list-corruption", "", FORM_OOPS },
	{ "kernel BUG at mm/slub.c", "slub-bug", "", FORM_OOPS },
	{ "kernel BUG at mm/slab", "slab-bug", "", FORM_OOPS },
	{ "kernel BUG at mm/usercopy.c", "usercopy", "", FORM_OOPS },
	{ "kernel BUG at mm/", "kernel-bug", "", FORM_OOPS },
	{ "kernel BUG at include/linux/mm", "kernel-bug", "", FORM_OOPS },
	{ "kernel BUG at include/linux/page", "kernel-bug", "", FORM_OOPS },
	/* PA-RISC */
	{ "Kernel Fault: Code=", "paging-request", " at addr ", FORM_OOPS },
	{ "Kernel page fault: Code=", "paging-request", " at addr ", FORM_OOPS },
	{ "Bad Address (null pointer deref?): Code=", "null-pointer-dereference", " at addr ", FORM_OOPS },
	{ "pagealloc: single bit error", "page-poison-single-bit-error", "", FORM_TRACE },
	{ "pagealloc: memory corruption", "page-poison-memory-corruption", "", FORM_TRACE },
};

static const char *fault_detector(const struct fault *f)
{
	static const struct {
		const char *mark, *detector;
	} names[] = {
		{ "list", "list-debug" },
		{ "kernel BUG at lib/list", "list-debug" },
		{ "refcount", "refcount" },
		{ "usercopy", "usercopy" },
		{ "detected", "fortify" },
		{ "kernel BUG at mm/sl", "slub" },
		{ "kernel BUG at mm/user", "usercopy" },
		{ "pagealloc", "page-poison" },
		{ "BUG: Bad", "page-alloc" },
		{ "BUG: non-zero pgt", "page-alloc" },
		{ "Kernel panic - not syncing: Segfault", "oops" },
		{ "Kernel panic - not syncing: Kernel mode", "oops" },
		{ "BUG: stack", "vmap-stack" },
		{ "BUG: TASK", "vmap-stack" },
		{ "BUG: IRQ", "vmap-stack" },
		{ "BUG: NMI", "vmap-stack" },
		{ "Insufficient", "vmap-stack" },
		{ "kernel stack", "vmap-stack" },
		{ "Kernel panic - not syncing: stack-protector", "stack-protector" },
		{ "Kernel panic", "vmap-stack" },
		{ "ODEBUG: ", "odebug" },
		{ "Bad or missing usercopy", "usercopy" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (starts(f->mark, names[i].mark))
			return names[i].detector;
	return "oops";
}

/* Linux 4.x, and 5.x up to 5.5, print this before the fault: "kasan: GPF could be caused by NULL-ptr deref or user
 * memory access". */
static enum decode_form headline_gpf_hint(const char *text, struct decode_open *o)
{
	const char *p = after(text, "kasan: GPF could be caused by ");

	if (!p)
		return FORM_NONE;
	set_headline(o, "kasan", text);
	o->record->kind = decode_kind(o->record, p, strlen(p));
	o->gpf_hint = true;
	return FORM_OOPS;
}

/* "memcpy: detected buffer overflow: 40 byte write of buffer size 32", "memcpy: detected field-spanning write (size
 * 40) of …". */
static enum decode_form headline_fortify(const char *text, struct decode_open *o)
{
	const char *p = strstr(text, ": detected ");
	struct decode_record *r = o->record;

	if (!p || (size_t)(p - text) != strspn(text, "abcdefghijklmnopqrstuvwxyz_"))
		return FORM_NONE;
	p += 11;
	if (!(starts(p, "buffer overflow") && !starts(p, "buffer overflow in ")) && /* "… kernel: detected … in f" */
	    !(starts(p, "field-spanning ") && strstr(p, "(size ")))
		return FORM_NONE;
	set_headline(o, "fortify", text);
	r->kind = starts(p, "buffer") ? "fortify-buffer-overflow" : decode_kind(r, p, strcspn(p, "("));
	r->access = strstr(p, " read") ? "read" : "write";
	r->have_size = decode_decimal_after(p, "overflow: ", &r->access_size) ||
	               decode_decimal_after(p, "(size ", &r->access_size);
	return FORM_OOPS;
}

/* "refcount_t: underflow; use-after-free.", "ODEBUG: free active (active state 0) object type: …", "Unhandled fault:
 * imprecise external abort (0x1406) at 0x…": the words themselves. */
static const char *fault_kind(struct decode_record *r, const char *p)
{
	return decode_kind(r, p, strcspn(p, ".("));
}

/* MIPS and LoongArch name the processor: "CPU 0 Unable to handle kernel paging request at virtual address …". */
static const char *behind_cpu(const char *text)
{
	const char *p = after(text, "CPU ");
	uint64_t cpu;

	return p && (p = number_decimal(p, &cpu)) && starts(p, " Unable to handle kernel") ? p + 1 : text;
}

/* "WARNING: CPU: 1 PID: 12 at mm/usercopy.c:78 usercopy_warn+0x1/0x2": warnings that have no line of their own, or
 * whose own line was lost.  Linux 6.19 writes "WARNING: mm/usercopy.c:78 at usercopy_warn+0x1/0x2, CPU#1: x/12". */
static enum decode_form headline_warning(const char *text, struct decode_open *o)
{
	static const char *const places[][3] = {
		{ " lib/debugobjects.c:", "odebug", "odebug-bug" },
		{ " lib/refcount.c:", "refcount", "refcount-bug" },
		{ " mm/usercopy.c:", "usercopy", "usercopy" },
		{ " mm/page_alloc.c:", "page-alloc", "page-alloc-warning" },
	};

	if (!starts(text, "WARNING: "))
		return FORM_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (strstr(text + 8, places[i][0])) {
			set_headline(o, places[i][1], text);
			o->record->kind = places[i][2];
			o->vague = true;
			return FORM_OOPS;
		}
	return FORM_NONE;
}

static enum decode_form headline_fault(const char *whole, struct decode_open *o)
{
	struct decode_record *r = o->record;
	struct decode_frame place;
	const char *text = behind_cpu(whole);

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		const struct fault *f = &faults[i];
		const char *p = after(text, f->mark);
		if (p && starts(p, ": 0") && strstr(p, ", signal ")) /* of a report of memsan */
			return FORM_NONE;
		if (!p || (f->kind && strcmp(f->kind, "stack-segment-fault") == 0 && !strstr(p, " [#")))
			continue;
		set_headline(o, fault_detector(f), whole);
		if (starts(text, "Kernel panic - not syncing: stack-protector"))
			headline_function(o, text);
		if (starts(text, "refcount_t ") && decode_place(r, strstr(text, " at ") + 4, &place, NULL)) {
			r->title_function = place.function;
			r->title_module = place.module;
		}
		r->kind = f->kind ? f->kind : fault_kind(r, p);
		o->vague = strcmp(r->kind, "kernel-fault") == 0;
		if (*f->address && decode_hex_after(p, f->address, &r->addr))
			r->have_addr = true;
		return f->form;
	}
	return FORM_NONE;
}

static const char *after_detector(const char *t)
{
	static const char *const marks[] = { "BUG: KASAN: ", "BUG: KMSAN: ", "BUG: KFENCE: " };
	const char *p = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(marks) && !p; i++)
		p = after(t, marks[i]);
	return p;
}

/* KMSAN up to Linux 5.18, and scripts that add lines, have a headline for each inlined function of the place: "BUG:
 * KMSAN: uninit-value in copy a.h:3 [inline]", "BUG: KMSAN: uninit-value in put_cmsg+0x600/0x870".  The last one
 * counts. */
bool decode_headline_goes_on(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *last = o->own_lines ? r->lines[o->own_lines - 1] : "", *in = strstr(t, " in");
	const char *kind = after_detector(t);

	if (!starts(t, "BUG: K") || !in || strncmp(last, t, (size_t)(in - t)) != 0 || !kind ||
	    (!strstr(last, "[inline]") && !strstr(last, "[<     inline     >]")))
		return false;
	set_headline(o, r->detector, t);
	kasan_kind(o, kind);
	return true;
}

bool decode_headline_completed(struct decode_open *o, const char *t)
{
	struct decode_open probe = { .record = o->record };
	const char *headline = o->record->headline, *detector = o->record->detector, *kind = o->record->kind;
	char whole[200];

	if (starts(t, "paging request at ") || starts(t, "NULL pointer dereference at ")) {
		snprintf(whole, sizeof(whole), "BUG: unable to handle kernel %.100s", t);
		t = whole;
	}
	if (headline_fault(t, &probe) == FORM_NONE || probe.vague ||
	    (strcmp(detector, "oops") != 0 && strcmp(o->record->detector, detector) != 0)) {
		o->record->detector = detector;
		o->record->kind = kind;
		o->record->headline = headline;
		return false;
	}
	o->record->headline = headline;
	o->vague = false;
	return true;
}

/* "UBSAN: array-index-out-of-bounds in fs/foo.c:12:3"; older: "UBSAN: Undefined behaviour in fs/foo.c:12:3"; a kernel
 * whose checks trap: "Internal error: UBSAN: array index out of bounds: 00000000f2005512 [#1]". */
static enum decode_form headline_ubsan(const char *text, struct decode_open *o)
{
	const char *p = after(text, "Internal error: UBSAN: "), *in;

	p = p ? p : after(text, "Internal error: Oops - UBSAN: ");
	if (p) {
		set_headline(o, "ubsan", text);
		o->record->kind = decode_kind(o->record, p, strcspn(p, ":"));
		return FORM_OOPS;
	}
	p = after(text, "UBSAN: ");
	if (!p || !(in = strstr(p, " in ")))
		return FORM_NONE;
	set_headline(o, "ubsan", text);
	o->record->kind = decode_kind(o->record, p, (size_t)(in - p));
	o->record->place = decode_record_string(o->record, in + 4, strlen(in + 4));
	return FORM_OOPS;
}

/* ---- which ----------------------------------------------------------------------------------- */

/* The beginnings of all lines that decode_headline and the reader know. */
/* clang-format would break the braces. */
/* clang-format off */
#define MARK(s) { s, sizeof(s) - 1 }
static const struct {
	const char *text;
	size_t len;
} marks[] = {
	MARK("BUG"), MARK("general prot"), MARK("kernel BUG at"), MARK("kernel stack o"), MARK("unreferenced o"),
	MARK("reachable o"), MARK("usercopy: "), MARK("UBSAN: "), MARK("Unable to handle"), MARK("list_"),
	MARK("refcount_t"),
	MARK("pagealloc: "), MARK("Insufficient s"), MARK("PANIC: d"), MARK("Kernel panic - not syncing: stack-p"),
	MARK("cache_from_obj: "), MARK("=="), MARK("{"), MARK("detected buffer"), MARK("Kernel Offset: "),
	MARK("Linux version "), MARK("virt_to_cache: "), MARK("kmem_cache_free: "), MARK("kmem_cache_destroy "),
	MARK("kmemleak: unreferenced o"), MARK("kasan: GPF could"), MARK("Oops: general prot"),
	MARK("memcpy: detected "), MARK("memmove: detected "), MARK("memset: detected "),
	MARK("memcmp: detected "), MARK("memchr"), MARK("memscan: detected "), MARK("str"),
	MARK("kmemdup: detected "), MARK("sized_strscpy: detected "), MARK("Direct leak of "),
	MARK("Indirect leak of "), MARK("stack segment: "), MARK("Unhandled "), MARK("Internal error: "),
	MARK("ODEBUG: "), MARK("Kernel panic - not syncing: corrupted s"),
	MARK("Kernel panic - not syncing: kernel s"), MARK("Bad or missing u"), MARK("CPU "), MARK("WARNING: "),
	MARK("***"), MARK("free(): "), MARK("malloc(): "), MARK("calloc(): "), MARK("realloc(): "),
	MARK("munmap_chunk(): "), MARK("mremap_chunk(): "), MARK("malloc_consolidate(): "), MARK("tcache_thread_"),
	MARK("double free or c"), MARK("corrupted "), MARK("break adjusted"), MARK("invalid fastbin"),
	MARK("stack corruption d"), MARK("FORTIFY: "), MARK("Scudo ERROR: "), MARK("ElectricFence "),
	MARK("DUMA "), MARK("<error>"), MARK("<fatal_signal>"),
	/* the runtimes of languages, other checkers and allocators */
	MARK("panic: runtime e"), MARK("fatal error: "), MARK("unexpected fault a"), MARK("SIGSEGV: seg"),
	MARK("SIGBUS: bus"), MARK("thread '"), MARK("memory allocation of "), MARK("Fatal Python e"),
	MARK("Windows fatal exception: a"), MARK("# A fatal error has"), MARK("# There is insufficient mem"),
	MARK("FATAL ERROR: "), MARK("----- Native st"), MARK("Fatal error. "), MARK("Unhandled exception. Sys"),
	MARK("Stack overflow."), MARK("Process "), MARK("[\xf0\x9f\xa1\x95] Process "), MARK("traps: "),
	MARK("Error #"), MARK("UNADDRESSABLE A"), MARK("UNINITIALIZED R"), MARK("signal "),
	MARK("error: memory leaked: "), MARK("HEAP CORRUPTION D"), MARK("Run-Time Check Failure #"),
	MARK("ABR: "), MARK("ABW: "), MARK("BSR: "), MARK("BSW: "), MARK("FFM: "), MARK("FIM: "), MARK("FMM: "),
	MARK("FMR: "), MARK("FMW: "), MARK("FNH: "), MARK("FUM: "), MARK("IPR: "), MARK("IPW: "), MARK("MLK: "),
	MARK("NPR: "), MARK("NPW: "), MARK("PLK: "), MARK("SBR: "), MARK("SBW: "), MARK("UMC: "), MARK("UMR: "),
	MARK("ZPR: "), MARK("ZPW: "), MARK("[Dangling"), MARK("Received signal "), MARK("fdsan: "), MARK("Fatal glibc"),
	MARK("memory clobbered "), MARK("block freed twice"), MARK("bogus mcheck_status"), MARK("ubsan: "),
	MARK("AddressSanitizer: "), MARK("HWAddressSanitizer: "), MARK("MemorySanitizer: "), MARK("ThreadSanitizer: "),
	MARK("LeakSanitizer: "), MARK("UndefinedBehaviorSanitizer: "),
	MARK("Kernel Fault: "), MARK("slab error in "), MARK("Data bus error, "), MARK("Instruction bus e"),
	MARK("Kernel unaligned i"), MARK("Kernel panic - not syncing: S"), MARK("Kernel panic - not syncing: Kernel m"),
	MARK("Bad Address ("), MARK("Kernel page f"),
	MARK("in free(): "), MARK("in malloc(): "), MARK("in calloc(): "),
	MARK("in realloc(): "), MARK("malloc: *** error"), MARK("not freed: '0x"),
	/* no headlines, but perhaps parts of reports that nothing here understands; more in unread.c */
	MARK("SUMMARY: "), MARK("Oops: "), MARK("Oops - "), MARK("kmemleak: "), MARK("~~Dr.M~~"), MARK("MTE: "),
	MARK("AddressSanitizer:DEADLY"), MARK("MemorySanitizer:DEADLY"), MARK("HWAddressSanitizer:DEADLY"),
	MARK("ThreadSanitizer:DEADLY"), MARK("UndefinedBehaviorSanitizer:DEADLY"),
};
/* clang-format on */
#undef MARK

#define UNREAD_MAX 80

/* A bit for each pair of letters with which a mark begins ("{" stands for itself and any letter): nearly all lines of
 * a log end here.  Then only marks with the same first letter are compared. */
static struct {
	uint64_t pairs[65536 / 64];
	uint8_t begin[257];
	struct {
		const char *text;
		size_t len;
	} order[ARRAY_SIZE(marks) + UNREAD_MAX];
	bool filled;
} firsts;

static const char *mark_text(size_t i)
{
	return i < ARRAY_SIZE(marks) ? marks[i].text : decode_unread_beginning(i - ARRAY_SIZE(marks));
}

static void fill_firsts(void)
{
	const char *text;
	uint8_t nr = 0;

	for (unsigned first = 0; first < 256; first++) {
		firsts.begin[first] = nr;
		for (size_t i = 0; i < ARRAY_SIZE(firsts.order) && (text = mark_text(i)) != NULL; i++)
			if ((unsigned char)*text == first) {
				firsts.order[nr].text = text;
				firsts.order[nr++].len = strlen(text);
			}
	}
	firsts.begin[256] = nr;
	for (size_t i = 0; i < nr; i++)
		for (unsigned second = 0; second < 256; second++) {
			unsigned pair = (unsigned)(unsigned char)firsts.order[i].text[0] << 8 | second;
			if (firsts.order[i].len == 1 || second == (unsigned char)firsts.order[i].text[1])
				firsts.pairs[pair / 64] |= 1ull << pair % 64;
		}
	firsts.filled = true;
}

bool decode_may_be_headline(const char *text, size_t len)
{
	unsigned first, pair;

	if (!firsts.filled)
		fill_firsts();
	if (len < 2)
		return false;
	first = (unsigned char)text[0];
	pair = first << 8 | (unsigned char)text[1];
	if (!(firsts.pairs[pair / 64] >> pair % 64 & 1))
		return false;
	for (unsigned i = firsts.begin[first]; i < firsts.begin[first + 1]; i++)
		if (len >= firsts.order[i].len && (firsts.order[i].text[1] == text[1] || firsts.order[i].len == 1) &&
		    memcmp(text, firsts.order[i].text, firsts.order[i].len) == 0)
			return true;
	return false;
}

enum decode_form decode_headline(const char *text, struct decode_open *o)
{
	static enum decode_form (*const tries[])(const char *, struct decode_open *) = {
		headline_kasan,      headline_slub,    headline_kmemleak, headline_wrong_cache,
		headline_busy_cache, headline_fault,   headline_ubsan,    headline_gpf_hint,
		headline_fortify,    headline_warning, headline_slab,
	};
	static const struct {
		bool (*headline)(const char *, struct decode_open *);
		enum decode_form form;
	} tools[] = {
		{ decode_headline_asan, FORM_ASAN },           { decode_headline_tsan, FORM_TSAN },
		{ decode_headline_message, FORM_MESSAGE },     { decode_headline_gwp, FORM_GWP },
		{ decode_headline_ubsan, FORM_UBSAN },         { decode_headline_ubsan_minimal, FORM_MESSAGE },
		{ decode_headline_tombstone, FORM_TOMBSTONE }, { decode_headline_valgrind_xml, FORM_VALGRIND_XML },
		{ decode_headline_crash, FORM_CRASH },         { decode_headline_checker, FORM_CHECKER },
	};
	enum decode_form form;

	o->section = SECTION_HEAD;
	if (o->caller >> 48 == 'V')
		return decode_headline_valgrind(text, o) ? FORM_VALGRIND : FORM_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		if ((form = tries[i](text, o)) != FORM_NONE)
			return form;
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
		if (tools[i].headline(text, o))
			return tools[i].form;
	return FORM_NONE;
}
