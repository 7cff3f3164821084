/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/why.c - memsan leak --why: why is this object still alive?  The shortest path of pointers from a root to it.
 *
 * It searches in breadth from all roots at once.  Each object remembers the object or root through which it was first
 * met, so the printed path is one of the shortest.  There are up to three searches; the first one that finds the object
 * gives the answer:
 *
 *   1  from roots that last: variables, thread-local storage, mappings
 *   2  from stacks and registers too, which often hold an object only for a moment
 *   3  through pointers into the middle of objects too; an object that only these reach is "possible"
 *
 * A tool has the memory for that: 48 bytes for each object.
 *
 * What is read, and where a word leads, follows from a scan's own tables (leak/edges.c): objects that the program does
 * not want scanned lead nowhere, of some objects only a part is read, and an object that the program cut out of a block
 * has its own words.
 */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>

#define READ_AT_ONCE ((size_t)256 << 10)
#define FROM_ROOT UINT32_MAX
#define FROM_REGISTER (UINT32_MAX - 1)
#define FROM_NOT_LEAK (UINT32_MAX - 2)
#define FIRST_ROOT FROM_NOT_LEAK /* smaller parents are indexes of objects */
#define POINTERS_SHOWN 8
#define REGISTER_BITS 9
_Static_assert(IMAGE_REGISTERS + IMAGE_VECTORS <= 1 << REGISTER_BITS, "a register's number");

struct step {
	struct leak_target object;
	uint64_t word; /* where the pointer is; for a register: thread << REGISTER_BITS | number */
	uint32_t parent;
};
struct said {
	enum leak_note note;
	uint64_t addr, size;
};
struct search {
	const struct image *im;
	struct leak_scan *scan;
	struct step *steps;
	uint64_t nr, room, at; /* at: how many of them have been read */
	uint32_t parent;       /* the object whose words are being read */
	uint64_t *seen;        /* a bit for every 16 bytes of the scan's places */
	size_t seen_size;
	struct said *said;
	size_t nr_said;
	char *buffer;
	struct leak_target target;
	uint64_t found; /* index + 1 of the step that found it */
	enum pass { PASS_LASTING, PASS_STACKS, PASS_INTERIOR } pass;
};

/* ---- searching ------------------------------------------------------------------------------- */

static void add_step(struct search *s, const struct step *step)
{
	if (s->nr == s->room) {
		struct step *old = s->steps;
		s->room = s->room ? 2 * s->room : 4096;
		s->steps = tool_alloc(s->room * sizeof(*s->steps));
		if (old)
			memcpy(s->steps, old, s->nr * sizeof(*old));
		free(old);
	}
	s->steps[s->nr++] = *step;
	if (step->object.place == s->target.place)
		s->found = s->nr;
}

static void meet(struct search *s, uint64_t value, uint64_t word, uint32_t parent)
{
	struct leak_target to[2];
	unsigned n = leak_scan_leads_to(s->scan, value, to);

	for (unsigned i = 0; i < n && !s->found; i++) {
		uint64_t bit = to[i].place >> 4;
		if ((to[i].interior && s->pass < PASS_INTERIOR) || s->seen[bit >> 6] >> (bit & 63) & 1)
			continue;
		s->seen[bit >> 6] |= (uint64_t)1 << (bit & 63);
		add_step(s, &(struct step){ to[i], word, parent });
	}
}

/* Reads the words of a range that the scan reads: each aligned one. */
static void search_range(struct search *s, uint64_t start, uint64_t end)
{
	for (uint64_t at = ALIGN_UP(start, 8); at < end && !s->found; at += READ_AT_ONCE) {
		size_t n = s->im->view.read(&s->im->view, s->buffer, at, MIN(READ_AT_ONCE, (size_t)(end - at)));
		for (size_t i = 0; i + 8 <= n && !s->found; i += 8) {
			uint64_t value;
			memcpy(&value, s->buffer + i, 8);
			if (s->parent != FROM_ROOT || s->pass > PASS_LASTING || !image_on_stack(s->im, at + i))
				meet(s, value, at + i, s->parent);
		}
	}
}

static void search_part(void *ctx, uint64_t start, uint64_t end)
{
	search_range(ctx, start, end);
}

static void search_root(void *ctx, uint64_t start, uint64_t end)
{
	struct search *s = ctx;

	s->parent = FROM_ROOT;
	leak_scan_reads_root(s->scan, start, end, search_part, s);
}

