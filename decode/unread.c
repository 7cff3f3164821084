/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/unread.c - does a line look like a part of a report, although no report has taken it?
 * Such lines are counted and shown, so that nothing is lost silently: a tool or version that is not known, a report
 * whose headline was lost, JSON that cannot be read.  Lines about other matters that look alike are left out. */
#include "config.h"

#include "decode/decode_internal.h"

/* What the kernel reports with the same words, and has nothing to do with memory. */
static const char *const other_matters[] = {
	"soft lockup",
	"workqueue lockup",
	"sleeping function called",
	"scheduling while atomic",
	"using ",
	"Invalid wait context",
	"spinlock ",
	"rwlock ",
	"lock held when ",
	"bad unlock balance",
	"held lock freed",
	"still has locks held",
	"workqueue leaked ",
	"looking up invalid subclass",
	"MAX_LOCKDEP",
	"MAX_LOCK_DEPTH",
	"MAX_STACK_TRACE",
	"unable to find ",
	"Dentry ",
	"no syscalls can ",
	"memory leak",
	"GCOV",
};

static bool other_matter(const char *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(other_matters); i++)
		if (starts(p, other_matters[i]) || (*p && strstr(p, other_matters[i]) == p + 1))
			return true;
	if (starts(p, "http") || (*p && strspn(p, "#0123456789, ") == strlen(p))) /* a commit names what it repairs */
		return true;
	return starts(p, "MAX_") || strstr(p, "still has locks held") != NULL;
}

