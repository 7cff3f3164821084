/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/signature.c - the guilty function, the title, and the signature by which a bug is known again.
 * The guilty function is the first one of the main stack that is not plumbing: it belongs to no detector and no
 * allocator, and does not copy for its caller.  The title has the form that syzbot gives such bugs on the kernel's
 * mailing lists: "KASAN: slab-out-of-bounds Write in foo".
 * The signature is a hash of the detector, the kind and up to four functions, beginning with the guilty one, without
 * the parts that compilers add ("foo.constprop.0", "foo.cold").  It holds no address, offset or line, so the same bug
 * has the same signature on another machine and in the next build.  Frames without a function count by module and
 * offset.
 * Weaknesses accepted: two bugs of one kind, in one function and on one path, have one signature.  A log must have
 * the same signature whether or not it was symbolized with inlined functions, so inlined frames do not count. */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

#define SIGNATURE_FRAMES 4

/* A star at the end stands for any rest. */
/* By groups, many on a line. */
/* clang-format off */
static const char *const plumbing[] = {
	/* printing */
	"dump_stack*", "__dump_stack", "show_stack*", "dump_backtrace*", "__show_regs", "print_address_description*",
	"print_report", "print_trailer", "show_trace*", "unwind_backtrace*", "walk_stackframe", "arch_stack_walk",
	"stack_trace_save*", "save_stack*", "set_track*", "stack_trace_consume_entry", "__warn*", "warn_slowpath*",
	"report_bug*", "handle_bug*", "exc_*", "asm_exc_*", "do_trap*", "do_error_trap*", "do_invalid_op*",
	"invalid_op*", "die*", "__die*", "page_fault_oops", "no_context", "__bad_area*", "bad_area*",
	"do_page_fault*", "__do_page_fault", "do_user_addr_fault", "page_fault", "async_page_fault",
	"general_protection", "do_general_protection", "error_entry", "ret_from_exception", "do_mem_abort", "el1_*",
	"el1h_*", "do_bad_area", "do_tag_check_fault", "do_tag_recovery", "mte_check_*", "report_tag_fault",
	"do_translation_fault", "__do_kernel_fault", "double_fault", "do_double_fault", "panic", "fixup_bug*",
	"bad_page*", "kunit_*fail*", "kernelmode_fixup_or_oops",
	/* detectors */
	"kasan_*", "__kasan_*", "____kasan_*", "__asan_*", "__hwasan_*", "__msan_*", "kmsan_*", "kfence_*",
	"__kfence_*", "check_memory_region*", "memory_is_poisoned*", "end_report", "start_report",
	"complete_report_info", "is_kfence_address", "kmemleak_*", "__ubsan_*", "ubsan_*", "refcount_*",
	"__refcount_*", "__list_*", "list_add*", "list_del*", "list_move*", "__check_object_size*",
	"check_heap_object", "__check_heap_object", "usercopy_abort", "check_object_size", "fortify_panic",
	"__fortify_*", "check_poison_mem", "__kernel_unpoison_pages", "kernel_unpoison_pages*",
	"kernel_poison_pages*", "unpoison_page*", "check_region_inline", "qlink_free", "qlist_free_all",
	"quarantine_*", "poison_slab_object", "poison_kmalloc_redzone",
	/* allocators */
	"kmalloc*", "__kmalloc*", "__do_kmalloc*", "kzalloc*", "kcalloc*", "krealloc*", "__krealloc*",
	"__do_krealloc*", "kfree*", "__kfree*", "kvfree*", "kvmalloc*", "__kvmalloc*", "kmem_cache_*",
	"__kmem_cache_*", "kmemdup*", "kstrdup*", "kvmemdup*", "kstrndup*", "memdup_user*", "__do_kmem*", "slab_*",
	"__slab_*", "___slab_*", "do_slab_free", "new_slab*", "allocate_slab", "alloc_single_from*", "get_partial*",
	"get_from_any_partial", "check_slab*", "check_object*", "check_bytes_and_report*", "free_debug_processing*",
	"alloc_debug_processing*", "object_err*", "slub_*", "free_to_partial_list*", "on_freelist*",
	"free_consistency_checks*", "alloc_consistency_checks*", "cache_from_obj*", "validate_slab*",
	"list_slab_objects*", "free_partial", "free_slab*", "discard_slab*", "shutdown_cache", "slab_err*",
	"__free_slab", "cache_free_debugcheck", "___cache_free", "__cache_free", "init_object", "__free_object",
	"alloc_debug*", "check_pad_bytes", "early_kmem*", "vmalloc*", "__vmalloc*", "vzalloc*", "vfree*", "__vfree*",
	"__vunmap*", "vunmap*", "vmap", "alloc_pages*", "__alloc_pages*", "alloc_page*", "__get_free_pages",
	"get_zeroed_page", "get_page_from_freelist*", "__free_pages*", "free_pages*", "free_the_page",
	"free_unref_page*", "free_pcp*", "prep_new_page*", "post_alloc_hook*", "check_new_page*", "bad_range",
	"rmqueue*", "mempool_*", "devm_kmalloc*", "devm_kzalloc*", "free_large_kmalloc*", "folio_alloc*",
	"__folio_alloc*", "slab_free_freelist_hook", "slob_*", "__rcu_free_sheaf*", "free_frozen_pages*",
	"__free_frozen*", "__alloc_frozen*",
	/* functions that act for their callers */
	"memcpy*", "__memcpy*", "memset*", "__memset*", "memmove*", "__memmove*", "memcmp*", "bcmp", "memchr*",
	"strcpy*", "strncpy*", "strlen*", "strnlen*", "strcmp*", "strncmp*", "strchr*", "strrchr*", "strstr*",
	"strcat*", "strncat*", "strlcpy*", "strscpy*", "strlcat*", "strdup*", "stpcpy*", "sized_strscpy*",
	"_raw_spin_*", "__raw_spin_*", "copy_from_user*", "copy_to_user*", "_copy_from_user*", "_copy_to_user*",
	"__copy_from_user*", "__copy_to_user*", "instrument_*", "atomic_*", "arch_atomic*", "raw_atomic*",
	"rep_movs_alternative", "rep_stos_alternative", "test_bit", "arch_test_bit", "set_bit", "clear_bit",
	"__read_once*", "string", "string_nocheck", "vsnprintf", "snprintf", "sprintf",
	/* in programs: interceptors, and the C++ operators */
	"malloc*", "calloc*", "realloc*", "free*", "cfree", "posix_memalign", "aligned_alloc", "memalign*", "valloc",
	"pvalloc", "operator new*", "operator delete*", "__interceptor_*", "__interceptor.*", "__asan::*",
	"__sanitizer::*", "__lsan::*", "___interceptor_*", "std::__*", "__gnu_cxx::*",
};
/* clang-format on */
/* Of the names above, these must match as a whole, because programs have functions whose names begin so. */
static const char *const whole_words[] = { "free", "malloc", "calloc", "realloc", "die", "string" };