static void search_objects(struct search *s)
{
	for (; s->at < s->nr && s->at < FIRST_ROOT && !s->found; s->at++) {
		struct leak_target object = s->steps[s->at].object;
		s->parent = (uint32_t)s->at;
		leak_scan_reads(s->scan, &object, search_part, s);
	}
}

/* Collects the program's notes: memory that is a root, objects that count as reached, objects to ignore. */
static void remember_said(void *ctx, enum leak_note note, uint64_t addr, uint64_t size)
{
	struct search *s = ctx;
	struct said *grown = realloc(s->said, (s->nr_said + 1) * sizeof(*grown));

	if (!grown)
		return;
	s->said = grown;
	grown[s->nr_said++] = (struct said){ note, addr, size };
}

static void search_said(struct search *s, enum leak_note note)
{
	for (size_t i = 0; i < s->nr_said && !s->found; i++) {
		const struct said *x = &s->said[i];
		if (x->note != note)
			continue;
		if (note == LEAK_NOTE_ROOT)
			search_root(s, x->addr, x->addr + x->size);
		else
			meet(s, x->addr, x->addr, FROM_NOT_LEAK);
	}
}

/* Objects that the program only says are alive come last. */
static void search_all(struct search *s)
{
	const struct image *im = s->im;

	image_each_root(im, search_root, s);
	search_said(s, LEAK_NOTE_ROOT);
	for (size_t t = 0; t < im->nr_threads && s->pass > PASS_LASTING; t++)
		for (size_t i = 0; i < im->threads[t].nr_regs && !s->found; i++)
			meet(s, im->threads[t].regs[i], t << REGISTER_BITS | i, FROM_REGISTER);
	search_objects(s);
	search_said(s, LEAK_NOTE_NOT_LEAK);
	search_objects(s);
}

/* ---- the path -------------------------------------------------------------------------------- */

struct printing {
	const struct search *s;
	struct symbolizer *sym;
	bool json;
};

static void register_name(unsigned i, char *name, size_t size)
{
	static const char *const names[] = { "r15", "r14", "r13",    "r12", "rbp", "rbx",     "r11",    "r10",
		                             "r9",  "r8",  "rax",    "rcx", "rdx", "rsi",     "rdi",    "orig_rax",
		                             "rip", "cs",  "eflags", "rsp", "ss",  "fs_base", "gs_base" };

	snprintf(name, size, "%s", i < ARRAY_SIZE(names) ? names[i] : i >= IMAGE_REGISTERS ? "a vector register" : "?");
}
_Static_assert(sizeof(struct user_regs_struct) == IMAGE_REGISTERS * 8, "register_name knows their order");

static const char *const root_kinds[] = {
	[ROOT_GLOBAL] = "global",           [ROOT_STACK] = "stack",       [ROOT_TLS] = "tls",
	[ROOT_PTHREAD] = "thread-specific", [ROOT_REGISTER] = "register", [ROOT_MAPPING] = "mapping",
	[ROOT_NOT_LEAK] = "annotation",
};

static void print_root(const struct printing *p, const struct step *step)
{
	const struct image *im = p->s->im;
	struct root_name name;
	char text[1200];

	memset(&name, 0, sizeof(name));
	if (step->parent == FROM_REGISTER) {
		name.kind = ROOT_REGISTER;
		register_name((unsigned)(step->word & ((1u << REGISTER_BITS) - 1)), name.symbol, sizeof(name.symbol));
		image_name_thread(im, im->threads[step->word >> REGISTER_BITS].tid, &name);
	} else if (step->parent == FROM_NOT_LEAK) {
		name.kind = ROOT_NOT_LEAK;
	} else {
		image_name_root(im, p->sym, step->word, &name);
	}
	root_name_text(&name, step->word, text, sizeof(text));
	if (!p->json) {
		tool_print("  %s\n", text);
		return;
	}
	printf("\"root\":{\"kind\":\"%s\",\"address\":\"0x%" PRIx64 "\",\"symbol\":", root_kinds[name.kind],
	       name.kind == ROOT_REGISTER ? 0 : step->word);
	decode_json_string(stdout, name.symbol);
	printf(",\"offset\":%" PRIu64 ",\"module\":", name.offset);
	decode_json_string(stdout, name.module);
	printf(",\"tid\":%d,\"thread\":", name.tid);
	decode_json_string(stdout, name.thread);
	printf(",\"frame\":");
	decode_json_string(stdout, name.frame);
	printf(",\"caller\":");
	decode_json_string(stdout, name.caller);
	printf(",\"text\":");
	decode_json_string(stdout, text);
	printf("},\"path\":[");
}

