/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_kernel.c - buffers of system calls that contain guard pages. Without help the kernel would
 * only answer EFAULT.
 *
 * How much the kernel reads is known before the call. The buffer is checked and reported, and its guards are opened, so
 * the call goes on as an access by the program would.
 *
 * How much the kernel fills is known only after the call: a program may pass a size that its data never reaches. A
 * guard in the buffer would cut the call short (a stream, a file), or lose the data (a datagram), or hide the bug. So a
 * buffer with a guard in it is replaced:
 *
 *      dst  ........│ guard            asked for
 *      lent ....................       filled by the kernel; begins with dst's contents
 *           └─ came ─┘                 checked as an access to dst, reported, opened, copied to dst
 *
 * That costs some microseconds, and only for calls whose size reaches into a guard, which is nearly always a bug.
 * Weakness accepted: the lent memory is lost when the thread is cancelled inside such a call.
 */
#include "preload/intercept/intercept.h"

#include <sys/mman.h>
#include <sys/syscall.h>

void *kernel_lend(size_t size)
{
	long p = arch_syscall6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
	                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

void kernel_take_back(void *map, size_t size)
{
	if (map)
		arch_syscall6(SYS_munmap, (long)map, (long)size, 0, 0, 0, 0);
}

/* ---- guards ---------------------------------------------------------------------------------- */

/* The shadow marks only the beginning of a freed area. */
static bool area_guard(const void *p)
{
	struct slab_object object;

	return shadow_covers(p) && arena_contains(p) && slab_is_guard((uintptr_t)p, &object);
}

static bool check_guarded(const void *p, size_t n, enum report_access access, const char *entry)
{
	if (likely(n == 0 || !area_guard(p)))
		return true;
	libc_report_range(p, n, (uintptr_t)p, access, entry);
	return false;
}

static void open_guards(const void *p, size_t n)
{
	uintptr_t page = ALIGN_DOWN((uintptr_t)p, PAGE_SIZE), end = (uintptr_t)p + n;

	if (fence_contains(p))
		fence_open_range((uintptr_t)p, n);
	else
		for (; page < end && area_guard((void *)page) && slab_guard_open(page); page += PAGE_SIZE)
			;
}

/* How much of [p, p+n) is good before the first guard; n: there is no guard. */
static size_t before_guard(const void *p, size_t n)
{
	const char *end = (const char *)p + n;
	uintptr_t bad;

	if (n == 0 || end < (const char *)p)
		return n;
	if (fence_contains(p)) {
		bad = fence_find_bad(p, n);
		return bad ? bad - (uintptr_t)p : n;
	}
	if (area_guard(p))
		return 0;
	/* The last page that is reached may be the guard behind an area. */
	if (!area_guard(end - 1))
		return n;
	bad = libc_find_bad(p, n);
	return bad ? bad - (uintptr_t)p : n;
}

static bool kernel_uses(const void *p, size_t n, enum report_access access, const char *entry)
{
	if (check_guarded(p, n, access, entry) && check_range(p, n, access, entry))
		return true;
	open_guards(p, n);
	return false;
}

bool kernel_reads(const void *src, size_t n, const char *entry)
{
	return kernel_uses(src, n, ACCESS_READ, entry);
}

bool kernel_changes(void *p, size_t n, const char *entry)
{
	return kernel_uses(p, n, ACCESS_WRITE, entry);
}

/* Memory of the heap can be read up to a bad byte. Elsewhere pages may be missing that the shadow knows nothing of, so
 * nothing is read there unless a bad byte follows, which is in a frame or among globals. */
bool kernel_reads_path(const char *path, const char *entry)
{
	struct libc_scan scan;

	if (likely(!libc_covers(path)))
		return true;
	if (!kernel_reads(path, 1, entry))
		return false;
	if (arena_contains(path) || fence_contains(path)) {
		scan = libc_scan_byte(path, 0, PATH_MAX);
	} else {
		scan.bad = libc_find_bad(path, PATH_MAX);
		scan.len = scan.bad ? scan.bad - (uintptr_t)path : 0;
		if (REAL(memchr)(path, 0, scan.len))
			return true;
	}
	if (likely(!scan.bad))
		return true;
	libc_report_range(path, scan.len + 1, scan.bad, ACCESS_READ, entry);
	open_guards(path, scan.len + 1);
	return false;
}

bool kernel_refused(const void *dst, size_t n)
{
	if (errno != EFAULT || before_guard(dst, n) == n)
		return false;
	open_guards(dst, n);
	return true;
}

/* ---- one buffer ------------------------------------------------------------------------------ */

static void fill_into(struct kernel_fill *fill, void *map, size_t size)
{
	/* Aligned as the program's buffer, since direct I/O needs alignment. */
	fill->map = map;
	fill->map_size = size;
	fill->to = map ? (char *)map + ((uintptr_t)fill->dst & (PAGE_SIZE - 1)) : fill->dst;
	if (map)
		mem_copy(fill->to, fill->dst, fill->good);
}

static size_t fill_room(const struct kernel_fill *fill)
{
	return ALIGN_UP(fill->n + ((uintptr_t)fill->dst & (PAGE_SIZE - 1)), PAGE_SIZE);
}

void *kernel_fill_begin(struct kernel_fill *fill, void *dst, size_t n)
{
	*fill = (struct kernel_fill){ .dst = dst, .to = dst, .n = n, .good = n };
	if (likely(!dst || !libc_covers(dst) || (ptrdiff_t)n <= 0))
		return dst;
	fill->good = before_guard(dst, n);
	if (unlikely(fill->good < n))
		fill_into(fill, kernel_lend(fill_room(fill)), fill_room(fill));
	return fill->to;
}

bool kernel_fill_end(struct kernel_fill *fill, ssize_t came, const char *entry)
{
	size_t n = came > 0 ? MIN((size_t)came, fill->n) : 0;
	bool ok;

	/* There was no memory to lend, so the kernel met the guard. */
	if (came < 0 && errno == EFAULT && fill->good < fill->n && fill->to == fill->dst)
		n = fill->n;
	ok = check_guarded(fill->dst, n, ACCESS_WRITE, entry) && check_write(fill->dst, n, entry);
	if (fill->to == fill->dst)
		return ok;
	if (n > fill->good)
		open_guards((char *)fill->dst + fill->good, n - fill->good);
	/* Copies only these bytes: the rest is unchanged, or another thread wrote to it. */
	mem_copy(fill->dst, fill->to, n);
	kernel_take_back(fill->map, fill->map_size);
	fill->to = fill->dst;
	return ok;
}

/* ---- vectors --------------------------------------------------------------------------------- */

bool kernel_meets_guard(const struct iovec *v, long count)
{
	for (long i = 0; i < count; i++)
		if (v[i].iov_base && libc_covers(v[i].iov_base) && (ptrdiff_t)v[i].iov_len > 0 &&
		    before_guard(v[i].iov_base, v[i].iov_len) < v[i].iov_len)
			return true;
	return false;
}

/* The kernel copies the vector before it fills the buffers, but the checks read it afterwards too. */
static bool overlaps_itself(const struct iovec *v, long count)
{
	for (long i = 0; i < count; i++)
		if ((uintptr_t)v - (uintptr_t)v[i].iov_base < v[i].iov_len ||
		    (uintptr_t)v[i].iov_base - (uintptr_t)v < (size_t)count * sizeof(*v))
			return true;
	return false;
}

const struct iovec *kernel_scatter_begin(struct kernel_scatter *scatter, const struct iovec *v, long count)
{
	*scatter = (struct kernel_scatter){ .asked = v, .count = count };
	if (likely(!kernel_meets_guard(v, count) && !overlaps_itself(v, count)))
		return v;
	scatter->map_size = (size_t)count * (sizeof(*scatter->fills) + sizeof(*v));
	scatter->fills = kernel_lend(scatter->map_size);
	if (!scatter->fills)
		return v;
	scatter->to = (struct iovec *)(scatter->fills + count);
	for (long i = 0; i < count; i++)
		scatter->to[i] = (struct iovec){ kernel_fill_begin(&scatter->fills[i], v[i].iov_base, v[i].iov_len),
			                         v[i].iov_len };
	return scatter->to;
}

/* `came` bytes were stored, in order. */
void kernel_scatter_end(struct kernel_scatter *scatter, ssize_t came, const char *entry)
{
	size_t left = came > 0 ? (size_t)came : 0;
	bool ok = true;

	for (long i = 0; i < scatter->count; i++) {
		struct iovec part = scatter->fills ? (struct iovec){ scatter->fills[i].dst, scatter->fills[i].n }
		                                   : scatter->asked[i];
		size_t here = MIN(left, part.iov_len);

		left -= here;
		if (scatter->fills)
			ok &= kernel_fill_end(&scatter->fills[i], came < 0 ? came : (ssize_t)here, entry);
		else if (ok && here)
			ok = check_write(part.iov_base, here, entry);
	}
	kernel_take_back(scatter->fills, scatter->map_size);
}
