/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/at_exit.c - the scan at the end of the program, and advice where nobody asked for one.
 *
 * A program that ends with much lost memory is told, in one line, that memsan can show where it was allocated. What
 * was lost is counted by a scan as with leak=on, so the line is true; it is no report, and changes nothing else.
 * docs/decisions/0054 says when there is such a line. */
#include "leak/leak_internal.h"

#include "reports/reports.h"

#define LOST_MIN ((uint64_t)256 << 10) /* bytes; what programs of the system lose is less */
#define HEAP_MAX ((uint64_t)2 << 30)   /* a scan that nobody asked for shall not take seconds */

static void put_size(struct fmt_buf *b, uint64_t bytes)
{
	uint64_t tenths = bytes * 10 >> 20;

	if (bytes < (uint64_t)10 << 20)
		fmt_printf(b, "%llu KiB", (unsigned long long)bytes >> 10);
	else
		fmt_printf(b, "%llu.%llu MiB", (unsigned long long)tenths / 10, (unsigned long long)tenths % 10);
}

static void advise(const struct leak_groups *g)
{
	uint64_t bytes = g->bytes[LEAK_DIRECT] + g->bytes[LEAK_INDIRECT];
	char name[16] = "", text[32];
	struct fmt_buf b;

	if (bytes < LOST_MIN || !report_advice_claim())
		return;
	os_thread_name(name, sizeof(name));
	fmt_init(&b, text, sizeof(text));
	put_size(&b, bytes);
	report_line("%s ends with %s lost in %llu objects; memsan run -o leak=on shows where they were allocated", name,
	            text, (unsigned long long)(g->counts[LEAK_DIRECT] + g->counts[LEAK_INDIRECT]));
}

static void scan_stored(void *unused, uintptr_t sp)
{
	struct leak_groups *groups;
	struct scan_answer answer;

	(void)unused;
	if (scan_run((struct snapshot_how){ .mode = SNAPSHOT_IN_PLACE, .sp = sp }, SUSPECTS_ALL, 1u << LEAK_DIRECT,
	             &groups, &answer))
		advise(groups);
}

static void advise_on_leaks(void)
{
	struct slab_stats heap;

	if (options.mode != MODE_CHECK || !report_advice_wanted())
		return;
	slab_get_stats(&heap);
	if (heap.live_bytes >= LOST_MIN && heap.live_bytes <= HEAP_MAX)
		arch_call_stored(scan_stored, NULL);
}

static bool check_done; /* atomic */

void leak_check_done(void)
{
	__atomic_store_n(&check_done, true, __ATOMIC_RELAXED);
}

void leak_check_at_exit(void)
{
	if (__atomic_exchange_n(&check_done, true, __ATOMIC_RELAXED) || (leak_turned_off && leak_turned_off()))
		return;
	if (options.leak)
		leak_check(true);
	else
		advise_on_leaks();
}
