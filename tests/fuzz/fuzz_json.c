/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_json.c - any bytes as a line of memsan-report/1. */
#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	static const struct decode_text_options plain;
	const char *why;
	struct decode_record *r = decode_json_read((const char *)data, size, &why);

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!r)
		return 0;
	decode_text_write(nowhere, r, &plain);
	decode_json_write(nowhere, r);
	decode_record_free(r);
	return 0;
}
