/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/runtime.c - reports of libc and of allocators that check: glibc's aborts, Scudo, FORTIFY, Electric Fence,
 * and other allocators, which are one line; GWP-ASan; and Android's tombstones, in which all of these and MTE appear.
 *
 *     free(): double free detected in tcache 2      glibc; *** stack smashing detected ***; old: *** Error in `prog': …
 *     Scudo ERROR: corrupted chunk header at …      also behind "Abort message: '"
 *     *** GWP-ASan detected a memory error ***      up to *** End GWP-ASan report ***
 *     *** *** *** …                                 a tombstone: signal, cause, backtrace, the object's stacks
 */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

/* ---- one line -------------------------------------------------------------------------------- */

struct message {
	const char *mark, *detector, *kind; /* kind NULL: the words behind the mark */
	const char *access;
};
static const struct message messages[] = {
	{ "*** stack smashing detected ***", "glibc", "stack-smashing", "write" },
	{ "*** buffer overflow detected ***", "fortify", "fortify-buffer-overflow", "write" },
	{ "*** longjmp causes uninitialized stack frame ***", "fortify", "longjmp-uninitialized-stack-frame", NULL },
	{ "*** %n in writable segment", "fortify", "percent-n-in-writable-segment", NULL },
	{ "*** invalid %N$ use detected ***", "fortify", "invalid-percent-n-use", NULL },
	{ "*** bit out of range", "fortify", "fd-set-out-of-range", NULL },
	{ "free(): ", "glibc", NULL, "free" },
	{ "malloc(): ", "glibc", NULL, NULL },
	{ "calloc(): ", "glibc", NULL, NULL },
	{ "realloc(): ", "glibc", NULL, NULL },
	{ "munmap_chunk(): ", "glibc", NULL, "free" },
	{ "mremap_chunk(): ", "glibc", NULL, NULL },
	{ "malloc_consolidate(): ", "glibc", NULL, NULL },
	{ "tcache_thread_shutdown(): ", "glibc", NULL, NULL },
	{ "double free or corruption", "glibc", "double-free-or-corruption", "free" },
	{ "corrupted size vs. prev_size", "glibc", "corrupted-size-vs-prev-size", NULL },
	{ "corrupted double-linked list", "glibc", "corrupted-double-linked-list", NULL },
	{ "corrupted unsorted chunks", "glibc", "corrupted-unsorted-chunks", NULL },
	{ "break adjusted to free malloc space", "glibc", "break-adjusted-to-free-malloc-space", NULL },
	{ "invalid fastbin entry (free)", "glibc", "invalid-fastbin-entry", "free" },
	{ "stack corruption detected (-fstack-protector)", "fortify", "stack-smashing", "write" },
	{ "FORTIFY: ", "fortify", NULL, NULL },
	{ "Scudo ERROR: ", "scudo", NULL, NULL },
	{ "ElectricFence Aborting: ", "electric-fence", NULL, NULL },
	{ "ElectricFence Exiting: ", "electric-fence", NULL, NULL },
	{ "DUMA Aborting: ", "electric-fence", NULL, NULL },
	{ "DUMA Exiting: ", "electric-fence", NULL, NULL },
	{ "Fatal glibc error: malloc", "glibc", "heap-corruption", NULL },
	/* its mcheck */
	{ "memory clobbered before allocated block", "glibc", "memory-clobbered-before-block", "write" },
	{ "memory clobbered past end of allocated block", "glibc", "memory-clobbered-behind-block", "write" },
	{ "block freed twice", "glibc", "double-free", "free" },
	{ "bogus mcheck_status, library is buggy", "glibc", "heap-corruption", NULL },
	{ "fdsan: ", "fdsan", "file-descriptor-ownership", NULL },
	{ "mimalloc: error: ", "mimalloc", NULL, NULL },
	{ "fatal allocator error: ", "hardened-malloc", NULL, NULL },
};

/* Sentences of which only some are reports; words of the program may stand in front. */
static const struct {
	const char *words, *more, *detector, *kind;
} sentences[] = {
	{ "<jemalloc>: ", "double free", "jemalloc", "double-free" },
	{ "<jemalloc>: ", "size mismatch", "jemalloc", "size-mismatch" },
	{ "<jemalloc>: ", "orrupt", "jemalloc", "heap-corruption" },
	{ "src/tcmalloc", "ttempt to free invalid pointer", "tcmalloc", "invalid-free" },
	{ "in free(): ", "already free", "bsd-malloc", "double-free" },
	{ "in free(): ", "double free", "bsd-malloc", "double-free" },
	{ "in free(): error: ", "", "bsd-malloc", "invalid-free" },
	{ "in free(): bogus pointer", "", "bsd-malloc", "invalid-free" },
	{ "in malloc(): error: ", "", "bsd-malloc", "heap-corruption" },
	{ "in calloc(): error: ", "", "bsd-malloc", "heap-corruption" },
	{ "in realloc(): error: ", "", "bsd-malloc", "heap-corruption" },
	{ "malloc: *** error for object ", "was not allocated", "macos-malloc", "invalid-free" },
	{ "malloc: *** error for object ", "modified after being freed", "macos-malloc", "use-after-free" },
	{ "malloc: *** error for object ", "", "macos-malloc", "heap-corruption" },
	{ "malloc: Incorrect checksum for freed object", "", "macos-malloc", "use-after-free" },
};
/* mimalloc's and hardened_malloc's words. */
static const char *const words_of_others[][2] = {
	{ "double free", "double-free" },
	{ "invalid free", "invalid-free" },
	{ "invalid pointer", "invalid-free" },
	{ "invalid (unaligned) pointer", "invalid-free" },
	{ "might not point to a valid heap", "invalid-free" },
	{ "write after free", "use-after-free" },
	{ "canary corrupted", "heap-buffer-overflow" },
	{ "overflow", "heap-buffer-overflow" },
	{ "corrupted", "heap-corruption" },
};

/* Sentences of which only a part is the kind. */
static const char *const kinds[][2] = {
	{ "double free", "double-free" },
	{ "address not from ", "bad-free" }, /* malloc; DUMA */
	{ "called before first malloc", "bad-free" },
	{ "memory already freed", "double-free" },
	{ "mprotect() failed", "out-of-memory" },
	{ "mmap() failed", "out-of-memory" },
	{ "Allocating 0 bytes", "zero-size" },
	{ "invalid chunk state", "invalid-chunk-state" },
	{ "corrupted chunk header", "corrupted-chunk-header" },
	{ "misaligned pointer", "misaligned-pointer" },
	{ "allocation type mismatch", "allocation-type-mismatch" },
	{ "invalid sized delete", "invalid-sized-delete" },
	{ "race on chunk header", "race-on-chunk-header" },
};

/* The sentences of an allocator that refuses a request; the sanitizers' allocators and Scudo have them from each
 * other. */
static const char *const refusals[][2] = {
	{ "calloc parameters overflow", "calloc-overflow" },
	{ "reallocarray parameters overflow", "reallocarray-overflow" },
	{ "pvalloc parameters overflow", "pvalloc-overflow" },
	{ "invalid alignment requested in aligned_alloc", "invalid-aligned-alloc-alignment" },
	{ "invalid alignment requested in posix_memalign", "invalid-posix-memalign-alignment" },
	{ "invalid allocation alignment", "invalid-allocation-alignment" },
	{ "requested allocation size", "allocation-size-too-big" },
	{ "specified RSS limit", "rss-limit-exceeded" },
	{ "out of memory", "out-of-memory" },
	{ "internal map", "out-of-memory" },
	{ "allocator is trying to", "out-of-memory" },
};

const char *decode_refusal_kind(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (strstr(text, refusals[i][0]))
			return refusals[i][1];
	return NULL;
}

/* "FORTIFY: memcpy: prevented 20-byte write into 10-byte buffer" */
static void fortify_message(struct decode_record *r, const char *p)
{
	r->kind = strstr(p, "prevented ") ? "fortify-buffer-overflow" : decode_kind(r, p, strcspn(p, "0123456789"));
	r->access = strstr(p, " read") ? "read" : "write";
	r->have_size = decode_decimal_after(p, "prevented ", &r->access_size);
	if (isalpha((unsigned char)*p) && strchr(p, ':'))
		r->title_function = decode_record_string(r, p, strcspn(p, ":"));
}

/* All of glibc's messages about the heap have one of these words. */
static bool glibc_words(const char *text)
{
	static const char *const words[] = { "invalid", "corrupt", "detected", "mismatch", "unaligned" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(text, words[i]))
			return strlen(text) < 80;
	return false;
}

/* Does one of glibc's messages that are plain words end here?  Else it is a sentence about such an error. */
static bool glibc_ends(const char *p)
{
	static const char *const ends[] = { " (top)",       " (out)", " (!prev)", " (fasttop)",  " while consolidating",
		                            " in fastbins", " 2",     " 3",       " (not small)" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (starts(p, ends[i])) {
			p += strlen(ends[i]);
			break;
		}
	return starts(p, ": 0x") ||
	       strpbrk(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == NULL;
}

static bool read_sentence(struct decode_record *r, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(sentences); i++) {
		const char *p = after(text, sentences[i].words);
		if (!p || !strstr(p, sentences[i].more) || strlen(text) > 400)
			continue;
		r->detector = sentences[i].detector;
		r->kind = sentences[i].kind;
		r->access = strstr(r->kind, "free") && !strstr(r->kind, "use") ? "free" : NULL;
		return true;
	}
	return false;
}

static bool read_message(struct decode_record *r, const char *text)
{
	const struct message *m = messages;

	while (m < messages + ARRAY_SIZE(messages) && !starts(text, m->mark))
		m++;
	if (m == messages + ARRAY_SIZE(messages) || strlen(text) > 400)
		return false;
	if (!m->kind && strcmp(m->detector, "glibc") == 0 && !glibc_words(text + strlen(m->mark)))
		return false;
	if (strcmp(m->detector, "fdsan") == 0 && !strstr(text, " file descriptor "))
		return false;
	if (m->kind && strcmp(m->detector, "glibc") == 0 && islower((unsigned char)*m->mark) &&
	    !glibc_ends(text + strlen(m->mark)))
		return false;
	r->detector = m->detector;
	r->kind = m->kind;
	r->access = m->access;
	text += strlen(m->mark);
	if (m->kind)
		return true;
	if (starts(m->mark, "FORTIFY")) {
		fortify_message(r, text);
		return true;
	}
	if (strstr(text, "when deallocating") || strstr(text, "free("))
		r->access = "free";
	if (decode_hex_after(text, "address 0x", &r->addr) || decode_hex_after(text, "free(", &r->addr))
		r->have_addr = true;
	if (strcmp(m->detector, "mimalloc") == 0 || strcmp(m->detector, "hardened-malloc") == 0)
		r->kind = decode_kind_of_words(words_of_others, ARRAY_SIZE(words_of_others), text);
	if (!r->kind && strcmp(m->detector, "mimalloc") == 0) /* an option, memory that the system refuses */
		return false;
	if (!r->kind)
		r->kind = decode_kind_of_words(kinds, ARRAY_SIZE(kinds), text);
	if (!r->kind)
		r->kind = decode_refusal_kind(text);
	if (!r->kind)
		r->kind = decode_kind(r, text, strcspn(text, "(:0123456789"));
	return strcmp(r->kind, "unknown") != 0;
}

/* glibc before 2.26: "*** Error in `./prog': double free or corruption (fasttop): 0x00000000016f3010 ***"; before 2.13:
 * "*** glibc detected *** ./prog: double free or corruption (fasttop): 0x…"; before 2.35: "*** stack smashing detected
 * ***: ./prog terminated". */
