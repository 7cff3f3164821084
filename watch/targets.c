/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/targets.c - the places in the middle of functions to which control may come from elsewhere.
 *
 *     jumps      direct jumps out of other functions, as gcc's cold parts make them in both directions, and exported
 *                symbols inside of a function. A thread may come there before the function was called: they are
 *                entries.
 *     pointers   code pointers in data, for computed gotos. Relocations name them exactly in a module that can lie
 *                anywhere; in a program at a fixed address every word of data that looks like one counts. The function
 *                itself jumps there, so it was called before.
 *
 * Jump tables of 32-bit offsets belong to the function that reads them, and copying finds them. Too many targets do
 * no harm: a place costs a few bytes, or a function that stays unwatched. */
#include <elf.h>
#include <link.h>

#include "watch/watch_internal.h"

#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR 36
#endif

struct search {
	struct watch_module *m;
	/* Where functions start: a bit for each byte of text; and for each word of bits the last start, counted from
	 * the text's and with 1 added, in it or before it. */
	uint64_t *starts;
	uint32_t *last;
	uintptr_t *found;
	size_t nr, room;
	bool full;
};

/* ---- starts of functions --------------------------------------------------------------------- */

static bool note_start(void *ctx, uintptr_t start, size_t size)
{
	struct search *s = ctx;
	uintptr_t at = start - s->m->text.start;

	(void)size;
	if (start >= s->m->text.start && start < s->m->text.end)
		s->starts[at / 64] |= 1ul << at % 64;
	return true;
}

static void find_last_starts(struct search *s)
{
	size_t words = (s->m->text.end - s->m->text.start) / 64 + 1;
	uint32_t last = 0;

	for (size_t i = 0; i < words; i++) {
		if (s->starts[i])
			last = (uint32_t)(i * 64) + 64 - (uint32_t)__builtin_clzl(s->starts[i]);
		s->last[i] = last;
	}
}

static bool is_inside(const struct search *s, uintptr_t pc)
{
	uintptr_t at = pc - s->m->text.start;

	return pc >= s->m->text.start && pc < s->m->text.end && !(s->starts[at / 64] >> at % 64 & 1);
}

static void found_at(struct search *s, uintptr_t pc)
{
	if (!is_inside(s, pc))
		return;
	if (s->nr == 2 * s->room) {
		s->full = true;
		return;
	}
	s->found[s->nr++] = pc;
}

/* ---- data ------------------------------------------------------------------------------------ */

struct dynamic {
	const ElfW(Rela) *rela;
	const ElfW(Relr) *relr;
	const ElfW(Sym) *symbols;
	size_t nr_rela, nr_relr, nr_symbols;
	bool text_relocations;
};

/* The part of a table of n bytes at `at` that lies in the module's data. The loader has relocated some of the addresses
 * in the dynamic section by now. */
static const void *table_at(const struct watch_module *m, uintptr_t at, size_t *n)
{
	for (unsigned i = 0; i < 2 * m->nr_data; i++) {
		const struct copy_range *d = &m->data[i / 2];
		uintptr_t start = i % 2 ? at + m->bias : at;

		if (start >= d->start && start < d->end) {
			*n = MIN(*n, d->end - start);
			return (const void *)start;
		}
	}
	*n = 0;
	return NULL;
}

static void read_dynamic(const struct watch_module *m, const ElfW(Dyn) *d, struct dynamic *out)
{
	uintptr_t rela = 0, relr = 0, symbols = 0, strings = 0;
	size_t rela_size = 0, relr_size = 0, size = 64 * sizeof(*d), symbols_size;

	d = table_at(m, (uintptr_t)d, &size);
	mem_set(out, 0, sizeof(*out));
	for (size_t i = 0; d && (i + 1) * sizeof(*d) <= size && d[i].d_tag != DT_NULL; i++) {
		if (d[i].d_tag == DT_RELA)
			rela = d[i].d_un.d_ptr;
		else if (d[i].d_tag == DT_RELASZ)
			rela_size = d[i].d_un.d_val;
		else if (d[i].d_tag == DT_RELR)
			relr = d[i].d_un.d_ptr;
		else if (d[i].d_tag == DT_RELRSZ)
			relr_size = d[i].d_un.d_val;
		else if (d[i].d_tag == DT_SYMTAB)
			symbols = d[i].d_un.d_ptr;
		else if (d[i].d_tag == DT_STRTAB)
			strings = d[i].d_un.d_ptr;
		else if (d[i].d_tag == DT_TEXTREL || (d[i].d_tag == DT_FLAGS && (d[i].d_un.d_val & DF_TEXTREL)))
			out->text_relocations = true;
	}
	out->rela = table_at(m, rela, &rela_size);
	out->relr = table_at(m, relr, &relr_size);
	out->nr_rela = rela_size / sizeof(*out->rela);
	out->nr_relr = relr_size / sizeof(*out->relr);
	/* The strings lie behind the symbols; further tables may lie between the two. */
	symbols_size = strings > symbols ? strings - symbols : 0;
	out->symbols = table_at(m, symbols, &symbols_size);
	out->nr_symbols = symbols_size / sizeof(*out->symbols);
}

