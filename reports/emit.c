/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/emit.c - one report at a time, from report_begin to report_end: may this thread report, is the report a
 * repetition, and what is printed.
 *
 *     report_begin ── exhausted? inside a report? ──► NULL
 *          │ signals blocked, report lock taken
 *     record filled (record.c), by the caller, with no allocator lock held
 *          │
 *     report_end ── seen before? ──► counted
 *          │ record_complete (record.c)
 *     helper_render (helper.c) ── a rule suppresses it ──► counted
 *          │              └────── no helper ──► plain_render (plain.c)
 *          │
 *     sink_write (sink.c), sink_notify
 *          │ lock released
 *     the program's hooks, memsan_breakpoint
 *          │ lock taken: fault=panic and fault=abort end here, or at the end of the batch
 *          │ lock released, signals as before: fault=stop
 *
 * Signals are blocked from before the lock is taken until after it is released.  So no handler runs on top of a report
 * and waits for it, and a SIGPIPE or SIGXFSZ of our own writing can be taken back (sink.c).
 *
 * The weakness accepted: while one thread waits for the helper (at most symbolizer.timeout), other threads that report
 * wait too.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "reports/reports_internal.h"

/* Guards everything static in this folder: the record, the buffers, the table of places, the helper's state.  A thread
 * that already holds the lock is inside a report, or in a fork, and makes no report. */
static struct ranked_lock report_lock = RANKED_LOCK_INIT(LOCK_RANK_REPORT);
static uint64_t saved_mask; /* the holder's signal mask */

static __large_bss struct report_record record;
static __large_bss char report_text[REPORT_TEXT_MAX] __attribute__((aligned(16)));

/* Atomic: report_count and report_begin read them without the lock. */
static uint32_t nr_reports, nr_repeated, nr_left_out, nr_suppressed;
static uint32_t nr_leaks_suppressed; /* of these; told with the scan */
static uint32_t nr_told;             /* --pinpoint: not new, or no write */
static uint32_t nr_printed;          /* reports of memory that can be reached too; under the report lock */
/* The access of the latest report.  Atomic words; a thread uses them only when last_tid is its own. */
static uint64_t last_addr, last_size;
static uint32_t last_tid, last_fault;

/* ---- repetitions ----------------------------------------------------------------------------- */

/* Hashes of places: open addressing, 0 is an empty slot, nothing is ever removed.  When the table is three quarters
 * full, new places are not remembered: they may be printed more than once, but none is lost. */
#define PLACES 1024u
struct places {
	uint64_t slots[PLACES];
	uint32_t nr;
};
static __large_bss struct places reported, suppressed; /* already */

#define PLACE_FRAMES 4u

static uint64_t record_hash(const struct report_record *r)
{
	uint64_t h = hash_mix(0x6d656d73616eu, r->kind);

	/* What a child that shares this memory reports goes to its own log, and is news in its parent's. */
	return process_is_this() ? h : hash_mix(h, r->pid);
}

/* Two reports are the same when they have the same kind and the same innermost frames, both of the bug and of the
 * object's allocation.  Leaks are grouped by whole stacks, so all their frames count. */
static uint64_t record_place(const struct report_record *r)
{
	uint64_t h = record_hash(r);
	bool stacks = false;

	for (uint32_t i = 0; i < r->nr_stacks; i++) {
		const struct report_stack *s = &r->stacks[i];
		if (s->role == STACK_FREE)
			continue;
		h = hash_mix(h, s->role);
		for (uint32_t j = 0; j < (r->leak_class ? s->nr_frames : MIN(s->nr_frames, PLACE_FRAMES));
		     j++, stacks = true)
			h = hash_mix(h, s->frames[j].pc);
	}
	/* Later leaks of the same stack are new, and each remaining object gets a report even when places are equal. */
	if (!stacks || r->leak_class || r->kind == REPORT_OBJECTS_REMAINING)
		h = hash_mix(h, r->addr);
	return h ? h : 1;
}

