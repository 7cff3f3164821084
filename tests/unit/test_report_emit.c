/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_report_emit.c - the way of a record to its sinks: repetitions, limits, sinks, and helpers that
 * misbehave in every way.
 *
 * Every case runs in a child process of its own.  The fake helpers are this program itself: symbolic links with their
 * names lead to it, and main calls the function fake_* of that name.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "reports/reports.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/memsan-emit-XXXXXX";
static char err[1 << 20];

/* ---- used by the cases ----------------------------------------------------------------------- */

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static const char *file_text(const char *path)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return NULL;
	text[n] = 0;
	return text;
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		n++;
	return n;
}

static void start_with(const char *option_text)
{
	options_set_defaults(&options);
	options.symbolize = false;
	reports_init(false);
	options_parse(&options, option_text, NULL, NULL);
	reports_configure();
}

/* Makes a report with the access stack where, where + 1, … and the allocation stack alloc, alloc + 1, …  False when the
 * report was refused. */
static bool report_at_from(uintptr_t where, uintptr_t alloc)
{
	uintptr_t pcs[8];
	struct report_record *r = report_begin(REPORT_DOUBLE_FREE, "slab");

	if (!r)
		return false;
	report_set_access(r, 0x10000, 0, ACCESS_FREE);
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = where + i;
	report_add_handle(r, STACK_ACCESS, depot_save(pcs, ARRAY_SIZE(pcs)), 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = alloc + i;
	report_add_handle(r, STACK_ALLOC, depot_save(pcs, ARRAY_SIZE(pcs)), 0, 0);
	report_end(r);
	return true;
}

static bool report_at(uintptr_t where)
{
	return report_at_from(where, 0x20000);
}

/* The same access and allocation, with the free stack `freed`, freed + 1, … */
static enum report_outcome report_freed_at(uintptr_t freed)
{
	uintptr_t pcs[4] = { 0x30000, 0x30001, 0x30002, 0x30003 };
	struct report_record *r = report_begin(REPORT_DOUBLE_FREE, "slab");

	report_add_handle(r, STACK_ACCESS, depot_save(pcs, ARRAY_SIZE(pcs)), 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = freed + i;
	report_add_handle(r, STACK_FREE, depot_save(pcs, ARRAY_SIZE(pcs)), 0, 0);
	return report_end(r);
}

#define RULE "==================================================================\n"
#define TITLE "BUG: MEMSAN: double-free in "
/* For children: a failed assert of cmocka would go on with the parent's next test, in the child. */
#define CHECK(x)                                                   \
	do {                                                       \
		if (!(x)) {                                        \
			dprintf(2, "line %d: %s\n", __LINE__, #x); \
			_exit(1);                                  \
		}                                                  \
	} while (0)

static void run(void (*fn)(void *), int expected_status)
{
	int status = unit_child(fn, NULL, err, sizeof(err));

	if (status != expected_status)
		fail_msg("status 0x%x instead of 0x%x; standard error:\n%s", status, expected_status, err);
}

/* ---- repetitions and limits ------------------------------------------------------------------ */

/* A report whose access stack is 0x30000, 0x30001, … with `changed` in place of one frame. */
static enum report_outcome report_changed_at(unsigned frame, uintptr_t changed)
{
	uintptr_t pcs[8];
	struct report_record *r = report_begin(REPORT_DOUBLE_FREE, "slab");

	for (size_t i = 0; i < ARRAY_SIZE(pcs); i++)
		pcs[i] = i == frame ? changed : 0x30000 + i;
	report_add_handle(r, STACK_ACCESS, depot_save(pcs, ARRAY_SIZE(pcs)), 0, 0);
	return report_end(r);
}

static void case_frames_of_a_place(void *arg)
{
	(void)arg;
	start_with("");
	CHECK(report_changed_at(0, 0x30000) == REPORT_PRINTED);
	for (unsigned frame = 0; frame < 4; frame++)
		CHECK(report_changed_at(frame, 0x90000) == REPORT_PRINTED);
	for (unsigned frame = 4; frame < 8; frame++)
		CHECK(report_changed_at(frame, 0x90000) == REPORT_REPEATED);
}

/* The four innermost frames make a place. */
static void four_frames_make_a_place(void **state)
{
	(void)state;
	run(case_frames_of_a_place, 0);
}

static bool signals_are_free(void)
{
	sigset_t now, none;

	sigemptyset(&none);
	return sigprocmask(SIG_BLOCK, NULL, &now) == 0 && memcmp(&now, &none, 8) == 0;
}

static void case_refused(void *arg)
{
	struct report_record *r;

	(void)arg;
	start_with("max_reports=2");
	r = report_begin(REPORT_DOUBLE_FREE, "slab");
	CHECK(r && !signals_are_free());
	/* Inside of a report: refused, and the outer report's signals stay blocked. */
	CHECK(!report_begin(REPORT_INVALID_FREE, "slab") && !signals_are_free());
	report_end(r);
	CHECK(signals_are_free());
	CHECK(report_at(0x50000) && signals_are_free());
	CHECK(!report_at(0x60000) && signals_are_free());
	CHECK(!report_at(0x70000) && signals_are_free());
	report_summary();
}

/* A report that is refused is counted, and leaves the thread's signals as they were. */
static void refused_reports_leave_nothing(void **state)
{
	(void)state;
	run(case_refused, 0);
	assert_non_null(strstr(err, "\nmemsan: 2 bugs were reported; 3 further reports were left out\n"));
}

/* What one report held is not in the next one's record. */
static void case_record_is_new(void *arg)
{
	struct report_record *r;

	(void)arg;
	start_with("");
	r = report_begin(REPORT_DOUBLE_FREE, "slab");
	report_set_access(r, 0x1234, 7, ACCESS_WRITE);
	r->obj_addr = r->leak_count = r->memory_len = 77;
	r->have_object = 1;
	report_string(r, "a string of the first report");
	report_end(r);
	r = report_begin(REPORT_INVALID_FREE, "slab");
	CHECK(r->addr == 0 && r->access_size == 0 && r->obj_addr == 0 && r->leak_count == 0 && r->memory_len == 0);
	CHECK(!r->have_object && !memmem(r->strings, sizeof(r->strings), "of the first", 12));
	report_end(r);
}

static void records_are_new(void **state)
{
	(void)state;
	run(case_record_is_new, 0);
}

static void case_freed_elsewhere(void *arg)
{
	(void)arg;
	start_with("");
	CHECK(report_freed_at(0x40000) == REPORT_PRINTED);
	CHECK(report_freed_at(0x40000) == REPORT_REPEATED);
	CHECK(report_freed_at(0x50000) == REPORT_REPEATED);
}

/* A place is where the bug is and where its object came from; who freed the object before does not count. */
static void free_stack_is_no_part_of_the_place(void **state)
{
	(void)state;
	run(case_freed_elsewhere, 0);
}

static void case_repeated(void *arg)
{
	(void)arg;
	start_with("");
	CHECK(report_at(0x1000) && report_at(0x1000) && report_at(0x1000));
	CHECK(report_count() == 1);
	CHECK(report_at_from(0x1000, 0x99000));
	CHECK(report_at(0x5000));
	CHECK(report_count() == 3);
	report_summary();
}

static void repeated_reports_are_counted(void **state)
{
	(void)state;
	run(case_repeated, 0);
	assert_int_equal(count_of(err, TITLE), 3);
	assert_int_equal(count_of(err, TITLE "0x1000\n"), 2);
	assert_non_null(strstr(err, "\nmemsan: 3 bugs were reported; the same bugs showed 2 more times\n"));
}

static void case_max(void *arg)
{
	(void)arg;
	start_with("max_reports=2");
	CHECK(report_at(0x1000) && report_at(0x2000) && !report_at(0x3000) && !report_at(0x1000));
	CHECK(report_count() == 2);
	report_summary();
}

static void max_reports_is_kept(void **state)
{
	(void)state;
	run(case_max, 0);
	assert_int_equal(count_of(err, TITLE), 2);
	assert_non_null(strstr(err, "\nmemsan: max_reports=2 reached"));
	assert_non_null(strstr(err, "; 2 further reports were left out\n"));
}

static void case_places_run_out(void *arg)
{
	(void)arg;
	start_with("max_reports=0:report_file=/dev/null");
	for (uintptr_t i = 0; i < 3000; i++)
		CHECK(report_at_from(0x100000 + i * 64, 0x1));
	CHECK(report_count() == 3000);
}

static void more_places_than_are_remembered(void **state)
{
	(void)state;
	run(case_places_run_out, 0);
}

static void case_nested(void *arg)
{
	struct report_record *r;
	sigset_t set;

	(void)arg;
	start_with("");
	r = report_begin(REPORT_DOUBLE_FREE, "slab");
	CHECK(r);
	CHECK(!report_begin(REPORT_INVALID_FREE, "slab"));
	report_end(r);
	CHECK(report_at(0x1000));
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int sig = 1; sig < 32; sig++)
		CHECK(!sigismember(&set, sig));
}

static void report_inside_a_report_is_dropped(void **state)
{
	(void)state;
	run(case_nested, 0);
	assert_non_null(strstr(err, "memsan: another bug (invalid-free) was found while a report was being made"));
	assert_int_equal(count_of(err, "BUG: MEMSAN: double-free"), 2);
}

static void *reporting_thread(void *arg)
{
	for (uintptr_t i = 0; i < 20; i++)
		CHECK(report_at((uintptr_t)arg + i * 64));
	return NULL;
}

static void case_threads(void *arg)
{
	pthread_t threads[4];

	(void)arg;
	start_with("max_reports=0");
	for (uintptr_t i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, reporting_thread, (void *)(0x100000 * (i + 1))) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(report_count() == 80);
}

static void threads_report_one_at_a_time(void **state)
{
	const char *at = err;

	(void)state;
	run(case_threads, 0);
	assert_int_equal(count_of(err, TITLE), 80);
	for (int i = 0; i < 80; i++) {
		assert_int_equal(strncmp(at, RULE "BUG: MEMSAN: ", strlen(RULE) + 13), 0);
		at = strstr(at + strlen(RULE), RULE);
		assert_non_null(at);
		at += strlen(RULE);
	}
	assert_string_equal(at, "");
}

static void case_panic(void *arg)
{
	(void)arg;
	start_with("fault=panic:exitcode=7");
	report_at(0x1000);
}

static void case_panic_abort(void *arg)
{
	struct rlimit none = { 0, 0 };

	(void)arg;
	setrlimit(RLIMIT_CORE, &none);
	start_with("fault=panic:exitcode=0");
	report_at(0x1000);
}

static void panic_ends_the_program(void **state)
{
	(void)state;
	run(case_panic, 7 << 8);
	assert_int_equal(count_of(err, TITLE), 1);
	run(case_panic_abort, SIGABRT);
	assert_int_equal(count_of(err, TITLE), 1);
}

static void *panicking_thread(void *arg)
{
	report_at(0x1000);
	return arg;
}

/* Its end waits for the batch. On a busy machine it may come too late to wait, which changes nothing. */
static void case_panic_beside_batch(void *arg)
{
	pthread_t thread;

	(void)arg;
	start_with("fault=panic:exitcode=7");
	report_batch_begin();
	CHECK(pthread_create(&thread, NULL, panicking_thread, NULL) == 0);
	usleep(100000);
	report_batch_end();
	sleep(5);
	_exit(3);
}

static void case_batch_alone(void *arg)
{
	struct sock_filter kills_futex[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(kills_futex), kills_futex };

	(void)arg;
	start_with("");
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	report_batch_begin();
	report_batch_end();
}

static void end_of_a_batch_wakes_who_waits(void **state)
{
	(void)state;
	run(case_panic_beside_batch, 7 << 8);
	run(case_batch_alone, 0);
}

/* A signal handler that interrupts its thread in fork must not report: its own thread holds the lock. */
static void case_in_fork(void *arg)
{
	(void)arg;
	start_with("");
	lib_fork_prepare();
	CHECK(!report_begin(REPORT_DOUBLE_FREE, "slab"));
	lib_fork_parent();
	CHECK(report_at(0x1000));
}

static void report_inside_a_fork_is_dropped(void **state)
{
	(void)state;
	run(case_in_fork, 0);
	assert_int_equal(count_of(err, TITLE), 1);
}

/* ---- sinks ----------------------------------------------------------------------------------- */

static char option_text[1024];

static void case_log(void *arg)
{
	char name[256];
	struct stat st;
	int status;

	(void)arg;
	CHECK(chdir(dir) == 0);
	start_with("log_path=relative");
	CHECK(chdir("/") == 0);
	CHECK(report_at(0x1000) && report_at(0x2000));
	snprintf(name, sizeof(name), "%s/relative.%d", dir, (int)getpid());
	CHECK(count_of(file_text(name), TITLE) == 2);
	CHECK(stat(name, &st) == 0 && (st.st_mode & 0777) == 0600);
	lib_fork_prepare();
	if (fork() == 0) {
		reports_fork_child();
		lib_fork_child();
		CHECK(report_count() == 0 && report_at(0x1000) && report_count() == 1);
		snprintf(name, sizeof(name), "%s/relative.%d", dir, (int)getpid());
		CHECK(count_of(file_text(name), TITLE) == 1);
		_exit(0);
	}
	lib_fork_parent();
	CHECK(wait(&status) > 0 && status == 0);
}

static void log_path_makes_a_file_per_process(void **state)
{
	(void)state;
	run(case_log, 0);
	assert_string_equal(err, "");
}

static void case_log_planted(void *arg)
{
	char name[256], target[256], second[300];

	(void)arg;
	snprintf(name, sizeof(name), "%s/planted.%d", dir, (int)getpid());
	snprintf(second, sizeof(second), "%s.1", name);
	snprintf(target, sizeof(target), "%s/target", dir);
	close(open(target, O_WRONLY | O_CREAT, 0600));
	CHECK(symlink(target, name) == 0);
	snprintf(option_text, sizeof(option_text), "log_path=%s/planted", dir);
	start_with(option_text);
	CHECK(report_at(0x1000));
	CHECK(file_text(target)[0] == 0);
	CHECK(count_of(file_text(second), TITLE) == 1);
	/* Somebody has replaced the file: memsan must not write into the new one. */
	CHECK(rename(second, in_dir("moved")) == 0 && symlink(target, second) == 0);
	CHECK(report_at(0x2000));
	CHECK(unlink(second) == 0);
	close(open(second, O_WRONLY | O_CREAT, 0600));
	CHECK(report_at(0x3000));
	CHECK(file_text(target)[0] == 0 && file_text(second)[0] == 0);
}

static void log_path_follows_and_reuses_nothing(void **state)
{
	(void)state;
	run(case_log_planted, 0);
	assert_int_equal(count_of(err, "memsan: cannot write to "), 2);
	assert_int_equal(count_of(err, TITLE), 2);
}

static void case_report_file(void *arg)
{
	const char *path = in_dir("all");

	(void)arg;
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(option_text, sizeof(option_text), "report_file=%s", path);
	start_with(option_text);
	CHECK(report_at(0x1000) && report_at(0x2000));
	CHECK(count_of(file_text(path), TITLE) == 2);
	CHECK(unlink(path) == 0);
	CHECK(report_at(0x3000));
	CHECK(access(path, F_OK) != 0);
}

static void report_file_is_appended_to(void **state)
{
	(void)state;
	run(case_report_file, 0);
	assert_non_null(strstr(err, "memsan: cannot write to "));
	assert_non_null(strstr(err, "no such file"));
	assert_int_equal(count_of(err, TITLE), 1);
}

static void case_full(void *arg)
{
	(void)arg;
	start_with("report_file=/dev/full");
	CHECK(report_at(0x1000));
}

static void full_disk_falls_back(void **state)
{
	(void)state;
	run(case_full, 0);
	assert_non_null(strstr(err, "/dev/full: no space left on device"));
	assert_int_equal(count_of(err, TITLE), 1);
}

static void case_fifo(void *arg)
{
	const char *path = in_dir("fifo");

	(void)arg;
	CHECK(mkfifo(path, 0600) == 0);
	snprintf(option_text, sizeof(option_text), "report_file=%s", path);
	start_with(option_text);
	CHECK(report_at(0x1000));
}

static void fifo_without_reader_does_not_block(void **state)
{
	(void)state;
	run(case_fifo, 0);
	assert_int_equal(count_of(err, TITLE), 1);
}

static void case_secure(void *arg)
{
	(void)arg;
	options_set_defaults(&options);
	reports_init(true);
	snprintf(option_text, sizeof(option_text), "symbolize=off:report_file=%s:log_path=%s", in_dir("s1"),
	         in_dir("s2"));
	close(open(in_dir("s1"), O_WRONLY | O_CREAT, 0600));
	options_parse(&options, option_text, NULL, NULL);
	reports_configure();
	CHECK(report_at(0x1000));
	CHECK(file_text(in_dir("s1"))[0] == 0);
}

static void secure_process_opens_no_file(void **state)
{
	(void)state;
	run(case_secure, 0);
	assert_int_equal(count_of(err, TITLE), 1);
}

static void *ask_from_another_thread(void *arg)
{
	return report_is_last((uintptr_t)arg) || report_was_fault((uintptr_t)arg, 8) ? arg : NULL;
}

static void case_last(void *arg)
{
	struct report_record *r;
	void *answer = NULL;
	pthread_t t;

	(void)arg;
	start_with("multi_shot=on");
	CHECK(!report_is_last(0x7000) && !report_was_fault(0x7000, 8));
	r = report_begin(REPORT_SLAB_OUT_OF_BOUNDS, "shadow");
	report_set_access(r, 0x7000, 4, ACCESS_READ);
	report_end(r);
	CHECK(report_is_last(0x7000) && report_is_last(0x7003));
	CHECK(!report_is_last(0x6fff) && !report_is_last(0x7004));
	CHECK(!report_was_fault(0x7000, 8));
	CHECK(pthread_create(&t, NULL, ask_from_another_thread, (void *)0x7000) == 0 && pthread_join(t, &answer) == 0 &&
	      !answer);
	CHECK(report_is_last(0x7000));
	/* A fault is known by its address. */
	r = report_begin(REPORT_SLAB_OUT_OF_BOUNDS, "fence");
	report_set_access(r, 0x8004, 0, ACCESS_READ);
	r->fault.present = MACHINE_AT_FAULT;
	report_end(r);
	CHECK(report_was_fault(0x8000, 8) && report_was_fault(0x8004, 1));
	CHECK(!report_was_fault(0x8000, 4) && !report_was_fault(0x8005, 8));
	CHECK(!report_is_last(0x8004) && !report_is_last(0x7000));
	CHECK(pthread_create(&t, NULL, ask_from_another_thread, (void *)0x8000) == 0 && pthread_join(t, &answer) == 0 &&
	      !answer);
}

/* The last report belongs to the thread that made it, and to the bytes that it names. */
static void last_report_of_a_thread(void **state)
{
	(void)state;
	run(case_last, 0);
}

static void replace_stderr(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	dup2(fd, 2);
	close(fd);
}

static void case_stderr_reused(void *arg)
{
	(void)arg;
	start_with("");
	replace_stderr(in_dir("database"), O_RDWR | O_CREAT);
	CHECK(report_at(0x1000));
	CHECK(file_text(in_dir("database"))[0] == 0);
	replace_stderr(in_dir("journal"), O_RDWR | O_CREAT | O_APPEND);
	CHECK(report_at(0x1800));
	CHECK(file_text(in_dir("journal"))[0] == 0);
	replace_stderr(in_dir("log"), O_RDWR | O_CREAT | O_APPEND);
	report_stderr_becomes(2); /* as the interceptor of dup2 says it */
	CHECK(report_at(0x2000));
	CHECK(count_of(file_text(in_dir("log")), TITLE) == 1);
	close(2);
	CHECK(report_at(0x3000));
}

static void case_stderr_file_from_the_start(void *arg)
{
	(void)arg;
	replace_stderr(in_dir("redirected"), O_RDWR | O_CREAT);
	start_with("");
	CHECK(report_at(0x1000));
	CHECK(count_of(file_text(in_dir("redirected")), TITLE) == 1);
}

static void standard_error_that_became_a_database(void **state)
{
	(void)state;
	run(case_stderr_reused, 0);
	run(case_stderr_file_from_the_start, 0);
}

static void case_sigpipe(void *arg)
{
	int ends[2];
	sigset_t pending;

	(void)arg;
	CHECK(pipe(ends) == 0);
	close(ends[0]);
	dup2(ends[1], 2);
	start_with("");
	CHECK(report_at(0x1000));
	sigpending(&pending);
	CHECK(!sigismember(&pending, SIGPIPE));
}

static void case_file_size_limit(void *arg)
{
	struct rlimit small = { 100, 100 };
	const char *path = in_dir("small");

	(void)arg;
	close(open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(option_text, sizeof(option_text), "report_file=%s", path);
	start_with(option_text);
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(report_at(0x1000) && report_at(0x2000));
}

static void signals_of_our_writes_do_not_kill(void **state)
{
	(void)state;
	run(case_sigpipe, 0);
	run(case_file_size_limit, 0);
	assert_non_null(strstr(err, "file too large"));
	assert_int_equal(count_of(err, TITLE), 2);
}

static void *slow_reader(void *arg)
{
	static char text[1 << 20];
	size_t n = 0;
	ssize_t got;

	while ((got = read(*(int *)arg, text + n, 512)) > 0) {
		n += (size_t)got;
		usleep(500);
	}
	return text;
}

static void case_nonblocking(void *arg)
{
	int ends[2];
	pthread_t reader;
	void *text;

	(void)arg;
	CHECK(pipe(ends) == 0);
	CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096);
	CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK | O_WRONLY) == 0);
	dup2(ends[1], 2);
	close(ends[1]);
	start_with("");
	CHECK(pthread_create(&reader, NULL, slow_reader, &ends[0]) == 0);
	for (uintptr_t i = 0; i < 20; i++)
		CHECK(report_at(0x1000 + i * 64));
	close(2);
	pthread_join(reader, &text);
	CHECK(count_of(text, TITLE) == 20 && count_of(text, RULE) == 40);
}

