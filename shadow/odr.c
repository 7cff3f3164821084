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

#define PRIVATE UINTPTR_MAX /* clang's indicator of a variable that no other module can see */

static bool has_indicator(const struct asan_global *g)
{
	return g->odr_indicator && g->odr_indicator != PRIVATE;
}

void odr_mark(const struct asan_global *g, bool registered)
{
	if (has_indicator(g))
		*(uint8_t *)g->odr_indicator = registered;
}

/* Cheap: nearly all globals are described once. */
static bool may_have_twin(const struct asan_global *g)
{
	if (has_indicator(g))
		return *(const uint8_t *)g->odr_indicator != 0;
	return g->odr_indicator != PRIVATE && shadow_find_bad((const void *)g->beg, g->size_with_redzone) != 0;
}

static bool same_variable(const struct asan_global *g, const void *ctx)
{
	const struct asan_global *other = ctx;

	return has_indicator(other) ? g->odr_indicator == other->odr_indicator : g->beg == other->beg;
}

bool odr_find_twin(const struct asan_global *g, struct asan_global *twin)
{
	return may_have_twin(g) && globals_find_by(same_variable, g, twin);
}

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
