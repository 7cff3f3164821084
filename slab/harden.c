/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/harden.c - production's protection of the heap: what was found wrong. */
#include "slab/cache.h"
#include "slab/finding.h"
#include "slab/harden.h"
#include "slab/slab.h"

/* Is it the key of any block? */
static inline bool is_key(uint64_t word)
{
	uint64_t other = word ^ harden_secret;

	return (uint32_t)other == 0 && other >> 32 <= LOAD_ACQUIRE(harden_last_key);
}

/* ---- findings -------------------------------------------------------------------------------- */

/* The finding is about the object at `near`. */
static __cold_path void report(struct slab_finding *f, uintptr_t near, enum slab_object_state state, size_t size)
{
	f->have_object = slab_find_object(near, &f->object);
	f->object.state = state;
	f->object.size = MIN(size, f->object.size);
	f->attack = true;
	finding_report(f);
}

/* From the first to the last byte that differs; n bytes at most. */
static struct damage difference(uintptr_t at, const void *expected, size_t n)
{
	const uint8_t *want = expected, *is = (const uint8_t *)at;
	size_t first, last = n;

	for (first = 0; first < n - 1 && is[first] == want[first]; first++)
		;
	while (last > first + 1 && is[last - 1] == want[last - 1])
		last--;
	return (struct damage){ at + first, last - first, want[first], is[first], 0 };
}

static __cold_path void report_freed(const struct damage *d, enum slab_found_at at)
{
	struct slab_finding f;

	finding_init_damage(&f, SLAB_POISON_OVERWRITTEN, at, d, NULL);
	report(&f, d->addr, SLAB_OBJ_FREE, SIZE_MAX);
}

static __cold_path void report_head(void *p, uint64_t key, enum slab_found_at at)
{
	struct damage d = difference((uintptr_t)p, &key, sizeof(key));

	report_freed(&d, at);
}

static __cold_path void report_twice(void *p)
{
	struct slab_finding f;

	finding_init(&f, SLAB_DOUBLE_FREE, SLAB_AT_ALLOC, (uintptr_t)p, NULL);
	report(&f, (uintptr_t)p, SLAB_OBJ_FREE, SIZE_MAX);
}

/* The live object behind p's slot; 0: none is known. */
static uintptr_t live_behind(const struct slab_cache *c, const void *p)
{
	uintptr_t next = (uintptr_t)p + c->slot_size;
	const struct slab *s = slab_of((uintptr_t)p);
	bool there = s && s == slab_of(next) && slab_index(c, s, next) < c->nr_objects;

	return there && state_is_live(c, next) ? next : 0;
}

/* An underflow of the object at `next` has damaged the word in front of it. */
static __cold_path void report_in_front(const struct damage *d, uintptr_t next, enum slab_found_at at,
                                        const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init_damage(&f, SLAB_LEFT_REDZONE, at, d, regs);
	report(&f, next, SLAB_OBJ_LIVE, SIZE_MAX);
}

/* ---- around large objects -------------------------------------------------------------------- */

static uint8_t byte_at(uintptr_t addr)
{
	return (uint8_t)(harden_secret >> (addr % 4 * 8));
}

static uint64_t word_twice(void)
{
	return (uint32_t)harden_secret * 0x100000001ULL;
}

void harden_fill(uintptr_t from, uintptr_t to)
{
	while (from < to) {
		if (from % 8 == 0 && to - from >= 8) {
			*(slab_word64 *)from = word_twice();
			from += 8;
		} else {
			*(uint8_t *)from = byte_at(from);
			from++;
		}
	}
}

bool harden_intact(uintptr_t from, uintptr_t to, struct damage *d)
{
	uintptr_t at = from, last = 0;

	d->size = 0;
	while (at < to) {
		if (at % 8 == 0 && to - at >= 8 && likely(*(const slab_word64 *)at == word_twice())) {
			at += 8;
			continue;
		}
		if (*(const uint8_t *)at != byte_at(at)) {
			if (!d->size)
				*d = (struct damage){ at, 1, byte_at(at), *(const uint8_t *)at, 0 };
			last = at;
			d->size = last - d->addr + 1;
		}
		at++;
	}
	return d->size == 0;
}

/* ---- the word at the end of a free slot ------------------------------------------------------ */

