/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_record.c - a report record, as the symbolizer helper reads it, with any parts replaced.
 *
 *     data    { 2 bytes: where in the record | 1 byte: how many bytes | the bytes }
 *
 * A record that passes report_record_valid becomes text, a suppression, and JSON, which can be read again. */
#include "tests/fuzz/fuzz.h"

#include "decode/decode.h"
#include "reports/reports.h"

static uint32_t add_string(struct report_record *r, const char *s)
{
	uint32_t offset = r->strings_len;

	strcpy(r->strings + offset, s);
	r->strings_len += (uint32_t)strlen(s) + 1;
	return offset;
}

static void add_stack(struct report_record *r, uint32_t role, uint32_t nr_frames)
{
	struct report_stack *stack = &r->stacks[r->nr_stacks++];

	stack->role = role;
	stack->nr_frames = nr_frames;
	stack->tid = r->tid;
	strcpy(stack->thread_name, "prog");
	for (uint32_t i = 0; i < nr_frames; i++) {
		stack->frames[i].pc = 0x401000 + 16 * i;
		stack->frames[i].module = i % 3 ? 0 : REPORT_NO_MODULE;
	}
}

/* A record of a write behind a heap object, by a fault. */
static void fill(struct report_record *r)
{
	static const uint8_t code[] = { 0x48, 0x89, 0x04, 0x25, 0x10, 0x00, 0x40, 0x00 };

	r->strings_len = 1;
	r->kind = REPORT_UNREFERENCED;
	r->component = add_string(r, "slab");
	r->exe = add_string(r, "/nowhere/prog");
	r->comm = add_string(r, "prog");
	r->leak_class = add_string(r, "direct");
	r->place = add_string(r, "a variable\n");
	r->obj_cache = add_string(r, "malloc-48");
	r->obj_api = add_string(r, "malloc");
	r->pid = r->tid = 77;
	r->addr = r->bad_addr = 0x7f0000001030;
	r->access_size = 8;
	r->have_object = 1;
	r->obj_addr = r->slot_addr = 0x7f0000001000;
	r->obj_size = r->obj_cache_size = r->slot_size = 48;
	r->memory_len = 64;
	r->memory_addr = r->obj_addr;
	r->memory_mark = r->addr;
	memset(r->memory_valid, 0xff, sizeof(r->memory_valid));
	r->leak_count = 2;
	r->leak_bytes = 96;
	r->fault.present = MACHINE_AT_FAULT;
	r->fault.signo = 11;
	r->fault.code_len = sizeof(code);
	memcpy(r->fault.code, code, sizeof(code));
	add_stack(r, STACK_ACCESS, 5);
	add_stack(r, STACK_ALLOC, 4);
	r->nr_modules = 1;
	r->modules[0] = (struct report_module){ .start = 0x400000, .end = 0x500000, .path = r->exe };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct report_record *r;
	static char *text;
	struct suppressions *rules = suppressions_create();
	struct symbolizer *s = symbolizer_create(200);
	struct report_symbols symbols;
	struct decode_record *again;
	const char *why;
	size_t len;

	if (!r) {
		r = malloc(sizeof(*r)); /* on the heap, so that AddressSanitizer watches their ends */
		text = malloc(REPORT_TEXT_MAX);
	}
	MUST(r && text && rules && s);
	memset(r, 0, sizeof(*r));
	fill(r);
	while (size > 3) {
		size_t at = (size_t)(data[0] | data[1] << 8) % sizeof(*r), n = data[2];

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		n = n < sizeof(*r) - at ? n : sizeof(*r) - at;
		memcpy((char *)r + at, data, n);
		data += n;
		size -= n;
	}
	r->magic = REPORT_MAGIC;
	r->version = REPORT_VERSION;
	r->size = sizeof(*r);
	if (report_record_valid(r, sizeof(*r)) && symbolizer_attach(s, r, &symbols)) {
		suppressions_match(rules, r, &symbols);
		insn_decode(r);
		len = report_render_text(r, &symbols, text, REPORT_TEXT_MAX);
		MUST(len < REPORT_TEXT_MAX && strlen(text) == len);
		len = suppressions_suggest(r, &symbols, 1, text, REPORT_TEXT_MAX);
		MUST(len < REPORT_TEXT_MAX);
		len = report_render_json(r, &symbols, text, REPORT_TEXT_MAX);
		MUST(len < REPORT_TEXT_MAX && strlen(text) == len);
		again = decode_json_read(text, len, &why);
		MUST(again);
		decode_record_free(again);
	}
	symbolizer_destroy(s);
	suppressions_destroy(rules);
	return 0;
}
