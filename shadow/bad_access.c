/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/bad_access.c - a bad access becomes a finding: first bad byte, facts, kind, object or variable, shadow
 * rows.
 *
 * As in the kernel, only the first bad access is reported unless multi_shot is set, because later ones are often its
 * consequence.  A reported write damages a red zone or poison, and slab/ finds the damage later.  The slots that the
 * write touched are remembered here, and slab/'s finding in them is not reported.
 */
#include "shadow/shadow_internal.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#define ROW_BYTES 16u /* of shadow */
#define ROWS_AROUND 2u
#define REPORTED_SLOTS 64u
#define GOES_ON 4096u /* strcat looks for an end that is not there, and then writes behind it */

struct shadow_last shadow_last;
void (*shadow_death_callback)(void);
bool (*shadow_null_hook)(void);

/* The first report.  Atomic: 0 before it; TELLER(pid, tid) while that thread makes it; FIRST_TOLD.  The low half is a
 * futex word. */
static uint64_t first_report;
#define TELLER(pid, tid) ((uint64_t)(uint32_t)(pid) << 32 | (uint32_t)(tid))
#define FIRST_TOLD ((uint64_t)UINT32_MAX)

/* Slots that a reported write went to; the oldest is replaced first.  Atomic words, read without memory order. */
static uintptr_t reported_slots[REPORTED_SLOTS];
static uint32_t reported_next;
/* The bytes of reported writes, for damage in memory that had no object.  The words of an entry may be of two writes
 * for a moment. */
static struct {
	uintptr_t from, to;
} reported_writes[REPORTED_SLOTS];
static uint32_t reported_writes_next;

bool shadow_was_reported(uintptr_t slot, size_t size)
{
	for (size_t i = 0; i < REPORTED_SLOTS; i++) {
		uintptr_t at = __atomic_load_n(&reported_slots[i], __ATOMIC_RELAXED);
		if (at >= slot && at - slot < size)
			return true;
	}
	return false;
}

void report_forget(uintptr_t slot, size_t size)
{
	if (likely(!__atomic_load_n(&reported_next, __ATOMIC_RELAXED)))
		return;
	for (size_t i = 0; i < REPORTED_SLOTS; i++)
		if (__atomic_load_n(&reported_slots[i], __ATOMIC_RELAXED) - slot < size)
			__atomic_store_n(&reported_slots[i], 0, __ATOMIC_RELAXED);
}

static void remember_slot(uintptr_t slot, size_t size)
{
	uint32_t i;

	if (shadow_was_reported(slot, size))
		return;
	i = __atomic_fetch_add(&reported_next, 1, __ATOMIC_RELAXED) % REPORTED_SLOTS;
	__atomic_store_n(&reported_slots[i], slot, __ATOMIC_RELAXED);
}

/* Damage in an object's red zones is found as that object's. */
static void remember_byte(uintptr_t at)
{
	struct slab_object o;

	if (slab_find_object(at, &o) && at - o.slot < o.slot_size + (o.addr - o.slot))
		remember_slot(o.slot, o.slot_size);
}

static void remember_write(const struct shadow_access *a, const struct shadow_facts *f)
{
	uint32_t i;

	if (!f->in_heap || (a->access != ACCESS_WRITE && !a->entry))
		return;
	i = __atomic_fetch_add(&reported_writes_next, 1, __ATOMIC_RELAXED) % REPORTED_SLOTS;
	__atomic_store_n(&reported_writes[i].from, a->bad, __ATOMIC_RELAXED);
	__atomic_store_n(&reported_writes[i].to, a->addr + a->size + (a->entry ? GOES_ON : 0), __ATOMIC_RELAXED);
	if (a->access != ACCESS_WRITE)
		return;
	/* A long write may run through several slots.  The slots of its bad byte and of its last byte are
	 * remembered. */
	remember_byte(a->bad);
	remember_byte(a->addr + a->size - 1);
}

bool shadow_write_was_reported(uintptr_t addr, size_t size)
{
	for (size_t i = 0; i < REPORTED_SLOTS; i++)
		if (__atomic_load_n(&reported_writes[i].from, __ATOMIC_RELAXED) < addr + size &&
		    addr < __atomic_load_n(&reported_writes[i].to, __ATOMIC_RELAXED))
			return true;
	return false;
}

