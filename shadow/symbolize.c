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
static bool put_place_letter(struct fmt_buf *b, char letter, const void *place)
{
	const struct place *p = place;

	switch (letter) {
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
		return false;
	}
	return true;
}

struct variable {
	const char *name, *file;
	int line;
};

static bool put_variable_letter(struct fmt_buf *b, char letter, const void *variable)
{
	const struct variable *v = variable;

	if (letter == 'g')
		fmt_printf(b, "%s", v->name);
	else if (letter == 's')
		fmt_printf(b, "%s", v->file);
	else if (letter == 'l')
		fmt_printf(b, "%d", v->line);
	else
		return false;
	return true;
}

/* The format, with what `put` writes for the letters that it knows. The header wants strings one behind the other, and
 * an empty one at the end: one for each inlined function. size is not 0. */
static void put_format(char *out, size_t size, const char *format,
                       bool (*put)(struct fmt_buf *b, char letter, const void *what), const void *what)
{
	struct fmt_buf b;

	fmt_init(&b, out, size);
	for (const char *at = format; *at; at++) {
		if (*at != '%' || !at[1])
			fmt_printf(&b, "%c", *at);
		else if (*++at == '%')
			fmt_printf(&b, "%%");
		else if (!put(&b, *at, what))
			fmt_printf(&b, "%%%c", *at);
	}
	out[MIN(b.len, size - 1)] = 0;
	if (b.len + 1 < size)
		out[b.len + 1] = 0;
}

void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size)
{
	struct place p;

	if (!size)
		return;
	find_place((uintptr_t)pc, &p);
	put_format(out, size, format, put_place_letter, &p);
}

void __sanitizer_symbolize_global(void *data, const char *format, char *out, size_t size)
{
	struct asan_global g;
	struct variable v = { "", "", 0 };

	if (!size)
		return;
	if (map_state == MAP_FULL && globals_find((uintptr_t)data, &g)) {
		if (g.name)
			v.name = g.name;
		if (g.location && g.location->file)
			v = (struct variable){ v.name, g.location->file, (int)g.location->line };
		else if (g.module)
			v.file = g.module;
	}
	put_format(out, size, format, put_variable_letter, &v);
}