/* Of two reports that are the same as the table has it, a rule may fit one alone: it may name any frame. */
static uint64_t record_whole(const struct report_record *r)
{
	uint64_t h = hash_mix(record_hash(r), r->found_at != 0);

	for (uint32_t i = 0; i < r->nr_stacks; i++) {
		const struct report_stack *s = &r->stacks[i];
		h = hash_mix(h, s->role);
		for (uint32_t j = 0; j < s->nr_frames; j++)
			h = hash_mix(h, s->frames[j].pc);
	}
	return h ? h : 1;
}

static uint32_t place_slot(const struct places *p, uint64_t place)
{
	uint32_t i = (uint32_t)place % PLACES;

	while (p->slots[i] && p->slots[i] != place)
		i = (i + 1) % PLACES;
	return i;
}

static bool place_known(const struct places *p, uint64_t place)
{
	return p->slots[place_slot(p, place)] == place;
}

static void place_add(struct places *p, uint64_t place)
{
	uint32_t i = place_slot(p, place);

	if (p->slots[i] || p->nr >= PLACES / 4 * 3)
		return;
	p->slots[i] = place;
	p->nr++;
}

/* Damage that a fork's child inherits is found by parent and child when they end. The first to end prints it; the
 * others count it, so their exit status tells of it too. The table is made by the first fork. */
#define FAMILY_WORDS 512u
#define FAMILY_TRIES 16u
static uint64_t *family; /* shared with children; atomic hashes, 0 is an empty slot */

void reports_fork_prepare(void)
{
	if (!family && options.check_at_exit && !os_filter_set())
		family = os_reserve_shared(FAMILY_WORDS * sizeof(*family));
}