static bool pattern_matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] != '*')
		return strcmp(pattern, name) == 0;
	return strncmp(pattern, name, len - 1) == 0;
}

/* "foo.constprop.0" and "foo.cold" are foo. */
static int plain_length(const char *function)
{
	const char *dot = strchr(function + 1, '.');

	return (int)(dot && !strchr(function, '(') ? dot - function : (ptrdiff_t)strlen(function));
}

bool decode_function_is_plumbing(const char *function)
{
	char plain[200];

	/* "check_object.cold" is check_object */
	if (strchr(function + (*function != 0), '.') && plain_length(function) < (int)sizeof(plain)) {
		snprintf(plain, sizeof(plain), "%.*s", plain_length(function), function);
		function = plain;
	}
	for (size_t i = 0; i < ARRAY_SIZE(plumbing); i++) {
		const char *pattern = plumbing[i];
		size_t len = strlen(pattern);
		bool whole = false;
		for (size_t k = 0; k < ARRAY_SIZE(whole_words); k++)
			whole |= strlen(whole_words[k]) == len - 1 && strncmp(whole_words[k], pattern, len - 1) == 0;
		if (whole ? strncmp(function, pattern, len - 1) == 0 &&
		                    (!function[len - 1] || function[len - 1] == '.' || function[len - 1] == '@')
		          : pattern_matches(pattern, function))
			return true;
	}
	return false;
}

/* In a kernel report, a function of a module is not plumbing, unless it was inlined there from a header.  Tests of
 * the detectors are named after the functions that they call. */