static bool old_glibc(struct decode_record *r, const char *text)
{
	const char *p = after(text, "*** Error in `"), *end;

	if (!p)
		p = after(text, "*** glibc detected *** ");
	end = p ? strstr(p, ": ") : NULL;
	if (!end || !read_message(r, end + 2))
		return false;
	r->exe = decode_record_string(r, p, strcspn(p, "':"));
	if (decode_hex_after(end + 2, ": 0x", &r->addr))
		r->have_addr = true;
	return true;
}

bool decode_headline_message(const char *text, struct decode_open *o)
{
	struct decode_record *r = o->record;

	if (!read_message(r, text) && !old_glibc(r, text) && !read_sentence(r, text))
		return false;
	r->headline = decode_record_string(r, text, strlen(text));
	return true;
}

/* Behind it, old glibc prints a backtrace and the memory map. */
enum decode_answer decode_line_message(struct decode_open *o, const char *text)
{
	if (starts(text, "======= Backtrace: ====")) {
		o->stack = decode_record_stack(o->record, "access");
		return LINE_TAKEN;
	}
	if (starts(text, "======= Memory map: ====")) {
		o->stack = NULL;
		return LINE_LAST;
	}
	return o->stack && decode_frame_backtrace(o->record, o->stack, text) ? LINE_TAKEN : LINE_BEHIND;
}

