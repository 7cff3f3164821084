/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/fake_stack.c - frames that outlive their functions: use after return.
 *
 * Compilers that look for use after return ask for a frame elsewhere (__asan_stack_malloc_N: 64 << N bytes) instead of
 * using the real stack.  On return the frame is poisoned 0xf5 and given back.  Frames of a region are reused in
 * rotation, so a stale pointer meets the poison for a long time.
 *
 * Each thread has, for each of the 11 sizes, a region of frames made on first use:
 *
 *     region ─► frame 0 │ frame 1 │ … │ frame n-1         one flag byte a frame: 0 free, 1 in use
 *                      hint: the next one to try, round and round
 *
 * The last word of a frame holds the address of its flag: inline code gives small frames back by storing 0 through that
 * address.  A frame left by longjmp stays "in use".  Its real stack pointer is kept, by which a later no-return call
 * recognizes that the frame is dead.  When no frame is free, the caller gets NULL and uses the real stack, which is
 * always correct.
 */
#include "shadow/shadow_internal.h"

#include <link.h>

#define CLASSES 11u
#define CLASS_BYTES(c) ((size_t)64 << (c))
#define REGION_BYTES ((size_t)128 << 10)
#define FRAMES_MAX 256u

static inline uint32_t region_frames(unsigned class)
{
	size_t n = REGION_BYTES / CLASS_BYTES(class);
	return (uint32_t)(n < 4 ? 4 : n > FRAMES_MAX ? FRAMES_MAX : n);
}

/* One thread owns it; other threads read it for reports.  It is never unmapped: when its thread ends, another thread
 * takes it over. */
struct fake_stack {
	struct fake_stack *next; /* in the list of all: written once */
	uint32_t in_use;         /* exchanged atomically */
	uintptr_t region[CLASSES];
	uint32_t hint[CLASSES];
	uint8_t flags[CLASSES][FRAMES_MAX];
	uintptr_t real_sp[CLASSES][FRAMES_MAX];
};

static struct fake_stack *all_stacks; /* grows by compare and exchange */
static TLS_IE struct fake_stack *own;
bool fake_stack_asked;
static TLS_IE bool busy; /* a signal handler came in between: it uses the real stack */

static struct fake_stack *stack_take(void)
{
	struct fake_stack *s;

	for (s = __atomic_load_n(&all_stacks, __ATOMIC_ACQUIRE); s; s = s->next)
		if (!__atomic_exchange_n(&s->in_use, 1, __ATOMIC_ACQUIRE))
			return s;
	s = meta_alloc(sizeof(*s), COST_SHADOW);
	if (!s)
		return NULL;
	s->in_use = 1;
	s->next = __atomic_load_n(&all_stacks, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&all_stacks, &s->next, s, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return s;
}

/* gcc's nested functions put code into the frame, and the linker says in the program's header that stacks need be
 * executable. */
static bool frames_have_code(void)
{
	const ElfW(Phdr) *headers = (const void *)(uintptr_t)os_auxiliary(AT_PHDR);

	for (size_t i = 0; headers && i < os_auxiliary(AT_PHNUM); i++)
		if (headers[i].p_type == PT_GNU_STACK)
			return headers[i].p_flags & PF_X;
	return false;
}

static bool region_make(struct fake_stack *s, unsigned class)
{
	size_t size = CLASS_BYTES(class) * region_frames(class);
	void *p = os_reserve(size, CLASS_BYTES(class));
	if (!p || !os_commit(p, size, false) || (frames_have_code() && !os_protect_code(p, size)))
		return false;
	meta_account(COST_SHADOW, (int64_t)size);
	shadow_poison((uintptr_t)p, size, SHADOW_AFTER_RETURN);
	__atomic_store_n(&s->region[class], (uintptr_t)p, __ATOMIC_RELEASE);
	return true;
}

static void *frame_take(struct fake_stack *s, unsigned class, uintptr_t real_sp)
{
	uint32_t n = region_frames(class);
	if (!s->region[class] && !region_make(s, class))
		return NULL;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = (s->hint[class] + k) % n;
		uintptr_t frame;

		if (s->flags[class][i])
			continue;
		s->flags[class][i] = 1;
		s->real_sp[class][i] = real_sp;
		s->hint[class] = (i + 1) % n;
		frame = s->region[class] + i * CLASS_BYTES(class);
		*(uint8_t **)(frame + CLASS_BYTES(class) - sizeof(uint8_t *)) = &s->flags[class][i];
		shadow_unpoison(frame, CLASS_BYTES(class));
		return (void *)frame;
	}
	return NULL;
}

