/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/tools_internal.h - shared by the files of memsan leak: paths to an object, growth. */
#ifndef MEMSAN_TOOLS_INTERNAL_H
#define MEMSAN_TOOLS_INTERNAL_H

#include "reports/reports.h"
#include "tools/image/image.h"
#include "tools/tools.h"

/* ---- why.c, growth.c ------------------------------------------------------------------------- */

/* What is it when a search finds no path? */
enum why_end {
	WHY_UNKNOWN, /* perhaps the process has changed meanwhile */
	WHY_LOST,
	WHY_UNSURE, /* the process ran on while it was searched */
	WHY_IN_USE, /* a scan that the process made of itself says so */
};
/* Prints the path to the object.  Returns 0; 1: nothing reaches the object; EXIT_USAGE: there is no live object.  When
 * nothing reaches it and that means nothing yet, prints nothing and returns LEAK_WHY_AGAIN.  *stack allocated it.  A
 * process that stands still goes on before anything is printed. */
#define LEAK_WHY_AGAIN (-1)
int leak_why(struct image *im, uint64_t addr, enum option_format format, enum why_end end, stack_handle *stack,
             struct image_freeze *freeze);

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