static void gather_facts(struct shadow_facts *f, uintptr_t bad, struct slab_object *o)
{
	mem_set(f, 0, sizeof(*f));
	f->bad = bad;
	f->has_shadow = map_has_shadow(bad);
	f->value = shadow_byte(bad);
	f->next = shadow_byte(bad + SHADOW_GRANULE);
	f->have_object = slab_find_object(bad, o);
	/* Pool objects and fenced objects have the heap's shadow values, wherever they lie. */
	f->in_heap = f->have_object || arena_contains((void *)bad);
	/* In pages that nobody owns any more, a neighbor says nothing of what was freed there. */
	if (f->have_object && f->value == SHADOW_PAGE_FREE && bad - o->slot >= o->slot_size)
		f->have_object = false;
	if (!f->have_object)
		return;
	f->state = o->state;
	f->large = o->large;
	f->obj_addr = o->addr;
	f->obj_size = o->size;
}

/* Whole rows of shadow around the bad byte.  A shadow byte stands for eight bytes of memory. */
static void fill_shadow_rows(struct report_record *r, uintptr_t bad)
{
	uintptr_t row_span = ROW_BYTES << SHADOW_SCALE, row = ALIGN_DOWN(bad, row_span);
	uintptr_t first = row > ROWS_AROUND * row_span ? row - ROWS_AROUND * row_span : 0;
	r->memory_scale = SHADOW_GRANULE;
	r->memory_addr = first;
	r->memory_mark = bad;
	r->memory_len = (2 * ROWS_AROUND + 1) * ROW_BYTES;
	for (uint32_t i = 0; i < r->memory_len; i++) {
		uintptr_t at = first + ((uintptr_t)i << SHADOW_SCALE);
		if (!map_has_shadow(at))
			continue;
		r->memory[i] = *shadow_of(at);
		r->memory_valid[i / 8] |= (uint8_t)(1u << (i % 8));
	}
}

/* What a value says of its eight bytes; fc and f8 mean one thing in the heap and another elsewhere. NULL: it says
 * nothing. */
static const char *value_meaning(uint8_t value, bool heap)
{
	switch (value) {
	case 0:
		return "accessible";
	case SHADOW_SLAB_FREED:
		return "freed";
	case SHADOW_VMALLOC_INVALID: /* SHADOW_AFTER_SCOPE */
		return heap ? "behind a large allocation" : "variable whose block has ended";
	case SHADOW_SLAB_REDZONE: /* SHADOW_CONTAINER */
		return heap ? "red zone" : "behind the end of a container";
	case SHADOW_PAGE_FREE:
		return "freed pages";
	case SHADOW_PAGE_UNUSED:
		return "pages that nobody has owned yet";
	case SHADOW_GLOBAL_REDZONE:
		return "red zone of a global";
	case SHADOW_STACK_LEFT:
		return "before the first variable of a frame";
	case SHADOW_STACK_MID:
		return "between variables of a frame";
	case SHADOW_STACK_RIGHT:
		return "behind the last variable of a frame";
	case SHADOW_STACK_PARTIAL:
		return "behind a variable of a frame";
	case SHADOW_AFTER_RETURN:
		return "frame of a function that has returned";
	case SHADOW_INIT_ORDER:
		return "global that is not constructed yet";
	case SHADOW_USER:
		return "poisoned by the program";
	case SHADOW_INTRA_OBJECT:
		return "padding inside an object";
	case SHADOW_ARRAY_COOKIE:
		return "length of an array";
	case SHADOW_ALLOCA_LEFT:
		return "before an alloca";
	case SHADOW_ALLOCA_RIGHT:
		return "behind an alloca";
	case SHADOW_NULL_PAGE:
		return "the first pages";
	default:
		return NULL;
	}
}