static void pointer_at(struct search *s, uintptr_t place)
{
	size_t n = sizeof(uintptr_t);
	const uintptr_t *word = table_at(s->m, place, &n);

	if (!word || n < sizeof(*word))
		return;
	/* It may be relocated already, or not yet. */
	found_at(s, *word);
	found_at(s, *word + s->m->bias);
}

/* An even word is an address; each bit of an odd word stands for one of the 63 words behind what came before. */
static void search_relr(struct search *s, const struct dynamic *d)
{
	uintptr_t where = 0;

	for (size_t i = 0; i < d->nr_relr; i++) {
		ElfW(Relr) entry = d->relr[i];

		if (!(entry & 1)) {
			pointer_at(s, s->m->bias + entry);
			where = s->m->bias + entry + sizeof(uintptr_t);
			continue;
		}
		for (unsigned bit = 0; bit < 63; bit++)
			if (entry >> (bit + 1) & 1)
				pointer_at(s, where + bit * sizeof(uintptr_t));
		where += 63 * sizeof(uintptr_t);
	}
}

static void search_relocations(struct search *s, const struct dynamic *d)
{
	for (size_t i = 0; i < d->nr_rela; i++) {
		unsigned type = (unsigned)ELF64_R_TYPE(d->rela[i].r_info);

		if (type == R_X86_64_RELATIVE || type == R_X86_64_IRELATIVE)
			found_at(s, s->m->bias + (uintptr_t)d->rela[i].r_addend);
	}
	search_relr(s, d);
}

__unsanitized void search_words(struct search *s)
{
	for (unsigned i = 0; i < s->m->nr_data; i++) {
		const struct copy_range *d = &s->m->data[i];

		for (uintptr_t at = ALIGN_UP(d->start, 8); at + 8 <= d->end; at += 8)
			found_at(s, *(const uintptr_t *)at);
	}
}

/* ---- jumps ----------------------------------------------------------------------------------- */

/* Does a function start in (from, to]? Most jumps stay in their function, and most of those are short. */
static bool start_between(const struct search *s, uintptr_t from, uintptr_t to)
{
	size_t at = from - s->m->text.start, end = to - s->m->text.start;
	uint64_t upto = s->starts[end / 64] << (63 - end % 64);

	if (upto)
		return end - (size_t)__builtin_clzl(upto) > at;
	return end >= 64 && s->last[end / 64 - 1] > at + 1;
}

static void found_way(struct search *s, uint32_t from, uintptr_t to)
{
	if (!is_inside(s, to))
		return;
	if (s->m->nr_ways == s->room)
		s->full = true;
	else
		s->m->ways[s->m->nr_ways++] = (uint64_t)(to - s->m->start) << 32 | from;
}

static void found_jump(void *ctx, uintptr_t from, uintptr_t to)
{
	struct search *s = ctx;

	if (is_inside(s, to) && start_between(s, MIN(from, to), MAX(from, to)))
		found_way(s, (uint32_t)(from - s->m->start), to);
}

static void search_jumps(struct search *s, const struct dynamic *d)
{
	for (unsigned i = 0; i < s->m->nr_code; i++) {
		const struct copy_range *c = &s->m->code[i];

		copy_scan_jumps((const uint8_t *)c->start, c->end - c->start, c->start, s->m->text, found_jump, s);
	}
	for (size_t i = 0; i < d->nr_symbols; i++) {
		unsigned type = ELF64_ST_TYPE(d->symbols[i].st_info);

		if ((type == STT_FUNC || type == STT_GNU_IFUNC) && d->symbols[i].st_shndx != SHN_UNDEF)
			found_way(s, WAY_SYMBOL, s->m->bias + d->symbols[i].st_value);
	}
}