/* The key in front of the word at the slot's end; harden=full has zeros there while the object is free. */
#define JOINT ((size_t)4)

static void tail_reset(const struct slab_cache *c, void *p)
{
	*(slab_word32 *)((char *)p + c->tail) = (uint32_t)harden_secret;
}

static void joint_reset(const struct slab_cache *c, void *p)
{
	if (!harden_full)
		*(slab_word32 *)((char *)p + c->tail - JOINT) = (uint32_t)harden_secret;
}

static inline uint32_t joint_word(const struct slab_cache *c, const void *p)
{
	return *(const slab_word32 *)((const char *)p + c->tail - JOINT);
}

/* Its byte i is the key's byte i, or a later one that came there with the key of an object whose end is near. */
static __cold_path bool joint_find_damage(const struct slab_cache *c, const void *p, struct damage *d)
{
	uint32_t key = (uint32_t)harden_secret, word = joint_word(c, p);
	unsigned i, k;

	for (i = 0; i < JOINT && !harden_full; i++) {
		uint8_t byte = (uint8_t)(word >> 8 * i);

		for (k = i; k < JOINT && byte != (uint8_t)(key >> 8 * k); k++)
			;
		if (k == JOINT) {
			*d = (struct damage){ (uintptr_t)p + c->tail - JOINT + i, 1, (uint8_t)(key >> 8 * i), byte, 0 };
			return true;
		}
	}
	return false;
}

static __cold_path bool joint_is_damaged(const struct slab_cache *c, const void *p)
{
	struct damage d;

	return joint_find_damage(c, p, &d);
}

static inline bool joint_is_sound(const struct slab_cache *c, const void *p)
{
	return likely(joint_word(c, p) == (uint32_t)harden_secret) || !joint_is_damaged(c, p);
}

#define LEAD_BYTES 32u

static uintptr_t lead_words(const struct slab_cache *c, uintptr_t base)
{
	return base - MIN(c->lead, LEAD_BYTES);
}

void harden_lead_reset(const struct slab_cache *c, uintptr_t base)
{
	harden_fill(lead_words(c, base), base);
}

bool harden_lead_intact(const struct slab_cache *c, uintptr_t base, struct damage *d)
{
	return harden_intact(lead_words(c, base), base, d);
}

void harden_report_lead(const struct damage *d, uintptr_t base, enum slab_found_at at, const struct unwind_regs *regs)
{
	report_in_front(d, base, at, regs);
}

/* Malloc may be giving the object out, and then the word changes from that of 0 bytes to another sound value. */
static inline bool tail_is_sound(const struct slab_cache *c, const void *p)
{
	return slab_armed_size(p, c->tail, harden_secret) <= c->object_size && joint_is_sound(c, p);
}

/* The same for an object that only this thread can give out. */
static inline bool tail_is_free(const struct slab_cache *c, const void *p)
{
	return !slab_armed_size(p, c->tail, harden_secret) && joint_is_sound(c, p);
}

static __cold_path void tail_find_damage(const struct slab_cache *c, const void *p, struct damage *d)
{
	uintptr_t at = (uintptr_t)p + c->tail;

	if (!joint_find_damage(c, p, d))
		*d = (struct damage){ .addr = at, .size = sizeof(slab_word32), .found = *(uint8_t *)at };
}

static __cold_path void tail_report(const struct slab_cache *c, const void *p, enum slab_found_at at)
{
	struct damage d;
	uintptr_t next = live_behind(c, p);

	tail_find_damage(c, p, &d);
	if (next)
		report_in_front(&d, next, at, NULL);
	else
		report_freed(&d, at);
}

/* ---- freed objects --------------------------------------------------------------------------- */

/* harden=full: between its mark and the word at its end, a freed slot is zero. */
static __cold_path void zero_fill(const struct slab_cache *c, void *p)
{
	mem_set((char *)p + sizeof(uint64_t), 0, c->tail - sizeof(uint64_t));
	tail_reset(c, p);
}

#define ZERO_INLINE 256u

