/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_suppress.c - any text as suppressions, which are matched with a leak and with a report. */
#include "decode/decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(void *ctx, const char *line)
{
	*(size_t *)ctx += strlen(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct suppress_frame frames[] = {
		{ "malloc", "", "/lib/libc.so.6", 0 },
		{ "xmalloc", "/src/a.c", "/bin/prog", 12 },
		{ "ns::make(int, char*)", "b.cc", "/bin/prog", 3 },
		{ "", "", "", 0 },
		{ "main", "/src/main.c", "/bin/prog", 99 },
	};
	struct suppressions *s = suppressions_create();
	char *text = malloc(size + 1);
	size_t told = 0;

	memcpy(text, data, size);
	text[size] = '\0';
	suppressions_add(s, text, tell, &told);
	suppressions_match_frames(s, "direct", 1, 10, frames, sizeof(frames) / sizeof(frames[0]));
	suppressions_match_frames(s, NULL, 0, 0, frames, sizeof(frames) / sizeof(frames[0]));
	suppressions_summary(s, tell, &told);
	suppressions_destroy(s);
	free(text);
	return 0;
}