static bool frame_is_plumbing(const struct decode_record *r, const struct decode_frame *f)
{
	static const char *const kernel[] = { "kasan", "kfence",   "slub",       "kmemleak", "oops",
		                              "ubsan", "refcount", "list-debug", "usercopy" };
	static const char *const bugs[] = {
		"_oob", "_uaf", "test_", "_test", "double_", "invalid_free", "negative_size"
	};

	for (size_t i = 0; f->module && !f->inlined && strcmp(f->module, "vmlinux") != 0 && i < ARRAY_SIZE(kernel); i++)
		if (strcmp(r->detector, kernel[i]) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(bugs); i++)
		if (strstr(f->function, bugs[i]) && !strstr(f->function, "kasan_"))
			return false;
	return decode_function_is_plumbing(f->function);
}

/* Index of the first frame that is not plumbing; s->nr: there is none. */
static size_t guilty_index(const struct decode_record *r, const struct decode_stack *s)
{
	size_t i, reliable = s->nr;

	for (i = 0; i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (!f->function || frame_is_plumbing(r, f))
			continue;
		if (!f->unreliable)
			return i;
		if (reliable == s->nr)
			reliable = i;
	}
	return reliable;
}

/* The stack to blame.  When somebody asks SLUB to look for damage ("echo 1 >/sys/kernel/slab/…/validate"), the
 * caller did not do the damage; the stack that freed or allocated the object is nearer to the bug. */
static const struct decode_stack *blame_stack(const struct decode_record *r)
{
	const struct decode_stack *s = decode_record_main_stack(r), *other;

	for (size_t i = 0; s && strcmp(r->detector, "slub") == 0 && i < s->nr; i++)
		if (s->frames[i].function && starts(s->frames[i].function, "validate_s")) {
			other = decode_record_role(r, strstr(r->kind, "poison") ? "free" : "alloc");
			return other ? other : s;
		}
	return s;
}

bool decode_record_guilty(const struct decode_record *r)
{
	const struct decode_stack *s = blame_stack(r);

	return s && guilty_index(r, s) < s->nr;
}

static void set_guilty(struct decode_record *r)
{
	const struct decode_stack *s = blame_stack(r);
	size_t i = s ? guilty_index(r, s) : 0;

	r->function = r->function_module = NULL;
	if (s && i < s->nr) {
		r->function = s->frames[i].function;
		r->function_module = s->frames[i].module;
	} else if (r->title_function) {
		r->function = r->title_function;
		r->function_module = r->title_module;
	}
}

/* ---- titles ---------------------------------------------------------------------------------- */

