/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/why.c - memsan leak --why: why is this object still alive?  The shortest path of pointers from a root to it.
 *
 * A search in breadth from all roots at once.  Each object that is met remembers who led to it first, so the path that is printed is one of
 * the shortest.  Three searches, and the first that finds it is the answer: from what lasts (variables, thread-local storage, mappings);
 * from stacks and registers as well, which often hold an object for a moment only; and at last through pointers into the middle of objects
 * too (what is reached through such pointers alone is "possible").  A tool has the memory for that: 32 bytes an object.
 *
 * Objects that slab knows nothing of (fenced, or cut out of a block by the program) are looked up beside slab's.  A pointer to one that was cut
 * out of a block leads to both; a word in it is its own and not the block's.
 */
#include "config.h"

#include "tools/tools_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>

#define READ_AT_ONCE ((size_t)256 << 10)
#define FROM_ROOT UINT32_MAX
#define FROM_REGISTER (UINT32_MAX - 1)
#define POINTERS_SHOWN 8

struct step {
	uint64_t start, size;
	uint64_t word;             /* where the pointer was (a register: thread << 8 | number) */
	uint32_t parent, extra;    /* extra: index + 1 in im->extra, or 0 */
};
struct search {
	const struct image *im;
	struct leak_scan *scan;
	struct step *steps;
	uint64_t nr, room;
	uint64_t *seen;            /* a bit per 16 bytes of the arena, then one per object of im->extra */
	size_t seen_size;
	char *buffer;
	uint64_t target;
	uint32_t target_extra;
	uint64_t found;            /* index + 1 of its step */
	enum pass { PASS_LASTING, PASS_STACKS, PASS_INTERIOR } pass;
};

/* ---- searching ------------------------------------------------------------------------------------------------------------------ */

/* 0: none, which is no object's number. */
static uint32_t extra_number(const struct image *im, const struct image_extra *e)
{
	return e ? (uint32_t)(e - im->extra) + 1 : 0;
}

static void meet_object(struct search *s, const struct step *step, uint64_t value)
{
	uint64_t bit = step->extra ? (s->im->heap.used >> 4) + step->extra : (step->start - s->im->heap.base) >> 4;

	if ((step->start != value && s->pass < PASS_INTERIOR) || s->seen[bit >> 6] >> (bit & 63) & 1)
		return;
	s->seen[bit >> 6] |= (uint64_t)1 << (bit & 63);
	if (s->nr == s->room) {
		struct step *old = s->steps;
		s->room = s->room ? 2 * s->room : 4096;
		s->steps = tool_alloc(s->room * sizeof(*s->steps));
		if (old)
			memcpy(s->steps, old, s->nr * sizeof(*old));
		free(old);
	}
	s->steps[s->nr++] = *step;
	if (step->start == s->target && step->extra == s->target_extra)
		s->found = s->nr;
}

static void meet(struct search *s, uint64_t value, uint64_t word, uint64_t parent)
{
	const struct image_extra *e = image_extra_at(s->im, value);
	struct step step = { .word = word, .parent = (uint32_t)parent };

	if (e) {
		step.start = e->object.addr;
		step.size = e->object.size;
		step.extra = extra_number(s->im, e);
		meet_object(s, &step, value);
	}
	if (!s->found && value - s->im->heap.base < s->im->heap.used && leak_scan_object(s->scan, value, &step.start, &step.size)) {
		step.extra = 0;
		meet_object(s, &step, value);
	}
}

static bool leads_somewhere(const struct image *im, uint64_t value)
{
	const struct image_extra *last = im->nr_extra ? &im->extra[im->nr_extra - 1] : NULL;

	return value - im->heap.base < im->heap.used ||
	       (last && value - im->extra[0].object.addr < last->object.addr + last->object.size - im->extra[0].object.addr);
}

/* Is the word at addr the object's (extra; 0: slab's, or a root)?  What was cut out there has its own words. */
static bool has_word(const struct image *im, uint32_t extra, uint64_t addr)
{
	const struct image_extra *e = image_extra_at(im, addr);

	return !e || !e->pooled || extra_number(im, e) == extra;
}

static void search_range(struct search *s, uint64_t start, uint64_t end, uint64_t parent)
{
	uint32_t extra = parent < FROM_REGISTER ? s->steps[parent].extra : 0;

	for (uint64_t at = (start + 7) & ~(uint64_t)7; at < end && !s->found; at += READ_AT_ONCE) {
		size_t n = s->im->view.read(&s->im->view, s->buffer, at, MIN(READ_AT_ONCE, (size_t)(end - at)));
		for (size_t i = 0; i + 8 <= n && !s->found; i += 8) {
			uint64_t value;
			memcpy(&value, s->buffer + i, 8);
			if (leads_somewhere(s->im, value) && has_word(s->im, extra, at + i) &&
			    (parent != FROM_ROOT || s->pass > PASS_LASTING || !image_on_stack(s->im, at + i)))
				meet(s, value, at + i, parent);
		}
	}
}

static void search_root(void *ctx, uint64_t start, uint64_t end)
{
	search_range(ctx, start, end, FROM_ROOT);
}