/* Names the values that the rows hold. */
static void fill_legend(struct report_record *r, bool heap)
{
	bool seen[256] = { false }, partial = false;
	const char *meaning;
	char text[600];
	struct fmt_buf b;

	for (uint32_t i = 0; i < r->memory_len; i++)
		seen[r->memory[i]] |= r->memory_valid[i / 8] >> (i % 8) & 1;
	for (unsigned i = 1; i < SHADOW_GRANULE; i++)
		partial |= seen[i];
	fmt_init(&b, text, sizeof(text));
	for (unsigned i = 0; i < 256; i++) {
		if (i == 1 && partial)
			fmt_printf(&b, "%s01 to 07 so many bytes accessible", b.len ? "; " : "");
		meaning = i == 0 || i >= SHADOW_GRANULE ? value_meaning((uint8_t)i, heap) : NULL;
		if (seen[i] && meaning)
			fmt_printf(&b, "%s%02x %s", b.len ? "; " : "", i, meaning);
	}
	r->legend = report_string(r, text);
}

static bool kind_is_stack(enum report_kind kind)
{
	return kind == REPORT_STACK_OUT_OF_BOUNDS || kind == REPORT_USE_AFTER_SCOPE || kind == REPORT_USE_AFTER_RETURN;
}

static void remember_last(const struct shadow_access *a, enum report_kind kind)
{
	shadow_last.pc = a->regs->pc;
	shadow_last.bp = a->regs->fp;
	shadow_last.sp = a->regs->sp;
	shadow_last.addr = a->addr;
	shadow_last.size = a->size;
	shadow_last.access = a->access;
	shadow_last.kind = kind;
	__atomic_add_fetch(&shadow_last.made, 1, __ATOMIC_RELEASE);
}

/* An access and the facts about its first bad byte. */
struct bad_access {
	const struct shadow_access *access;
	const struct shadow_facts *facts;
};

/* Variables, globals and shadow rows.  remember_last is here because with fault=panic report_finding does not
 * return. */
static void fill(struct report_record *r, const struct finding *f)
{
	const struct bad_access *b = f->ctx;

	if (kind_is_stack(f->kind))
		describe_stack(r, f->bad);
	else if (f->kind == REPORT_GLOBAL_OUT_OF_BOUNDS || f->kind == REPORT_INIT_ORDER)
		describe_global(r, f->bad);
	if (b->facts->has_shadow) {
		fill_shadow_rows(r, f->bad);
		fill_legend(r, b->facts->in_heap && f->kind != REPORT_CONTAINER_OUT_OF_BOUNDS);
	}
	if (b->access->machine)
		r->fault = *b->access->machine;
	remember_last(b->access, f->kind);
}

/* The access goes on after its report.  Guard pages in the rest of its range are opened, because a fault there would
 * report the same access again. */
static void open_guards(const struct shadow_access *a)
{
	uintptr_t end = a->addr + a->size - 1, page = ALIGN_DOWN(a->bad, PAGE_SIZE);

	if (end < a->addr)
		return;
	for (; page <= end && slab_guard_open(page); page += PAGE_SIZE)
		;
}

static _Noreturn void die(void)
{
	if (shadow_death_callback)
		shadow_death_callback();
	if (options.exitcode)
		os_exit_group((int)options.exitcode);
	os_abort();
}

static uint64_t this_teller(void)
{
	return TELLER(os_getpid(), os_gettid());
}

