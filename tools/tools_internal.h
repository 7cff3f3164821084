/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/tools_internal.h - shared by the files of memsan leak: paths to an object, growth. */
#ifndef MEMSAN_TOOLS_INTERNAL_H
#define MEMSAN_TOOLS_INTERNAL_H

#include "reports/reports.h"
#include "tools/image/image.h"
#include "tools/tools.h"

/* ---- why.c, growth.c ------------------------------------------------------------------------- */

/* Prints the path to the object.  Returns 0; 1: nothing reaches the object; EXIT_USAGE: there is no live object.  When
 * nothing reaches it and this is not the `last` search, prints nothing and returns LEAK_WHY_AGAIN. */
#define LEAK_WHY_AGAIN (-1)
int leak_why(struct image *im, uint64_t addr, enum option_format format, bool last);

/* A census counts what is allocated, by the place that allocated it. */
struct census;
struct census *census_take(struct image *im);
/* Reads a saved census; NULL: it cannot be read, and a line was printed. */
struct census *census_read(const char *path);
bool census_save(const struct census *c, const char *path);
/* Prints the places that grew, largest first.  Returns 1 when there is one, else 0. */
int census_compare(const struct image *im, const struct census *before, const struct census *now,
                   enum option_format format);

#endif
