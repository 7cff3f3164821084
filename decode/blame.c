/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/blame.c - the guilty function and the title.
 * The guilty function is the first one of the main stack that is not plumbing: it belongs to no detector and no
 * allocator, and does not act for its caller.  skip.def lists plumbing.  A kernel report's headline names the function
 * of the access, so that function comes first, and frames that the unwinder only found on the stack ('?') come last.
 * A stack that overflowed is the fault of the recursion that filled it, not of the function that ran at its end.
 * The title has the form that syzbot gives such bugs on the kernel's mailing lists: "KASAN: slab-out-of-bounds Write in
 * foo". */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

/* ---- plumbing -------------------------------------------------------------------------------- */

#define SKIP_ALL(...) __VA_ARGS__,
#define SKIP_KERNEL(...)
#define SKIP_PROGRAM(...)
#define SKIP_OF(detector, kind, ...)
#define SKIP_LIBC(...)
#define ANCHOR(...)
static const char *const skip_all[] = {
#include "decode/skip.def"
	NULL
};
#undef SKIP_ALL
#undef SKIP_KERNEL
#define SKIP_ALL(...)
#define SKIP_KERNEL(...) __VA_ARGS__,
static const char *const skip_kernel[] = {
#include "decode/skip.def"
	NULL
};
#undef SKIP_KERNEL
#undef SKIP_PROGRAM
#define SKIP_KERNEL(...)
#define SKIP_PROGRAM(...) __VA_ARGS__,
static const char *const skip_program[] = {
#include "decode/skip.def"
	NULL
};
#undef SKIP_PROGRAM
#undef SKIP_LIBC
#define SKIP_PROGRAM(...)
#define SKIP_LIBC(...) __VA_ARGS__,
static const char *const skip_libc[] = {
#include "decode/skip.def"
	NULL
};
#undef SKIP_PROGRAM
#undef SKIP_LIBC
#define SKIP_LIBC(...)
#undef ANCHOR
#define SKIP_PROGRAM(...)
#define ANCHOR(...) __VA_ARGS__,
static const char *const anchors[] = {
#include "decode/skip.def"
	NULL
};
#undef ANCHOR
#undef SKIP_OF
#define ANCHOR(...)
#define SKIP_OF(detector, kind, ...) { detector, kind, (const char *const[]){ __VA_ARGS__, NULL } },
static const struct {
	const char *detector, *kind;
	const char *const *skip;
} skip_of[] = {
#include "decode/skip.def"
};

/* A star at the beginning or at the end stands for any text. */
static bool pattern_matches(const char *pattern, const char *name, size_t len)
{
	size_t n = strlen(pattern);
	bool front = *pattern == '*', back = n > 1 && pattern[n - 1] == '*';

	pattern += front;
	n -= front;
	n -= back;
	if (n > len)
		return false;
	if (front)
		return back ? memmem(name, len, pattern, n) != NULL : memcmp(name + len - n, pattern, n) == 0;
	return (back || n == len) && memcmp(name, pattern, n) == 0;
}

static bool list_matches(const char *const *list, const char *name, size_t len)
{
	for (; *list; list++)
		if (((*list)[0] == name[0] || (*list)[0] == '*') && pattern_matches(*list, name, len))
			return true;
	return false;
}

size_t decode_plain_length(const char *function)
{
	const char *end = *function ? function + 1 : function;

	if (strchr(function, '('))
		return strlen(function);
	while (*end && *end != '@' && !(*end == '.' && decode_is_clone_suffix(end)))
		end++;
	return (size_t)(end - function);
}

/* A function's name as people say it; memsan's text has that name, its JSON the full one. The end is cut as
 * decode_plain_length says. */
void decode_short_name(char *name, size_t size, const char *function)
{
	struct fmt_buf b;

	fmt_init(&b, name, size);
	report_put_short_name(&b, function);
	name[decode_plain_length(name)] = 0;
}

enum { IN_KERNEL = 1, IN_PROGRAM = 2 };

/* Where reports of a detector come from; both have UBSan and FORTIFY_SOURCE. */
static unsigned world_of(const char *detector)
{
	static const char *const kernel[] = {
		"kasan",       "kfence",     "kmsan",    "kcsan",      "slub",
		"kmemleak",    "oops",       "refcount", "list-debug", "usercopy",
		"page-poison", "page-alloc", "odebug",   "vmap-stack", "stack-protector"
	};

	if (strcmp(detector, "ubsan") == 0 || strcmp(detector, "fortify") == 0)
		return IN_KERNEL | IN_PROGRAM;
	for (size_t i = 0; i < ARRAY_SIZE(kernel); i++)
		if (strcmp(detector, kernel[i]) == 0)
			return IN_KERNEL;
	return IN_PROGRAM;
}