static void describe(const struct search *s, const struct leak_target *to, struct slab_object *o)
{
	memset(o, 0, sizeof(*o));
	if (!to->outside || !image_outside_object(s->im, to->addr, o))
		slab_view_object(&s->im->heap, to->addr, o);
}

static void print_object(const struct printing *p, const struct leak_target *to, const char *how, uint64_t offset,
                         bool interior)
{
	struct slab_object o;
	char where[600];

	describe(p->s, to, &o);
	image_name_stack(p->s->im, p->sym, o.alloc_stack, where, sizeof(where));
	if (p->json) {
		printf("{\"address\":\"0x%" PRIx64 "\",\"size\":%zu,\"cache\":", to->addr, o.size);
		decode_json_string(stdout, o.cache);
		printf(",\"pointer_offset\":%" PRIu64 ",\"interior\":%s,\"allocated_in\":", offset,
		       interior ? "true" : "false");
		decode_json_string(stdout, where);
		printf("}");
		return;
	}
	tool_print("    %s 0x%" PRIx64 " (size %zu, %s)%s%s%s\n", how, to->addr, o.size, o.cache,
	           interior ? ", by a pointer into its middle" : "", where[0] ? ", allocated in " : "", where);
}

static void print_path(const struct printing *p)
{
	const struct search *s = p->s;
	uint64_t chain[4096], n = 0;
	uint64_t i = s->found - 1, length = 1;

	for (uint64_t k = i; s->steps[k].parent < FIRST_ROOT; k = s->steps[k].parent)
		length++;
	/* Of a long path, both ends say more than the middle. */
	for (uint64_t k = i, at = length; at-- > 0; k = s->steps[k].parent)
		if (length <= ARRAY_SIZE(chain) || at < ARRAY_SIZE(chain) / 2 || at >= length - ARRAY_SIZE(chain) / 2)
			chain[n++] = k;
	print_root(p, &s->steps[chain[n - 1]]);
	for (uint64_t k = n; k-- > 0;) {
		const struct step *step = &s->steps[chain[k]];
		char how[64] = "->";
		uint64_t offset = 0;
		if (step->parent < FIRST_ROOT) {
			offset = step->word - s->steps[step->parent].object.addr;
			snprintf(how, sizeof(how), "at offset 0x%" PRIx64 " ->", offset);
		}
		if (length > ARRAY_SIZE(chain) && k == n - ARRAY_SIZE(chain) / 2 - 1 && !p->json)
			printf("    … %" PRIu64 " objects …\n", length - n);
		print_object(p, &step->object, how, offset, step->object.interior);
		if (p->json && k)
			printf(",");
	}
}

/* ---- when there is none ---------------------------------------------------------------------- */

struct pointed {
	struct printing *p;
	struct leak_target from;
	unsigned nr;
	bool done;
};

static void look_into_part(void *ctx, uint64_t start, uint64_t end)
{
	struct pointed *x = ctx;
	const struct search *s = x->p->s;

	for (uint64_t at = ALIGN_UP(start, 8); at < end && !x->done; at += READ_AT_ONCE) {
		size_t n = s->im->view.read(&s->im->view, s->buffer, at, MIN(READ_AT_ONCE, (size_t)(end - at)));
		for (size_t i = 0; i + 8 <= n && !x->done; i += 8) {
			struct leak_target to[2];
			uint64_t value;
			memcpy(&value, s->buffer + i, 8);
			for (unsigned k = leak_scan_leads_to(s->scan, value, to); k-- > 0 && !x->done;)
				if ((x->done = to[k].place == s->target.place)) {
					if (x->p->json && x->nr)
						printf(",");
					x->nr++;
					print_object(x->p, &x->from,
					             "a lost object points to it:", at + i - x->from.addr, false);
				}
		}
	}
}

static void look_into(void *ctx, uint64_t addr, enum leak_class class)
{
	struct pointed *x = ctx;
	struct leak_target at[2];

	(void)class;
	for (unsigned k = leak_scan_leads_to(x->p->s->scan, addr, at); k-- > 0;) {
		if (x->nr >= POINTERS_SHOWN || at[k].outside != leak_scan_visits_outside(x->p->s->scan) ||
		    at[k].interior || at[k].place == x->p->s->target.place)
			continue;
		x->from = at[k];
		x->done = false;
		leak_scan_reads(x->p->s->scan, &at[k], look_into_part, x);
		return;
	}
}

