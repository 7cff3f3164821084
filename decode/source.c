/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/source.c - lines of source code around a place.  Keeps up to SOURCES_MAX files in memory. */
#include "config.h"

#include <fcntl.h>
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

/* Reads only regular files of the size that source code has, since the name comes out of a log. */
static char *read_source(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < SOURCE_SIZE_MAX &&
	    (text = malloc((size_t)st.st_size + 1)) != NULL)
		n = read(fd, text, (size_t)st.st_size);
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
		fprintf(out, "    %s%c%6u | ", at == line ? on : "", at == line ? '>' : ' ', at);
		for (size_t i = 0; i < len; i++)
			putc((unsigned char)text[i] < 0x20 && text[i] != '\t' ? '?' : text[i], out);
		fprintf(out, "%s\n", at == line ? off : "");
	}
}