/* True: another process of the family has told it. */
static bool family_told(const struct report_record *r)
{
	uint64_t h = hash_mix(record_place(r), r->addr), none;

	if (!family || !r->found_at || !str_equal(report_str(r, r->found_at), "at exit"))
		return false;
	for (uint32_t i = 0; h && i < FAMILY_TRIES; i++) {
		uint64_t *at = &family[(h + i) % FAMILY_WORDS];

		none = 0;
		if (__atomic_compare_exchange_n(at, &none, h, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return false;
		if (none == h)
			return true;
	}
	return false;
}

/* ---- signals --------------------------------------------------------------------------------- */

static uint64_t signals_block(void)
{
	return os_mask_set(~SIGNALS_SYNCHRONOUS);
}

static void signals_restore(uint64_t mask)
{
	os_mask_set(mask);
}

/* ---- begin ----------------------------------------------------------------------------------- */

static bool mute; /* written once, at start */

void reports_mute(void)
{
	mute = true;
}

static bool reports_exhausted(void)
{
	return options.max_reports && __atomic_load_n(&nr_reports, __ATOMIC_RELAXED) >= options.max_reports;
}

static void record_clear(struct report_record *r)
{
	/* Frames, and strings behind strings_len, are written before they are read.  Still all is cleared, because the
	 * record may leave the process, and nothing of an earlier report may leave with it. */
	mem_set(r, 0, sizeof(*r));
	r->magic = REPORT_MAGIC;
	r->version = REPORT_VERSION;
	r->size = sizeof(*r);
	r->strings_len = 1;
}

static void record_set_process(struct report_record *r)
{
	char name[THREAD_NAME_MAX + 1] = "";

	r->pid = (uint32_t)os_getpid();
	r->tid = (uint32_t)os_gettid();
	os_thread_name(name, sizeof(name));
	r->comm = report_string(r, name);
	r->time_ms = (uint64_t)jiffies_now() * (1000 / JIFFIES_HZ);
}

struct report_record *report_begin(enum report_kind kind, const char *component)
{
	uint64_t mask;

	if (mute)
		return NULL;
	process_settle();
	mask = signals_block();
	if (lock_mine(&report_lock)) {
		report_line("another bug (%s) was found while a report was being made; it is dropped",
		            report_kind_name(kind));
		__atomic_fetch_add(&nr_left_out, 1, __ATOMIC_RELAXED);
		signals_restore(mask);
		return NULL;
	}
	lock_acquire(&report_lock);
	if (reports_exhausted()) {
		__atomic_fetch_add(&nr_left_out, 1, __ATOMIC_RELAXED);
		lock_release(&report_lock);
		signals_restore(mask);
		return NULL;
	}
	saved_mask = mask;
	record_clear(&record);
	record.sequence = nr_printed + 1;
	record.kind = kind;
	record.component = report_string(&record, component);
	record_set_process(&record);
	return &record;
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static struct report_hooks hooks;          /* written once, at start */
static void (*callback)(const char *text); /* atomic */
static struct report_view view;            /* under the report lock */
static TLS_IE bool telling;                /* this thread runs functions of the program's for a report */
static TLS_IE bool foreign_thread;

void report_in_foreign_thread(void)
{
	foreign_thread = true;
}

/* A report as the program's functions get it. They run without the report lock, so they have memory of their own. */
struct told {
	bool printed;
	char *memory; /* text, then JSON; NULL: nobody wants them, or there is no memory */
	bool text, json;
};
#define TOLD_SIZE ((size_t)2 * REPORT_TEXT_MAX)

void report_set_hooks(const struct report_hooks *h)
{
	hooks = *h;
}

void report_set_callback(void (*fn)(const char *text))
{
	__atomic_store_n(&callback, fn, __ATOMIC_RELEASE);
}

static void render_copy(const struct report_record *r, unsigned format, char *to, size_t len)
{
	bool unwanted;

	if (options.format == format) {
		mem_copy(to, report_text, len + 1);
		return;
	}
	if (!helper_render(r, format, to, REPORT_TEXT_MAX, &unwanted))
		plain_render(r, format, to, REPORT_TEXT_MAX);
}

/* Under the report lock; report_text holds the report, `len` bytes. */
static void told_prepare(struct told *t, const struct report_record *r, size_t len)
{
	t->printed = true;
	t->json = hooks.json;
	t->text = hooks.text || __atomic_load_n(&callback, __ATOMIC_ACQUIRE);
	if ((!t->text && !t->json) || !(t->memory = os_reserve(TOLD_SIZE, PAGE_SIZE)))
		return;
	if (!os_commit(t->memory, TOLD_SIZE, false)) {
		os_release(t->memory, TOLD_SIZE);
		t->memory = NULL;
		return;
	}
	if (t->text)
		render_copy(r, FORMAT_TEXT, t->memory, len);
	if (t->json)
		render_copy(r, FORMAT_JSON, t->memory + REPORT_TEXT_MAX, len);
}

static void view_fill(const struct report_record *r, size_t len)
{
	view.version = REPORT_VIEW_VERSION;
	view.sequence = r->sequence;
	view.tid = r->tid;
	view.text = report_text;
	view.text_len = len;
	view.nr_stacks = r->nr_stacks;
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		view.stacks[i] = (struct report_view_stack){ .role = r->stacks[i].role,
			                                     .nr_frames = r->stacks[i].nr_frames,
			                                     .frame_size = sizeof(r->stacks[i].frames[0]),
			                                     .frames = r->stacks[i].frames };
}

/* Threads that run functions of the program's for a report.  A futex word. */
static uint32_t nr_telling;
static uint32_t telling_waiters; /* without one, no system call is made: a filter may kill for it */

static void told_over(void)
{
	__atomic_sub_fetch(&nr_telling, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&telling_waiters, __ATOMIC_SEQ_CST))
		arch_syscall6(SYS_futex, (long)&nr_telling, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, 0, 0, 0);
}

/* This thread is about to end the process.  With the report lock held, which is given back until the functions of other
 * threads' reports have returned.  They may want something that this thread holds, so the wait has a limit. */
static void told_wait(void)
{
	uint64_t until = clock_coarse_ms() + options.symbolizer_timeout, now;
	uint32_t nr;

	if (!process_is_this())
		return;
	if (telling) /* a bug in such a function: nobody needs to wait for its end */
		told_over();
	__atomic_add_fetch(&telling_waiters, 1, __ATOMIC_SEQ_CST);
	while ((nr = __atomic_load_n(&nr_telling, __ATOMIC_SEQ_CST)) != 0 && (now = clock_coarse_ms()) < until) {
		struct timespec left = { (time_t)((until - now) / 1000), (long)((until - now) % 1000 * 1000000) };

		lock_release(&report_lock);
		arch_syscall6(SYS_futex, (long)&nr_telling, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, (long)nr, (long)&left, 0,
		              0);
		lock_acquire(&report_lock);
	}
	__atomic_sub_fetch(&telling_waiters, 1, __ATOMIC_RELAXED);
}

/* With the report lock held, which is given back while functions of the program's run. A child that shares this memory
 * ends with its parent's functions untouched. */
static void told_tell(struct told *t)
{
	bool inner = telling; /* a bug in one of the program's functions: they are not called for it */

	if (t->printed && hooks.tell && process_is_this()) {
		hooks.show(&view);
		telling = true;
		__atomic_fetch_add(&nr_telling, 1, __ATOMIC_SEQ_CST);
		lock_release(&report_lock);
		if (!foreign_thread && !inner)
			hooks.tell(t->memory && t->text ? t->memory : NULL,
			           t->memory && t->json ? t->memory + REPORT_TEXT_MAX : NULL,
			           __atomic_load_n(&callback, __ATOMIC_ACQUIRE));
		told_over();
		lock_acquire(&report_lock);
		telling = inner;
	}
	if (t->memory)
		os_release(t->memory, TOLD_SIZE);
}

/* ---- end ------------------------------------------------------------------------------------- */

static struct abort_place abort_place; /* of the latest report; under the report lock */

/* Memory that is still in use is told when the user asks for it; the program is well. */
static bool is_bug(const struct report_record *r)
{
	return r->kind != REPORT_REACHABLE;
}

/* Makes report_text, and returns its length; 0: a rule suppresses the report, or (*told) a later run of --pinpoint does
 * not print it. */
static size_t report_render(struct report_record *r, bool *told)
{
	bool unwanted;
	size_t len;

	record_complete(r);
	*told = unlikely(options.pinpoint[0]) && pinpoint_leaves_out(r);
	if (*told)
		return 0;
	record_legend(r);
	record_next_step(r);
	len = helper_render(r, options.format, report_text, sizeof(report_text), &unwanted);
	if (unwanted)
		return 0;
	return len ? len : plain_render(r, options.format, report_text, sizeof(report_text));
}

static void report_print(struct report_record *r, size_t len, struct told *t)
{
	nr_printed++;
	sink_write_report(report_text, len);
	if (is_bug(r))
		sink_notify();
	view_fill(r, len);
	record_abort_place(r, helper_title_frame(), &abort_place);
	told_prepare(t, r, len);
}

void report_panic(void)
{
	if (options.exitcode && options.fault != FAULT_ABORT)
		os_exit_group((int)options.exitcode);
	unwind_abort(&abort_place);
}

static bool reports_end_program(void)
{
	return options.fault == FAULT_PANIC || options.fault == FAULT_ABORT;
}

/* `memsan run` has stopped with its program (tools/supervise.c). Whoever continues the program, by kill or in a
 * debugger, does not know that. */
static void continue_supervisor(void)
{
	int parent = (int)arch_syscall6(SYS_getppid, 0, 0, 0, 0, 0, 0);
	char start[32];
	struct fmt_buf b;

	fmt_init(&b, start, sizeof(start));
	fmt_printf(&b, "/proc/%d/fd/", parent);
	if (str_starts(options.notify, start))
		arch_syscall6(SYS_kill, parent, SIGCONT, 0, 0, 0, 0);
}

/* Waits for a debugger, or for SIGCONT. Yama lets only a parent attach, unless the process says otherwise. */
static void stop_here(void)
{
	int pid = (int)os_getpid();

	report_line("stopped after the report; to look at it: gdb -p %d; to go on: kill -CONT %d", pid, pid);
	if (!os_under_seccomp())
		arch_syscall6(SYS_prctl, PR_SET_PTRACER, (long)PR_SET_PTRACER_ANY, 0, 0, 0, 0);
	arch_syscall6(SYS_kill, pid, SIGSTOP, 0, 0, 0, 0);
	if (!os_under_seccomp())
		continue_supervisor();
}

static void note_last(const struct report_record *r)
{
	__atomic_store_n(&last_addr, r->addr, __ATOMIC_RELAXED);
	__atomic_store_n(&last_size, r->access_size, __ATOMIC_RELAXED);
	__atomic_store_n(&last_fault, r->fault.present == MACHINE_AT_FAULT, __ATOMIC_RELAXED);
	__atomic_store_n(&last_tid, r->tid, __ATOMIC_RELAXED);
}

static enum report_outcome count_suppressed(const struct report_record *r)
{
	if (r->leak_class)
		__atomic_fetch_add(&nr_leaks_suppressed, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&nr_suppressed, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&live_counters.suppressed, 1, __ATOMIC_RELAXED);
	return REPORT_SUPPRESSED;
}

static enum report_outcome count_repeated(uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
	return REPORT_REPEATED;
}

static enum report_outcome report_emit(struct report_record *r, struct told *t)
{
	/* With rules, another process of the family may have found the same damage and suppressed it. */
	bool ruled = helper_has_rules(), told;
	uint64_t place = record_place(r), whole = ruled && !r->leak_class ? record_whole(r) : 0;
	size_t len;

	note_last(r);
	if (whole && place_known(&suppressed, whole))
		return count_suppressed(r);
	if (!ruled && family_told(r))
		return count_repeated(&nr_reports);
	if (place_known(&reported, place))
		return count_repeated(&nr_repeated);
	len = report_render(r, &told);
	if (!len && told) {
		__atomic_fetch_add(&nr_told, 1, __ATOMIC_RELAXED);
		return REPORT_SUPPRESSED;
	}
	if (!len) {
		if (whole)
			place_add(&suppressed, whole);
		return count_suppressed(r);
	}
	place_add(&reported, place);
	if (ruled && family_told(r))
		return count_repeated(&nr_reports);
	report_print(r, len, t);
	if (!is_bug(r))
		return REPORT_PRINTED;
	__atomic_fetch_add(&live_counters.reports, 1, __ATOMIC_RELAXED);
	if (__atomic_add_fetch(&nr_reports, 1, __ATOMIC_RELAXED) == options.max_reports && !reports_end_program())
		report_line("max_reports=%llu reached, further reports are left out",
		            (unsigned long long)options.max_reports);
	return REPORT_PRINTED;
}

/* ---- batches --------------------------------------------------------------------------------- */

/* The thread whose batch is open; 0: none.  Written by that thread, or while it is 0 by compare and exchange.  A futex
 * word. */
static uint32_t batch_tid;
static uint32_t batch_waiters; /* threads in batch_wait: without one, the end makes no system call */
/* Only for the thread of the batch. */
static uint32_t batch_depth;
static bool batch_panics;

static bool batch_is_mine(void)
{
	return __atomic_load_n(&batch_tid, __ATOMIC_RELAXED) == (uint32_t)os_gettid();
}

/* This thread is about to end the process, and holds no lock.  Another one may be in the middle of its batch. */
static void batch_wait(void)
{
	uint32_t tid;

	__atomic_add_fetch(&batch_waiters, 1, __ATOMIC_SEQ_CST);
	while ((tid = __atomic_load_n(&batch_tid, __ATOMIC_SEQ_CST)) != 0 && !batch_is_mine())
		arch_syscall6(SYS_futex, (long)&batch_tid, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, (long)tid, 0, 0, 0);
	__atomic_sub_fetch(&batch_waiters, 1, __ATOMIC_RELAXED);
}

void report_batch_begin(void)
{
	uint32_t none = 0;

	if (batch_is_mine() || __atomic_compare_exchange_n(&batch_tid, &none, (uint32_t)os_gettid(), false,
	                                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		batch_depth++;
}

void report_batch_end(void)
{
	bool panics;

	if (!batch_is_mine() || --batch_depth)
		return;
	panics = batch_panics;
	batch_panics = false;
	if (panics) {
		lock_acquire(&report_lock);
		told_wait();
		report_panic();
	}
	__atomic_store_n(&batch_tid, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&batch_waiters, __ATOMIC_SEQ_CST))
		arch_syscall6(SYS_futex, (long)&batch_tid, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, 0, 0, 0);
}

enum report_outcome report_end(struct report_record *r)
{
	uint64_t mask = saved_mask;
	struct told told = { .memory = NULL };
	enum report_outcome outcome = report_emit(r, &told);
	bool panics = reports_end_program() && outcome != REPORT_SUPPRESSED && is_bug(r);
	bool stops = options.fault == FAULT_STOP && told.printed && is_bug(r);

	told_tell(&told);
	if (panics && batch_is_mine()) {
		batch_panics = true;
	} else if (panics) {
		if (__atomic_load_n(&batch_tid, __ATOMIC_RELAXED)) {
			lock_release(&report_lock);
			batch_wait();
			lock_acquire(&report_lock);
		}
		/* No other thread begins a report, which would be cut. But a child that shares this memory ends alone,
		 * and its parent goes on. */
		told_wait();
		if (!process_is_this())
			lock_release(&report_lock);
		report_panic();
	}
	lock_release(&report_lock);
	signals_restore(mask);
	if (stops)
		stop_here();
	return outcome;
}

/* ---- many reports in a row ------------------------------------------------------------------- */

void report_session_begin(const char *rules)
{
	uint64_t mask = signals_block();

	lock_acquire(&report_lock);
	helper_session_begin(rules, report_text, sizeof(report_text));
	lock_release(&report_lock);
	signals_restore(mask);
}

void report_session_end(void)
{
	uint64_t mask = signals_block();

	lock_acquire(&report_lock);
	helper_session_end(report_text, sizeof(report_text));
	lock_release(&report_lock);
	signals_restore(mask);
}

/* ---- the user's rules ------------------------------------------------------------------------ */

/* Read at start: later the program may have another root folder, another user, or no file descriptors left. */
static char *rules; /* HELPER_RULES_MAX bytes, from os_reserve; NULL: there are none */
static size_t rules_len;

static bool rules_room(void)
{
	if (rules)
		return true;
	rules = os_reserve(HELPER_RULES_MAX, PAGE_SIZE);
	if (rules && !os_commit(rules, HELPER_RULES_MAX, false)) {
		os_release(rules, HELPER_RULES_MAX);
		rules = NULL;
	}
	return rules != NULL;
}

static void rules_read_file(const char *path)
{
	ssize_t n = 1;
	int fd = os_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

	if (fd < 0) {
		report_line("suppressions: cannot read %.400s (error %d)", path, -fd);
		return;
	}
	while (rules_room() && rules_len < HELPER_RULES_MAX &&
	       (n = os_read(fd, rules + rules_len, HELPER_RULES_MAX - rules_len)) > 0)
		rules_len += (size_t)n;
	os_close(fd);
	if (rules_len == HELPER_RULES_MAX)
		report_line("suppressions: %.400s is longer than %u bytes; the rest is ignored", path,
		            HELPER_RULES_MAX);
	helper_set_rules(rules, rules_len);
}

void report_add_rules(const char *text)
{
	size_t len = str_length(text);

	if (!len || !rules_room() || HELPER_RULES_MAX - rules_len < 2)
		return;
	/* Behind the file, so that the numbers of its lines are right. */
	if (rules_len)
		rules[rules_len++] = '\n';
	len = MIN(len, HELPER_RULES_MAX - rules_len);
	mem_copy(rules + rules_len, text, len);
	rules_len += len;
	helper_set_rules(rules, rules_len);
}

/* ---- functions by name ----------------------------------------------------------------------- */

/* The text buffer has two parts: the answer comes into the first, the question goes out of the second. */
#define QUESTION_AT (sizeof(report_text) - HELPER_RULES_MAX)
_Static_assert(HELPER_RULES_MAX >= sizeof(struct helper_functions), "the question has room");

static bool functions_ask(const struct module_info *m, const char *pattern, const struct helper_ranges **answer)
{
	struct helper_functions *q = (struct helper_functions *)(report_text + QUESTION_AT);
	size_t len;

	mem_set(q, 0, sizeof(*q));
	q->build_id_len = m->build_id_len;
	mem_copy(q->build_id, m->build_id, sizeof(q->build_id));
	str_copy(q->path, m->path, sizeof(q->path));
	str_copy(q->pattern, pattern, sizeof(q->pattern));
	len = helper_functions(q, report_text, QUESTION_AT);
	*answer = (const struct helper_ranges *)report_text;
	return len >= sizeof(**answer) && (len - sizeof(**answer)) / sizeof((*answer)->ranges[0]) == (*answer)->nr;
}

bool report_find_functions(const struct module_info *m, const char *pattern,
                           void (*take)(void *ctx, const struct code_range *ranges, size_t nr), void *ctx,
                           bool *complete)
{
	const struct helper_ranges *answer;
	uint64_t mask;
	bool found;

	if (lock_mine(&report_lock))
		return false;
	mask = signals_block();
	lock_acquire(&report_lock);
	found = functions_ask(m, pattern, &answer);
	if (found)
		take(ctx, answer->ranges, answer->nr);
	*complete = found && answer->complete;
	lock_release(&report_lock);
	signals_restore(mask);
	return found;
}

/* ---- the rest of the outward functions ------------------------------------------------------- */

bool report_is_last(uintptr_t addr)
{
	return __atomic_load_n(&last_tid, __ATOMIC_RELAXED) == (uint32_t)os_gettid() &&
	       !__atomic_load_n(&last_fault, __ATOMIC_RELAXED) &&
	       addr - __atomic_load_n(&last_addr, __ATOMIC_RELAXED) <
	               MAX(__atomic_load_n(&last_size, __ATOMIC_RELAXED), 1u);
}

bool report_was_fault(uintptr_t addr, size_t n)
{
	return __atomic_load_n(&last_tid, __ATOMIC_RELAXED) == (uint32_t)os_gettid() &&
	       __atomic_load_n(&last_fault, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&last_addr, __ATOMIC_RELAXED) - addr < n;
}

bool report_is_mine(void)
{
	return telling || lock_mine(&report_lock);
}

uint32_t report_count(void)
{
	return __atomic_load_n(&nr_reports, __ATOMIC_RELAXED);
}

uint32_t report_repeated_count(void)
{
	return __atomic_load_n(&nr_repeated, __ATOMIC_RELAXED);
}

uint32_t report_suppressed_count(void)
{
	return __atomic_load_n(&nr_suppressed, __ATOMIC_RELAXED);
}

/* The program is about to end: wait for a report that another thread is making. */
static void reports_settle(void)
{
	uint64_t mask;

	if (lock_mine(&report_lock))
		return;
	mask = signals_block();
	lock_acquire(&report_lock);
	lock_release(&report_lock);
	signals_restore(mask);
}

/* "2 bugs were reported; the same bugs showed 1 more time; 3 reports were suppressed". */
static void summary_line(uint32_t repeated, uint32_t left_out, uint32_t unwanted, uint32_t told)
{
	uint32_t nr = report_count();
	const char *between = "";
	char line[240];
	struct fmt_buf b;

	fmt_init(&b, line, sizeof(line));
	if (nr || repeated || left_out) {
		fmt_printf(&b, "%u bug%s reported", nr, nr == 1 ? " was" : "s were");
		between = "; ";
	}
	if (repeated)
		fmt_printf(&b, "; the same bugs showed %u more time%s", repeated, repeated == 1 ? "" : "s");
	if (left_out)
		fmt_printf(&b, "; %u further report%s left out", left_out, left_out == 1 ? " was" : "s were");
	if (unwanted)
		fmt_printf(&b, "%s%u report%s suppressed", between, unwanted, unwanted == 1 ? " was" : "s were");
	if (told)
		fmt_printf(&b, "%s%u report%s new write%s and %s not printed again", nr || unwanted ? "; " : "", told,
		           told == 1 ? " is no" : "s are no", told == 1 ? "" : "s", told == 1 ? "is" : "are");
	report_line("%s", line);
}

void report_summary(void)
{
	uint32_t repeated, left_out, unwanted, told;

	reports_settle();
	repeated = report_repeated_count();
	left_out = __atomic_load_n(&nr_left_out, __ATOMIC_RELAXED);
	unwanted = report_suppressed_count() - __atomic_load_n(&nr_leaks_suppressed, __ATOMIC_RELAXED);
	told = __atomic_load_n(&nr_told, __ATOMIC_RELAXED);
	if (repeated || left_out || unwanted || told)
		summary_line(repeated, left_out, unwanted, told);
}

bool report_advice_wanted(void)
{
	return options.advice[0] && options.format == FORMAT_TEXT && !os_under_seccomp() &&
	       (report_count() || sink_is_terminal());
}

bool report_on_terminal(void)
{
	return !os_under_seccomp() && sink_is_terminal();
}

bool report_advice_claim(void)
{
	return sink_claim_advice();
}

/* With format=json every line of the sinks is a report, so readers need to know only one form.  Messages are for people
 * and go to standard error. */
void report_message(const char *text, size_t len)
{
	uint64_t mask = signals_block();

	if (options.format == FORMAT_JSON)
		sink_write_stderr(text, len);
	else
		sink_write(text, len);
	signals_restore(mask);
}

struct told_line {
	const char *format;
	va_list args;
};

static void line_deep(void *arg)
{
	struct told_line *t = arg;
	char line[600];
	struct fmt_buf b;

	fmt_init(&b, line, sizeof(line) - 1); /* room for the newline, whatever was cut */
	fmt_printf(&b, "memsan: ");
	fmt_vprintf(&b, t->format, t->args);
	fmt_clean(&b, 0);
	line[b.len] = '\n';
	report_message(line, b.len + 1);
}

void report_line(const char *format, ...)
{
	struct told_line t = { .format = format };

	va_start(t.args, format);
	deep_run(line_deep, &t);
	va_end(t.args);
}

void reports_init(bool secure)
{
	lock_register_for_fork(&report_lock);
	sink_init(secure);
	helper_init(secure);
}

void reports_configure(void)
{
	sink_configure();
	if (options.suppressions[0])
		rules_read_file(options.suppressions);
}

/* The child has made no reports.  It prints a bug again that its parent has printed: the parent's log is another. */
void reports_fork_child(void)
{
	nr_reports = nr_repeated = nr_left_out = nr_suppressed = nr_leaks_suppressed = nr_told = nr_printed = 0;
	batch_tid = batch_depth = 0;
	nr_telling = telling;
	batch_panics = false;
	mem_set(&reported, 0, sizeof(reported));
	mem_set(&suppressed, 0, sizeof(suppressed));
}