/* ---- GWP-ASan -------------------------------------------------------------------------------- */

/* "Use After Free at 0x7f… (0 bytes into a 41-byte allocation at 0x7f…) by thread 31027 here:", in a tombstone "Use
 * After Free, 0 bytes into a 41-byte allocation at 0x7f…" */
static void gwp_access(struct decode_record *r, const char *t)
{
	const char *allocation = strstr(t, "-byte allocation at 0x"), *paren = strchr(t, '('), *digits;

	r->kind = starts(t, "Invalid (Wild) Free") ? "invalid-free" : decode_kind(r, t, strcspn(t, ",("));
	if (strstr(r->kind, "-at-0x"))
		r->kind = decode_kind(r, t, (size_t)(strstr(t, " at 0x") - t));
	if (strstr(r->kind, "free") && !strstr(r->kind, "use-after"))
		r->access = "free";
	if (strstr(t, " at 0x") && (!paren || strstr(t, " at 0x") < paren) && !strchr(t, ','))
		r->have_addr = decode_hex_after(t, " at 0x", &r->addr);
	if (!allocation)
		return;
	for (digits = allocation; digits > t && isdigit((unsigned char)digits[-1]); digits--)
		;
	number_decimal(digits, &r->object.size);
	r->object.present = decode_hex_after(allocation, " at 0x", &r->object.addr);
	r->object.state = strstr(r->kind, "use-after") || strstr(r->kind, "double") ? "freed" : "allocated";
}

