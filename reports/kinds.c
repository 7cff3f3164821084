/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/kinds.c - names, classes and explanations of the kinds of report, from kinds.def. */
#include "config.h"

#include "reports/reports.h"

static const struct {
	const char *name, *class, *text;
} kinds[] = {
#define REPORT_KIND(id, kind_name, kind_class, explanation) [REPORT_##id] = { kind_name, kind_class, explanation },
#include "reports/kinds.def"
#undef REPORT_KIND
};
_Static_assert(ARRAY_SIZE(kinds) == REPORT_KIND_NR, "every kind is in the table");

const char *report_kind_name(enum report_kind kind)
{
	return kind < REPORT_KIND_NR ? kinds[kind].name : "unknown";
}

const char *report_kind_class(enum report_kind kind)
{
	return kind < REPORT_KIND_NR ? kinds[kind].class : "unknown";
}

const char *report_kind_text(enum report_kind kind)
{
	return kind < REPORT_KIND_NR ? kinds[kind].text : "unknown";
}