bool decode_in_kernel(const struct decode_record *r)
{
	static const char *const headlines[] = { "UBSAN: ", "detected buffer overflow", "detected field-spanning" };
	unsigned world = world_of(r->detector);

	for (size_t i = 0; world == (IN_KERNEL | IN_PROGRAM) && i < ARRAY_SIZE(headlines); i++)
		if (r->headline && strstr(r->headline, headlines[i]))
			return true;
	return world == IN_KERNEL;
}

static bool in_lists(unsigned world, const char *function)
{
	size_t len = decode_plain_length(function);

	return list_matches(skip_all, function, len) ||
	       ((world & IN_KERNEL) && list_matches(skip_kernel, function, len)) ||
	       ((world & IN_PROGRAM) && list_matches(skip_program, function, len));
}

bool decode_function_is_plumbing(const char *detector, const char *function)
{
	return in_lists(world_of(detector), function);
}

static bool plumbing_of_report(const struct decode_record *r, const char *function)
{
	size_t len = decode_plain_length(function);
	bool kernel = decode_in_kernel(r);

	if (in_lists(kernel ? IN_KERNEL : IN_PROGRAM, function))
		return true;
	if (!kernel && world_of(r->detector) != IN_PROGRAM) /* the rows are the kernel's */
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(skip_of); i++)
		if (strcmp(skip_of[i].detector, r->detector) == 0 &&
		    pattern_matches(skip_of[i].kind, r->kind, strlen(r->kind)) &&
		    list_matches(skip_of[i].skip, function, len))
			return true;
	return false;
}

/* Tests of the detectors are named after the functions that they call. */
static bool is_test_of_detector(const char *function)
{
	static const char *const bugs[] = { "_oob", "_uaf", "double_", "invalid_free", "negative_size" };

	if (starts(function, "test_") && !strstr(function, "_bit"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(bugs); i++)
		if (strstr(function, bugs[i]) && !strstr(function, "kasan_"))
			return true;
	return false;
}

/* memcpy and its like, the compilers' calls: they act for their callers wherever they are. */
static bool acts_for_caller(const char *function)
{
	return list_matches(skip_all, function, decode_plain_length(function));
}

/* In a kernel report, a function of a module is not plumbing, unless it was inlined there from a header, or is the
 * module's own allocator. */
static bool frame_is_plumbing(const struct decode_record *r, const struct decode_frame *f)
{
	if (f->module && !f->inlined && f->have_function_offset && strcmp(f->module, "vmlinux") != 0 &&
	    decode_in_kernel(r) && !acts_for_caller(f->function))
		return r->leak.class && decode_frame_is_allocator(f); /* the caller has lost the memory */
	return !is_test_of_detector(f->function) && plumbing_of_report(r, f->function);
}

/* ---- the guilty function --------------------------------------------------------------------- */

static bool same_function(const char *a, const char *b)
{
	size_t len = decode_plain_length(a);

	return len == decode_plain_length(b) && memcmp(a, b, len) == 0;
}

static bool is_overflow(const struct decode_record *r)
{
	return strstr(r->kind, "stack-overflow") || strstr(r->kind, "stack-guard") || strstr(r->kind, "stack-end");
}

#define RECURSION_LEAST 3

/* The innermost frame of the outermost function that runs again and again; s->nr: there is none. */
static size_t recursion_index(const struct decode_record *r, const struct decode_stack *s, bool unreliable)
{
	for (size_t i = s->nr; i-- > 0;) {
		const struct decode_frame *f = &s->frames[i];
		size_t times = 0, first = i;
		if (!f->function || f->unreliable != unreliable || frame_is_plumbing(r, f))
			continue;
		for (size_t k = i + 1; k-- > 0;)
			if (s->frames[k].function && s->frames[k].unreliable == unreliable &&
			    same_function(s->frames[k].function, f->function)) {
				first = k;
				times++;
			}
		if (times >= RECURSION_LEAST)
			return first;
	}
	return s->nr;
}

#define DEEP 16 /* frames; a large local variable overflows a stack with fewer */

/* The function that an anchor calls: a system call's, a thread's. */
static size_t anchored_index(const struct decode_record *r, const struct decode_stack *s)
{
	size_t behind = s->nr;

	/* the scheduler notices a damaged end of the stack long after it was damaged */
	if (s->nr < DEEP && !strstr(r->kind, "stack-end"))
		return s->nr;
	for (size_t i = 0; i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (!f->function || f->unreliable || frame_is_plumbing(r, f))
			continue;
		if (list_matches(anchors, f->function, decode_plain_length(f->function)))
			return behind;
		behind = i;
	}
	return s->nr;
}

static size_t overflow_index(const struct decode_record *r, const struct decode_stack *s)
{
	size_t i = recursion_index(r, s, false);

	if (i == s->nr)
		i = recursion_index(r, s, true);
	return i == s->nr && decode_in_kernel(r) ? anchored_index(r, s) : i;
}

/* The function that a kernel report's headline names, unless it is plumbing. */
static const char *headline_function(const struct decode_record *r)
{
	const char *named = r->title_function;

	if (!named || !decode_in_kernel(r))
		return NULL;
	if (strcmp(r->detector, "stack-protector") == 0) /* that function's frame was damaged */
		return named;
	if (r->title_module ? !acts_for_caller(named) : !plumbing_of_report(r, named))
		return named;
	return is_test_of_detector(named) ? named : NULL;
}

static size_t find_function(const struct decode_stack *s, const char *function)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (s->frames[i].function && !s->frames[i].unreliable && same_function(s->frames[i].function, function))
			break;
	return i;
}