bool decode_headline_gwp(const char *text, struct decode_open *o)
{
	struct decode_record *r = o->record;

	if (!starts(text, "*** GWP-ASan detected a memory error ***"))
		return false;
	r->detector = "gwp-asan";
	r->headline = decode_record_string(r, text, strlen(text));
	return true;
}

static bool gwp_heading(struct decode_open *o, const char *t)
{
	struct decode_record *r = o->record;
	const char *thread = strstr(t, "by thread ");
	const char *role = strstr(t, " was deallocated by") || starts(t, "deallocated by") ? "free"
	                   : strstr(t, " was allocated by") || starts(t, "allocated by")   ? "alloc"
	                                                                                   : NULL;
	uint64_t tid;

	if (!thread || !role)
		return false;
	o->stack = decode_record_stack(r, role);
	if (o->stack && number_decimal(thread + 10, &tid)) {
		o->stack->tid = (uint32_t)tid;
		o->stack->have_tid = true;
	}
	return true;
}

enum decode_answer decode_line_gwp(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");
	uint64_t tid;

	if (starts(t, "*** End GWP-ASan report ***")) {
		o->saw_summary = true;
		return LINE_LAST;
	}
	if (!r->kind && strstr(t, " here:")) {
		gwp_access(r, t);
		if (decode_decimal_after(t, "by thread ", &tid)) {
			r->tid = (uint32_t)tid;
			r->have_tid = true;
		}
		o->stack = decode_record_stack(r, "access");
		return LINE_TAKEN;
	}
	if (*t == '#' && o->stack && number_decimal(t + 1, &tid) && tid != o->stack->nr)
		o->mixed = true; /* another process writes frames, too */
	if (gwp_heading(o, t) || (*t == '#' && decode_frame_backtrace(r, o->stack, t)) || !*t)
		return LINE_TAKEN;
	return LINE_FOREIGN;
}