static const char *detector_name(const char *detector)
{
	static const char *const names[][2] = {
		{ "kasan", "KASAN" },           { "kfence", "KFENCE" },
		{ "memsan", "MEMSAN" },         { "kmsan", "KMSAN" },
		{ "kcsan", "KCSAN" },           { "ubsan", "UBSAN" },
		{ "asan", "AddressSanitizer" }, { "hwasan", "HWAddressSanitizer" },
		{ "lsan", "LeakSanitizer" },    { "valgrind", "Valgrind" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(detector, names[i][0]) == 0)
			return names[i][1];
	return NULL;
}

static const char *oops_title(const char *kind)
{
	static const char *const names[][2] = {
		{ "null-pointer-dereference", "BUG: unable to handle kernel NULL pointer dereference" },
		{ "paging-request", "BUG: unable to handle kernel paging request" },
		{ "page-fault", "BUG: unable to handle kernel paging request" },
		{ "general-protection-fault", "general protection fault" },
		{ "stack-guard-page", "BUG: stack guard page was hit" },
		{ "stack-overflow", "kernel stack overflow" },
		{ "stack-protector", "kernel panic: stack is corrupted" },
		{ "bad-page-state", "BUG: Bad page state" },
		{ "bad-page-map", "BUG: Bad page map" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(kind, names[i][0]) == 0)
			return names[i][1];
	return NULL;
}

static const char *leak_title(struct decode_record *r)
{
	if (decode_is_reachable(r))
		return decode_record_format(r, "%s: reachable memory", detector_name(r->detector));
	if (strcmp(r->detector, "kmemleak") == 0)
		return "memory leak";
	return decode_record_format(r, "%s: %s", detector_name(r->detector),
	                            strcmp(r->kind, "unreferenced-object") ? r->kind : "memory leak");
}

/* How many bytes at `text` are the kind in the tool's own words: "out-of-bounds read" is out-of-bounds-read. 0: they
 * are something else. */
static size_t words_length(const char *text, const char *kind)
{
	const char *p = text;

	while (*kind) {
		if (*kind == '-') {
			if (isalnum((unsigned char)*p))
				return 0;
			while (*p && !isalnum((unsigned char)*p))
				p++;
			kind++;
		} else if (tolower((unsigned char)*p++) != *kind++) {
			return 0;
		}
	}
	return isalnum((unsigned char)*p) ? 0 : (size_t)(p - text);
}

/* The kind as the headline writes it, else the kind itself. */
static const char *kind_words(struct decode_record *r)
{
	for (const char *p = r->headline; p && *p; p++) {
		bool begins = isalnum((unsigned char)*p) && (p == r->headline || !isalnum((unsigned char)p[-1]));
		size_t len = begins ? words_length(p, r->kind) : 0;
		if (len && len < 200)
			return decode_record_string(r, p, len);
	}
	return r->kind;
}

static const char *title_start(struct decode_record *r)
{
	const char *name = detector_name(r->detector), *oops = oops_title(r->kind);
	const char *access = r->access && !strcmp(r->access, "read")    ? " Read"
	                     : r->access && !strcmp(r->access, "write") ? " Write"
	                                                                : "";

	if (r->leak.class)
		return leak_title(r);
	if (strcmp(r->detector, "slub") == 0 && r->object.cache)
		return decode_record_format(r, "BUG %s: %s", r->object.cache, kind_words(r));
	if (name && (strstr(r->kind, "read") || strstr(r->kind, "write") || strcmp(r->detector, "kasan") != 0))
		return decode_record_format(r, "%s: %s", name, kind_words(r));
	if (name)
		return decode_record_format(r, "%s: %s%s", name, kind_words(r), access);
	if (strcmp(r->detector, "refcount") == 0)
		return "WARNING: refcount bug";
	if (oops)
		return oops;
	return kind_words(r);
}

/* ---- the signature --------------------------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t h, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
	return (h ^ 0xff) * 0x100000001b3u;
}

/* A function's name as people say it; memsan's text has that name, its JSON the full one. The end is cut as
 * plain_length says. */
static void short_name(char *name, size_t size, const char *function)
{
	struct fmt_buf b;

	fmt_init(&b, name, size);
	report_put_short_name(&b, function);
	name[plain_length(name)] = 0;
}

static uint64_t hash_frame(uint64_t h, const struct decode_frame *f)
{
	if (f->function) {
		char name[1100];
		short_name(name, sizeof(name), f->function);
		return hash_bytes(h, name, strlen(name));
	}
	if (f->module && f->have_offset) {
		const char *slash = strrchr(f->module, '/');
		h = hash_bytes(h, slash ? slash + 1 : f->module, strlen(slash ? slash + 1 : f->module));
		return hash_bytes(h, (const char *)&f->offset, sizeof(f->offset));
	}
	return h;
}

static void set_signature(struct decode_record *r)
{
	const struct decode_stack *s = blame_stack(r);
	uint64_t h = 0xcbf29ce484222325u;
	size_t taken = 0, i = s ? guilty_index(r, s) : 0;

	h = hash_bytes(h, r->detector, strlen(r->detector));
	h = hash_bytes(h, r->kind, strlen(r->kind));
	if (s && i == s->nr)
		i = 0;
	/* an inlined guilty function counts as the function that it is inlined into */
	for (; s && i < s->nr && taken < SIGNATURE_FRAMES; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (f->inlined || f->unreliable)
			continue;
		h = hash_frame(h, f);
		taken++;
	}
	if (!taken && r->function)
		h = hash_bytes(h, r->function, strlen(r->function));
	r->signature = h;
}

/* Where the access was, seen from the object, for reports that do not say it. */
static void set_relation(struct decode_record *r)
{
	struct decode_object *o = &r->object;

	if (o->relation || !r->have_addr || !o->addr || !o->size)
		return;
	o->have_distance = true;
	o->relation = r->addr < o->addr             ? "to the left of"
	              : r->addr - o->addr < o->size ? "inside of"
	                                            : "to the right of";
	o->distance = r->addr < o->addr             ? o->addr - r->addr
	              : r->addr - o->addr < o->size ? r->addr - o->addr
	                                            : r->addr - o->addr - o->size;
}

void decode_record_name(struct decode_record *r)
{
	const char *start;
	char name[1100];

	set_relation(r);

	if (!r->detector)
		r->detector = "unknown";
	if (!r->kind)
		r->kind = "unknown";
	set_guilty(r);
	start = title_start(r);
	if (r->function) {
		short_name(name, sizeof(name), r->function);
		r->title = decode_record_format(r, "%s in %s", start, name);
	} else {
		r->title = start;
	}
	set_signature(r);
}
