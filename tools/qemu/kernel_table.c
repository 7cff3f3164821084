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
const size_t kernel_nr_bugs = sizeof(kernel_bugs) / sizeof(kernel_bugs[0]);

/* What differs from the columns: in the kernels of another profile, or of a later version of Linux. */
static const struct other {
	const char *name;
	enum kernel_profile profile;
	const char *since, *unless;
	struct kernel_cell cell;
} others[] = {
#define KBUG(name, setup, kasan, light, arm64, what, why)
#define DEMO(name, what)
#define OTHER(name, profile, since, unless, cell) { #name, PROFILE_##profile, since, unless, cell },
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

/* A profile without a column is expected to print what its base prints, but for others[]. */
static const struct {
	const char *name;
	enum kernel_profile base;
} profiles[NR_PROFILES] = {
	{ "kasan", PROFILE_KASAN },   { "light", PROFILE_LIGHT }, { "arm64", PROFILE_ARM64 },
	{ "hw_tags", PROFILE_ARM64 }, { "ubsan", PROFILE_LIGHT }, { "kmsan", PROFILE_LIGHT },
	{ "debian", PROFILE_LIGHT },
};

const char *kernel_profile_name(enum kernel_profile p)
{
	return profiles[p].name;
}

const char *kernel_profile_at(size_t i)
{
	return i < NR_PROFILES ? kernel_profile_name(i) : NULL;
}

bool kernel_profile_is_arm64(enum kernel_profile p)
{
	return p == PROFILE_ARM64 || p == PROFILE_HW_TAGS;
}

const char *kernel_setup_name(enum kernel_setup setup)
{
	static const char *const names[NR_SETUPS] = { "LEAK", "PLAIN", "CHECK", "FENCE",  "DEMO",
		                                      "LAST", "PANIC", "UNMAP", "POISON", "INIT" };

	return names[setup];
}

const char *kernel_setup_words(enum kernel_setup setup)
{
	switch (setup) {
	case SETUP_UNMAP:
		return "debug_pagealloc=on";
	case SETUP_POISON:
		return "page_poison=1";
	case SETUP_INIT:
		return "slub_debug=- slub_merge init_on_alloc=1 init_on_free=1";
	default:
		return "";
	}
}

static const struct {
	const char *name, *option;
} needs[] = {
#define KBUG(name, setup, kasan, light, arm64, what, why)
#define DEMO(name, what)
#define NEEDS(name, option) { #name, option },
#include "kernel/module/bugs.def"
#undef KBUG
#undef DEMO
};

const char *kernel_bug_needs(const struct kernel_bug *bug)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (strcmp(needs[i].name, bug->name) == 0)
			return needs[i].option;
	return NULL;
}

static char *configs[NR_PROFILES];

void kernel_table_config(enum kernel_profile p, char *text)
{
	free(configs[p]);
	configs[p] = text;
}

static char versions[NR_PROFILES][16];

void kernel_table_release(enum kernel_profile p, const char *release)
{
	snprintf(versions[p], sizeof(versions[p]), "%.*s", (int)strspn(release, "0123456789."), release);
}

static bool has_option(enum kernel_profile p, const char *option)
{
	char *with_ends = tool_format("\n%s=y\n", option);
	bool has = configs[p] && strstr(configs[p], with_ends);

	free(with_ends);
	return has;
}

/* The entry of others[] that counts for this kernel, or NULL. */
static const struct kernel_cell *other_cell(const struct kernel_bug *bug, enum kernel_profile p,
                                            enum kernel_profile kernel)
{
	const char *version = *versions[kernel] ? versions[kernel] : "6.1";
	const struct other *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		const struct other *o = &others[i];

		if (o->profile == p && strverscmp(o->since, version) <= 0 && strcmp(o->name, bug->name) == 0 &&
		    !has_option(kernel, o->unless) && (!best || strverscmp(best->since, o->since) < 0))
			best = o;
	}
	return best ? &best->cell : NULL;
}

/* What the table says, without regard to the kernel's configuration. */
static const struct kernel_cell *table_cell(const struct kernel_bug *bug, enum kernel_profile p)
{
	enum kernel_profile from = p;
	const struct kernel_cell *cell = other_cell(bug, from, p);

	if (!cell && profiles[from].base != from) {
		from = profiles[from].base;
		cell = other_cell(bug, from, p);
	}
	if (!cell)
		cell = &bug->cell[from]; /* others[] does not count for AS_KASAN: the processors differ */
	return cell->expect == EXPECT_AS_KASAN ? &bug->cell[PROFILE_KASAN] : cell;
}

const struct kernel_cell *kernel_cell_of(const struct kernel_bug *bug, enum kernel_profile p)
{
	static const struct kernel_cell quiet = { EXPECT_QUIET, "", "", "", "" },
					skip = { EXPECT_SKIP, "", "", "", "" };

	const char *needed = kernel_bug_needs(bug);

	/* what a kernel has is not known before it is there */
	if (needed && configs[p] && !has_option(p, needed))
		return &skip;
	if (p == PROFILE_DEBIAN && bug->setup == SETUP_UNMAP && !has_option(p, "CONFIG_DEBUG_PAGEALLOC"))
		return &skip;
	if (p == PROFILE_DEBIAN && bug->setup == SETUP_POISON && !has_option(p, "CONFIG_PAGE_POISONING"))
		return &skip;
	if (p == PROFILE_DEBIAN && bug->setup == SETUP_LEAK && !has_option(p, "CONFIG_DEBUG_KMEMLEAK"))
		return &quiet;
	if (p == PROFILE_DEBIAN && bug->setup == SETUP_FENCE && !has_option(p, "CONFIG_KFENCE"))
		return &skip;
	return table_cell(bug, p);
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
