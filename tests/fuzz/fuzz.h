/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz.h - what the fuzz targets share.  A fuzzing service has no /dev and no writable folder. */
#ifndef MEMSAN_TESTS_FUZZ_H
#define MEMSAN_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold.  The fuzzer keeps the input that breaks it. */
#define MUST(condition)                                                                                \
	do {                                                                                           \
		if (!(condition)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                       \
		}                                                                                      \
	} while (0)

static inline ssize_t fuzz_swallow(void *cookie, const char *bytes, size_t size)
{
	(void)cookie;
	(void)bytes;
	return (ssize_t)size;
}

/* A stream that swallows all that is written. */
static inline FILE *fuzz_nowhere(void)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = fuzz_swallow });
	MUST(nowhere);
	return nowhere;
}

/* A file with these bytes, to be closed; *path is its name. */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[static 64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* The bytes as a string, to be freed.  It ends at the first zero byte. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

#endif
