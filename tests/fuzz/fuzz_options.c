/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_options.c - any text as MEMSAN_OPTIONS.  Values stay in their bounds, complaints are printable, and
 * the values that `memsan options` would show are read back as what they were. */
#include "tests/fuzz/fuzz.h"

#include "lib/lib.h"

static void complain(void *ctx, const char *line)
{
	(*(unsigned *)ctx)++;
	for (; *line; line++)
		MUST(*line >= ' ' && *line <= '~');
}

static size_t value_size(const struct option_desc *d)
{
	switch (d->type) {
	case OPTION_TYPE_BOOL:
		return sizeof(bool);
	case OPTION_TYPE_ENUM:
		return sizeof(unsigned);
	case OPTION_TYPE_UINT:
		return sizeof(uint64_t);
	case OPTION_TYPE_STRING:
		return OPTION_STRING_MAX;
	}
	abort();
}

/* A value that is not the default. */
static void check_value(const struct memsan_options *o, const struct option_desc *d)
{
	static struct memsan_options again;
	const char *field = (const char *)o + d->offset;
	char shown[OPTION_STRING_MAX + 64];
	struct fmt_buf b;

	if (d->type == OPTION_TYPE_STRING) {
		MUST(memchr(field, '\0', OPTION_STRING_MAX));
		return;
	}
	if (d->type == OPTION_TYPE_UINT)
		MUST(*(const uint64_t *)field >= d->min && *(const uint64_t *)field <= d->max);
	fmt_init(&b, shown, sizeof(shown));
	options_format_value(o, d, &b);
	MUST(options_set_one(&again, d->name, strlen(d->name), shown, strlen(shown), NULL, NULL));
	MUST(memcmp((const char *)&again + d->offset, field, value_size(d)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	static struct memsan_options defaults, o;
	unsigned complaints = 0, wrong;

	if (!defaults.stack_depth)
		options_set_defaults(&defaults);
	o = defaults;
	wrong = options_parse(&o, text, complain, &complaints);
	MUST(complaints <= wrong + 1 && (complaints || !wrong));
	for (size_t i = 0; i < option_table_size; i++)
		if (memcmp((char *)&o + option_table[i].offset, (char *)&defaults + option_table[i].offset,
		           value_size(&option_table[i])) != 0)
			check_value(&o, &option_table[i]);
	for (const char *p = text; *p;) {
		size_t n = options_item_length(p);

		MUST(n <= strlen(p));
		p += n + (p[n] == ':');
		if (!n && *p && p[-1] != ':')
			break;
	}
	free(text);
	return 0;
}
