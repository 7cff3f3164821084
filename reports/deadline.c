/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/deadline.c - until when files may be read: a report must not wait for large debug information. */
#include "config.h"

#include <time.h>

#include "reports/reports_internal.h"

uint64_t deadline_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void deadline_set(struct deadline *d, uint32_t budget_ms)
{
	d->at_ns = budget_ms ? deadline_now_ns() + (uint64_t)budget_ms * 1000000u : 0;
}

bool deadline_passed(const struct deadline *d)
{
	return d->at_ns && deadline_now_ns() >= d->at_ns;
}
