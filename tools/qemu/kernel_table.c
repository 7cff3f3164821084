/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_table.c - memsan kernel: every bug of the module, and what each kernel is expected to print. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <stdlib.h>
#include <string.h>

#define SAY(detector, kind, function)                       \
	{                                                   \
		EXPECT_REPORT, detector, kind, function, "" \
	}
#define SAY_BECAUSE(detector, kind, function, why)           \
	{                                                    \
		EXPECT_REPORT, detector, kind, function, why \
	}
#define QUIET                                \
	{                                    \
		EXPECT_QUIET, "", "", "", "" \
	}
#define QUIET_BECAUSE(why)                    \
	{                                     \
		EXPECT_QUIET, "", "", "", why \
	}
#define SKIP                                \
	{                                   \
		EXPECT_SKIP, "", "", "", "" \
	}
#define AS_KASAN                                \
	{                                       \
		EXPECT_AS_KASAN, "", "", "", "" \
	}
#define KBUG(name, setup, kasan, light, arm64, what, why) { #name, SETUP_##setup, what, why, { kasan, light, arm64 } },
#define DEMO(name, what)                                            \
	{ "demo_" #name,                                            \
	  SETUP_DEMO,                                               \
	  what,                                                     \
	  "Nothing is wrong: the kernel's log tells what happens.", \
	  { QUIET, QUIET, QUIET } },
const struct kernel_bug kernel_bugs[] = {
#include "kernel/module/bugs.def"
};
#undef KBUG
#undef DEMO
#undef SAY
#undef SAY_BECAUSE
#undef QUIET
#undef QUIET_BECAUSE
#undef SKIP
#undef AS_KASAN
const size_t kernel_nr_bugs = sizeof(kernel_bugs) / sizeof(kernel_bugs[0]);

const char *kernel_profile_name(enum kernel_profile p)
{
	static const char *const names[NR_PROFILES] = { "kasan", "light", "arm64", "debian" };

	return names[p];
}

const char *kernel_profile_at(size_t i)
{
	return i < NR_PROFILES ? kernel_profile_name(i) : NULL;
}

bool kernel_profile_is_arm64(enum kernel_profile p)
{
	return p == PROFILE_ARM64;
}

const char *kernel_setup_name(enum kernel_setup setup)
{
	static const char *const names[] = { "LEAK", "PLAIN", "CHECK", "FENCE", "DEMO", "LAST", "PANIC" };

	return names[setup];
}

static char *debian_config;

void kernel_debian_config(char *text)
{
	free(debian_config);
	debian_config = text;
}

/* Is the line in the configuration of Debian's kernel? */
static bool debian_has(const char *line)
{
	char *with_ends = tool_format("\n%s\n", line);
	bool has = debian_config && strstr(debian_config, with_ends);

	free(with_ends);
	return has;
}

const struct kernel_cell *kernel_cell_of(const struct kernel_bug *bug, enum kernel_profile p)
{
	static const struct kernel_cell quiet = { EXPECT_QUIET, "", "", "", "" },
					skip = { EXPECT_SKIP, "", "", "", "" };

	if (p == PROFILE_DEBIAN && bug->setup == SETUP_LEAK && !debian_has("CONFIG_DEBUG_KMEMLEAK=y"))
		return &quiet;
	if (p == PROFILE_DEBIAN && bug->setup == SETUP_FENCE && !debian_has("CONFIG_KFENCE=y"))
		return &skip;
	if (p == PROFILE_ARM64 && bug->cell[p].expect == EXPECT_AS_KASAN)
		return &bug->cell[PROFILE_KASAN];
	return &bug->cell[p == PROFILE_DEBIAN ? PROFILE_LIGHT : p];
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

const char *kernel_bug_at(size_t i, const char **what)
{
	if (i >= kernel_nr_bugs)
		return NULL;
	*what = kernel_bugs[i].what;
	return kernel_bugs[i].name;
}

const struct kernel_bug *kernel_find_bug(const char *name)
{
	const char **names = tool_alloc(kernel_nr_bugs * sizeof(*names));
	int nearest;

	for (size_t i = 0; i < kernel_nr_bugs; i++) {
		names[i] = kernel_bugs[i].name;
		if (same_name(name, names[i])) {
			free(names);
			return &kernel_bugs[i];
		}
	}
	nearest = tool_nearest(name, names, kernel_nr_bugs);
	if (nearest >= 0)
		tool_say("there is no bug '%s'; did you mean '%s'?", name, names[nearest]);
	else
		tool_say("there is no bug '%s' (memsan kernel list shows them all)", name);
	free(names);
	return NULL;
}

char *kernel_cell_text(const struct kernel_bug *bug, enum kernel_profile p)
{
	const struct kernel_cell *cell = kernel_cell_of(bug, p);

	if (cell->expect == EXPECT_QUIET)
		return tool_format("no report");
	if (cell->expect == EXPECT_SKIP)
		return tool_format("not done there");
	if (strcmp(cell->function, "*") == 0)
		return tool_format("%s %s, found later", cell->detector, cell->kind);
	return *cell->function ? tool_format("%s %s in %s", cell->detector, cell->kind, cell->function)
	                       : tool_format("%s %s in bug_%s", cell->detector, cell->kind, bug->name);
}
