/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/kind.c - what a kind of report means, how severe it is, and where a text about it stands, for any tool's
 * reports.
 * All explanations are in reports/kinds.def.  A kind of another tool is explained by a row of its own there, else by
 * memsan's kind of the same name, else by memsan's kind for the same bug (signature.c knows which words mean the same
 * bug). */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

struct explained {
	const char *pattern, *class, *text;
};
static const struct explained others[] = {
#define REPORT_OTHER(pattern, bug_class, explanation) { pattern, bug_class, explanation },
#include "reports/kinds.def"
};
static const struct explained rest[] = {
#define REPORT_REST(pattern, bug_class, explanation) { pattern, bug_class, explanation },
#include "reports/kinds.def"
};
static const char *const addresses[][2] = {
#define REPORT_CLASS(bug_class, address) { bug_class, address },
#include "reports/kinds.def"
};

/* Which of memsan's kinds explains a bug in the words of decode_kind_of_bug. */
static const struct {
	const char *bug;
	enum report_kind kind;
} bugs[] = {
	{ "heap", REPORT_SLAB_OUT_OF_BOUNDS },
	{ "stack", REPORT_STACK_OUT_OF_BOUNDS },
	{ "global", REPORT_GLOBAL_OUT_OF_BOUNDS },
	{ "container", REPORT_CONTAINER_OUT_OF_BOUNDS },
	{ "use-after-free", REPORT_SLAB_USE_AFTER_FREE },
	{ "use-after-scope", REPORT_USE_AFTER_SCOPE },
	{ "poisoned", REPORT_USE_AFTER_POISON },
	{ "double-free", REPORT_DOUBLE_FREE },
	{ "invalid-free", REPORT_INVALID_FREE },
	{ "mismatch", REPORT_ALLOC_DEALLOC_MISMATCH },
	{ "null", REPORT_NULL_PTR_DEREF },
	{ "wild", REPORT_WILD_MEMORY_ACCESS },
	{ "leak", REPORT_UNREFERENCED },
	{ "reachable", REPORT_REACHABLE },
	{ "stack-overflow", REPORT_STACK_OVERFLOW },
	{ "overlap", REPORT_PARAM_OVERLAP },
	{ "size", REPORT_IMPOSSIBLE_SIZE },
};

static bool find_pattern(const struct explained *table, size_t nr, const char *rule, struct explained *found)
{
	for (size_t i = 0; i < nr; i++)
		if (name_glob(table[i].pattern, rule)) {
			*found = table[i];
			return true;
		}
	return false;
}

static struct explained explain(enum report_kind kind)
{
	return (struct explained){ "", report_kind_class(kind), report_kind_text(kind) };
}

static struct explained find(const struct decode_record *r)
{
	const char *bug = decode_kind_of_bug(r);
	struct explained found = { "", "unknown", "" };
	char rule[300];

	decode_rule_name(rule, sizeof(rule), r);
	if (decode_is_reachable(r))
		return explain(REPORT_REACHABLE);
	if (strcmp(r->kind, DECODE_GROWTH) == 0)
		return (struct explained){ "", "memory",
			                   "what this place allocated grew while memsan leak --growth watched; it may "
			                   "still be in use" };
	if (strcmp(r->detector, "memsan") != 0 && find_pattern(others, ARRAY_SIZE(others), rule, &found))
		return found;
	for (int i = 0; i < REPORT_KIND_NR; i++)
		if (strcmp(r->kind, report_kind_name((enum report_kind)i)) == 0)
			return explain((enum report_kind)i);
	for (size_t i = 0; i < ARRAY_SIZE(bugs); i++)
		if (strcmp(bug, bugs[i].bug) == 0)
			return explain(bugs[i].kind);
	find_pattern(rest, ARRAY_SIZE(rest), rule, &found);
	return found;
}

void decode_record_sentence(const struct decode_record *r, char *buf, size_t size)
{
	snprintf(buf, size, "%s.", find(r).text);
	buf[0] = (char)toupper((unsigned char)buf[0]);
}

const char *decode_record_help(const struct decode_record *r)
{
	const char *class = find(r).class;
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(addresses) && strcmp(addresses[i][0], class) != 0)
		i++;
	return addresses[i][1];
}

const char *decode_record_severity(const struct decode_record *r)
{
	if (decode_is_reachable(r))
		return "note";
	return r->leak.class || strcmp(r->kind, DECODE_GROWTH) == 0 ? "warning" : "error";
}
