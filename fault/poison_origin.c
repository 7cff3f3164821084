/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/poison_origin.c - a pointer made of poison was followed: which freed object was it read from?
 *
 * The program read the pointer through another one, and a compiler often puts it in that one's place:
 *
 *     mov  8(%rbx),%rax            rbx still points to the holder: certain
 *     mov  (%rax),%edx   ◄── faults
 *
 *     add  8(%rdi),%eax  ◄── faults, rdi is poison
 *     mov  (%rdi),%rdi             p = p->next: what pointed to the holder is gone, but its member's offset is known
 *
 * So memsan looks for a pointer to the holder, in the nearest place first: in registers and the last words of the stack
 * and, when the offset is known, in memory as that member of a live object of the same size (the list's last good
 * element still points to the freed one); in the stack above; in the program's variables.  A candidate is a freed
 * object that holds such a word, at the offset if that is known.  If the first place with candidates has more than one,
 * the report names none.  It calls the origin probable, because another pointer may have led there.
 *
 * Without a freed candidate a live object may be meant: memory that was not written since it was allocated holds poison
 * too.
 */
#include "config.h"

#include "fault/fault_internal.h"

#define NEAR_WORDS 32u
#define STACK_WORDS 512u
#define OBJECTS_MAX (1u << 20) /* the most objects to look at; beyond, there may be more candidates */
#define DATA_MAX ((size_t)32 << 20)

/* ---- instructions ---------------------------------------------------------------------------- */

/* mov disp(%base),%reg, 64 bits: its length, or 0. */
static size_t load_of(const uint8_t *code, size_t len, int reg, int *base, int64_t *disp)
{
	size_t at = 3;
	unsigned mod, rm;

	if (len < 3 || (code[0] & 0xfa) != 0x48 || code[1] != 0x8b)
		return 0;
	mod = code[2] >> 6;
	rm = code[2] & 7;
	if (((code[2] >> 3 & 7) | (code[0] & 4 ? 8 : 0)) != reg || mod == 3 || (mod == 0 && rm == 5))
		return 0;
	/* Of the SIB forms only the one without an index, which rsp and r12 need as base. */
	if (rm == 4 && (at >= len || (code[at++] & 0x3f) != 0x24))
		return 0;
	*base = (int)(rm | (code[0] & 1 ? 8u : 0u));
	*disp = 0;
	if (mod == 1 && at < len)
		*disp = (int8_t)code[at];
	else if (mod == 2 && at + 4 <= len)
		*disp = (int32_t)((uint32_t)code[at] | (uint32_t)code[at + 1] << 8 | (uint32_t)code[at + 2] << 16 |
		                  (uint32_t)code[at + 3] << 24);
	at += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	return at <= len ? at : 0;
}

/* All such instructions must agree. */
static void find_self(const uint8_t *code, size_t len, int reg, struct pointer_load *load, bool *conflict)
{
	for (size_t at = 0; at < len; at++) {
		int64_t disp;
		int base;

		if (!load_of(code + at, len - at, reg, &base, &disp) || base != reg)
			continue;
		*conflict |= load->self && load->self_disp != disp;
		load->self = true;
		load->self_disp = disp;
	}
}

void poison_origin_decode(const uint8_t *before, size_t nr_before, const uint8_t *after, size_t nr_after, int reg,
                          struct pointer_load *load)
{
	bool conflict = false;

	*load = (struct pointer_load){ .base = -1 };
	for (size_t len = 3; len <= MIN(nr_before, (size_t)8); len++) {
		int64_t disp;
		int base;

		if (load_of(before + nr_before - len, len, reg, &base, &disp) == len && base != reg) {
			load->base = base;
			load->base_disp = disp;
		}
	}
	find_self(before, nr_before, reg, load, &conflict);
	find_self(after, nr_after, reg, load, &conflict);
	load->self &= !conflict;
}

/* ---- candidates ------------------------------------------------------------------------------ */

