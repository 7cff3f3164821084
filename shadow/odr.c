/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/odr.c - one global variable that two modules define: C++'s one definition rule.
 *
 * The dynamic linker binds all uses of a name to one definition.  When the definitions differ in size, code of one
 * module accesses the other's memory behind its end.  Compilers tell in two ways that two descriptions are of one name:
 *
 *     gcc, -fsanitize=address    each module has a byte __odr_asan.NAME, which the linker binds in the same way; the
 *                                first registration sets it
 *     clang                      the descriptions name the same address, so the later one finds a red zone there
 *
 * gcc's kernel form tells nothing: each description is of the module's own memory.
 */
#include "shadow/shadow_internal.h"

static void put_definition(struct fmt_buf *b, const struct asan_global *g)
{
	struct module_info m;

	fmt_printf(b, "%zu bytes", g->size);
	if (g->location && g->location->file)
		fmt_printf(b, " at %s:%d", g->location->file, g->location->line);
	else if (g->module)
		fmt_printf(b, " in %s", g->module);
	if (module_find((uintptr_t)g->name, 0, &m))
		fmt_printf(b, " (%s)", path_base(m.path));
}

static void fill(struct report_record *r, const struct finding *f)
{
	describe_global(r, f->addr);
}

void odr_report(const struct asan_global *g, const struct asan_global *twin, const struct unwind_regs *regs)
{
	char text[600];
	struct fmt_buf b;
	const struct finding f = {
		.kind = REPORT_ODR_VIOLATION,
		.component = "shadow",
		.addr = twin->beg,
		.access = ACCESS_UNKNOWN,
		.detail = text,
		.regs = regs,
		.fill = fill,
	};

	if (options.odr_violation == ODR_VIOLATION_OFF ||
	    (g->size == twin->size && options.odr_violation != ODR_VIOLATION_ANY))
		return;
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "The variable '%.200s' is defined twice: ", g->name);
	put_definition(&b, twin);
	fmt_printf(&b, "; ");
	put_definition(&b, g);
	report_finding(&f);
}