static void nonblocking_standard_error_gets_it_all(void **state)
{
	(void)state;
	run(case_nonblocking, 0);
}

static void case_notify(void *arg)
{
	(void)arg;
	close(open(in_dir("notify"), O_WRONLY | O_CREAT, 0600));
	start_with("max_reports=3");
	report_line("%s %d", "hello", 42);
	CHECK(report_at(0x1000) && report_at(0x2000));
}

static void lines_go_where_reports_go(void **state)
{
	(void)state;
	run(case_notify, 0);
	assert_int_equal(strncmp(err, "memsan: hello 42\n" RULE, strlen("memsan: hello 42\n" RULE)), 0);
}

static long size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (long)st.st_size : -1;
}

/* The option names a descriptor of a process.  Another file may stand there by now. */
static void case_notify_link(void *arg)
{
	int memfd = memfd_create(REPORT_NOTIFY_NAME, MFD_CLOEXEC), other = memfd_create("other", MFD_CLOEXEC),
	    longer = memfd_create(REPORT_NOTIFY_NAME "-2", MFD_CLOEXEC),
	    file = open(in_dir("memfd:" REPORT_NOTIFY_NAME), O_RDWR | O_CREAT, 0600), fds[] = { other, longer, file };
	uintptr_t at = 0x1000;

	(void)arg;
	CHECK(memfd >= 0 && other >= 0 && longer >= 0 && file >= 0);
	for (size_t i = 0; i <= ARRAY_SIZE(fds); i++, at += 64) {
		snprintf(option_text, sizeof(option_text), "notify=/proc/%d/fd/%d:exitcode=7", (int)getpid(),
		         i < ARRAY_SIZE(fds) ? fds[i] : memfd);
		start_with(option_text);
		CHECK(report_at(at));
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		CHECK(size_of(fds[i]) == 0);
	CHECK(size_of(memfd) == 1);
	/* A process with more rights than its user writes nothing at all. */
	reports_init(true);
	reports_configure();
	CHECK(report_at(at));
	CHECK(size_of(memfd) == 1);
}

static void notify_writes_only_to_the_file_of_memsan_run(void **state)
{
	(void)state;
	run(case_notify_link, 0);
}

/* ---- helpers --------------------------------------------------------------------------------- */

static struct helper_request request;
static struct report_record asked;

/* With AddressSanitizer: a fake gets no ASAN_OPTIONS, and the process that LeakSanitizer starts at a program's end
 * would be an orphan that the fake left. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

static void fake_read(void)
{
	for (size_t n = 0; n < sizeof(request);)
		n += (size_t)read(0, (char *)&request + n, sizeof(request) - n);
	for (size_t n = 0; n < sizeof(asked);)
		n += (size_t)read(0, (char *)&asked + n, sizeof(asked) - n);
}

static void fake_write(const void *data, size_t len)
{
	for (const char *p = data; len;) {
		ssize_t n = write(1, p, len);
		if (n <= 0)
			_exit(1);
		p += n;
		len -= (size_t)n;
	}
}

static void fake_head(uint32_t magic, uint32_t version, uint32_t length)
{
	struct helper_answer head = { .magic = magic, .version = version, .length = length };

	fake_write(&head, sizeof(head));
}

static void fake_answer(const char *text)
{
	fake_head(HELPER_ANSWER_MAGIC, HELPER_WIRE_VERSION, (uint32_t)strlen(text));
	fake_write(text, strlen(text));
}

static void fake_good(void)
{
	fake_read();
	if (report_record_valid(&asked, sizeof(asked)) && asked.kind == REPORT_DOUBLE_FREE)
		fake_answer("GOOD ANSWER\n");
}

static void fake_early(void)
{
	fake_answer("GOOD ANSWER\n");
}

static void fake_exit(void)
{
}

static void fake_crash(void)
{
	fake_read();
	abort();
}

static void fake_hang(void)
{
	fake_read();
	for (;;)
		pause();
}

static void fake_deaf(void)
{
	for (;;)
		pause();
}

static void fake_stop(void)
{
	raise(SIGSTOP);
}

static void fake_stubborn(void)
{
	for (int sig = 1; sig < 64; sig++)
		signal(sig, SIG_IGN);
	fake_hang();
}

static void fake_garbage(void)
{
	static char junk[100000];

	memset(junk, 'x', sizeof(junk));
	fake_read();
	fake_write(junk, sizeof(junk));
}

static void fake_huge(void)
{
	fake_read();
	fake_head(HELPER_ANSWER_MAGIC, HELPER_WIRE_VERSION, REPORT_TEXT_MAX);
	for (;;)
		fake_write("x", 1);
}

static void fake_empty(void)
{
	fake_read();
	fake_head(HELPER_ANSWER_MAGIC, HELPER_WIRE_VERSION, 0);
}

static void fake_version(void)
{
	fake_read();
	fake_head(HELPER_ANSWER_MAGIC, HELPER_WIRE_VERSION + 1, 5);
	fake_write("hello", 5);
}

static void fake_cut(void)
{
	fake_read();
	fake_head(HELPER_ANSWER_MAGIC, HELPER_WIRE_VERSION, 100);
	fake_write("hello", 5);
}

static void fake_drip(void)
{
	fake_read();
	fake_head(HELPER_ANSWER_MAGIC, HELPER_WIRE_VERSION, 1000);
	for (;;) {
		fake_write("x", 1);
		usleep(10000);
	}
}

static void fake_long(void)
{
	static char text[REPORT_TEXT_MAX];

	memset(text, 'y', sizeof(text) - 2);
	text[sizeof(text) - 2] = '\n';
	fake_read();
	fake_answer(text);
}

/* Ends at once, but leaves a process that holds the pipe open. */
static void fake_orphan(void)
{
	if (fork() == 0)
		sleep(1);
	_exit(0);
}

extern char **environ;

static void fake_tell(void)
{
	char text[8192] = "", line[256];
	FILE *status = fopen("/proc/self/status", "r");

	for (char **e = environ; *e; e++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "env %.200s\n", *e);
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0)
			strcat(text, line);
	if (status)
		fclose(status);
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "fd %d\n", fd);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "session %s\n",
	         getsid(0) == getpid() ? "own" : "shared");
	fake_read();
	fake_answer(text);
}

