/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/clock.c - jiffies: a clock cheap enough to stamp every allocation.
 *
 * The kernel offers CLOCK_MONOTONIC_COARSE through the vDSO in about 5 ns, against 60 and more for the system call.
 * libc uses the vDSO too, but cannot be called at the first malloc of a process: our PLT is not relocated yet. So
 * memsan finds the vDSO itself, once:
 *
 *    auxiliary vector (from the constructor if it comes first, since os_auxiliary opens a file)
 *      AT_SYSINFO_EHDR --> ELF header --> PT_DYNAMIC --> symbol table, strings, hash --> clock_gettime
 *
 * If any step fails (no vDSO, no descriptor left on an old kernel, an emulator), the system call is used.
 */
#include <elf.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

struct kernel_timespec {
	int64_t sec, nsec;
};
typedef int (*vdso_clock_fn)(long clock, struct kernel_timespec *ts);

/* NULL: not searched for yet; clock_by_syscall: there is none. Atomic; racing threads store the same value. */
static vdso_clock_fn clock_fn;
/* Milliseconds on the clock when jiffies began, plus one; 0 before. Atomic, set once, inherited by children. */
static uint64_t clock_epoch;

static int clock_by_syscall(long clock, struct kernel_timespec *ts)
{
	return (int)os_syscall4(SYS_clock_gettime, clock, (long)ts, 0, 0);
}

/* ---- finding the vDSO ------------------------------------------------------------------------ */

struct vdso_tables {
	uintptr_t bias;
	const Elf64_Sym *symbols;
	const char *strings;
	size_t nr_symbols;
};

/* A GNU hash table does not store the number of symbols. The last symbol is the one with the end bit in the chain of
 * the highest bucket. */
static size_t vdso_count_gnu(const uint32_t *hash)
{
	uint32_t nr_buckets = hash[0], first = hash[1], bloom_words = hash[2], last = 0;
	const uint32_t *buckets = hash + 4 + 2 * bloom_words, *chains = buckets + nr_buckets;

	for (uint32_t i = 0; i < nr_buckets; i++)
		last = MAX(last, buckets[i]);
	if (last < first)
		return first;
	while (!(chains[last - first] & 1))
		last++;
	return last + 1;
}

static void vdso_read_dynamic(const Elf64_Dyn *dyn, struct vdso_tables *t)
{
	for (; dyn->d_tag != DT_NULL; dyn++) {
		uintptr_t at = t->bias + dyn->d_un.d_ptr;
		if (dyn->d_tag == DT_SYMTAB)
			t->symbols = (const Elf64_Sym *)at;
		else if (dyn->d_tag == DT_STRTAB)
			t->strings = (const char *)at;
		else if (dyn->d_tag == DT_HASH)
			t->nr_symbols = ((const uint32_t *)at)[1];
		else if (dyn->d_tag == DT_GNU_HASH && !t->nr_symbols)
			t->nr_symbols = vdso_count_gnu((const uint32_t *)at);
	}
}

static bool vdso_open(uintptr_t image, struct vdso_tables *t)
{
	const Elf64_Phdr *ph;
	const Elf64_Dyn *dyn = NULL;
	Elf64_Ehdr eh;

	/* An emulator may give an address where nothing is mapped. */
	if (os_safe_read(&eh, (const void *)image, sizeof(eh)) != sizeof(eh) ||
	    mem_compare(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	ph = (const Elf64_Phdr *)(image + eh.e_phoff);
	for (int i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD && !t->bias)
			t->bias = image + ph[i].p_offset - ph[i].p_vaddr;
		else if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const Elf64_Dyn *)(image + ph[i].p_offset);
	}
	if (!t->bias || !dyn)
		return false;
	vdso_read_dynamic(dyn, t);
	return t->symbols && t->strings;
}

static uintptr_t noted_image;

void clock_note_image(uintptr_t image)
{
	noted_image = image;
}

static uintptr_t vdso_find_symbol(const char *name)
{
	struct vdso_tables t = { .bias = 0 };
	uintptr_t image = noted_image ? noted_image : os_auxiliary(AT_SYSINFO_EHDR);

	if (!image || !vdso_open(image, &t))
		return 0;
	for (size_t i = 1; i < t.nr_symbols; i++)
		if (t.symbols[i].st_shndx != SHN_UNDEF && str_equal(t.strings + t.symbols[i].st_name, name))
			return t.bias + t.symbols[i].st_value;
	return 0;
}

static __cold_path vdso_clock_fn clock_find(void)
{
	vdso_clock_fn fn = (vdso_clock_fn)vdso_find_symbol("__vdso_clock_gettime");
	struct kernel_timespec ts;

	if (!fn || fn(CLOCK_MONOTONIC_COARSE, &ts) != 0)
		fn = clock_by_syscall;
	__atomic_store_n(&clock_fn, fn, __ATOMIC_RELAXED);
	return fn;
}

/* ---- reading it ------------------------------------------------------------------------------ */

__inline_hot void clock_read(struct kernel_timespec *ts)
{
	vdso_clock_fn fn = __atomic_load_n(&clock_fn, __ATOMIC_RELAXED);

	if (unlikely(!fn))
		fn = clock_find();
	ts->sec = ts->nsec = 0;
	fn(CLOCK_MONOTONIC_COARSE, ts);
}

static uint64_t timespec_ms(const struct kernel_timespec *ts)
{
	return (uint64_t)ts->sec * 1000 + (uint64_t)ts->nsec / 1000000;
}

uint64_t clock_coarse_ms(void)
{
	struct kernel_timespec ts;

	clock_read(&ts);
	return timespec_ms(&ts);
}

static __cold_path uint64_t clock_start(uint64_t now)
{
	uint64_t expected = 0;

	return __atomic_compare_exchange_n(&clock_epoch, &expected, now + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
	               ? now + 1
	               : expected;
}

/* The last reading and its jiffies. The coarse clock stands still for some milliseconds, and thousands of objects are
 * stamped meanwhile. A signal handler may store its own reading in between; that one is newer by one tick of the clock
 * at most. */
static TLS_IE struct {
	int64_t sec, nsec;
	uint32_t jiffies;
} clock_last;

static __cold_path uint32_t jiffies_compute(const struct kernel_timespec *ts)
{
	uint64_t now = timespec_ms(ts), epoch = __atomic_load_n(&clock_epoch, __ATOMIC_RELAXED), ticks;

	if (!epoch)
		epoch = clock_start(now);
	/* Another thread's epoch may be a tick newer than this reading. */
	ticks = now + 1 > epoch ? (now + 1 - epoch) / (1000 / JIFFIES_HZ) : 0;
	clock_last.jiffies = (uint32_t)ticks + 1;
	clock_last.sec = ts->sec;
	clock_last.nsec = ts->nsec;
	return (uint32_t)ticks + 1;
}

uint32_t jiffies_now(void)
{
	struct kernel_timespec ts;

	clock_read(&ts);
	if (likely(ts.nsec == clock_last.nsec && ts.sec == clock_last.sec && clock_last.jiffies))
		return clock_last.jiffies;
	return jiffies_compute(&ts);
}

void clock_directory_fill(struct lib_directory *r)
{
	r->jiffies_start = (uint64_t)(uintptr_t)&clock_epoch;
}