/* ---- in order, each once --------------------------------------------------------------------- */

/* Heap sort: needs neither memory nor luck. */
static void sift_down(uintptr_t *a, size_t i, size_t n)
{
	for (;;) {
		size_t child = 2 * i + 1;
		uintptr_t v = a[i];

		if (child >= n)
			return;
		if (child + 1 < n && a[child + 1] > a[child])
			child++;
		if (a[child] <= v)
			return;
		a[i] = a[child];
		a[child] = v;
		i = child;
	}
}

static size_t sort_unique(uintptr_t *a, size_t n)
{
	size_t kept = 0;

	for (size_t i = n / 2; i-- > 0;)
		sift_down(a, i, n);
	for (size_t end = n; end-- > 1;) {
		uintptr_t v = a[0];

		a[0] = a[end];
		a[end] = v;
		sift_down(a, 0, end);
	}
	for (size_t i = 0; i < n; i++)
		if (!kept || a[kept - 1] != a[i])
			a[kept++] = a[i];
	return kept;
}

/* ---- jumps, later ---------------------------------------------------------------------------- */

size_t ways_to(const struct watch_module *m, uint32_t to)
{
	size_t lo = 0, hi = m->nr_ways;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (way_to(m->ways[mid]) < to)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void ways_release(struct watch_module *m)
{
	if (!m->ways)
		return;
	os_release(m->ways, m->ways_size);
	meta_account(COST_WATCH, -(int64_t)m->ways_size);
	m->ways = NULL;
	m->nr_ways = 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Room for so many addresses; more means that the module stays unwatched. */
static size_t room_for(const struct watch_module *m)
{
	return 4096 + (m->text.end - m->text.start) / 16;
}

const char *targets_find(struct watch_module *m, const void *hdr, const struct copy_range *hdr_in, const void *dynamic)
{
	size_t text = m->text.end - m->text.start, words = text / 64 + 1;
	size_t bits = ALIGN_UP(words * (sizeof(uint64_t) + sizeof(uint32_t)), PAGE_SIZE);
	size_t room = room_for(m), size = ALIGN_UP(2 * room * sizeof(uintptr_t), PAGE_SIZE);
	struct search s = { .m = m, .room = room };
	struct dynamic d;
	char *p;

	read_dynamic(m, dynamic, &d);
	if (d.text_relocations)
		return "the loader changes its code (text relocations)";
	p = os_reserve(size + bits, PAGE_SIZE);
	if (!p || !os_commit(p, size + bits, false))
		return "there is no memory for its tables";
	s.found = m->targets = (uintptr_t *)p;
	s.starts = (uint64_t *)(p + size);
	s.last = (uint32_t *)(s.starts + words);
	m->targets_size = size;
	p = os_reserve(size, PAGE_SIZE);
	if (!p || !os_commit(p, size, false)) {
		os_release(m->targets, size + bits);
		m->targets = NULL;
		return "there is no memory for its tables";
	}
	m->ways = (uint64_t *)p;
	m->ways_size = size;
	meta_account(COST_WATCH, (int64_t)size);
	cfi_each_function(hdr, hdr_in->start, hdr_in->end, note_start, &s);
	find_last_starts(&s);
	search_jumps(&s, &d);
	m->nr_ways = sort_unique(m->ways, m->nr_ways);
	for (size_t i = 0; i < m->nr_ways; i++)
		if (!i || way_to(m->ways[i]) != way_to(m->ways[i - 1]))
			s.found[s.nr++] = m->start + way_to(m->ways[i]);
	m->nr_jumps = (uint32_t)s.nr;
	if (m->bias)
		search_relocations(&s, &d);
	else
		search_words(&s);
	m->nr_pointers = (uint32_t)sort_unique(s.found + m->nr_jumps, s.nr - m->nr_jumps);
	os_release_part(s.starts, bits);
	meta_account(COST_WATCH, (int64_t)size);
	return s.full ? "too much of its data looks like code pointers" : NULL;
}
