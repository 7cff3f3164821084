/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_log.c - any bytes as a log, read in pieces: each record is written in every form, and read again from
 * its JSON.  The first byte is the length of the pieces. */
#include "decode/decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;
static struct log_writer *writers[5];

/* A record that was written as JSON can be read again, and names the same bug. */
static void round_trip(const struct log_record *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	struct log_record *again;
	const char *why;

	log_json_write(memory, r);
	fclose(memory);
	again = log_json_read(text, len, &why);
	if (!again || again->signature != r->signature || strcmp(again->kind, r->kind) != 0)
		abort();
	log_record_free(again);
	free(text);
}

static void take_record(void *ctx, struct log_record *r)
{
	static const struct log_text_options plain = { .colour = true, .source = true };

	(void)ctx;
	log_text_write(nowhere, r, &plain);
	log_short_write(nowhere, r, &plain);
	for (size_t i = 0; i < 5; i++)
		log_writer_put(writers[i], r);
	round_trip(r);
	log_record_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_reader *reader = log_reader_create(take_record, NULL);
	size_t piece = size ? data[0] % 64 + 1 : 1;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	for (int i = 0; i < 5; i++)
		writers[i] = log_writer_create(nowhere, (enum log_document)i);
	log_reader_begin(reader, "fuzz");
	for (size_t at = 1; at < size; at += piece)
		log_reader_feed(reader, (const char *)data + at, size - at < piece ? size - at : piece);
	log_reader_idle(reader);
	log_reader_end(reader);
	log_reader_destroy(reader);
	for (int i = 0; i < 5; i++)
		log_writer_finish(writers[i]);
	return 0;
}