/* ---- tombstones ------------------------------------------------------------------------------ */

#define TOMBSTONE "*** *** *** *** *** *** *** ***"

/* "signal 11 (SIGSEGV), code 9 (SEGV_MTESERR), fault addr 0x60000704df5300 (read)" */
static void tombstone_signal(struct decode_record *r, const char *t)
{
	const char *code = strstr(t, "code "), *open = code ? strchr(code, '(') : NULL;

	r->headline = decode_record_string(r, t, strlen(t));
	r->have_addr = decode_hex_after(t, "fault addr 0x", &r->addr);
	if (strstr(t, "(SEGV_MTE")) {
		r->detector = "mte";
		r->kind = "tag-check-fault";
	} else if (!strstr(t, "(SIGABRT)") && open) {
		r->kind = decode_kind(r, open + 1, strcspn(open + 1, ")"));
	}
	r->access = strstr(t, "(read)") ? "read" : strstr(t, "(write)") ? "write" : r->access;
}

/* Those who copy a tombstone often leave out its head. */
static bool is_signal(const char *t)
{
	return starts(t, "signal ") && strstr(t, " (SIG") && strstr(t, ", code ") && strstr(t, "fault addr ");
}

bool decode_headline_tombstone(const char *text, struct decode_open *o)
{
	if (!starts(text, TOMBSTONE) && !is_signal(text))
		return false;
	o->record->detector = "tombstone";
	if (is_signal(text))
		tombstone_signal(o->record, text);
	return true;
}

/* "pid: 16856, tid: 16858, name: worker  >>> /system/bin/prog <<<" */
static void tombstone_process(struct decode_record *r, const char *t)
{
	const char *name = strstr(t, "name: "), *exe = strstr(t, ">>> ");
	uint64_t value;

	if (decode_decimal_after(t, "pid: ", &value)) {
		r->pid = r->tid = (uint32_t)value;
		r->have_pid = r->have_tid = true;
	}
	if (decode_decimal_after(t, " tid: ", &value))
		r->tid = (uint32_t)value;
	if (name && exe && exe > name) {
		const char *end = exe;
		while (end > name && end[-1] == ' ')
			end--;
		r->comm = decode_record_string(r, name + 6, (size_t)(end - name - 6));
	}
	if (exe)
		r->exe = decode_record_string(r, exe + 4, strcspn(exe + 4, "<") - (strstr(exe, " <<<") != NULL));
}

/* "Cause: [MTE]: Use After Free, 0 bytes into a 32-byte allocation at 0x7…", "Cause: null pointer dereference" */
static void tombstone_cause(struct decode_record *r, const char *t)
{
	const char *p = after(t, "Cause: ");

	if (!p || r->detail) /* the first of several is the likeliest */
		return;
	r->detail = decode_record_string(r, t, strlen(t));
	if (starts(p, "[MTE]: ") || starts(p, "[GWP-ASan]: ")) {
		r->detector = p[1] == 'M' ? "mte" : "gwp-asan";
		gwp_access(r, strstr(p, ": ") + 2);
	} else if (starts(p, "stack pointer is ")) { /* "in a non-existent map; likely due to stack overflow." */
		r->kind = "stack-overflow";
	} else {
		r->kind = decode_kind(r, p, strcspn(p, ";(0"));
	}
}