static bool any_word(const char *text, const char *const *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

/* What such lines begin with, and words that they have, too. */
static const struct {
	const char *text, *word;
} beginnings[] = {
	/* the kernel */
	{ "Slab corruption", "start=" },
	{ "Allocated in ", " age=" }, /* parts of reports whose headlines were lost */
	{ "Freed in ", " age=" },
	{ "INFO: Allocated in ", " age=" },
	{ "INFO: Freed in ", " age=" },
	{ "Redzone ", ": cc cc" },
	{ "Redzone ", ": bb bb" },
	{ "The buggy address belongs to the object ", NULL },
	{ "Memory state around the buggy address", NULL },
	{ "Uninit was created at:", NULL },
	{ "Uninit was stored to memory at:", NULL },
	{ "kfence-#", ", cache=" },
	{ "comm \"", ", jiffies " },
	{ "Memory tags around the buggy address", NULL },
	{ "Shadow bytes around the buggy address", NULL },
	{ "======= Backtrace: ====", NULL },
	{ "==", " ERROR: libFuzzer: out-of-memory" },
	{ "==", " ERROR: libFuzzer: deadly signal" },
	{ "kernel BUG at lib/string", NULL },
	{ " warn_alloc+0x", NULL }, /* of "prog: page allocation failure: …" */
	{ " warn_alloc.cold+0x", NULL },
	{ "page dumped because: ", "BUG_ON" },
	{ "page dumped because: ", "nonzero" },
	{ "WARNING: ", " mm/slub.c:" },
	{ "WARNING: ", " mm/slab" },
	{ "WARNING: ", " mm/vmalloc.c:" },
	{ "WARNING: ", " mm/kasan/" },
	{ "WARNING: ", " mm/kfence/" },
	{ "WARNING: ", " lib/list_debug.c:" },
	{ "Trying to vfree() ", NULL },
	{ "kmemleak: Cannot insert ", NULL },
	{ "kmemleak: Freeing unknown ", NULL },
	{ "DMA-API: ", " device driver " },
	{ "Thread overran stack", NULL },
	{ "CFI failure at ", NULL },
	{ "call_rcu(): Double-freed ", NULL },
	{ "skbuff: skb_over_panic: ", NULL },
	{ "skbuff: skb_under_panic: ", NULL },
	/* parts of AddressSanitizer's reports */
	{ "0x", " is located " },
	{ "READ of size ", " thread T" },
	{ "WRITE of size ", " thread T" },
	{ "freed by thread T", " here" },
	{ "previously allocated by thread T", " here" },
	/* other tools, languages and allocators */
	{ "~~Dr.M~~ Error #", NULL },
	{ "error: Undefined Behavior: ", NULL }, /* Miri */
	{ "fatal error: found bad pointer in Go heap", NULL },
	{ "fatal error: checkptr: ", NULL },
	{ "mimalloc: error: ", NULL },
	{ "fatal allocator error: ", NULL }, /* hardened_malloc */
	{ "<jemalloc>: ", "orrupt" },
	{ "src/tcmalloc", "ttempt to free invalid pointer" },
	{ "HEAP CORRUPTION DETECTED", NULL },
	{ "Detected memory leaks!", NULL },
	{ "malloc: *** error for object", NULL },
	{ "Memory not freed:", NULL }, /* mtrace */
	{ "malloc: Incorrect checksum for freed object", NULL },
	{ "+++ ALLOCATION 0x", NULL }, /* Android's malloc_debug */
	{ "+++ APP leaked block ", NULL },
};

const char *decode_unread_beginning(size_t i)
{
	return i < ARRAY_SIZE(beginnings) ? beginnings[i].text : NULL;
}

static bool begins_so(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (starts(text, beginnings[i].text) && (!beginnings[i].word || strstr(text, beginnings[i].word)))
			return true;
	return false;
}

/* Words of the sanitizers and other tools that stand in headlines and summaries only. */
static bool of_a_tool(const char *text)
{
	static const char *const words[] = {
		"Sanitizer: CHECK failed",
		"WARNING: DATA RACE",   /* Go */
		"UNADDRESSABLE ACCESS", /* Dr. Memory */
		"UNINITIALIZED READ",   /* … */
		"GWP-ASan detected",
		"GWP-ASan (http", /* tcmalloc's */
		"Scudo ERROR",
		"MTE: tag check fault",
		"new suspected memory leaks", /* the kernel has found leaks that this log does not list */
		"Sanitizer has encountered a fatal error",
		" in free(): error: ", /* FreeBSD's and OpenBSD's malloc */
		" in free(): bogus pointer",
		" in malloc(): error: ",
		" malloc: *** error for object ", /* macOS */
	};
	const char *sanitizer = strstr(text, "Sanitizer: ");

	if (any_word(text, words, ARRAY_SIZE(words)))
		return true;
	if (!sanitizer)
		return false;
	if (strstr(text, "SUMMARY: "))
		return !strstr(sanitizer, " leaked in ") && !strstr(sanitizer, "undefined-behavior");
	return (strstr(text, "ERROR: ") || strstr(text, "WARNING: ")) && !strstr(text, "LeakSanitizer: detected");
}

bool decode_looks_like_report(const char *text)
{
	const char *p;

	if ((p = after(text, "BUG: ")) != NULL || (p = after(text, "BUG:")) != NULL)
		return !other_matter(p);
	if (starts(text, "BUG ") && strstr(text, "ainted"))
		return true;
	if ((p = strstr(text, "Internal error: ")) != NULL || (p = after(text, "Oops: ")) != NULL)
		return strstr(p, " [#") != NULL;
	if (starts(text, "Unable to handle kernel ") || starts(text, "general protection fault"))
		return !strstr(text, " error:") && !strstr(text, ", signal "); /* with these: of a program */
	return begins_so(text) || of_a_tool(text);
}

/* Leaks and errors that a tool counts at its end, although no report of them stands above. */
bool decode_looks_like_count(const char *text, bool leaks_seen, bool valgrind_seen)
{
	const char *summary = after(text, "ERROR SUMMARY: ");

	if (strstr(text, "SUMMARY: ") && strstr(text, "Sanitizer: ") && strstr(text, " leaked in "))
		return !leaks_seen;
	return summary && *summary >= '1' && *summary <= '9' && !valgrind_seen;
}

/* A stack of Valgrind's without an error above it.  `before`: the line above. */
bool decode_looks_like_valgrind(const char *text, const char *before)
{
	static const char *const quiet[] = { "Thread #", "Open ",       "Thread ",    "Other segment", "Lock at",
		                             "Mutex ",   " Address 0x", " Block was", "Syscall ",      " Lock at" };
	const char *t = text + strspn(text, " ");

	if (!starts(t, "at 0x") || t == text)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++)
		if (starts(before, quiet[i]))
			return false;
	return true;
}
