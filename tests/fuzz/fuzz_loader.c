/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_loader.c - any bytes as a program that is to be started, and as the libraries that it names. */
#include "tests/fuzz/fuzz.h"

#include "lib/lib.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], interpreter[40];
	int fd = fuzz_file(data, size, path);
	struct loader_answer answer;

	loader_ask(fd, path, &answer);
	MUST(memchr(answer.loader, '\0', sizeof(answer.loader)));
	MUST(answer.verdict != LOADER_OLD || answer.has < answer.needs);
	if (loader_script(fd, interpreter, sizeof(interpreter)))
		MUST(*interpreter && memchr(interpreter, '\0', sizeof(interpreter)));
	close(fd);
	return 0;
}
