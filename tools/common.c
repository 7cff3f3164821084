/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/common.c - shared by the commands: messages, "did you mean", numbers, whole files, memory. */
#include "lib/lib.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int output_error;

void tool_check_output(void)
{
	if (!output_error && ferror(stdout))
		output_error = errno;
}

static void put_clean(FILE *out, const char *s, size_t len)
{
	struct clean_shown shown;

	for (size_t i = 0, n; i < len; i += n) {
		n = clean_char(s + i, len - i, &shown);
		fwrite(shown.len ? shown.text : s + i, 1, shown.len ? shown.len : n, out);
	}
}

static void say(const char *format, va_list args)
{
	char *text;
	int len = vasprintf(&text, format, args);

	fflush(stdout);
	tool_check_output();
	fputs("memsan: ", stderr);
	if (len >= 0) {
		put_clean(stderr, text, (size_t)len);
		free(text);
	}
	fputc('\n', stderr);
}

void tool_say_lines(const char *text, size_t len)
{
	for (size_t n; len; text += n, len -= n) {
		const char *end = memchr(text, '\n', len);

		n = end ? (size_t)(end - text) : len;
		put_clean(stderr, text, n);
		fputc('\n', stderr);
		n += end != NULL;
	}
}

void tool_print(const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0) {
		tool_say("out of memory");
		exit(1);
	}
	if (len && text[len - 1] == '\n') {
		put_clean(stdout, text, (size_t)len - 1);
		putchar('\n');
	} else {
		put_clean(stdout, text, (size_t)len);
	}
	free(text);
}

void tool_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

int tool_usage_error(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	fprintf(stderr, "Try 'memsan %s%s--help'.\n", command, *command ? " " : "");
	return EXIT_USAGE;
}

void *tool_resize(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p) {
		tool_say("out of memory");
		exit(1);
	}
	return p;
}

void *tool_alloc(size_t size)
{
	return tool_resize(NULL, size);
}

char *tool_format(const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		tool_say("out of memory");
		exit(1);
	}
	return text;
}

bool tool_first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool have = f && fgets(line, (int)size, f) != NULL;

	if (have)
		line[strcspn(line, "\n")] = '\0';
	else
		line[0] = '\0';
	if (f)
		fclose(f);
	return have;
}

bool tool_have_program(const char *name)
{
	const char *path = getenv("PATH");
	bool found = false;

	for (const char *p = path ? path : ""; *p && !found; p += strcspn(p, ":"), p += *p == ':') {
		char *file = tool_format("%.*s/%s", (int)strcspn(p, ":"), p, name);

		found = access(file, X_OK) == 0;
		free(file);
	}
	return found;
}

bool tool_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *end = number_decimal(text, value);

	return end && !*end && *value >= min && *value <= max;
}

bool tool_address(const char *text, uint64_t *addr)
{
	const char *digits = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text,
		   *end = number_hex(digits, addr);

	return end && !*end;
}

char *tool_read_all(int fd, size_t *len)
{
	size_t size = 4096, n = 0;
	char *text = tool_alloc(size);

	for (;;) {
		ssize_t got = read(fd, text + n, size - n - 1);

		if (got > 0)
			n += (size_t)got;
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		if (size - n < 2)
			text = tool_resize(text, size *= 2);
	}
	text[n] = '\0';
	if (len)
		*len = n;
	return text;
}

bool tool_temporary(char *path, size_t size)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (snprintf(path, size, "%s/memsan-XXXXXX", dir && *dir ? dir : "/tmp") >= (int)size)
		snprintf(path, size, "/tmp/memsan-XXXXXX");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else
		tool_say("cannot create %s: %s", path, strerror(errno));
	return fd >= 0;
}

double tool_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int tool_nearest(const char *word, const char *const *names, size_t nr)
{
	unsigned best = ~0u;
	int found = -1;

	for (size_t i = 0; i < nr; i++) {
		unsigned d = options_word_distance(word, names[i]);

		if (d < best) {
			best = d;
			found = (int)i;
		}
	}
	/* With more than a third of the letters wrong, another word is meant. */
	return found >= 0 && best <= (strlen(names[found]) + 2) / 3 ? found : -1;
}

int tool_finish_output(int status)
{
	bool good = fflush(stdout) == 0 && !ferror(stdout);

	if (good)
		return status;
	tool_check_output();
	if (output_error != EPIPE)
		tool_say("cannot write the output: %s", strerror(output_error));
	return status ? status : 1;
}
