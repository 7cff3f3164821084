/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/symbolize.c - __sanitizer_symbolize_pc and __sanitizer_symbolize_global: addresses as text, in a format of the
 * caller's.
 *
 * As in AddressSanitizer where no symbolizer is found: functions are those of the dynamic symbol tables, and the place
 * is an offset in the module, which addr2line(1) and memsan decode turn into a line.
 */
#include "shadow/abi.h"

#include <dlfcn.h>

extern int dladdr(const void *addr, Dl_info *info) __attribute__((weak)); /* a static program may have none */

struct place {
	uintptr_t pc;
	bool have_module;
	struct module_info module;
	const char *function; /* NULL: not known */
	uintptr_t offset;     /* in the function */
};

static void find_place(uintptr_t pc, struct place *p)
{
	Dl_info info;

	p->pc = pc;
	p->have_module = module_find(pc, 0, &p->module);
	p->function = NULL;
	if (&dladdr && dladdr((const void *)pc, &info) && info.dli_sname) {
		p->function = info.dli_sname;
		p->offset = pc - (uintptr_t)info.dli_saddr;
	}
}

static void put_module(struct fmt_buf *b, const struct place *p)
{
	if (p->have_module)
		fmt_printf(b, "(%s+0x%lx)", p->module.path, (unsigned long)(p->pc - p->module.bias));
	else
		fmt_printf(b, "(<unknown module>)");
}

static void put_function(struct fmt_buf *b, const struct place *p)
{
	if (p->function)
		fmt_printf(b, "in %s+0x%lx", p->function, (unsigned long)p->offset);
}

/* The letters of LLVM's stack_trace_format; those that need lines of the source give the place in the module. */
static void put_letter(struct fmt_buf *b, char letter, const struct place *p)
{
	switch (letter) {
	case '%':
		fmt_printf(b, "%%");
		break;
	case 'n':
	case 'l':
	case 'c':
		fmt_printf(b, "0");
		break;
	case 'p':
		fmt_printf(b, "0x%lx", (unsigned long)p->pc);
		break;
	case 'm':
		fmt_printf(b, "%s", p->have_module ? p->module.path : "");
		break;
	case 'o':
		fmt_printf(b, "0x%lx", (unsigned long)(p->have_module ? p->pc - p->module.bias : 0));
		break;
	case 'f':
		fmt_printf(b, "%s", p->function ? p->function : "");
		break;
	case 'q':
		fmt_printf(b, "0x%lx", (unsigned long)(p->function ? p->offset : 0));
		break;
	case 'F':
		put_function(b, p);
		break;
	case 's':
	case 'S':
	case 'L':
	case 'M':
		put_module(b, p);
		break;
	default:
		fmt_printf(b, "%%%c", letter);
	}
}

/* The header wants strings one behind the other, and an empty one at the end: one for each inlined function. */
static void finish(const struct fmt_buf *b, char *out, size_t size)
{
	out[MIN(b->len, size - 1)] = 0;
	if (b->len + 1 < size)
		out[b->len + 1] = 0;
}

void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size)
{
	struct place p;
	struct fmt_buf b;

	if (!size)
		return;
	find_place((uintptr_t)pc, &p);
	fmt_init(&b, out, size);
	for (const char *at = format; *at; at++)
		if (*at == '%' && at[1])
			put_letter(&b, *++at, &p);
		else
			fmt_printf(&b, "%c", *at);
	finish(&b, out, size);
}

void __sanitizer_symbolize_global(void *data, const char *format, char *out, size_t size)
{
	struct asan_global g;
	struct fmt_buf b;
	bool found = map_state == MAP_FULL && globals_find((uintptr_t)data, &g);
	bool place = found && g.location && g.location->file;

	if (!size)
		return;
	fmt_init(&b, out, size);
	for (const char *at = format; *at; at++) {
		if (*at != '%' || !at[1])
			fmt_printf(&b, "%c", *at);
		else if (*++at == 'g')
			fmt_printf(&b, "%s", found && g.name ? g.name : "");
		else if (*at == 's')
			fmt_printf(&b, "%s", place ? g.location->file : found && g.module ? g.module : "");
		else if (*at == 'l')
			fmt_printf(&b, "%d", place ? g.location->line : 0);
		else
			fmt_printf(&b, *at == '%' ? "%%" : "%%%c", *at);
	}
	finish(&b, out, size);
}
