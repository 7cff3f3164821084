/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/legend.c - what a byte means in the rows of memory that a report prints: shadow of the kernel's KASAN, of
 * AddressSanitizer and of memsan; the bytes with which SLUB and memsan fill red zones and freed objects. */
#include "config.h"

#include "decode/decode_internal.h"

struct meaning {
	uint8_t value;
	const char *text;
};

static const struct meaning kasan[] = {
	{ 0xca, "left of an alloca" },
	{ 0xcb, "right of an alloca" },
	{ 0xf1, "left of a stack's variables" },
	{ 0xf2, "between a stack's variables" },
	{ 0xf3, "right of a stack's variables" },
	{ 0xf4, "behind a variable of the stack" },
	{ 0xf8, "not mapped, or a variable whose block has ended" },
	{ 0xf9, "beside a global variable" },
	{ 0xfa, "freed object, whose stacks are kept" },
	{ 0xfb, "freed object" },
	{ 0xfc, "red zone of an object" },
	{ 0xfe, "red zone of pages" },
	{ 0xff, "freed pages" },
};
static const struct meaning asan[] = {
	{ 0xac, "cookie of an array" },
	{ 0xbb, "between the members of an object" },
	{ 0xca, "left of an alloca" },
	{ 0xcb, "right of an alloca" },
	{ 0xf1, "left of a stack's variables" },
	{ 0xf2, "between a stack's variables" },
	{ 0xf3, "right of a stack's variables" },
	{ 0xf5, "frame of a function that has returned" },
	{ 0xf6, "global variable that is not initialised yet" },
	{ 0xf7, "marked by the program" },
	{ 0xf8, "variable whose block has ended" },
	{ 0xf9, "beside a global variable" },
	{ 0xfa, "red zone of the heap" },
	{ 0xfc, "behind the last element of a container" },
	{ 0xfd, "freed object" },
	{ 0xfe, "the sanitizer's own" },
};
static const struct meaning memsan[] = {
	{ 0xac, "cookie of an array" },
	{ 0xbb, "between the members of an object" },
	{ 0xca, "left of an alloca" },
	{ 0xcb, "right of an alloca" },
	{ 0xf0, "the first pages" },
	{ 0xf1, "left of a stack's variables" },
	{ 0xf2, "between a stack's variables" },
	{ 0xf3, "right of a stack's variables" },
	{ 0xf4, "behind a variable of the stack" },
	{ 0xf5, "frame of a function that has returned" },
	{ 0xf6, "global variable that is not initialised yet" },
	{ 0xf7, "marked by the program" },
	{ 0xf8, "behind a large area, or a variable whose block has ended" },
	{ 0xf9, "beside a global variable" },
	{ 0xfa, "freed object" },
	{ 0xfc, "red zone of an object, or behind the last element of a container" },
	{ 0xfe, "pages that were never used" },
	{ 0xff, "freed pages" },
};
static const struct meaning slub[] = {
	{ 0x5a, "not written since its allocation, or padding" },
	{ 0x6b, "freed" },
	{ 0xa5, "last byte of a freed object" },
	{ 0xbb, "red zone of a freed object" },
	{ 0xcc, "red zone" },
};

static const char *look_up(const struct meaning *table, size_t nr, uint8_t value)
{
	for (size_t i = 0; i < nr; i++)
		if (table[i].value == value)
			return table[i].text;
	return NULL;
}

bool decode_rows_are_tags(const struct decode_record *r)
{
	return r->row_scale == 16;
}

const char *decode_byte_meaning(const struct decode_record *r, uint8_t value)
{
	bool own = strcmp(r->detector, "memsan") == 0;

	if (decode_rows_are_tags(r))
		return NULL;
	if (r->row_scale <= 1)
		return own || strcmp(r->detector, "slub") == 0 ? look_up(slub, ARRAY_SIZE(slub), value) : NULL;
	if (!value)
		return "accessible";
	if (value < r->row_scale)
		return "only so many bytes are accessible";
	if (own)
		return look_up(memsan, ARRAY_SIZE(memsan), value);
	return strcmp(r->detector, "kasan") == 0 ? look_up(kasan, ARRAY_SIZE(kasan), value)
	                                         : look_up(asan, ARRAY_SIZE(asan), value);
}