/* ---- frames of programs ---------------------------------------------------------------------- */

/* The program's code ends here; what called it is libc, a runtime of threads, or a language's. */
bool decode_frame_is_start(const struct decode_record *r, const struct decode_frame *f)
{
	static const char *const starts_of[] = {
		"main",
		"__libc_start_*",
		"_start",
		"__libc_csu_*",
		"start_thread",
		"clone",
		"clone3",
		"__clone",
		"__clone3",
		"execute_native_thread_routine",
		"__pthread_start",
		"__bionic_clone",
		"asan_thread_start*",
		"_dl_*",
		"call_init*",
		"thrd_*",
		"__rust_begin_short_backtrace*",
		"__scrt_common_main*",
		"BaseThreadInitThunk*",
		"invoke_main*",
		"main.main", /* Go */
		"runtime.main",
		"runtime.goexit*",
		"testing.tRunner",
	};

	if (!f->function || decode_in_kernel(r))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(starts_of); i++)
		if (pattern_matches(starts_of[i], f->function, decode_plain_length(f->function)))
			return true;
	return false;
}

/* Is the file a header of the C++ library, or a source of Rust's or of glibc's heap? */
static bool is_library_source(const char *file)
{
	/* without their folder, as Valgrind prints them; the last ones are glibc's printf */
	static const char *const names[] = {
		"stl_*",
		"*new_allocator.h",
		"alloc_traits.h",
		"allocator.h",
		"basic_string.*",
		"char_traits.h",
		"shared_ptr*",
		"unique_ptr.h",
		"allocated_ptr.h",
		"std_function.h",
		"invoke.h",
		"vector.tcc",
		"deque.tcc",
		"hashtable*.h",
		"unordered_map.h",
		"ptr_traits.h",
		"string_view",
		"std_thread.h",
		"array",
		"list.tcc",
		"functional_hash.h",
		"range_access.h",
		"cpp_type_traits.h",
		"localefwd.h",
		"predefined_ops.h",
		"vfprintf-*",
		"iovs*",
		"genops.c",
		"strops.c",
	};
	static const char *const paths[] = { "*/malloc/malloc.c", "*/malloc/arena.c", "../sysdeps/*",
		                             "*/libsanitizer/*", "*/compiler-rt/lib/*" };
	const char *base = path_base(file);

	if (report_library_source(file))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (pattern_matches(paths[i], file, strlen(file)))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (pattern_matches(names[i], base, strlen(base)) && (base == file || strstr(file, "/bits/")))
			return true;
	return false;
}