static void search_all(struct search *s)
{
	const struct image *im = s->im;

	image_each_root(im, search_root, s);
	for (size_t t = 0; t < im->nr_threads && s->pass > PASS_LASTING; t++)
		for (size_t i = 0; i < im->threads[t].nr_regs && !s->found; i++)
			meet(s, im->threads[t].regs[i], t << 8 | i, FROM_REGISTER);
	for (uint64_t i = 0; i < s->nr && i < FROM_REGISTER && !s->found; i++)
		search_range(s, s->steps[i].start, s->steps[i].start + s->steps[i].size, i);
}

/* ---- the path ---------------------------------------------------------------------------------------------------------------------- */

struct printing { const struct search *s; struct symbolizer *sym; bool json; };

static void register_name(unsigned i, char *name, size_t size)
{
	static const char *const names[] = { "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
	                                     "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base" };

	snprintf(name, size, "%s", i < ARRAY_SIZE(names) ? names[i] : "?");
}
_Static_assert(sizeof(struct user_regs_struct) == 27 * 8, "register_name knows their order");

static const char *const root_kinds[] = {
	[ROOT_GLOBAL] = "global", [ROOT_STACK] = "stack", [ROOT_TLS] = "tls", [ROOT_PTHREAD] = "thread-specific",
	[ROOT_REGISTER] = "register", [ROOT_MAPPING] = "mapping",
};

static void print_root(const struct printing *p, const struct step *step)
{
	const struct image *im = p->s->im;
	struct root_name name;
	char text[1200];

	memset(&name, 0, sizeof(name));
	if (step->parent == FROM_REGISTER) {
		name.kind = ROOT_REGISTER;
		register_name((unsigned)(step->word & 0xff), name.symbol, sizeof(name.symbol));
		image_name_thread(im, im->threads[step->word >> 8].tid, &name);
	} else {
		image_name_root(im, p->sym, step->word, &name);
	}
	root_name_text(&name, step->word, text, sizeof(text));
	if (!p->json) {
		printf("  %s\n", text);
		return;
	}
	printf("\"root\":{\"kind\":\"%s\",\"address\":\"0x%" PRIx64 "\",\"symbol\":", root_kinds[name.kind],
	       name.kind == ROOT_REGISTER ? 0 : step->word);
	print_json_string(stdout, name.symbol);
	printf(",\"offset\":%" PRIu64 ",\"module\":", name.offset);
	print_json_string(stdout, name.module);
	printf(",\"tid\":%d,\"thread\":", name.tid);
	print_json_string(stdout, name.thread);
	printf(",\"frame\":");
	print_json_string(stdout, name.frame);
	printf(",\"caller\":");
	print_json_string(stdout, name.caller);
	printf(",\"text\":");
	print_json_string(stdout, text);
	printf("},\"path\":[");
}

static void print_object(const struct printing *p, uint64_t start, uint32_t extra, const char *how, uint64_t offset, bool interior)
{
	struct slab_object o;
	char where[600];

	if (extra)
		o = p->s->im->extra[extra - 1].object;
	else
		slab_view_object(&p->s->im->heap, start, &o);
	image_name_stack(p->s->im, p->sym, o.alloc_stack, where, sizeof(where));
	if (p->json) {
		printf("{\"address\":\"0x%" PRIx64 "\",\"size\":%zu,\"cache\":", start, o.size);
		print_json_string(stdout, o.cache);
		printf(",\"pointer_offset\":%" PRIu64 ",\"interior\":%s,\"allocated_in\":", offset, interior ? "true" : "false");
		print_json_string(stdout, where);
		printf("}");
		return;
	}
	printf("    %s 0x%" PRIx64 " (size %zu, %s)%s%s%s\n", how, start, o.size, o.cache, interior ? ", by a pointer into its middle" : "",
	       where[0] ? ", allocated in " : "", where);
}

static void print_path(const struct printing *p)
{
	const struct search *s = p->s;
	uint64_t chain[4096], n = 0, value;
	uint64_t i = s->found - 1, length = 1;

	for (uint64_t k = i; s->steps[k].parent < FROM_REGISTER; k = s->steps[k].parent)
		length++;
	/* Both ends of a long list say more than its middle. */
	for (uint64_t k = i, at = length; at-- > 0; k = s->steps[k].parent)
		if (length <= ARRAY_SIZE(chain) || at < ARRAY_SIZE(chain) / 2 || at >= length - ARRAY_SIZE(chain) / 2)
			chain[n++] = k;
	const struct step *first = &s->steps[chain[n - 1]];
	print_root(p, first);
	for (uint64_t k = n; k-- > 0;) {
		const struct step *step = &s->steps[chain[k]];
		char how[64] = "->";
		uint64_t offset = 0;
		bool known = step->parent < FROM_REGISTER, interior = known || step->parent == FROM_ROOT;
		if (known) {
			offset = step->word - s->steps[step->parent].start;
			snprintf(how, sizeof(how), "at offset 0x%" PRIx64 " ->", offset);
		}
		interior = interior && view_read(&s->im->view, &value, step->word, 8) && value != step->start;
		if (length > ARRAY_SIZE(chain) && k == n - ARRAY_SIZE(chain) / 2 - 1 && !p->json)
			printf("    … %" PRIu64 " objects …\n", length - n);
		print_object(p, step->start, step->extra, how, offset, interior);
		if (p->json && k)
			printf(",");
	}
}

