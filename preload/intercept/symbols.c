/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/symbols.c - looks a name up in a loaded module's GNU hash table, as a debugger does. Nothing here
 * needs a relocation. */
#include "preload/intercept/intercept.h"

#include <elf.h>

/* glibc makes the addresses in the dynamic section of each listed module absolute, except in the kernel's vdso, which
 * it may not write to. */
static const void *dynamic_address(const struct link_map *m, const ElfW(Dyn) *d)
{
	return (const void *)(d->d_un.d_ptr < m->l_addr ? d->d_un.d_ptr + m->l_addr : d->d_un.d_ptr);
}

void symbols_find(struct module_symbols *s, const struct link_map *m)
{
	*s = (struct module_symbols){ 0 };
	for (const ElfW(Dyn) *d = m->l_ld; d && d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_GNU_HASH:
			s->table = dynamic_address(m, d);
			break;
		case DT_SYMTAB:
			s->symbols = dynamic_address(m, d);
			break;
		case DT_STRTAB:
			s->strings = dynamic_address(m, d);
			break;
		case DT_VERSYM:
			s->versions = dynamic_address(m, d);
			break;
		case DT_VERDEF:
			s->definitions = dynamic_address(m, d);
			break;
		default:
			break;
		}
	}
	if (!s->symbols || !s->strings || (s->table && !s->table[0]))
		s->table = NULL;
}

/* The hash table begins with a Bloom filter of two bits a name, because most modules do not have most names. */
static bool symbols_may_have(const struct module_symbols *s, uint32_t hash)
{
	const uint64_t *filter = (const uint64_t *)(s->table + 4);
	uint64_t word = filter[hash / 64 & (s->table[2] - 1)];

	return word >> hash % 64 & word >> (hash >> s->table[3]) % 64 & 1;
}

uint32_t symbols_hash(const char *name)
{
	uint32_t hash = 5381;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	return hash;
}

/* Instead of a version's index: the default version, or any. */
#define VERSION_DEFAULT 0
#define VERSION_ANY UINT_MAX

static bool has_version(const struct module_symbols *s, uint32_t i, unsigned wanted)
{
	if (wanted == VERSION_ANY || !s->versions)
		return true;
	return wanted == VERSION_DEFAULT ? !(s->versions[i] & 0x8000) : (s->versions[i] & 0x7fff) == wanted;
}

void symbols_expect_bucket(const struct module_symbols *s, uint32_t hash)
{
	const uint64_t *filter;

	if (!s->table)
		return;
	filter = (const uint64_t *)(s->table + 4);
	__builtin_prefetch(&filter[hash / 64 & (s->table[2] - 1)]);
	__builtin_prefetch((const uint32_t *)(filter + s->table[2]) + hash % s->table[0]);
}

void symbols_expect_symbol(const struct module_symbols *s, uint32_t hash)
{
	const uint32_t *buckets, *chain;
	uint32_t i;

	if (!s->table || !symbols_may_have(s, hash))
		return;
	buckets = (const void *)((const uint64_t *)(s->table + 4) + s->table[2]);
	chain = buckets + s->table[0];
	i = buckets[hash % s->table[0]];
	if (i < s->table[1])
		return;
	__builtin_prefetch(&chain[i - s->table[1]]);
	__builtin_prefetch(&s->symbols[i]);
	if (s->versions)
		__builtin_prefetch(&s->versions[i]);
}

static const ElfW(Sym) *look_up(const struct module_symbols *s, const char *name, uint32_t hash, unsigned version)
{
	const uint32_t *buckets, *chain;

	if (!s->table || !symbols_may_have(s, hash))
		return NULL;
	buckets = (const void *)((const uint64_t *)(s->table + 4) + s->table[2]);
	chain = buckets + s->table[0];
	for (uint32_t i = buckets[hash % s->table[0]]; i >= s->table[1]; i++) {
		uint32_t word = chain[i - s->table[1]];

		if ((word | 1) == (hash | 1) && has_version(s, i, version) &&
		    str_equal(s->strings + s->symbols[i].st_name, name))
			return &s->symbols[i];
		if (word & 1)
			break;
	}
	return NULL;
}

const ElfW(Sym) *symbols_look_up(const struct module_symbols *s, const char *name)
{
	return look_up(s, name, symbols_hash(name), VERSION_DEFAULT);
}

const ElfW(Sym) *symbols_look_up_hash(const struct module_symbols *s, const char *name, uint32_t hash)
{
	return look_up(s, name, hash, VERSION_DEFAULT);
}

const ElfW(Sym) *symbols_look_up_version(const struct module_symbols *s, const char *name, const char *version)
{
	const ElfW(Verdef) *d = s->table && s->versions ? s->definitions : NULL;

	for (; d; d = d->vd_next ? (const void *)((const char *)d + d->vd_next) : NULL) {
		const ElfW(Verdaux) *names = (const void *)((const char *)d + d->vd_aux);

		if (str_equal(s->strings + names->vda_name, version))
			return look_up(s, name, symbols_hash(name), d->vd_ndx);
	}
	return NULL;
}

bool symbols_have_hash(const struct module_symbols *s, const char *name, uint32_t hash)
{
	return look_up(s, name, hash, VERSION_ANY) != NULL;
}

bool symbols_have(const struct module_symbols *s, const char *name)
{
	return symbols_have_hash(s, name, symbols_hash(name));
}

const ElfW(Sym) *module_symbol(const struct link_map *m, const char *name)
{
	struct module_symbols symbols;

	symbols_find(&symbols, m);
	return symbols_look_up(&symbols, name);
}