/* Functions of these without names are nobody's bug. */
bool decode_is_library_module(const char *module)
{
	static const char *const names[] = { "libc.so*", "libc-2*",     "ld-linux*",    "libpthread*", "libstdc++*",
		                             "libc++*",  "libgcc_s*",   "libasan*",     "libhwasan*",  "liblsan*",
		                             "libtsan*", "libubsan*",   "libclang_rt*", "vgpreload*",  "libmemsan*",
		                             "libm.so*", "linux-vdso*", "[vdso]",       "memcheck-*" };
	const char *base = path_base(module);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (pattern_matches(names[i], base, strlen(base)))
			return true;
	return false;
}

/* Is the source one of glibc's, as its debugging information names it? */
static bool is_libc_source(const char *file)
{
	static const char *const folders[] = {
		"io/",     "libio/", "inet/",   "misc/",         "nptl/",   "posix/", "resolv/", "socket/", "stdlib/",
		"string/", "time/",  "wcsmbs/", "stdio-common/", "dirent/", "nss/",   "iconv/",  "login/",  "sysdeps/",
	};

	file += starts(file, "./") ? 2 : 0;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (starts(file, folders[i]))
			return true;
	return false;
}

#define VALGRIND_LIBRARIES 0x4000000u /* it puts programs below, libraries above */

/* Is the frame libc's, or the function by which a sanitizer replaces libc's? */
static bool is_libc_frame(const struct decode_record *r, const struct decode_frame *f)
{
	size_t len = decode_plain_length(f->function);

	if (len > 2 && memcmp(f->function + len - 2, "64", 2) == 0)
		len -= 2;
	if (!list_matches(skip_libc, f->function, len) &&
	    !list_matches(skip_libc, f->function, decode_plain_length(f->function)))
		return false;
	len = f->file ? strlen(f->file) : 0;
	if (len > 2 && memcmp(f->file + len - 2, ".h", 2) == 0) /* inlined from libc's header */
		return true;
	if (!f->file)
		return strcmp(r->detector, "valgrind") != 0 || !f->have_pc || f->pc >= VALGRIND_LIBRARIES;
	return strcmp(r->detector, "valgrind") == 0 ? f->have_pc && f->pc >= VALGRIND_LIBRARIES
	                                            : is_libc_source(f->file);
}

/* In a program: is the frame nobody's bug? */
static bool program_frame_is_plumbing(const struct decode_record *r, const struct decode_frame *f)
{
	const char *name = f->function;

	if (!name)
		return !f->module || decode_is_library_module(f->module) ||
		       strcmp(f->module, r->detector) == 0; /* Node's own */
	if (f->file && is_library_source(f->file))
		return true;
	if (f->module && starts(path_base(f->module), "vgpreload")) /* "pthread_mutex_unlock@*" */
		return true;
	if (f->module && (starts(path_base(f->module), "libc.so") || starts(path_base(f->module), "libc-2")))
		return true;
	if (strcmp(name, "UnknownInlinedFun") == 0) /* Valgrind cannot read all debugging information */
		return true;
	return frame_is_plumbing(r, f) || report_library_name(name) || is_libc_frame(r, f);
}

bool decode_frame_is_plumbing(const struct decode_record *r, const struct decode_frame *f)
{
	return decode_in_kernel(r) ? frame_is_plumbing(r, f) : program_frame_is_plumbing(r, f);
}

/* What may stand behind the name of an allocator: g_malloc_n, xmalloc_array, _emalloc_56, g_memdup2. */
static size_t without_variant(const char *core, size_t len)
{
	static const char *const variants[] = { "_n", "_r", "_array", "_large", "_huge", "_printf", "array" };

	while (len && (isdigit((unsigned char)core[len - 1]) || core[len - 1] == '_'))
		len--;
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		size_t n = strlen(variants[i]);
		if (len > n && memcmp(core + len - n, variants[i], n) == 0)
			return len - n;
	}
	return len;
}

/* Is the word in front of "_strdup" one for what a function does with the memory that it gets? */
static bool is_deed(const char *word, size_t len)
{
	static const char *const deeds[] = {
		"add",  "append", "build",    "bug",      "call",   "collect", "copy",   "create",  "drop", "fetch",
		"fill", "find",   "forget",   "handle",   "import", "init",    "insert", "join",    "keep", "leak",
		"load", "lose",   "make",     "open",     "parse",  "prepare", "print",  "process", "push", "put",
		"read", "record", "register", "remember", "run",    "save",    "scan",   "send",    "set",  "setup",
		"show", "start",  "store",    "test",     "update", "use",     "work",   "write",
	};

	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
		if (strlen(deeds[i]) == len && strncasecmp(word, deeds[i], len) == 0)
			return true;
	return false;
}

