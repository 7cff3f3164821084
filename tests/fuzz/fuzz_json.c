/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_json.c - any bytes as a line of memsan-report/1. */
#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	static const struct log_text_options plain;
	const char *why;
	struct log_record *r = log_json_read((const char *)data, size, &why);

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!r)
		return 0;
	log_text_write(nowhere, r, &plain);
	log_json_write(nowhere, r);
	log_record_free(r);
	return 0;
}
