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
	for (unsigned kind = 0; kind < REPORT_KIND_NR; kind++) {
		const struct suppress_report r = { .kind = report_kind_name(kind),
			                           .class = report_kind_class(kind),
			                           .entry = kind % 3 ? NULL : "strcpy",
			                           .leak = kind % 2 ? NULL : "direct",
			                           .objects = 1,
			                           .bytes = 10,
			                           .frames = frames,
			                           .nr_stacks = 2,
			                           .ends = { 3, sizeof(frames) / sizeof(frames[0]) } };

		suppressions_match_report(s, &r);
	}
	suppressions_summary(s, tell, &told);
	suppressions_destroy(s);
	free(text);
	return 0;
}