static void print_pointers(struct printing *p)
{
	struct pointed x = { .p = p };

	/* Nothing is marked yet, so every live object is visited as a lost one. */
	leak_scan_each(p->s->scan, look_into, &x);
	if (!x.nr && !p->json)
		printf("    no object points to it\n");
}

static bool is_ignored(const struct search *s)
{
	for (size_t i = 0; i < s->nr_said; i++)
		if (s->said[i].note == LEAK_NOTE_IGNORE && s->said[i].addr == s->target.addr)
			return true;
	return false;
}

static int print_result(struct search *s, uint64_t addr, enum option_format format, enum why_end end)
{
	struct printing p = { s, symbolizer_create(0), format == FORMAT_JSON };
	bool unseen = image_unseen(s->im) != 0 || end == WHY_UNSURE;

	if (!p.sym)
		return EXIT_USAGE;
	if (p.json)
		printf("{\"schema\":\"memsan-why/1\",\"address\":\"0x%" PRIx64 "\",\"object\":\"0x%" PRIx64
		       "\",\"size\":%" PRIu64 ",\"reachable\":%s,\"possible\":%s,\"partial\":%s,",
		       addr, s->target.addr, s->target.size, s->found || end == WHY_IN_USE ? "true" : "false",
		       s->found && s->pass == PASS_INTERIOR ? "true" : "false", unseen ? "true" : "false");
	if (s->found) {
		if (!p.json)
			printf("0x%" PRIx64 " is %s:\n", addr,
			       s->pass == PASS_INTERIOR
			               ? "possibly reachable (a pointer into the middle of an object is in the path)"
			               : "reachable");
		print_path(&p);
	} else if (end == WHY_IN_USE) {
		if (p.json)
			printf("\"path\":[],\"pointed_to_by\":[");
		else
			printf("0x%" PRIx64 " is reachable: the process finds it in use; the pointers to it change "
			       "faster than they can be followed from outside\n",
			       addr);
	} else {
		if (!p.json && unseen)
			printf("0x%" PRIx64 " may be lost: no root that %s leads to it\n", addr,
			       end == WHY_UNSURE ? "was seen" : "is in the core file");
		else if (!p.json)
			printf("0x%" PRIx64 " is %s: no root leads to it\n", addr,
			       is_ignored(s) ? "not reported, as the program wants it (memsan_leak_ignore)" : "lost");
		else
			printf("\"path\":[],\"pointed_to_by\":[");
		print_pointers(&p);
	}
	if (p.json)
		printf("]}\n");
	symbolizer_destroy(p.sym);
	return s->found || end == WHY_IN_USE ? 0 : 1;
}

/* Searches for the object that addr lies in; if the program cut another object out of it there, for that one. */
static bool set_target(struct search *s, uint64_t addr)
{
	struct leak_target to[2];
	unsigned n = leak_scan_leads_to(s->scan, addr, to);

	if (n)
		s->target = to[n - 1];
	return n != 0;
}

int leak_why(struct image *im, uint64_t addr, enum option_format format, enum why_end end, stack_handle *stack,
             struct image_freeze *freeze)
{
	struct search s = { .im = im };
	struct slab_object o;
	const char *why = NULL;
	int status;

	s.scan = image_scan_create(im, &why);
	if (!s.scan) {
		tool_say("%s", why);
		return EXIT_USAGE;
	}
	if (!set_target(&s, addr)) {
		tool_say("0x%" PRIx64 " lies in no live object (memsan describe shows what is there)", addr);
		return EXIT_USAGE;
	}
	describe(&s, &s.target, &o);
	*stack = o.alloc_stack;
	image_scan_notes_told(im, s.scan, remember_said, &s);
	s.buffer = tool_alloc(READ_AT_ONCE);
	s.seen_size = ((leak_scan_places(s.scan) >> 4) / 64 + 1) * 8;
	s.seen = tool_alloc(s.seen_size);
	for (s.pass = PASS_LASTING;; s.pass++) {
		memset(s.seen, 0, s.seen_size);
		s.nr = s.at = 0;
		search_all(&s);
		if (s.found || s.pass == PASS_INTERIOR)
			break;
	}
	if (freeze)
		image_thaw(freeze);
	status = s.found || end != WHY_UNKNOWN ? print_result(&s, addr, format, end) : LEAK_WHY_AGAIN;
	free(s.seen);
	free(s.said);
	free(s.steps);
	free(s.buffer);
	leak_scan_destroy(s.scan);
	return status;
}
