/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/trace.c - slab_debug=T: every allocation and free of a traced cache, as SLUB's "TRACE" lines, with its stack.
 *
 * A helper process for each event would be far too slow.  So frames are printed as path+offset (BuildId), and memsan
 * decode completes them.
 */
#include "preload/preload.h"

#define TRACE_FRAMES 16

/* One event is one write, so events of several threads do not mix. */
struct trace_text {
	char data[8192];
	struct module_info module;
	uintptr_t pcs[TRACE_FRAMES];
};

/* Guards the text buffer; a thread's own stack may be too small for the text.  Held over the write, which waits for no
 * lock. */
static struct ranked_lock trace_lock = RANKED_LOCK_INIT(LOCK_RANK_REPORT);
static __large_bss struct trace_text text;

static void put_frame(struct fmt_buf *b, uintptr_t pc)
{
	size_t start = b->len;

	if (!module_find(pc - 1, 0, &text.module)) {
		fmt_printf(b, " 0x%lx\n", pc);
		return;
	}
	fmt_printf(b, " %s+0x%lx", text.module.path, pc - text.module.bias);
	if (text.module.build_id_len) {
		fmt_printf(b, " (BuildId ");
		for (unsigned i = 0; i < text.module.build_id_len; i++)
			fmt_printf(b, "%02x", text.module.build_id[i]);
		fmt_printf(b, ")");
	}
	fmt_clean(b, start);
	fmt_printf(b, "\n");
}

void trace_event(const struct slab_trace_event *event)
{
	struct thread_info thread = { .tid = thread_tid() };
	struct fmt_buf b;
	size_t n;

	if (lock_mine(&trace_lock))
		return; /* a signal handler allocates while its thread prints */
	thread_lookup(thread_index(), &thread);
	lock_register_for_fork(&trace_lock);
	lock_acquire(&trace_lock);
	fmt_init(&b, text.data, sizeof(text.data));
	fmt_printf(&b, "memsan: TRACE %s %s 0x%lx size=%zu by thread %s/%d", event->cache,
	           event->free ? "free" : "alloc", event->addr, event->size, thread.name, (int)thread.tid);
	fmt_clean(&b, 0);
	fmt_printf(&b, "\n");
	n = MIN(depot_fetch(event->stack, text.pcs, TRACE_FRAMES), (size_t)TRACE_FRAMES);
	for (size_t i = 0; i < n; i++)
		put_frame(&b, text.pcs[i]);
	report_message(text.data, b.len);
	lock_release(&trace_lock);
}
