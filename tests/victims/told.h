/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/told.h - how many reports has this program had, also those that repeat an earlier one? */
#include <memsan.h>

static int told(void)
{
	struct memsan_stats stats;

	stats.size = sizeof(stats);
	memsan_stat(&stats);
	return (int)(stats.reports + stats.reports_repeated);
}