struct search {
	uint64_t poison; /* the word to look for */
	const struct pointer_load *load;
	bool live;               /* look for live objects, not freed ones */
	unsigned nr;             /* different objects found */
	struct poison_origin *h; /* the first */
	enum poison_origin_how how;
};

/* The address in the object that holds the word; 0: none does. */
static uint64_t word_in(const struct slab_object *o, uint64_t word)
{
	uint64_t have[32];
	size_t n = MIN(o->size, (size_t)65536);

	for (size_t at = 0; at < n; at += sizeof(have)) {
		size_t got = os_safe_read(have, (void *)(o->addr + at), MIN(sizeof(have), n - at)) / sizeof(have[0]);

		for (size_t i = 0; i < got; i++)
			if (have[i] == word)
				return o->addr + at + i * sizeof(have[0]);
		if (got < ARRAY_SIZE(have))
			break;
	}
	return 0;
}

static uint64_t holds(const struct search *q, uint64_t pointer, const struct slab_object *o)
{
	uint64_t at = pointer + (uint64_t)q->load->self_disp, have;

	if (!q->load->self)
		return word_in(o, q->poison);
	if (at - o->addr >= o->size || os_safe_read(&have, (void *)at, sizeof(have)) != sizeof(have))
		return 0;
	return have == q->poison ? at : 0;
}

/* Considers a word that may point to the object. A pointer to memory beside objects does not count: memsan's own
 * functions leave addresses of slabs on the stack. */
static void consider(struct search *q, uint64_t pointer)
{
	struct slab_object o;
	uint64_t word;

	if (!slab_find_object(pointer, &o) || pointer - o.addr >= o.size || o.state == SLAB_OBJ_NONE ||
	    q->live != (o.state == SLAB_OBJ_LIVE) || (o.large && !q->live))
		return;
	word = holds(q, pointer, &o);
	if (!word || (q->nr && q->h->object.addr == o.addr))
		return;
	if (q->nr++)
		return;
	q->h->how = q->how;
	q->h->object = o;
	q->h->word = word;
}

static void consider_stack(struct search *q, const struct fault_state *s, size_t from, size_t to)
{
	uint64_t words[64];
	size_t got = ARRAY_SIZE(words);

	for (; from < to && got == ARRAY_SIZE(words); from += got) {
		uintptr_t at = s->regs[MREG_SP] + from * sizeof(words[0]);

		got = os_safe_read(words, (void *)at, sizeof(words)) / sizeof(words[0]);
		for (size_t i = 0; i < got && from + i < to; i++)
			consider(q, words[i]);
	}
}

/* ---- places ---------------------------------------------------------------------------------- */

static void search_near(struct search *q, const struct fault_state *s)
{
	for (unsigned i = 0; i < MREG_IP; i++)
		consider(q, s->regs[i]);
	consider_stack(q, s, 0, NEAR_WORDS);
}

/* Finds a live object whose member (p->next) points to a freed object of the same size, whose own member is poison. */
static void search_links(struct search *q)
{
	size_t disp = (size_t)q->load->self_disp;
	struct slab_object from, to;
	uintptr_t at = 0;
	uint64_t next;

	for (unsigned n = 0; slab_next_object(&at, &from); n++) {
		if (n == OBJECTS_MAX) {
			q->nr += 2;
			return;
		}
		if (from.state != SLAB_OBJ_LIVE || from.size < sizeof(next) || disp > from.size - sizeof(next) ||
		    os_safe_read(&next, (void *)(from.addr + disp), sizeof(next)) != sizeof(next) ||
		    !arena_contains((void *)next))
			continue;
		if (slab_find_object(next, &to) && to.addr == next && to.size == from.size &&
		    str_equal(to.cache, from.cache))
			consider(q, next);
	}
}