/* ---- when there is none ------------------------------------------------------------------------------------------------------------ */

struct pointed { struct printing *p; uint64_t target, end; unsigned nr; };

static void look_into_object(struct pointed *x, uint64_t start, uint64_t size, uint32_t extra)
{
	const struct search *s = x->p->s;
	uint64_t value;

	if (x->nr >= POINTERS_SHOWN || (start == x->target && extra == s->target_extra))
		return;
	for (uint64_t at = (start + 7) & ~(uint64_t)7; at < start + size; at += READ_AT_ONCE) {
		size_t n = s->im->view.read(&s->im->view, s->buffer, at, MIN(READ_AT_ONCE, (size_t)(start + size - at)));
		for (size_t i = 0; i + 8 <= n; i += 8) {
			memcpy(&value, s->buffer + i, 8);
			if (value - x->target >= x->end - x->target || !has_word(s->im, extra, at + i))
				continue;
			if (x->p->json && x->nr)
				printf(",");
			x->nr++;
			print_object(x->p, start, extra, "a lost object points to it:", at + i - start, false);
			return;
		}
	}
}

static void look_into(void *ctx, uint64_t addr, enum leak_class class)
{
	struct pointed *x = ctx;
	uint64_t start, size;

	(void)class;
	if (leak_scan_object(x->p->s->scan, addr, &start, &size))
		look_into_object(x, start, size, 0);
}

static void print_pointers(struct printing *p, uint64_t start, uint64_t size)
{
	struct pointed x = { p, start, start + MAX(size, 1), 0 };
	const struct image *im = p->s->im;

	/* Nothing was marked: every live object is visited as a lost one. */
	leak_scan_each(p->s->scan, look_into, &x);
	for (uint32_t i = 0; i < im->nr_extra; i++)
		look_into_object(&x, im->extra[i].object.addr, im->extra[i].object.size, i + 1);
	if (!x.nr && !p->json)
		printf("    no object points to it\n");
}

static int print_result(struct search *s, uint64_t addr, uint64_t size, enum option_format format)
{
	struct printing p = { s, symbolizer_create(0), format == FORMAT_JSON };

	if (!p.sym)
		return EXIT_USAGE;
	if (p.json)
		printf("{\"schema\":\"memsan-why/1\",\"address\":\"0x%" PRIx64 "\",\"object\":\"0x%" PRIx64 "\",\"size\":%" PRIu64
		       ",\"reachable\":%s,\"possible\":%s,", addr, s->target, size, s->found ? "true" : "false",
		       s->found && s->pass == PASS_INTERIOR ? "true" : "false");
	if (s->found) {
		if (!p.json)
			printf("0x%" PRIx64 " is %s:\n", addr, s->pass == PASS_INTERIOR ? "possibly reachable (a pointer into the middle of an object is in the path)" : "reachable");
		print_path(&p);
	} else {
		if (!p.json)
			printf("0x%" PRIx64 " is lost: no root leads to it\n", addr);
		else
			printf("\"path\":[],\"pointed_to_by\":[");
		print_pointers(&p, s->target, size);
	}
	if (p.json)
		printf("]}\n");
	symbolizer_destroy(p.sym);
	return s->found ? 0 : 1;
}

/* The object that addr lies in becomes what is searched for. */
static bool set_target(struct search *s, uint64_t addr, uint64_t *size)
{
	const struct image_extra *e = image_extra_at(s->im, addr);

	if (!e)
		return leak_scan_object(s->scan, addr, &s->target, size);
	s->target_extra = extra_number(s->im, e);
	s->target = e->object.addr;
	*size = e->object.size;
	return true;
}

int leak_why(struct image *im, uint64_t addr, enum option_format format)
{
	struct search s = { .im = im };
	const char *why = NULL;
	uint64_t size;
	int status;

	image_find_extra(im);
	s.scan = leak_scan_create(&im->view, im->root, &why);
	if (!s.scan) {
		tool_say("%s", why);
		return EXIT_USAGE;
	}
	if (!set_target(&s, addr, &size)) {
		tool_say("0x%" PRIx64 " lies in no live object (memsan describe tells what is there)", addr);
		return EXIT_USAGE;
	}
	s.buffer = tool_alloc(READ_AT_ONCE);
	s.seen_size = (((im->heap.used >> 4) + im->nr_extra) / 64 + 1) * 8;
	s.seen = tool_alloc(s.seen_size);
	for (s.pass = PASS_LASTING;; s.pass++) {
		memset(s.seen, 0, s.seen_size);
		s.nr = 0;
		search_all(&s);
		if (s.found || s.pass == PASS_INTERIOR)
			break;
	}
	status = print_result(&s, addr, size, format);
	free(s.seen);
	free(s.steps);
	free(s.buffer);
	leak_scan_destroy(s.scan);
	return status;
}