/* Are the zeros there, and the word behind them? */
static inline bool is_zero(const struct slab_cache *c, const void *p)
{
	uint64_t any = (uint64_t)(uint32_t)harden_secret << 32 ^ *(const slab_word64 *)((const char *)p + c->tail - 4);
	size_t at;

	if (c->slot_size > ZERO_INLINE)
		return !any && !mem_find_not((const char *)p + sizeof(uint64_t), 0, c->tail - sizeof(uint64_t));
	for (at = sizeof(uint64_t); at < c->slot_size - sizeof(uint64_t); at += sizeof(uint64_t))
		any |= *(const slab_word64 *)((const char *)p + at);
	return !any;
}

static __cold_path bool zero_verify(const struct slab_cache *c, void *p, enum slab_found_at at)
{
	uintptr_t from = (uintptr_t)p + sizeof(uint64_t), to = (uintptr_t)p + c->tail;
	const uint8_t *first = mem_find_not((void *)from, 0, to - from);
	struct damage d;

	if (!first && tail_is_sound(c, p))
		return true;
	if (!first) {
		tail_report(c, p, at);
		return false;
	}
	while (!((uint8_t *)to)[-1])
		to--;
	d = (struct damage){ (uintptr_t)first, to - (uintptr_t)first, 0, *first, 0 };
	report_freed(&d, at);
	return false;
}

/* Behind the canary, and in front of the word at the slot's end, the slot is zero already. */
void harden_free_sound(const struct slab_cache *c, void *p, uint64_t key)
{
	size_t used = ALIGN_UP(slab_armed_size(p, c->tail, key) + sizeof(slab_word32), sizeof(uint64_t)), at;

	if (used <= ZERO_INLINE)
		for (at = sizeof(uint64_t); at < used; at += sizeof(uint64_t))
			*(slab_word64 *)((char *)p + at) = 0;
	else
		mem_set((char *)p + sizeof(uint64_t), 0, used - sizeof(uint64_t));
	tail_reset(c, p); /* the zeros may have reached it */
	*(slab_word64 *)p = key;
}

void harden_free(const struct slab_cache *c, void *p, uint64_t key)
{
	slab_disarm(p, c->tail, key);
	if (harden_full)
		zero_fill(c, p);
}

/* An object in its slab becomes one that is free for a thread; the caller writes its mark. */
static void take(const struct slab_cache *c, void *p, bool raw)
{
	if (likely(!raw && tail_is_free(c, p)))
		return;
	if (!raw)
		tail_report(c, p, SLAB_AT_ALLOC);
	joint_reset(c, p);
	if (unlikely(harden_full && raw))
		zero_fill(c, p);
	else
		tail_reset(c, p);
}

size_t harden_take(const struct slab_cache *c, void **objects, size_t n, uint64_t key)
{
	size_t i, got = 0;

	for (i = 0; i < n; i++) {
		uintptr_t raw = (uintptr_t)objects[i] & OBJECT_RAW;
		slab_word64 *head = (slab_word64 *)((uintptr_t)objects[i] - raw);

		if (unlikely(!raw && !is_key(*head))) {
			if (state_is_live(c, (uintptr_t)head)) {
				report_twice(head);
				continue;
			}
			report_head(head, key, SLAB_AT_ALLOC);
		}
		take(c, head, raw);
		*head = key;
		objects[got++] = head;
	}
	return got;
}

bool harden_may_give(const struct slab_cache *c, void *p, uint64_t key)
{
	uint64_t head = *(slab_word64 *)p;

	if (likely(head == key)) {
		if (harden_full && unlikely(!is_zero(c, p)))
			zero_verify(c, p, SLAB_AT_ALLOC);
		return true;
	}
	/* Another thread freed it at the same time, and has it, or had it. */
	if (is_key(head) || state_is_live(c, (uintptr_t)p)) {
		report_twice(p);
		return false;
	}
	report_head(p, key, SLAB_AT_ALLOC);
	return true;
}

bool harden_is_free(const struct slab_cache *c, void *p, uint64_t key, enum slab_found_at at)
{
	uint64_t head = *(slab_word64 *)p;

	if (likely(head == key)) {
		if (likely(tail_is_free(c, p)))
			return !harden_full || likely(is_zero(c, p)) || zero_verify(c, p, at);
		tail_report(c, p, at);
		tail_reset(c, p);
		return false;
	}
	if (is_key(head) || state_is_live(c, (uintptr_t)p))
		report_twice(p);
	else
		report_head(p, key, at);
	return false;
}

