/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_log.c - any bytes as a log, read in pieces: each record is written in every form, and read again from
 * its JSON.  The first byte is the length of the pieces. */
#include "decode/decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;
static struct decode_writer *writers[5];

/* A record that was written as JSON can be read again, and names the same bug. */
static void round_trip(const struct decode_record *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	struct decode_record *again;
	const char *why;

	decode_json_write(memory, r);
	fclose(memory);
	again = decode_json_read(text, len, &why);
	if (!again || again->signature != r->signature || strcmp(again->kind, r->kind) != 0)
		abort();
	decode_record_free(again);
	free(text);
}

static void take_record(void *ctx, struct decode_record *r)
{
	static const struct decode_text_options plain = { .colour = true, .source = true };

	(void)ctx;
	decode_text_write(nowhere, r, &plain);
	decode_short_write(nowhere, r, &plain);
	for (size_t i = 0; i < 5; i++)
		decode_writer_put(writers[i], r);
	round_trip(r);
	decode_record_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decode_reader *reader = decode_reader_create(take_record, NULL);
	size_t piece = size ? data[0] % 64 + 1 : 1;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	for (int i = 0; i < 5; i++)
		writers[i] = decode_writer_create(nowhere, (enum decode_document)i);
	decode_reader_begin(reader, "fuzz");
	for (size_t at = 1; at < size; at += piece)
		decode_reader_feed(reader, (const char *)data + at, size - at < piece ? size - at : piece);
	decode_reader_idle(reader);
	decode_reader_end(reader);
	decode_reader_destroy(reader);
	for (int i = 0; i < 5; i++)
		decode_writer_finish(writers[i]);
	return 0;
}
