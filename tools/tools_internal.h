/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/tools_internal.h - what the parts of memsan leak share: an image's roots, its names, paths to an object, growth. */
#ifndef MEMSAN_TOOLS_INTERNAL_H
#define MEMSAN_TOOLS_INTERNAL_H

#include "leak/leak.h"
#include "reports/reports.h"
#include "tools/tools.h"

/* ---- roots.c ----------------------------------------------------------------------------------------------------------- */

/* Every range of memory that is a root, in order of address (registers are in image->threads). */
void image_each_root(const struct image *im, void (*fn)(void *ctx, uint64_t start, uint64_t end), void *ctx);
/* The stack of a thread (whose stack pointer may not be known), when struct pthread or the mapping's name tells.  False: not known. */
bool image_stack_bounds(const struct image *im, const struct image_thread *t, uint64_t *start, uint64_t *end);
/* Bytes of a core file that it should have, has not, and that may hold pointers: what nothing else points to is not known to be lost. */
uint64_t image_unseen(const struct image *im);
/* A scan of an image with all of its objects, those that slab knows nothing of among them; NULL and why not.  One image at a time. */
struct leak_scan *image_scan_create(struct image *im, const char **why);
/* Reads those that slab knows nothing of into im->extra. */
void image_find_extra(struct image *im);
/* The one of im->extra that addr lies in, the inner one of two, or NULL. */
const struct image_extra *image_extra_at(const struct image *im, uint64_t addr);
/* One of those, of the image that is being scanned. */
bool image_extra_object(uint64_t addr, struct slab_object *o);
/* All roots of an image, and what the program said of its objects, into a scan that is new. */
void image_scan_roots(const struct image *im, struct leak_scan *s);
/* What the program said of its objects, for who follows pointers by himself (leak_scan_notes_told). */
void image_scan_notes_told(const struct image *im, struct leak_scan *s, leak_said_fn said, void *ctx);

/* ---- names.c ------------------------------------------------------------------------------------------------------------- */

/* Frames of a stack that memsan saved, a line each behind `indent`. */
void image_print_stack(const struct image *im, struct symbolizer *sym, const char *indent, uint32_t handle);
/* The innermost frame of it: "func at file.c:12" or "module+0x12"; "" when there is no stack. */
void image_name_stack(const struct image *im, struct symbolizer *sym, uint32_t handle, char *name, size_t size);
/* The same for an address of code; `pc` is the address itself, not one behind a call. */
void image_name_code(const struct image *im, struct symbolizer *sym, uint64_t pc, char *name, size_t size);

enum root_kind { ROOT_GLOBAL, ROOT_STACK, ROOT_TLS, ROOT_PTHREAD, ROOT_REGISTER, ROOT_MAPPING, ROOT_NOT_LEAK };
struct root_name {
	enum root_kind kind;
	char symbol[256];          /* global, TLS: the variable, "" when it has no name */
	uint64_t offset;           /* of the address in it (mapping: in the mapping) */
	char module[256];          /* its file, or what the mapping is called */
	int tid;                   /* stack, TLS, register: whose; 0: not known */
	char thread[THREAD_NAME_MAX];
	char frame[512], caller[512]; /* stack: the function whose frame it is in, and who called that */
};
void image_name_root(const struct image *im, struct symbolizer *sym, uint64_t addr, struct root_name *name);
/* Who that thread is. */
void image_name_thread(const struct image *im, int tid, struct root_name *name);
/* Does a word there belong to a thread's frames? (Thread-local storage may lie in the same mapping.) */
bool image_on_stack(const struct image *im, uint64_t addr);
/* A line for people. */
void root_name_text(const struct root_name *name, uint64_t addr, char *text, size_t size);

/* ---- why.c, growth.c ---------------------------------------------------------------------------------------------------------- */

/* Prints the path; 0, 1: nothing reaches it, EXIT_USAGE: it is no live object. */
int leak_why(struct image *im, uint64_t addr, enum option_format format);

/* What is allocated, by the place that allocated it. */
struct census;
struct census *census_take(struct image *im);
/* One that was saved; NULL, and it is said why. */
struct census *census_read(const char *path);
bool census_save(const struct census *c, const char *path);
/* 1 when something grew, 0 else; what grew is printed, largest first. */
int census_compare(const struct image *im, const struct census *before, const struct census *now, enum option_format format);

/* A string in a JSON file, with its quotes. */
void print_json_string(FILE *out, const char *s);

#endif
