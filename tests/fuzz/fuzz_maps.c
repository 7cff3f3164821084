/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_maps.c - any bytes as /proc/PID/maps.  The first byte is the size of the reader's buffer. */
#include "tests/fuzz/fuzz.h"

#include "lib/lib.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = size ? 2 + data[0] * 4u : 2, lines = 0;
	struct maps_reader reader;
	struct maps_line line;
	char path[64], *buffer;
	int fd;

	fd = fuzz_file(size ? data + 1 : data, size ? size - 1 : 0, path);
	buffer = malloc(room);
	MUST(buffer && maps_open(&reader, path, buffer, room) == 0);
	while (maps_next(&reader, &line)) {
		MUST(line.start < line.end);
		MUST(line.path >= buffer && line.path + strlen(line.path) < buffer + room);
		MUST(++lines <= size);
	}
	MUST(maps_close(&reader) == 0);
	free(buffer);
	close(fd);
	return 0;
}