static const struct fake {
	const char *name;
	void (*fn)(void);
	const char *complaint;
	unsigned timeout;
	bool good;
} fakes[] = {
	{ "fake-good", fake_good, NULL, 5000, true },
	{ "fake-early", fake_early, NULL, 5000, true },
	{ "fake-exit", fake_exit, "no answer from the symbolizer", 5000, false },
	{ "fake-crash", fake_crash, "no answer from the symbolizer", 5000, false },
	{ "fake-hang", fake_hang, "no answer in time", 100, false },
	{ "fake-deaf", fake_deaf, "no answer in time", 100, false },
	{ "fake-stop", fake_stop, "no answer in time", 100, false },
	{ "fake-stubborn", fake_stubborn, "no answer in time", 100, false },
	{ "fake-garbage", fake_garbage, "no sound answer", 5000, false },
	{ "fake-huge", fake_huge, "no sound answer", 5000, false },
	{ "fake-empty", fake_empty, "no sound answer", 5000, false },
	{ "fake-version", fake_version, "no sound answer", 5000, false },
	{ "fake-cut", fake_cut, "no answer from the symbolizer", 5000, false },
	{ "fake-drip", fake_drip, "no answer in time", 100, false },
	{ "fake-orphan", fake_orphan, "no answer in time", 100, false },
	{ "fake-missing", NULL, "there is no symbolizer", 5000, false },
	{ "fake-text", NULL, "no answer from the symbolizer", 5000, false },
	{ "fake-long", fake_long, NULL, 5000, false },
	{ "fake-tell", fake_tell, NULL, 5000, false },
};