void *fake_stack_alloc(unsigned class, size_t size, uintptr_t real_sp)
{
	void *frame = NULL;

	fake_stack_asked = true;
	if (class >= CLASSES || size > CLASS_BYTES(class) || map_state != MAP_FULL || busy)
		return NULL;
	busy = true;
	if (!own)
		own = stack_take();
	if (own)
		frame = frame_take(own, class, real_sp);
	busy = false;
	return frame;
}

void fake_stack_free(unsigned class, void *frame)
{
	uintptr_t at;
	uint8_t *flag;

	if (class >= CLASSES)
		return;
	at = (uintptr_t)frame;
	flag = *(uint8_t **)(at + CLASS_BYTES(class) - sizeof(uint8_t *));
	shadow_poison(at, CLASS_BYTES(class), SHADOW_AFTER_RETURN);
	*flag = 0;
}

bool fake_stack_find(uintptr_t addr, uintptr_t *beg, uintptr_t *end)
{
	for (struct fake_stack *s = __atomic_load_n(&all_stacks, __ATOMIC_ACQUIRE); s; s = s->next)
		for (unsigned c = 0; c < CLASSES; c++) {
			uintptr_t region = __atomic_load_n(&s->region[c], __ATOMIC_ACQUIRE);
			if (!region || addr - region >= CLASS_BYTES(c) * region_frames(c))
				continue;
			*beg = region + ALIGN_DOWN(addr - region, CLASS_BYTES(c));
			*end = *beg + CLASS_BYTES(c);
			return true;
		}
	return false;
}

void shadow_each_frame(void (*frame)(void *ctx, uint64_t addr, uint64_t size), void *ctx)
{
	for (struct fake_stack *s = __atomic_load_n(&all_stacks, __ATOMIC_ACQUIRE); s; s = s->next)
		for (unsigned c = 0; c < CLASSES; c++) {
			uintptr_t region = __atomic_load_n(&s->region[c], __ATOMIC_ACQUIRE);
			for (uint32_t i = 0; region && i < region_frames(c); i++)
				if (s->flags[c][i])
					frame(ctx, region + i * CLASS_BYTES(c), CLASS_BYTES(c));
		}
}

static void frames_release(struct fake_stack *s, uintptr_t from, uintptr_t below)
{
	for (unsigned c = 0; c < CLASSES; c++)
		for (uint32_t i = 0; s->region[c] && i < region_frames(c); i++)
			if (s->flags[c][i] && s->real_sp[c][i] >= from && s->real_sp[c][i] < below) {
				shadow_poison(s->region[c] + i * CLASS_BYTES(c), CLASS_BYTES(c), SHADOW_AFTER_RETURN);
				s->flags[c][i] = 0;
			}
}

/* The program is about to jump out of frames, and only the jump's target tells which.  Frames below the current stack
 * pointer on the same stack are certainly dead; they are released now.  Frames between the stack pointer and the target
 * are released at the next call of this function.  Frames of other stacks (coroutines) may be alive at any address, so
 * only frames of the thread's own stack are released. */
void fake_stack_no_return(uintptr_t sp)
{
	uintptr_t end = stack_own_end();
	if (own && !busy && sp < end && end - sp < OWN_STACK_MAX)
		frames_release(own, end - OWN_STACK_MAX, sp);
}

/* Frames of other stacks stay: another thread may run these coroutines on. */
void fake_stack_thread_exit(uintptr_t lo, uintptr_t hi)
{
	struct fake_stack *s = own;
	own = NULL;
	if (!s)
		return;
	frames_release(s, lo, hi);
	__atomic_store_n(&s->in_use, 0, __ATOMIC_RELEASE);
}