static bool may_report(void)
{
	uint64_t none = 0;

	return options.multi_shot || (!__atomic_load_n(&first_report, __ATOMIC_RELAXED) &&
	                              __atomic_compare_exchange_n(&first_report, &none, this_teller(), false,
	                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

bool shadow_tells(void)
{
	return options.multi_shot || __atomic_load_n(&first_report, __ATOMIC_RELAXED) != FIRST_TOLD;
}

static uint32_t first_waiters; /* without one, no system call is made: a filter may kill for it */

static uint32_t *first_word(void)
{
	return (uint32_t *)&first_report; /* little-endian */
}

/* A report that a rule suppresses was none: the next bad access may be the first. */
static void first_is_over(bool suppressed)
{
	__atomic_store_n(&first_report, suppressed ? 0 : FIRST_TOLD, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&first_waiters, __ATOMIC_SEQ_CST))
		arch_syscall6(SYS_futex, (long)first_word(), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, 0, 0, 0);
}

/* This thread is about to end the process.  Another one may still be making the first report.  True: a rule suppressed
 * that report, so this thread's may be the first. */
static bool first_wait(void)
{
	uint64_t teller;

	__atomic_add_fetch(&first_waiters, 1, __ATOMIC_SEQ_CST);
	teller = __atomic_load_n(&first_report, __ATOMIC_SEQ_CST);
	/* A teller in another process: this one was forked meanwhile. */
	while (teller && teller != FIRST_TOLD && teller >> 32 == (uint32_t)os_getpid() && teller != this_teller()) {
		arch_syscall6(SYS_futex, (long)first_word(), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, (long)(uint32_t)teller, 0,
		              0, 0);
		teller = __atomic_load_n(&first_report, __ATOMIC_ACQUIRE);
	}
	__atomic_sub_fetch(&first_waiters, 1, __ATOMIC_RELAXED);
	return !teller && !slab_is_inside();
}

static enum report_outcome tell(const struct shadow_access *a)
{
	struct shadow_facts facts;
	struct slab_object object;
	enum report_outcome outcome;
	const struct bad_access ctx = { .access = a, .facts = &facts };
	struct finding f = {
		.component = "shadow",
		.addr = a->addr,
		.size = a->size,
		.access = a->access,
		.bad = a->bad,
		.entry = a->entry,
		.regs = a->regs,
		.fill = fill,
		.ctx = &ctx,
	};

	gather_facts(&facts, a->bad, &object);
	f.kind = shadow_classify(&facts);
	f.object = facts.have_object ? &object : NULL;
	outcome = report_finding(&f);
	if (outcome != REPORT_NONE)
		remember_write(a, &facts);
	return outcome;
}

static uintptr_t find_next_bad(const struct shadow_access *a)
{
	uintptr_t done = a->bad - a->addr;

	return done < a->size ? shadow_find_bad((void *)a->bad, a->size - done) : 0;
}

/* The program has a handler for the fault of this access, but the code of its check cannot go on to the access. */
static void access_now(const struct shadow_access *a)
{
	volatile uint8_t *p = (volatile uint8_t *)a->bad;

	if (a->access == ACCESS_WRITE)
		*p = 0;
	else
		(void)*p;
}

void shadow_report(const struct shadow_access *a)
{
	struct shadow_access access = *a;
	enum report_outcome outcome = REPORT_NONE;
	bool told, panics = a->fatal || options.shadow_fault == FAULT_PANIC;

	if (!access.bad)
		access.bad = shadow_find_bad((void *)access.addr, access.size);
	while (access.bad && !access.noreturn && stale_removed(access.bad, access.regs))
		access.bad = find_next_bad(&access);
	/* There is no bad byte to show: another thread has made the memory good since the check, or a race misled an
	 * inline check.  Or the address is 0: the access faults. */
	if (!access.bad && !access.noreturn)
		return;
	access.bad = access.bad ? access.bad : access.addr;
	/* The fault handler knows what to do when the program dies in its own handler. */
	if (shadow_byte(access.bad) == SHADOW_NULL_PAGE && shadow_null_hook && shadow_null_hook()) {
		if (!access.noreturn)
			return;
		access_now(&access);
	}
	/* In a signal handler that interrupted the runtime, a report would wait for locks of the interrupted code. */
	while (!(told = !slab_is_inside() && may_report()) && panics && first_wait())
		;
	if (told) {
		outcome = tell(&access);
		first_is_over(outcome == REPORT_SUPPRESSED);
	}
	if (access.noreturn && outcome == REPORT_SUPPRESSED)
		report_line("the code of a suppressed report cannot go on: it was compiled without "
		            "-fsanitize-recover=address");
	if (access.noreturn || (panics && outcome != REPORT_SUPPRESSED))
		die();
	if (told)
		open_guards(&access);
}

void shadow_report_range(const void *p, size_t n, uintptr_t bad, enum report_access access, const char *entry,
                         const struct unwind_regs *regs)
{
	struct shadow_access a = {
		.addr = (uintptr_t)p,
		.size = n,
		.access = access,
		.bad = bad,
		.entry = entry,
		.regs = regs,
	};
	shadow_report(&a);
}

void shadow_report_insn(const void *p, size_t n, uintptr_t bad, enum report_access access,
                        const struct unwind_regs *regs, const struct report_fault *machine)
{
	struct shadow_access a = {
		.addr = (uintptr_t)p,
		.size = n,
		.access = access,
		.bad = bad,
		.regs = regs,
		.machine = machine,
	};
	shadow_report(&a);
}
