/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/harden.h - production's protection of the heap: canaries behind objects, marks in freed ones (option harden).
 *
 *     live     |p        the program's `size` bytes        |key|  …  |key|size + key|
 *     freed    |key of the thread that has it|      …               |key|    key    |
 *               8 bytes                                 4 bytes      4       4 bytes, the slot's last: at `tail`
 *
 * A live object's size is at its slot's end, and four bytes of the key follow the object. A free reads the size, then
 * looks whether these bytes are there. So an overflow by one byte is found, whatever the size, and so is damage of the
 * word at the slot's end, which an underflow of the next object does. malloc stores both words, and free the freed
 * object's mark. No memory outside of the slot is touched (fast.h).
 *
 * The first 8 bytes of a freed object are the key of the thread that freed it: the process's secret, with the number of
 * the thread's block mixed into the upper half. malloc compares the word and takes it away. So a write to the head of a
 * freed object is found when the object would be used again. And if two threads free an object at once, the second mark
 * overwrites the first: of the two threads' bins that hold the object then, only one can give it out. The other finds
 * a mark that is not its own. A free needs no atomic instruction for that, because each thread only believes its own
 * mark, and a mark is one word. (If one of the two threads frees the object, and allocates it again before the other
 * stores its mark, the other has freed the new object. No allocator that uses memory again at once can tell.)
 *
 * Objects in their slabs keep the mark of some thread. A thread that takes them verifies that, and puts its own mark.
 *
 * The key in front of that word is there before the slot's first use. If an object ends less than four bytes in front
 * of it, the object's own key overwrites its first bytes with other bytes of the key, and nobody restores them. So each
 * of these bytes must be one of those that can come there (joint_find_damage). Neither malloc nor free looks at them:
 * they are verified on the slow paths, when a thread takes a free object out of its slab, and when the process ends.
 *
 * A slab's first slot has such words in front of it, in the slab's lead. They are verified when the first object
 * returns to the slab, and at the end.
 *
 * A free object, used before or not, has the word for 0 bytes at its slot's end. So an underflow of the next object is
 * found even if its neighbor is free: when a thread takes the neighbor out of its slab, and when the process ends.
 * Malloc does not look at the word, but adds the size to it. So damage stays, and is found when the neighbor is freed.
 *
 * harden=full, beyond that: a freed slot is zero behind its mark, which is verified when the object is picked to be
 * given out. Any of the older objects that wait may be picked, at random, and only while many wait (tcache.c). Large
 * areas are unmapped when they are freed (vmalloc.c), and some slabs have a guard page behind them (cache.c).
 *
 * Accepted weakness: code that can read freed memory, or memory behind an object, can read the key. */
#ifndef MEMSAN_SLAB_HARDEN_H
#define MEMSAN_SLAB_HARDEN_H

#include "slab/cache.h"
#include "slab/finding.h"
#include "slab/key.h"

/* Objects just taken from their slabs become objects that are free for the owner of `key`. Returns how many: damage and
 * objects that are live are reported, and live ones left out. */
size_t harden_take(const struct slab_cache *c, void **objects, size_t n, uint64_t key);
/* An object from the thread's bin must have the thread's key. Reports otherwise. False: it may not be given out. */
bool harden_may_give(const struct slab_cache *c, void *p, uint64_t key);
/* An object that is in its slab. Is it as a free one should be? */
bool harden_is_clean(const struct slab_cache *c, const void *p);
/* Reports otherwise. */
void harden_verify_clean(const struct slab_cache *c, void *p, enum slab_found_at at);
/* The words in front of a slab's first slot, `base`. */
void harden_lead_reset(const struct slab_cache *c, uintptr_t base);
bool harden_lead_intact(const struct slab_cache *c, uintptr_t base, struct damage *d);
void harden_report_lead(const struct damage *d, uintptr_t base, enum slab_found_at at, const struct unwind_regs *regs);
/* The same for an object that stays in its bin. False: something was reported. */
bool harden_is_free(const struct slab_cache *c, void *p, uint64_t key, enum slab_found_at at);
/* An object becomes free for the owner of `key`. */
void harden_free(const struct slab_cache *c, void *p, uint64_t key);
/* The same with harden=full for an object whose canary is known to be sound. */
void harden_free_sound(const struct slab_cache *c, void *p, uint64_t key);
bool harden_is_sound(const struct slab_cache *c, const void *p); /* is a live object's canary there? */
/* Verifies a live object's canary. Reports damage. */
void harden_verify(const struct slab_cache *c, void *p, enum slab_found_at at, const struct unwind_regs *regs);
/* The same for an object that is freed. With harden=full it must have the size that delete was told; SIZE_MAX: none. */
void harden_verify_freed(const struct slab_cache *c, void *p, size_t size_given, const struct unwind_regs *regs);
/* An object becomes the program's, with `size` bytes; later its size changes. */
void harden_give(const struct slab_cache *c, void *p, size_t size);
void harden_resize(const struct slab_cache *c, void *p, size_t size);

/* For memory around large objects, and in freed ones: bytes of the key, each by its address. */
void harden_fill(uintptr_t from, uintptr_t to);
/* If they are not there, *d is the damage, from the first to the last bad byte. */
bool harden_intact(uintptr_t from, uintptr_t to, struct damage *d);

#endif
