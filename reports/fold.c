/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/fold.c - which frames of a stack say nothing about the bug: those of an interpreter that called the program's
 * code, those of Rust's runtime around main, and the inner functions of the C++ library.
 *
 *     fill [sessions.node]                       the add-on's function
 *     v8impl::…::Invoke [node]                   what called it: stays
 *     v8::internal::… [node]                   ┐
 *     …                                        │ one line: (17 frames of node left out)
 *     node::Start [node]                       ┘
 *     __libc_start_call_main [libc.so.6]
 *
 * Only frames that lie behind a frame of other code are left out: in a bug of the interpreter itself every frame
 * counts.
 *
 *     std::__new_allocator<int>::deallocate (inlined)     the innermost function: stays
 *     std::vector<int>::~vector (inlined)               ┐
 *     …                                                 │ one line: (13 frames of the C++ library left out)
 *     std::_Rb_tree<…>::~_Rb_tree (inlined)             ┘
 *     std::map<…>::~map (inlined)                         what the program called: stays
 *     main [prog]
 *
 * JSON has all frames. */
#include "config.h"

#include "reports/reports_internal.h"

#define FOLD_MIN 4u    /* shorter runs stay: a line would replace about as many */
#define LIBRARY_MIN 3u /* the same for the C++ library, whose lines are longer */

/* Files that begin with these are interpreters and their libraries; a version may follow. */
static const char *const interpreters[] = { "python", "libpython", "node", "libnode", "perl", "libperl",
	                                    "ruby",   "libruby",   "php",  "libphp",  "java", "libjvm" };

static const char *module_name(const struct report_record *r, const struct report_frame *f)
{
	const struct report_module *m = report_frame_module(r, f);

	return m && m->path ? report_basename(report_str(r, m->path)) : "";
}

/* A version or an extension follows: "node_exporter" is no interpreter. */
static bool is_interpreter(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++) {
		const char *rest = name + str_length(interpreters[i]);

		if (!str_starts(name, interpreters[i]))
			continue;
		while ((*rest >= '0' && *rest <= '9') || *rest == '.' || *rest == '-')
			rest++;
		if (!*rest || str_starts(rest, "so"))
			return true;
	}
	return false;
}

static bool is_libc(const char *name)
{
	return str_starts(name, "libc.so") || str_starts(name, "libc-2") || str_starts(name, "libmemsan") ||
	       str_starts(name, "libstdc++.so") || str_starts(name, "libpthread");
}

/* Is there code other than libc's and the interpreter's in the frames before i? */
static bool called_by_interpreter(const struct report_record *r, const struct report_stack *s, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++) {
		const char *name = module_name(r, &s->frames[k]);

		if (*name && !is_libc(name) && !is_interpreter(name))
			return true;
	}
	return false;
}

static bool is_rust_runtime(const char *function)
{
	static const char *const starts[] = { "std::", "core::", "alloc::", "<" };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (function && str_starts(function, starts[i]))
			return true;
	return false;
}

static const char *function_of(const struct report_record *r, const struct report_frame *f,
                               const struct report_symbols *symbols)
{
	size_t n;
	const struct report_symbol *found = symbols->frame(symbols->ctx, r, f, &n);

	return n ? found[n - 1].function : NULL;
}

/* Between "__rust_begin_short_backtrace" and main, or the start of a thread, Rust's own backtraces leave out all frames
 * as well. */
static uint32_t rust_run(const struct report_record *r, const struct report_stack *s, uint32_t i, uint32_t end,
                         const struct report_symbols *symbols)
{
	const char *function = function_of(r, &s->frames[i], symbols);
	uint32_t n = 1;

	if (!function || !report_name_contains(function, "__rust_begin_short_backtrace"))
		return 0;
	while (i + n < end && is_rust_runtime(function_of(r, &s->frames[i + n], symbols)))
		n++;
	return n;
}

uint32_t report_fold(const struct report_record *r, const struct report_stack *s, uint32_t i,
                     const struct report_symbols *symbols, const char **whose)
{
	uint32_t end = s->skipped && i < s->skipped_at ? MIN(s->skipped_at, s->nr_frames) : s->nr_frames, n = 0;
	uint16_t module = s->frames[i].module;

	*whose = module_name(r, &s->frames[i]);
	if (is_interpreter(*whose)) {
		/* The frame before, of the same module, is what called the program's code. */
		if (!i || s->frames[i - 1].module != module || !called_by_interpreter(r, s, i))
			return 0;
		/* Code that the interpreter made at run time lies in no file. */
		for (uint32_t k = i;
		     k < end && (s->frames[k].module == module || s->frames[k].module == REPORT_NO_MODULE); k++)
			if (s->frames[k].module == module)
				n = k + 1 - i;
		return n < FOLD_MIN ? 0 : n;
	}
	n = rust_run(r, s, i, end, symbols);
	*whose = "Rust's runtime";
	return n;
}

/* ---- the C++ library, which the compiler puts into the program's own code -------------------- */

/* Symbol k of the frame.  False: it has no such symbol. */
static bool is_library(const struct report_record *r, const struct report_frame *f, size_t k,
                       const struct report_symbols *symbols)
{
	size_t n;
	const struct report_symbol *found = symbols->frame(symbols->ctx, r, f, &n);

	return k < n && report_library_symbol(&found[k]);
}

uint32_t report_fold_library(const struct report_record *r, const struct report_stack *s, uint32_t i, size_t k,
                             const struct report_symbols *symbols)
{
	uint32_t end = s->skipped && i < s->skipped_at ? MIN(s->skipped_at, s->nr_frames) : s->nr_frames, run = 0;
	uint32_t before = k ? i : i - 1;
	size_t n, last = k;

	if ((!i && !k) || !is_library(r, &s->frames[i], k, symbols))
		return 0;
	/* A run begins behind other code, or behind the innermost function. */
	if (!k)
		symbols->frame(symbols->ctx, r, &s->frames[before], &last);
	if ((before || last > 1) && last && is_library(r, &s->frames[before], last - 1, symbols))
		return 0;
	for (; i < end; i++, k = 0) {
		symbols->frame(symbols->ctx, r, &s->frames[i], &n);
		for (; k < n && is_library(r, &s->frames[i], k, symbols); k++)
			run++;
		if (k < n || !n)
			break;
	}
	return run > LIBRARY_MIN ? run - 1 : 0;
}