/* Is the word in front of "_strdup" a library's or a program's short name (g, xml), or says it how the function copies?
 * Other words say what it copies, as in title_strdup, which may be to blame. */
static bool is_owner(const char *word, size_t len)
{
	static const char *const owners[] = {
		"bstr",  "check",  "checked", "crypto",  "curl",      "dbus",   "event",   "evutil", "heap",
		"json",  "kernel", "mem",     "must",    "openssl",   "pool",   "project", "pstr",   "qemu",
		"ruby",  "safe",   "secure",  "sqlite3", "sqlite3db", "string", "talloc",  "try",    "util",
		"utils", "virt",   "xstr",    "yaml",    "zend",      "zone",
	};

	if (len <= 3)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
		if (strlen(owners[i]) == len && strncasecmp(word, owners[i], len) == 0)
			return true;
	return false;
}

/* Allocators that programs write: the leak is their caller's.  Their names say that they allocate, with at most one
 * word in front: xmalloc, g_malloc0, sk_alloc, XtMalloc.  A function that allocates something in particular has more
 * words (session_table_alloc), one that does something has a word that says so (load_strdup); both may be to blame.
 * Functions that copy a string are rarely without a word for the string (title_strdup). */
bool decode_frame_is_allocator(const struct decode_frame *f)
{
	static const struct {
		const char *name;
		bool copies;
	} names[] = { { "malloc", false },  { "calloc", false },  { "realloc", false }, { "_alloc", false },
		      { "zalloc", false },  { "strdup", true },   { "strndup", true },  { "memdup", true },
		      { "asprintf", true }, { "strconcat", true } };
	char core[200];
	bool weak;
	size_t len = f->function ? decode_name_core(f->function, core, sizeof(core), &weak) : 0, front = 0;

	while (core[front] == '_' && front < len)
		front++;
	if (!len || is_test_of_detector(f->function))
		return false;
	len = without_variant(core, len);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i].name), word;
		const char *first = memchr(core + front, '_', len - front);
		if (len - front <= n || strncasecmp(core + len - n, names[i].name, n) != 0)
			continue;
		word = len - front - n - (core[len - n - 1] == '_');
		return (!first || first >= core + len - n - 1) && !is_deed(core + front, word) &&
		       (!names[i].copies || is_owner(core + front, word));
	}
	return false;
}

/* GWP-ASan is a part of the program, and its functions have no names there.  They stand in front of the frame of the
 * signal, which is libc's; when there was no signal, nobody knows where they end. */
static bool is_gwp_frame(const struct decode_record *r, const struct decode_stack *s, size_t i)
{
	if (strcmp(r->detector, "gwp-asan") != 0 || s->frames[i].function)
		return false;
	while (i-- > 0)
		if (s->frames[i].module && !s->frames[i].function && decode_is_library_module(s->frames[i].module))
			return false;
	return true;
}

/* Was the frame's function inlined into one of libc's? */
static bool inlined_into_libc(const struct decode_record *r, const struct decode_stack *s, size_t i)
{
	const struct decode_frame *f = &s->frames[i];

	while (f->have_pc && ++i < s->nr && s->frames[i].have_pc && s->frames[i].pc == f->pc)
		if (s->frames[i].function && is_libc_frame(r, &s->frames[i]))
			return true;
	return false;
}

/* The first frame of a program's stack that may be to blame; its function may have no name.  s->nr: there is none. */
static size_t first_of_program(const struct decode_record *r, const struct decode_stack *s)
{
	size_t wrapper = s->nr;

	for (size_t i = 0; i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (decode_frame_is_start(r, f) && strcmp(f->function, "main") != 0)
			break;
		if (f->unreliable || program_frame_is_plumbing(r, f) || inlined_into_libc(r, s, i) ||
		    is_gwp_frame(r, s, i))
			continue;
		if (!r->leak.class || !decode_frame_is_allocator(f))
			return i;
		wrapper = i; /* the outermost one, in a stack that was cut off there */
	}
	return wrapper;
}

/* The first frame that is not plumbing; s->nr: there is none.  Inlined functions of the kernel count only when there is
 * nothing else, so that a log is named alike before and after it was symbolized. */