/* Of bionic, of its older allocators and of its malloc_debug. */
static const char *const aborts[][2] = {
	{ "Pointer tag for 0x", "truncated-pointer-tag" },
	{ "passed to free: value not allocated", "invalid-free" },
	{ "invalid address or address of corrupt block", "heap-corruption" },
	{ "heap corruption detected by ", "heap-corruption" },
	{ "HEAP MEMORY CORRUPTION IN ", "heap-corruption" },
	{ "INVALID HEAP ADDRESS IN ", "invalid-free" },
};

/* "Abort message: 'FORTIFY: …'"; messages that have nothing to do with memory leave the kind open. */
static void tombstone_abort(struct decode_record *r, const char *t)
{
	const char *p = strchr(t, '\''), *end = p ? strrchr(p, '\'') : NULL;
	const char *message = p ? decode_record_string(r, p + 1, end > p ? (size_t)(end - p - 1) : strlen(p + 1))
	                        : NULL;

	if (!message)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(aborts) && !r->kind; i++)
		if (strstr(message, aborts[i][0]))
			r->kind = aborts[i][1];
	if (r->kind || read_message(r, message))
		r->headline = message;
}

static bool tombstone_ends(const char *t)
{
	static const char *const marks[] = { "memory near ", "memory map",    "open files:", "stack:",
		                             "code around ", "--------- log", "--- --- ---", "Memory tags around",
		                             "log tail",     TOMBSTONE };

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (starts(t, marks[i]))
			return true;
	return false;
}

/* Google's Play Console keeps no message; the allocator's function tells it. */
static void tombstone_frame(struct decode_record *r, const struct decode_frame *f)
{
	static const char *const functions[][2] = {
		{ "scudo::reportInvalidChunkState", "invalid-chunk-state" },
		{ "scudo::reportHeaderCorruption", "corrupted-chunk-header" },
		{ "scudo::reportHeaderRace", "race-on-chunk-header" },
		{ "scudo::reportDeallocTypeMismatch", "allocation-type-mismatch" },
		{ "scudo::reportDeleteSizeMismatch", "invalid-sized-delete" },
		{ "scudo::reportMisalignedPointer", "misaligned-pointer" },
	};

	for (size_t i = 0; !r->kind && f->function && i < ARRAY_SIZE(functions); i++)
		if (starts(f->function, functions[i][0])) {
			r->detector = "scudo";
			r->kind = functions[i][1];
			r->headline = decode_record_string(r, f->function, strlen(f->function));
		}
}

enum decode_answer decode_line_tombstone(struct decode_open *o, const char *text)
{
	struct decode_record *r = o->record;
	const char *t = text + strspn(text, " \t");

	if (o->trace_began && tombstone_ends(t))
		return starts(t, TOMBSTONE) ? LINE_BEHIND : LINE_LAST;
	if (starts(t, "pid: "))
		tombstone_process(r, t);
	else if (starts(t, "signal "))
		tombstone_signal(r, t);
	else if (starts(t, "Cause: "))
		tombstone_cause(r, t);
	else if (starts(t, "Abort message: "))
		tombstone_abort(r, t);
	else if (starts(t, "backtrace:"))
		o->stack = decode_record_stack(r, "access");
	else if (*t == '#') {
		if (!decode_frame_tombstone(r, o->stack, t))
			return LINE_FOREIGN;
		o->trace_began = true;
		if (o->stack && o->stack->nr)
			tombstone_frame(r, &o->stack->frames[o->stack->nr - 1]);
	} else if (!gwp_heading(o, t) && *t && text[0] != ' ' && !strchr(t, ':'))
		return LINE_FOREIGN;
	return LINE_TAKEN;
}