static void start_with_helper(const char *name, unsigned timeout, const char *more)
{
	snprintf(option_text, sizeof(option_text), "symbolizer=%s:symbolizer.timeout=%u%s", in_dir(name), timeout,
	         more);
	start_with(option_text);
	options.symbolize = true;
}

static volatile int nr_sigchld;

static void count_sigchld(int sig)
{
	(void)sig;
	nr_sigchld++;
}

/* Notes which descriptors are open; some may be inherited. */
static void open_fds(bool *open_now)
{
	for (int fd = 0; fd < 1024; fd++)
		open_now[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* Makes a report and checks that the program notices nothing of it. */
static void report_unnoticed(void)
{
	bool fds_before[1024], fds_after[1024];
	sigset_t before, after;
	int status;

	memset(&before, 0, sizeof(before)); /* the kernel writes only a part of a sigset_t */
	memset(&after, 0, sizeof(after));
	open_fds(fds_before);
	signal(SIGCHLD, count_sigchld);
	sigprocmask(SIG_BLOCK, NULL, &before);
	errno = 4711;
	CHECK(report_at(0x1000));
	CHECK(errno == 4711);
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	open_fds(fds_after);
	CHECK(memcmp(fds_before, fds_after, sizeof(fds_before)) == 0);
	CHECK(waitpid(-1, &status, __WALL) == -1 && errno == ECHILD);
	CHECK(nr_sigchld == 0);
}

static void case_helper(void *arg)
{
	const struct fake *f = arg;

	start_with_helper(f->name, f->timeout, "");
	report_unnoticed();
	CHECK(report_at(0x2000)); /* the next report is made in the same way */
}

/* The same in a program to which the kernel gives orphaned processes. */
static void case_helper_subreaper(void *arg)
{
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
	case_helper(arg);
}

static void check_fake(const struct fake *f, void (*fn)(void *))
{
	struct timespec a, b;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &a);
	status = unit_child(fn, (void *)f, err, sizeof(err));
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (status != 0)
		fail_msg("%s: status 0x%x; standard error:\n%s", f->name, status, err);
	if (count_of(err, TITLE) != (f->complaint ? 2 : 0) || count_of(err, "GOOD ANSWER\n") != (f->good ? 2 : 0))
		fail_msg("%s: not the reports expected:\n%.2000s", f->name, err);
	if (f->complaint && count_of(err, f->complaint) != 1)
		fail_msg("%s: not said once: %s\n%.2000s", f->name, f->complaint, err);
	if (f->timeout < 1000)
		assert_true(b.tv_sec - a.tv_sec < 3);
}

static void helpers_of_every_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		check_fake(&fakes[i], case_helper);
}

