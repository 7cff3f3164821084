/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/tools_internal.h - what the parts of memsan leak share: paths to an object, growth. */
#ifndef MEMSAN_TOOLS_INTERNAL_H
#define MEMSAN_TOOLS_INTERNAL_H

#include "reports/reports.h"
#include "tools/image/image.h"
#include "tools/tools.h"

/* ---- why.c, growth.c ------------------------------------------------------------------------- */

/* Prints the path; 0, 1: nothing reaches it, EXIT_USAGE: it is no live object. */
int leak_why(struct image *im, uint64_t addr, enum option_format format);

/* What is allocated, by the place that allocated it. */
struct census;
struct census *census_take(struct image *im);
/* One that was saved; NULL, and it is said why. */
struct census *census_read(const char *path);
bool census_save(const struct census *c, const char *path);
/* 1 when something grew, 0 else; what grew is printed, largest first. */
int census_compare(const struct image *im, const struct census *before, const struct census *now,
                   enum option_format format);

#endif