static size_t first_guilty(const struct decode_record *r, const struct decode_stack *s, bool inlined, bool unreliable)
{
	size_t i;

	for (i = 0; i < s->nr; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (f->function && (inlined || !f->inlined) && f->unreliable == unreliable && !frame_is_plumbing(r, f))
			break;
	}
	return i;
}

size_t decode_guilty_index(const struct decode_record *r, const struct decode_stack *s)
{
	const char *named = headline_function(r);
	bool kernel = decode_in_kernel(r);
	size_t i = s->nr;

	if (is_overflow(r) && (i = overflow_index(r, s)) < s->nr)
		return i;
	if (named && (i = find_function(s, named)) < s->nr)
		return i;
	if (!kernel)
		return first_of_program(r, s);
	if ((i = first_guilty(r, s, false, false)) < s->nr)
		return i;
	if ((i = first_guilty(r, s, true, false)) < s->nr)
		return i;
	return r->title_function ? s->nr : first_guilty(r, s, true, true);
}

/* The stack to blame.  When somebody asks SLUB to look for damage ("echo 1 >/sys/kernel/slab/…/validate"), the
 * caller did not do the damage; the stack that freed or allocated the object is nearer to the bug. */
const struct decode_stack *decode_blame_stack(const struct decode_record *r)
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
	const struct decode_stack *s = decode_blame_stack(r);

	return s && decode_guilty_index(r, s) < s->nr;
}

/* MTE's asynchronous faults are noticed later, often on the way out of the kernel: then the stack says nothing of their
 * place. */
bool decode_noticed_late(const struct decode_record *r, const struct decode_stack *s, size_t guilty)
{
	const char *name = guilty < s->nr ? s->frames[guilty].function : NULL;

	return strcmp(r->detector, "kasan") == 0 && strcmp(r->kind, "invalid-access") == 0 && !r->have_addr &&
	       !r->title_function &&
	       (!name || starts(name, "el0") || list_matches(anchors, name, decode_plain_length(name)));
}

static void set_guilty(struct decode_record *r)
{
	const struct decode_stack *s = decode_blame_stack(r);
	const char *named = headline_function(r);
	size_t i = s ? decode_guilty_index(r, s) : 0;

	r->function = r->function_module = NULL;
	/* a headline's function that is not in the trace, because the trace is broken */
	if (named && !is_overflow(r) && (!s || find_function(s, named) == s->nr)) {
		r->function = named;
		r->function_module = r->title_module;
	} else if (s && decode_noticed_late(r, s, i)) {
		return;
	} else if (s && i < s->nr) {
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
		{ "kasan", "KASAN" },
		{ "kfence", "KFENCE" },
		{ "memsan", "MEMSAN" },
		{ "kmsan", "KMSAN" },
		{ "kcsan", "KCSAN" },
		{ "ubsan", "UBSAN" },
		{ "asan", "AddressSanitizer" },
		{ "hwasan", "HWAddressSanitizer" },
		{ "lsan", "LeakSanitizer" },
		{ "msan", "MemorySanitizer" },
		{ "tsan", "ThreadSanitizer" },
		{ "valgrind", "Valgrind" },
		{ "go", "Go" },
		{ "rust", "Rust" },
		{ "python", "Python" },
		{ "java", "Java" },
		{ "node", "Node" },
		{ "dotnet", ".NET" },
		{ "dmalloc", "dmalloc" },
		{ "drmemory", "Dr. Memory" },
		{ "purify", "Purify" },
		{ "miri", "Miri" },
		{ "crt", "CRT" },
		{ "chromium", "Chromium" },
		{ "segfault", "segfault" },
		{ "coredump", "coredump" },
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
		{ "kernel-bug", "kernel BUG" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(kind, names[i][0]) == 0)
			return names[i][1];
	return NULL;
}

static const char *leak_title(struct decode_record *r)
{
	if (strcmp(r->detector, "kmemleak") == 0)
		return strcmp(r->kind, "reachable-object") == 0 ? "reachable memory" : "memory leak";
	if (strcmp(r->kind, "reachable-object") == 0)
		return decode_record_format(r, "%s: reachable memory", detector_name(r->detector));
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

void decode_record_blame(struct decode_record *r)
{
	const char *start;
	char name[1100];

	set_guilty(r);
	start = title_start(r);
	if (!r->function) {
		r->title = start;
		return;
	}
	decode_short_name(name, sizeof(name), r->function);
	r->title = decode_record_format(r, "%s in %s", start, name);
}
