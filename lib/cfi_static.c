/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/cfi_static.c - makes the search table that a static program lacks.
 *
 * gcc asks ld for .eh_frame_hdr only in dynamic and static-PIE programs. A static program has .eh_frame, but only the
 * section headers in its file say where. So the first unwinding through such a program reads its file once, lists every
 * FDE with its address, and sorts the list, as ld would have done. Without a descriptor to read the file there are no
 * stacks, as in a program without .eh_frame.
 */
#include <elf.h>
#include <fcntl.h>

#include "lib/lib_internal.h"

struct static_row {
	uintptr_t start;
	const uint8_t *fde;
};

static struct static_row *rows;
static size_t nr_rows;
static uint32_t rows_state; /* atomic: 0 not tried, 1 being made, 2 made, perhaps empty */

/* ---- where .eh_frame is ---------------------------------------------------------------------- */

static bool find_section(int fd, uintptr_t bias, const uint8_t **start, size_t *size)
{
	Elf64_Ehdr eh;
	Elf64_Shdr names, sh;
	char name[10];

	if (os_pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || mem_compare(eh.e_ident, ELFMAG, SELFMAG) != 0 ||
	    os_pread(fd, &names, sizeof(names), eh.e_shoff + (uint64_t)eh.e_shstrndx * sizeof(sh)) != sizeof(names))
		return false;
	for (unsigned i = 0; i < eh.e_shnum; i++) {
		if (os_pread(fd, &sh, sizeof(sh), eh.e_shoff + (uint64_t)i * sizeof(sh)) != sizeof(sh))
			return false;
		if (!(sh.sh_flags & SHF_ALLOC) || os_pread(fd, name, sizeof(name), names.sh_offset + sh.sh_name) < 10)
			continue;
		if (mem_compare(name, ".eh_frame", 10) == 0) {
			*start = (const uint8_t *)(bias + sh.sh_addr);
			*size = sh.sh_size;
			return true;
		}
	}
	return false;
}

static bool locate(uintptr_t bias, const uint8_t **start, size_t *size)
{
	int fd = os_open("/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	ok = find_section(fd, bias, start, size);
	os_close(fd);
	return ok;
}

/* ---- the list -------------------------------------------------------------------------------- */

static size_t list_fdes(const uint8_t *start, size_t size, cfi_range_fn fde_range, struct static_row *into)
{
	size_t n = 0, off = 0;
	uintptr_t pc, range;

	while (off + 8 <= size) {
		uint32_t length;
		mem_copy(&length, start + off, sizeof(length));
		if (length == 0 || length > size - off - 4)
			break;
		if (fde_range(start + off, &pc, &range) && pc) { /* 0: a function that the linker dropped */
			if (into)
				into[n] = (struct static_row){ pc, start + off };
			n++;
		}
		off += 4 + length;
	}
	return n;
}

/* Heapsort (Williams, 1964): in place, no recursion, no worst case. */
static void sift_down(struct static_row *a, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		struct static_row swap;

		if (child + 1 < n && a[child].start < a[child + 1].start)
			child++;
		if (a[root].start >= a[child].start)
			return;
		swap = a[root];
		a[root] = a[child];
		a[child] = swap;
	}
}

static void sort_rows(struct static_row *a, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(a, i, n);
	while (n > 1) {
		struct static_row swap = a[0];
		a[0] = a[--n];
		a[n] = swap;
		sift_down(a, 0, n);
	}
}

static void make_rows(uintptr_t bias, cfi_range_fn fde_range)
{
	const uint8_t *start;
	size_t size, n;

	if (!locate(bias, &start, &size))
		return;
	n = list_fdes(start, size, fde_range, NULL);
	rows = n ? meta_alloc(n * sizeof(*rows), COST_UNWIND) : NULL;
	if (!rows)
		return;
	nr_rows = list_fdes(start, size, fde_range, rows);
	sort_rows(rows, nr_rows);
}

const uint8_t *cfi_static_search(uintptr_t pc, uintptr_t bias, cfi_range_fn fde_range)
{
	uint32_t state = __atomic_load_n(&rows_state, __ATOMIC_ACQUIRE);
	size_t lo, hi;

	if (state == 0 &&
	    __atomic_compare_exchange_n(&rows_state, &state, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
		make_rows(bias, fde_range);
		__atomic_store_n(&rows_state, 2, __ATOMIC_RELEASE);
	}
	/* Another thread, or the thread that this signal handler interrupted, is making the list: no row this time. */
	if (__atomic_load_n(&rows_state, __ATOMIC_ACQUIRE) != 2 || nr_rows == 0 || pc < rows[0].start)
		return NULL;
	lo = 0;
	hi = nr_rows;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (rows[mid].start <= pc)
			lo = mid;
		else
			hi = mid;
	}
	return rows[lo].fde;
}
