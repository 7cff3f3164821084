/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/near.c - address space within 2 GB of a module, for stubs and copies: their jumps reach that far.
 *
 * Below the module first: the loader maps libraries from the top down, and the heap of brk grows upwards. A program at
 * a fixed low address has room above only. There the search begins at a gigabyte, so that brk keeps room to grow.
 *
 * The kernel puts a new library into the highest gap that it fits, which may be a small one between parts of memsan's
 * heap, with nothing free within reach. So inaccessible mappings close such gaps, before a library can come. */
#include "watch/watch_internal.h"

#define REACH (2047ul << 20)
#define STEP (16ul << 20)
#define FAR_ABOVE (1024ul << 20)
#define LOWEST (1ul << 20)
#define PLENTY (768ul << 20) /* room for the copies of the largest libraries */
#define GAPS_MAX 256u

/* Tries a place every STEP bytes. No file is opened, which the program's sandbox may forbid. */
static void *reserve_in_steps(uintptr_t lo, uintptr_t hi, size_t size)
{
	void *p = NULL;

	for (size_t off = 0; !p && hi - lo + off + size < REACH; off += STEP)
		if (lo > off + size + LOWEST)
			p = os_reserve_at(lo - off - size, size);
	for (size_t off = FAR_ABOVE; !p && off < REACH - size && hi - lo + off + size < REACH; off += STEP)
		p = os_reserve_at(hi + off, size);
	for (size_t off = 0; !p && off < FAR_ABOVE && hi - lo + off + size < REACH; off += STEP)
		p = os_reserve_at(hi + off, size);
	return p;
}

/* Looks for a gap between mappings. The kernel puts a new library into the first gap that it fits, which may be a small
 * one between large reserves; the next gap may be at any distance. */
static void *reserve_in_gap(uintptr_t lo, uintptr_t hi, size_t size)
{
	uintptr_t least = hi > REACH + LOWEST ? hi - REACH : LOWEST, most = lo + REACH, end = least;
	char buffer[1024];
	struct maps_reader maps;
	struct maps_line m;
	void *p = NULL;

	if (maps_open(&maps, "/proc/self/maps", buffer, sizeof(buffer)) != 0)
		return NULL;
	while (!p && end < most && maps_next(&maps, &m)) {
		uintptr_t start = MIN(m.start, most);

		if (start > end && start - end >= size)
			p = os_reserve_at(start - size, size);
		end = MAX(end, m.end);
	}
	maps_close(&maps);
	return p;
}

void *near_reserve(const struct watch_module *m, size_t size)
{
	uintptr_t lo = ALIGN_DOWN(m->start, PAGE_SIZE), hi = ALIGN_UP(m->end, PAGE_SIZE);
	void *p;

	size = ALIGN_UP(size, PAGE_SIZE);
	if (hi - lo + size > REACH)
		return NULL;
	p = reserve_in_steps(lo, hi, size);
	p = p ? p : reserve_in_gap(lo, hi, size);
	if (p)
		os_do_not_count(p, size);
	return p;
}

/* ---- gaps without room for copies ------------------------------------------------------------ */

/* The gaps that were closed. Under watch_lock, as all that follows. */
static struct copy_range closed[GAPS_MAX] __large_bss;
static unsigned nr_closed;

static struct gap {
	uintptr_t start, end;
	bool grows; /* a stack or brk's heap may grow into it */
} gaps[GAPS_MAX] __large_bss;
static unsigned nr_gaps;

/* The gaps between all mappings, from low to high. False: they are not known. */
static bool gaps_find(void)
{
	struct maps_reader maps;
	struct maps_line m;
	uintptr_t end = LOWEST;
	bool heap = false;
	char buffer[1024];

	nr_gaps = 0;
	if (maps_open(&maps, "/proc/self/maps", buffer, sizeof(buffer)) != 0)
		return false;
	while (maps_next(&maps, &m) && nr_gaps < GAPS_MAX) {
		if (m.start > end)
			gaps[nr_gaps++] = (struct gap){ end, m.start, heap || str_equal(m.path, "[stack]") };
		end = MAX(end, m.end);
		heap = str_equal(m.path, "[heap]");
	}
	return maps_close(&maps) == 0;
}

/* Does g leave room for copies within reach of what lies in gap? */
static bool has_room(const struct gap *gap, const struct gap *g)
{
	uintptr_t least = gap->end > REACH ? gap->end - REACH : 0, most = gap->start + REACH;
	uintptr_t start = MAX(g->start, least), end = MIN(g->end, most);

	return end > start && end - start >= PLENTY;
}

static bool is_remote(unsigned i)
{
	if (gaps[i].end - gaps[i].start >= PLENTY)
		return false;
	for (unsigned k = i + 1; k < nr_gaps && gaps[k].start < gaps[i].start + REACH; k++)
		if (has_room(&gaps[i], &gaps[k]))
			return false;
	for (unsigned k = i; k-- > 0 && gaps[k].end + REACH > gaps[i].end;)
		if (has_room(&gaps[i], &gaps[k]))
			return false;
	return true;
}

void near_close_gaps(void)
{
	if (!gaps_find())
		return;
	for (unsigned i = 0; i < nr_gaps; i++)
		if (!gaps[i].grows && is_remote(i) && nr_closed < GAPS_MAX &&
		    os_reserve_at(gaps[i].start, gaps[i].end - gaps[i].start))
			closed[nr_closed++] = (struct copy_range){ gaps[i].start, gaps[i].end };
}

void near_open_gaps(void)
{
	while (nr_closed) {
		struct copy_range *c = &closed[--nr_closed];

		os_release((void *)c->start, c->end - c->start);
	}
}

void near_release_rest(struct watch_module *m)
{
	char *unused = (char *)ALIGN_UP((uintptr_t)m->near_next, PAGE_SIZE);

	if (unused >= m->near_end)
		return;
	os_release(unused, (size_t)(m->near_end - unused));
	m->near_end = unused;
}
