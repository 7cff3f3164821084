/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/describe.c - memsan describe: what is at this address of a process or a core file? */
#include "config.h"

#include "decode/decode.h"
#include "tools/image/image.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- describe -------------------------------------------------------------------------------- */

static void print_stack(const struct image *im, struct symbolizer *sym, const char *what, uint32_t handle,
                        uint32_t thread)
{
	char name[THREAD_NAME_MAX];
	uint64_t pc;
	int tid;

	if (!image_stack(im, handle, &pc, 1))
		return;
	if (image_thread_name(im, thread, &tid, name))
		tool_print("%s by thread %s/%d:\n", what, name, tid);
	else
		tool_print("%s:\n", what);
	image_print_stack(im, sym, "    ", handle);
}

static const char *mapping_name(const struct image *im, const struct image_mapping *m, uint64_t addr)
{
	if (m->path || m->main_stack)
		return m->path ? m->path : "[stack]";
	if (addr - im->heap.base < im->heap.used)
		return "[memory of the heap that is not in use]";
	return m->start - im->heap.base <= im->heap.used ? "[reserved for the heap]" : "[no file]";
}

static void print_mapping(const struct image *im, uint64_t addr)
{
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];
		if (addr - m->start >= m->end - m->start)
			continue;
		if (addr - im->heap.base < im->heap.used && im->missing)
			tool_print("0x%" PRIx64 " lies in the heap; its object is not known, because the core file is "
			           "cut off\n",
			           addr);
		else
			tool_print("0x%" PRIx64 " belongs to no object of the heap; it lies in 0x%" PRIx64 "-0x%" PRIx64
			           " %s\n",
			           addr, m->start, m->end, mapping_name(im, m, addr));
		return;
	}
	tool_print("0x%" PRIx64 " is not mapped\n", addr);
}

static const char *const states[] = {
	[SLAB_OBJ_NONE] = "never used",
	[SLAB_OBJ_LIVE] = "allocated",
	[SLAB_OBJ_QUARANTINED] = "freed (quarantined)",
	[SLAB_OBJ_FREE] = "free",
};

/* Everything that is known of an address. */
struct described {
	struct slab_object object, block;
	bool registered; /* the program cut it out of memory */
	bool guard;      /* the address is in a guard page of the fence's */
};

/* Objects of pools come first, since they lie inside other objects; live objects come before freed ones. */
static bool find_object(const struct image *im, uint64_t addr, struct described *d)
{
	const struct image_outside *outside = image_outside_at(im, addr);

	memset(d, 0, sizeof(*d));
	if (slab_view_mempool_object(&im->heap, addr, &d->object) &&
	    (d->object.state == SLAB_OBJ_LIVE || !outside || !outside->registered)) {
		d->registered = true;
		return true;
	}
	if (outside) {
		d->object = outside->object;
		d->registered = outside->registered;
		return true;
	}
	return leak_sources_near(&im->sources, addr, &d->object, &d->guard) ||
	       slab_view_object(&im->heap, addr, &d->object);
}

static void print_place(uint64_t addr, const struct slab_object *o, bool guard)
{
	bool inside = addr - o->addr < o->size || (addr == o->addr && !o->size);
	uint64_t far = addr < o->addr ? o->addr - addr : inside ? addr - o->addr : addr - o->addr - o->size;
	const char *where = addr < o->addr ? "before" : inside ? "into" : "behind the end of";

	tool_print("0x%" PRIx64 " lies %" PRIu64 " byte%s %s the object at 0x%" PRIxPTR "%s\n", addr, far,
	           far == 1 ? "" : "s", where, o->addr, guard ? ", in a guard page" : "");
}

static void describe_text(const struct image *im, uint64_t addr)
{
	struct symbolizer *sym = symbolizer_create(0);
	struct described d;
	const struct slab_object *o = &d.object;

	if (!sym || !find_object(im, addr, &d)) {
		print_mapping(im, addr);
		return;
	}
	print_place(addr, o, d.guard);
	tool_print("  state: %s\n", states[o->state]);
	tool_print("  size: %zu\n", o->size);
	if (o->api == SLAB_API_POOL)
		tool_print("  in pool: %s\n", o->cache);
	else
		tool_print("  cache: %s (objects of %zu)\n", o->cache, o->object_size);
	if (d.registered &&
	    (slab_view_object(&im->heap, addr, &d.block) || leak_sources_near(&im->sources, addr, &d.block, &d.guard)))
		tool_print("  cut out of: the object at 0x%" PRIxPTR " (size %zu, %s)\n", d.block.addr, d.block.size,
		           d.block.cache);
	print_stack(im, sym, "Allocated", o->alloc_stack, o->alloc_thread);
	if (o->state != SLAB_OBJ_LIVE)
		print_stack(im, sym, "Freed", o->free_stack, o->free_thread);
}

/* ---- as JSON --------------------------------------------------------------------------------- */