static void helpers_when_orphans_are_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		if (strcmp(fakes[i].name, "fake-orphan") != 0) /* leaves an orphan on purpose */
			check_fake(&fakes[i], case_helper_subreaper);
}

static void case_surroundings(void *arg)
{
	sigset_t all;

	(void)arg;
	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR1, count_sigchld);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < 20; i++)
		CHECK(dup(2) >= 0);
	start_with_helper("fake-tell", 5000, "");
	CHECK(report_at(0x1000));
}

static void helper_starts_clean(void **state)
{
	(void)state;
	run(case_surroundings, 0);
	assert_non_null(strstr(err, "env PATH="));
	assert_non_null(strstr(err, "env DEBUGINFOD_URLS=http://nowhere.invalid\n"));
	assert_null(strstr(err, "env MEMSAN"));
	assert_null(strstr(err, "env LD_"));
	assert_non_null(strstr(err, "SigBlk:\t0000000000000000\n"));
	assert_non_null(strstr(err, "SigIgn:\t0000000000000000\n"));
	assert_int_equal(count_of(err, "fd "), 3);
	assert_non_null(strstr(err, "session own\n"));
}

static void case_no_descriptors(void *arg)
{
	struct rlimit few = { 3, 1024 };

	(void)arg;
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	start_with_helper("fake-good", 5000, "");
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	CHECK(report_at(0x1000));
}