/* Objects that were never used have no mark, so heads of zeros do not count. */
static bool head_is_clean(const void *p)
{
	uint64_t head = *(const slab_word64 *)p;

	return is_key(head) || !head;
}

bool harden_is_clean(const struct slab_cache *c, const void *p)
{
	return tail_is_sound(c, p) && head_is_clean(p) && (!harden_full || is_zero(c, p));
}

void harden_verify_clean(const struct slab_cache *c, void *p, enum slab_found_at at)
{
	if (state_is_live(c, (uintptr_t)p))
		return;
	if (!head_is_clean(p))
		report_head(p, harden_secret, at);
	else if (!tail_is_sound(c, p))
		tail_report(c, p, at);
	else if (harden_full)
		zero_verify(c, p, at);
}

/* ---- live objects ---------------------------------------------------------------------------- */

void harden_give(const struct slab_cache *c, void *p, size_t size)
{
	slab_arm(p, size, c->tail, harden_secret);
}

void harden_resize(const struct slab_cache *c, void *p, size_t size)
{
	size_t end = size + sizeof(slab_word32);

	slab_arm_size(p, size, c->tail, harden_secret);
	if (harden_full && end < c->tail)
		mem_set((char *)p + end, 0, c->tail - end);
}

bool harden_is_sound(const struct slab_cache *c, const void *p)
{
	return slab_armed_size(p, c->tail, harden_secret) <= c->object_size &&
	       slab_is_sound(p, c->tail, harden_secret) && joint_is_sound(c, p);
}

/* The size of a live object is not known. But is the key behind some size that an object of this class can have? Then
 * no overflow came from there, since it would have written over the key. */
static bool key_is_behind(const struct slab_cache *c, const void *p)
{
	size_t slack = MAX(c->slot_size / 5, (size_t)24), back;

	for (back = sizeof(slab_word32); back <= MIN(slack, (size_t)c->tail); back++)
		if (*(const slab_word32 *)((const char *)p + c->tail - back) == (uint32_t)harden_secret)
			return true;
	return false;
}

/* Returns the object behind, if the damage is in front of that one rather than behind the one at p; else 0. */
static __cold_path uintptr_t live_find_damage(const struct slab_cache *c, const void *p, size_t size, struct damage *d)
{
	uint32_t key = (uint32_t)harden_secret;

	if (size <= c->object_size && !slab_is_sound(p, c->tail, harden_secret)) {
		*d = difference((uintptr_t)p + size, &key, sizeof(key));
		return 0;
	}
	tail_find_damage(c, p, d);
	return key_is_behind(c, p) ? live_behind(c, p) : 0;
}

void harden_verify(const struct slab_cache *c, void *p, enum slab_found_at at, const struct unwind_regs *regs)
{
	size_t size = slab_armed_size(p, c->tail, harden_secret);
	struct slab_finding f;
	struct damage d;
	uintptr_t next;

	if (likely(harden_is_sound(c, p)))
		return;
	next = live_find_damage(c, p, size, &d);
	size = MIN(size, c->object_size);
	if (next) {
		report_in_front(&d, next, at, regs);
	} else {
		finding_init_damage(&f, SLAB_RIGHT_REDZONE, at, &d, regs);
		report(&f, d.addr, SLAB_OBJ_LIVE, size);
	}
	/* At the end another thread may be freeing the object by now. */
	if (at != SLAB_AT_EXIT) {
		joint_reset(c, p);
		harden_resize(c, p, size);
	}
}

static __cold_path void report_size(const void *p, size_t size_given, const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, SLAB_SIZED_DELETE_MISMATCH, SLAB_AT_FREE, (uintptr_t)p, regs);
	f.size = size_given;
	f.api_used = SLAB_API_NEW;
	report(&f, (uintptr_t)p, SLAB_OBJ_LIVE, SIZE_MAX);
}

void harden_verify_freed(const struct slab_cache *c, void *p, size_t size_given, const struct unwind_regs *regs)
{
	harden_verify(c, p, SLAB_AT_FREE, regs);
	if (unlikely(harden_full && size_given != SIZE_MAX && size_given != harden_size(c, p)))
		report_size(p, size_given, regs);
}