static void json_stack(const struct image *im, struct symbolizer *sym, const char *key, uint32_t handle,
                       uint32_t thread)
{
	char name[THREAD_NAME_MAX];
	uint64_t pc;
	int tid;

	printf(",\"%s\":", key);
	if (!image_stack(im, handle, &pc, 1)) {
		fputs("null", stdout);
		return;
	}
	if (image_thread_name(im, thread, &tid, name)) {
		fputs("{\"thread\":", stdout);
		decode_json_string(stdout, name);
		printf(",\"tid\":%d,\"frames\":", tid);
	} else {
		fputs("{\"thread\":null,\"tid\":null,\"frames\":", stdout);
	}
	image_json_stack(im, sym, handle);
	putchar('}');
}

static void json_mapping(const struct image *im, uint64_t addr)
{
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];

		if (addr - m->start >= m->end - m->start)
			continue;
		printf("{\"start\":\"0x%" PRIx64 "\",\"end\":\"0x%" PRIx64 "\",\"path\":", m->start, m->end);
		decode_json_string(stdout, m->path ? m->path : m->main_stack ? "[stack]" : NULL);
		putchar('}');
		return;
	}
	fputs("null", stdout);
}

static const char *const json_states[] = {
	[SLAB_OBJ_NONE] = "never used",
	[SLAB_OBJ_LIVE] = "allocated",
	[SLAB_OBJ_QUARANTINED] = "freed",
	[SLAB_OBJ_FREE] = "free",
};

/* One object a line; "object" is null for an address that belongs to none. */
static void describe_json(const struct image *im, uint64_t addr)
{
	struct symbolizer *sym = symbolizer_create(0);
	struct described d;
	const struct slab_object *o = &d.object;
	bool found = sym && find_object(im, addr, &d);

	printf("{\"schema\":\"memsan-describe/1\",\"addr\":\"0x%" PRIx64 "\",\"mapping\":", addr);
	json_mapping(im, addr);
	fputs(",\"object\":", stdout);
	if (!found) {
		fputs("null}\n", stdout);
		return;
	}
	printf("{\"addr\":\"0x%" PRIxPTR "\",\"size\":%zu,\"offset\":%" PRId64 ",\"state\":\"%s\",\"cache\":", o->addr,
	       o->size, (int64_t)(addr - o->addr), json_states[o->state]);
	decode_json_string(stdout, o->cache);
	printf(",\"cache_size\":%zu,\"guard\":%s,\"inside\":%s}", o->object_size, d.guard ? "true" : "false",
	       addr - o->addr < o->size || (addr == o->addr && !o->size) ? "true" : "false");
	json_stack(im, sym, "allocated_by", o->alloc_stack, o->alloc_thread);
	json_stack(im, sym, "freed_by", o->state != SLAB_OBJ_LIVE ? o->free_stack : 0, o->free_thread);
	fputs("}\n", stdout);
}

void describe_address(const struct image *im, uint64_t addr, bool json)
{
	if (json)
		describe_json(im, addr);
	else
		describe_text(im, addr);
}

static int describe_main(int argc, char **argv)
{
	static struct image im;
	struct arguments a = { .command = &command_describe, .argc = argc, .argv = argv };
	struct image_choice choice = { .pid = 0 };
	int option, status = 0;
	uint64_t addr;

	while (!status && (option = arguments_next(&a)) != -1)
		status = image_option(&a, option, &choice);
	if (!status)
		status = image_chosen(&a, &choice, false);
	if (!status && !a.nr)
		status = tool_usage_error("describe", "ADDR is missing");
	for (size_t i = 0; i < a.nr && !status; i++)
		if (!tool_address(a.operands[i], &addr))
			status = tool_usage_error("describe", "'%s' is not an address", a.operands[i]);
	if (status)
		return status;
	if (!image_open_choice(&im, &choice))
		return EXIT_USAGE;
	image_find_outside(&im);
	for (size_t i = 0; i < a.nr && tool_address(a.operands[i], &addr); i++)
		describe_address(&im, addr, choice.json);
	return tool_finish_output(0);
}

static const struct option describe_options[] = { IMAGE_OPTIONS, IMAGE_FORMAT_OPTION, TOOL_OPTIONS_END };

const struct tool_command command_describe = {
	.name = "describe",
	.summary = "show which object an address of a process or a core file belongs to",
	.help = "Usage: memsan describe (--pid PID | --core FILE) [OPTIONS] ADDR…\n"
		"\n"
		"Shows which heap object each hexadecimal address belongs to: where in the object the\n"
		"address lies, the object's state, size and cache, and who allocated and freed it.\n"
		"\n" IMAGE_HELP IMAGE_FORMAT_HELP "  -h, --help           show this help\n"
		"\n"
		"Exit status: 0; 1 output cannot be written; 2 process or file cannot be read, or usage.\n"
		"Manual page: memsan-describe(1)\n",
	.options = describe_options,
	.main = describe_main,
};