static void case_closed_standard_descriptors(void *arg)
{
	(void)arg;
	close(0);
	close(1);
	start_with_helper("fake-good", 5000, "");
	report_unnoticed();
}

static void case_seccomp(void *arg)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { .len = 1, .filter = allow };

	(void)arg;
	start_with_helper("fake-good", 5000, "");
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		dprintf(2, "%s", TITLE); /* seccomp is missing here: print what the test expects */
	else
		CHECK(report_at(0x1000));
}

static void no_helper_where_there_can_be_none(void **state)
{
	(void)state;
	run(case_no_descriptors, 0);
	assert_int_equal(count_of(err, TITLE), 1);
	run(case_seccomp, 0);
	assert_int_equal(count_of(err, TITLE), 1);
	run(case_closed_standard_descriptors, 0);
	assert_int_equal(count_of(err, "GOOD ANSWER"), 1);
}

static void *killing_thread(void *arg)
{
	(void)arg;
	usleep(100000);
	kill(getpid(), SIGKILL);
	return NULL;
}

static void case_killed(void *arg)
{
	pthread_t thread;

	(void)arg;
	start_with_helper("real-later", 5000, "");
	pthread_create(&thread, NULL, killing_thread, NULL);
	report_at(0x1000);
}

/* The program is killed before the helper answers: then the helper writes the report.  unit_child reads until no
 * process has the pipe open any more. */
