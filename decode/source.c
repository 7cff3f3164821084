/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/source.c - lines of source code around a place.  Keeps up to SOURCES_MAX files in memory.
 *
 * The names of the files come out of logs, which anybody may have written.  A page that is made of a log must not show
 * what its reader may not see: ~/.ssh/id_rsa, /etc/shadow.  So a file counts only below one of the folders that the
 * user trusts: the current one, or those that --source-root names.  Below such a folder, names that begin with a dot do
 * not count.  The kernel resolves the name, with all of its links; what it has found is compared, and read.
 */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decode/decode_internal.h"

#define SOURCES_MAX 64
#define SOURCE_SIZE_MAX (16u << 20)

struct source {
	char *path, *text;
	uint64_t use;
};

static struct source sources[SOURCES_MAX];
static uint64_t uses;

/* ---- which files ----------------------------------------------------------------------------- */

static char **roots; /* absolute, without links; NULL: not asked for yet */
static size_t nr_roots;
static char *refused; /* the first file that exists but lies elsewhere */

static bool add_root(char *folder)
{
	char **grown = folder ? realloc(roots, (nr_roots + 1) * sizeof(*roots)) : NULL;

	if (!grown) {
		free(folder);
		return false;
	}
	roots = grown;
	roots[nr_roots++] = folder;
	return true;
}

bool decode_source_root(const char *folder)
{
	return add_root(realpath(folder, NULL));
}

/* The root folder itself is nobody's source tree: a daemon runs there. */
static void add_current_folder(void)
{
	static bool added;
	char *folder = added ? NULL : getcwd(NULL, 0);

	added = true;
	if (folder && folder[0] == '/' && folder[1])
		add_root(folder);
	else
		free(folder);
}

/* Does the file lie below the folder, and is none of the names on the way hidden? */
static bool lies_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (strcmp(folder, "/") == 0)
		len = 0;
	return strncmp(path, folder, len) == 0 && path[len] == '/' && !strstr(path + len, "/.");
}

static bool may_be_shown(const char *path)
{
	add_current_folder();
	for (size_t i = 0; i < nr_roots; i++)
		if (lies_below(path, roots[i]))
			return true;
	return false;
}

const char *decode_source_refused(void)
{
	return refused;
}

/* ---- their text ------------------------------------------------------------------------------ */

/* Opens a regular file of the size that source code has, if it may be shown.  Nothing else is opened: opening a device
 * may have an effect. */
static int open_source(const char *path, size_t *size)
{
	int place = open(path, O_PATH | O_CLOEXEC), fd = -1;
	char link[32], real[PATH_MAX];
	struct stat st;
	ssize_t n = -1;

	if (place < 0)
		return -1;
	if (fstat(place, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < SOURCE_SIZE_MAX) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", place);
		n = readlink(link, real, sizeof(real) - 1);
	}
	if (n > 0) {
		real[n] = '\0';
		*size = (size_t)st.st_size;
		if (may_be_shown(real))
			fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		else if (!refused)
			refused = strdup(real);
	}
	close(place);
	return fd;
}

static char *read_source(const char *path)
{
	size_t size = 0;
	int fd = open_source(path, &size);
	char *text = fd >= 0 ? malloc(size + 1) : NULL;
	ssize_t n = text ? read(fd, text, size) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static const char *source_text(const char *path)
{
	struct source *oldest = &sources[0];

	for (size_t i = 0; i < SOURCES_MAX; i++) {
		if (sources[i].path && strcmp(sources[i].path, path) == 0) {
			sources[i].use = ++uses;
			return sources[i].text;
		}
		if (sources[i].use < oldest->use)
			oldest = &sources[i];
	}
	free(oldest->path);
	free(oldest->text);
	oldest->path = strdup(path);
	oldest->text = oldest->path ? read_source(path) : NULL;
	oldest->use = ++uses;
	return oldest->text;
}

const char *decode_source_line(const char *path, uint32_t line, size_t *len)
{
	const char *text = source_text(path);

	for (uint32_t at = 1; text && *text; at++) {
		const char *end = strchrnul(text, '\n');
		if (at == line) {
			*len = (size_t)(end - text);
			return text;
		}
		text = *end ? end + 1 : end;
	}
	return NULL;
}

void decode_source_write(FILE *out, const char *path, uint32_t line, const char *on, const char *off)
{
	uint32_t first = line > DECODE_SOURCE_AROUND ? line - DECODE_SOURCE_AROUND : 1;
	size_t len;

	for (uint32_t at = first; at <= line + DECODE_SOURCE_AROUND; at++) {
		const char *text = decode_source_line(path, at, &len);
		if (!text)
			continue;
		if (len && text[len - 1] == '\r')
			len--;
		fprintf(out, "    %s%c%6u | ", at == line ? on : "", at == line ? '>' : ' ', at);
		decode_put_clean(out, text, len);
		fprintf(out, "%s\n", at == line ? off : "");
	}
}