static bool search_data(void *ctx, uintptr_t start, uintptr_t end)
{
	struct search *q = ctx;
	uint64_t words[128];

	if (end - start > DATA_MAX)
		return true;
	for (; start < end; start += sizeof(words)) {
		size_t got = os_safe_read(words, (void *)start, MIN(sizeof(words), end - start)) / sizeof(words[0]);

		for (size_t i = 0; i < got; i++)
			if (arena_contains((void *)words[i]))
				consider(q, words[i]);
	}
	return true;
}

static bool search_done(const struct search *q)
{
	if (q->nr > 1)
		q->h->how = ORIGIN_NONE;
	return q->nr > 0;
}

/* The instruction before read the pointer through a register that still has its value. */
static bool find_loaded(const struct fault_state *s, const struct fault_verdict *v, const struct pointer_load *load,
                        struct poison_origin *h)
{
	uint64_t at, have;

	if (load->base < 0)
		return false;
	at = s->regs[load->base] + (uint64_t)load->base_disp;
	if (os_safe_read(&have, (void *)at, sizeof(have)) != sizeof(have) || have != v->pointer ||
	    !slab_find_object(at, &h->object) || at - h->object.addr >= h->object.size ||
	    h->object.state == SLAB_OBJ_NONE)
		return false;
	h->how = ORIGIN_LOADED;
	h->word = at;
	return true;
}

static void decode_loads(const struct fault_state *s, const struct fault_verdict *v, struct pointer_load *load)
{
	uint8_t before[48], after[64];
	uintptr_t ip = s->regs[MREG_IP];

	*load = (struct pointer_load){ .base = -1 };
	if (v->pointer_reg < 0 || os_safe_read(before, (void *)(ip - sizeof(before)), sizeof(before)) != sizeof(before))
		return;
	poison_origin_decode(before, sizeof(before), after, os_safe_read(after, (void *)ip, sizeof(after)),
	                     v->pointer_reg, load);
}

/* ---- the words of the report ----------------------------------------------------------------- */

static void say_how(struct fault_verdict *v, const struct poison_origin *h)
{
	static const char *const how[] = {
		[ORIGIN_LOADED] = "the instruction before it says so",
		[ORIGIN_WORD] = "a register or the stack still points to it",
		[ORIGIN_LINK] = "a live object of the same size still points to it with the same member",
		[ORIGIN_GLOBAL] = "a variable of the program still points to it",
	};
	size_t len = str_length(v->detail);
	struct fmt_buf b;

	fmt_init(&b, v->detail + len, sizeof(v->detail) - len);
	fmt_printf(&b, " The pointer was %sread from the object below: %s.", h->how == ORIGIN_LOADED ? "" : "probably ",
	           how[h->how]);
}

static bool search_freed(const struct fault_state *s, struct search *q)
{
	search_near(q, s);
	/* A register may hold a leftover of an earlier call, even of free(), so a link in memory counts as much. */
	if (q->load->self) {
		q->how = q->nr ? q->how : ORIGIN_LINK;
		search_links(q);
	}
	if (search_done(q))
		return true;
	q->how = ORIGIN_WORD;
	consider_stack(q, s, NEAR_WORDS, STACK_WORDS);
	if (search_done(q))
		return true;
	/* Farther away, only a word that leads to the member itself counts: words that point to freed memory are common
	 * there. */
	if (!q->load->self)
		return false;
	q->how = ORIGIN_GLOBAL;
	fault_each_data(search_data, q);
	return search_done(q);
}

void poison_origin_find(const struct fault_state *s, struct fault_verdict *v, struct poison_origin *h)
{
	struct pointer_load load;
	struct search q = { .poison = v->poison * 0x0101010101010101u, .load = &load, .h = h, .how = ORIGIN_WORD };

	decode_loads(s, v, &load);
	if (!find_loaded(s, v, &load, h) && !search_freed(s, &q)) {
		q.how = ORIGIN_WORD;
		q.live = true;
		search_near(&q, s);
		search_done(&q);
	}
	if (h->how != ORIGIN_NONE)
		say_how(v, h);
}
