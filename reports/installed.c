/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/installed.c - where memsan's own files are, for its programs: in the build folder, in an installation that
 * was moved as a whole, or where configure put them. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/reports.h"

#define SHIPPED_RULES "distribution.supp"

/* Appends the relative path from one absolute folder to another, as "../lib", without the part that they share. */
static void put_way(struct fmt_buf *b, const char *from, const char *to)
{
	size_t shared = 0;

	for (size_t i = 0; from[i] == to[i]; i++) {
		if (from[i] == '/' || !from[i])
			shared = i;
		if (!from[i])
			break;
	}
	for (const char *p = from + shared; *p; p++)
		if (*p == '/' && p[1] && p[1] != '/')
			fmt_printf(b, "../");
	to += shared + strspn(to + shared, "/");
	fmt_printf(b, "%s", to);
}

char *installed_file(const char *own, const char *built, const char *installed, const char *name)
{
	char dir[PATH_MAX], path[3 * PATH_MAX], *found;
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	struct fmt_buf b;

	if (n > 0) {
		dir[n] = '\0';
		*strrchr(dir, '/') = '\0';
		fmt_init(&b, path, sizeof(path));
		fmt_printf(&b, "%s/libmemsan.la", dir);
		if (access(path, F_OK) != 0)
			built = NULL;
		fmt_init(&b, path, sizeof(path));
		fmt_printf(&b, "%s/", dir);
		if (built)
			fmt_printf(&b, "%s", built);
		else
			put_way(&b, own, installed);
		fmt_printf(&b, "/%s", name);
		found = b.truncated ? NULL : realpath(path, NULL);
		if (found)
			return found;
	}
	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "%s/%s", installed, name);
	return b.truncated ? NULL : realpath(path, NULL);
}

void suppressions_add_shipped(struct suppressions *s, const char *own, void (*tell)(void *ctx, const char *line),
                              void *ctx)
{
	char *path = installed_file(own, "share", MEMSAN_DATADIR, SHIPPED_RULES), *text;
	FILE *f = path ? fopen(path, "re") : NULL;

	text = f ? malloc(HELPER_RULES_MAX + 1) : NULL;
	if (text) {
		text[fread(text, 1, HELPER_RULES_MAX, f)] = '\0';
		suppressions_add_file(s, path, text, tell, ctx);
		free(text);
	}
	if (f)
		fclose(f);
	free(path);
}
