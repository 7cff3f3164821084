/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/views.c - the program's own heap as text, written to a descriptor: memsan_slabinfo and the other views. */
#include "preload/preload.h"

#include "preload/memsan.h"

#include <errno.h>

#define TRACES_MAX 4096u

/* Guards the view and the text: one view at a time. */
static struct ranked_lock views_lock = RANKED_LOCK_INIT(LOCK_RANK_INIT);
static __large_bss struct slab_view view;
static struct module_info info;
static __large_bss struct slab_show_cache counts[SLAB_VIEW_CACHES];

/* Text is written in pieces of this size. */
struct output {
	int fd;
	int error;
	size_t len;
	char text[8192];
};
static __large_bss struct output out;

/* memsan's own memory is never unmapped, so all of it may be read while other threads run. */
static size_t self_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	(void)v;
	mem_copy(dst, (const void *)addr, n);
	return n;
}

static const void *self_at(const struct mem_view *v, uint64_t addr, size_t n)
{
	(void)v, (void)n;
	return (const void *)addr;
}

static const struct mem_view self_view = {
	.read = self_read, .at = self_at, .ctx = NULL, .faults = false, .here = true
};

static void flush(void)
{
	ssize_t n = out.len && !out.error ? os_write_all(out.fd, out.text, out.len) : 0;
	if (n < 0)
		out.error = (int)-n;
	out.len = 0;
}

static void put_line(void *ctx, const char *text)
{
	size_t len;

	(void)ctx;
	len = MIN(str_length(text), sizeof(out.text) - 1);
	if (out.len + len + 1 > sizeof(out.text))
		flush();
	mem_copy(out.text + out.len, text, len);
	out.text[out.len + len] = '\n';
	out.len += len + 1;
}

static size_t get_stack(void *ctx, uint32_t handle, uint64_t *pcs, size_t max)
{
	(void)ctx;
	return handle ? MIN(depot_fetch(handle, (uintptr_t *)pcs, max), max) : 0;
}

static void put_place(void *ctx, uint64_t pc, struct fmt_buf *b)
{
	const char *slash;

	(void)ctx;
	if (!module_find(pc - 1, 0, &info)) {
		fmt_printf(b, "0x%llx", (unsigned long long)pc);
		return;
	}
	slash = str_last(info.path, '/');
	fmt_printf(b, "%.200s+0x%llx", slash && slash[1] ? slash + 1 : info.path, (unsigned long long)(pc - info.bias));
}

static uint32_t get_tid(void *ctx, uint32_t thread)
{
	struct thread_info t;
	(void)ctx;
	return thread_lookup(thread, &t) ? (uint32_t)t.tid : 0;
}

static const struct slab_show show = {
	.view = &view,
	.line = put_line,
	.stack = get_stack,
	.place = put_place,
	.tid = get_tid,
	.ctx = NULL,
	.now = 0,
};

static bool begin(int fd)
{
	runtime_ensure();
	if (runtime_state_now != RUNTIME_READY) {
		errno = ENOMEM;
		return false;
	}
	lock_register_for_fork(&views_lock);
	lock_acquire(&views_lock);
	out.fd = fd;
	out.error = 0;
	out.len = 0;
	slab_view_open(&view, &self_view, (uintptr_t)&slab_directory);
	return true;
}

static int end(void)
{
	int error;

	flush();
	error = out.error;
	lock_release(&views_lock);
	if (!error)
		return 0;
	errno = error;
	return -1;
}

MEMSAN_EXPORT int memsan_slabinfo(int fd)
{
	if (!begin(fd))
		return -1;
	slab_show_count(&show, counts);
	slab_show_slabinfo_head(&show);
	for (uint32_t i = 1; i < view.nr_caches; i++)
		if (view.caches[i].used)
			slab_show_slabinfo_line(&show, &view.caches[i], &counts[i]);
	slab_show_slabinfo_areas(&show, &counts[0]);
	return end();
}

MEMSAN_EXPORT int memsan_buddyinfo(int fd)
{
	if (!begin(fd))
		return -1;
	slab_show_buddyinfo(&show);
	return end();
}

MEMSAN_EXPORT int memsan_vmallocinfo(int fd)
{
	if (!begin(fd))
		return -1;
	slab_show_vmallocinfo(&show);
	return end();
}

static int traces(int fd, const char *cache, bool freed)
{
	struct slab_show at_now;
	size_t size;
	void *table;

	if (!begin(fd))
		return -1;
	at_now = show;
	size = ALIGN_UP(TRACES_MAX * sizeof(struct slab_show_trace), PAGE_SIZE);
	table = os_reserve(size, PAGE_SIZE);
	at_now.now = jiffies_now();
	if (table && os_commit(table, size, false))
		slab_show_traces(&at_now, cache, freed, table, TRACES_MAX);
	else
		out.error = ENOMEM;
	if (table)
		os_release(table, size);
	return end();
}

MEMSAN_EXPORT int memsan_alloc_traces(int fd, const char *cache)
{
	return traces(fd, cache, false);
}

MEMSAN_EXPORT int memsan_free_traces(int fd, const char *cache)
{
	return traces(fd, cache, true);
}