static void report_outlives_the_program(void **state)
{
	(void)state;
	if (access("memsan-symbolize", X_OK) != 0)
		skip();
	run(case_killed, SIGKILL);
	assert_int_equal(count_of(err, TITLE "0x1000\n"), 1);
}

/* A helper that gets a request without its record waits.  Its limits can be read, and its alarm ends it. */
static void case_limits(void *arg)
{
	struct helper_request head = { .magic = HELPER_REQUEST_MAGIC,
		                       .version = HELPER_WIRE_VERSION,
		                       .kind = HELPER_REPORT,
		                       .size = sizeof(struct report_record) };
	static const struct {
		int which;
		rlim_t wanted;
	} limits[] = { { RLIMIT_AS, (rlim_t)8 << 30 }, { RLIMIT_CPU, 60 }, { RLIMIT_CORE, 0 } };
	struct rlimit before, now;
	int ends[2], status = 0;
	bool set = false;
	pid_t child;

	(void)arg;
	CHECK(pipe2(ends, O_CLOEXEC) == 0 && getrlimit(RLIMIT_AS, &before) == 0);
	CHECK(before.rlim_max == RLIM_INFINITY || before.rlim_max > limits[0].wanted);
	child = fork();
	if (child == 0) {
		dup2(ends[0], 0);
		execl("memsan-symbolize", "memsan-symbolize", NULL);
		_exit(2);
	}
	CHECK(write(ends[1], &head, sizeof(head)) == sizeof(head));
	while (!set && waitpid(child, &status, WNOHANG) == 0)
		set = prlimit(child, RLIMIT_AS, NULL, &now) == 0 && now.rlim_cur == limits[0].wanted;
	CHECK(set);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		CHECK(prlimit(child, limits[i].which, NULL, &now) == 0 && now.rlim_cur == limits[i].wanted &&
		      now.rlim_max == limits[i].wanted);
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static void helper_limits_itself(void **state)
{
	(void)state;
	if (access("memsan-symbolize", X_OK) != 0)
		skip();
	run(case_limits, 0);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int make_directory(void **state)
{
	char self[4096] = "", here[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *script;

	(void)state;
	if (n <= 0 || !mkdtemp(dir) || !getcwd(here, sizeof(here)))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		if (fakes[i].fn && symlink(self, in_dir(fakes[i].name)) != 0)
			return -1;
	script = fopen(in_dir("fake-text"), "w");
	fputs("this is no program\n", script);
	fclose(script);
	script = fopen(in_dir("real-later"), "w");
	fprintf(script, "#!/bin/sh\nsleep 0.4\nexec %s/memsan-symbolize\n", here);
	fclose(script);
	return chmod(in_dir("fake-text"), 0700) || chmod(in_dir("real-later"), 0700);
}

static int remove_directory(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeated_reports_are_counted),
		cmocka_unit_test(free_stack_is_no_part_of_the_place),
		cmocka_unit_test(refused_reports_leave_nothing),
		cmocka_unit_test(four_frames_make_a_place),
		cmocka_unit_test(records_are_new),
		cmocka_unit_test(max_reports_is_kept),
		cmocka_unit_test(more_places_than_are_remembered),
		cmocka_unit_test(report_inside_a_report_is_dropped),
		cmocka_unit_test(report_inside_a_fork_is_dropped),
		cmocka_unit_test(threads_report_one_at_a_time),
		cmocka_unit_test(panic_ends_the_program),
		cmocka_unit_test(end_of_a_batch_wakes_who_waits),
		cmocka_unit_test(log_path_makes_a_file_per_process),
		cmocka_unit_test(log_path_follows_and_reuses_nothing),
		cmocka_unit_test(report_file_is_appended_to),
		cmocka_unit_test(full_disk_falls_back),
		cmocka_unit_test(fifo_without_reader_does_not_block),
		cmocka_unit_test(secure_process_opens_no_file),
		cmocka_unit_test(last_report_of_a_thread),
		cmocka_unit_test(standard_error_that_became_a_database),
		cmocka_unit_test(signals_of_our_writes_do_not_kill),
		cmocka_unit_test(notify_writes_only_to_the_file_of_memsan_run),
		cmocka_unit_test(helper_limits_itself),
		cmocka_unit_test(nonblocking_standard_error_gets_it_all),
		cmocka_unit_test(lines_go_where_reports_go),
		cmocka_unit_test(helpers_of_every_kind),
		cmocka_unit_test(helpers_when_orphans_are_ours),
		cmocka_unit_test(helper_starts_clean),
		cmocka_unit_test(no_helper_where_there_can_be_none),
		cmocka_unit_test(report_outlives_the_program),
	};

	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		if (fakes[i].fn && strcmp(name, fakes[i].name) == 0) {
			fakes[i].fn();
			return 0;
		}
	/* The helper gets the environment that the program was started with, so the program starts itself again. */
	if (!getenv("MEMSAN_OPTIONS") && argc == 1) {
		setenv("MEMSAN_OPTIONS", "not=read", 1);
		setenv("LD_BIND_NOW", "1", 1);
		setenv("DEBUGINFOD_URLS", "http://nowhere.invalid", 1);
		execv("/proc/self/exe", argv);
		return 1;
	}
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
