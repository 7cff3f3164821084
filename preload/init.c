/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/init.c - start-up: options, arena, hooks, in an order that works before any other code of the process has
 * run.
 *
 * The first call may come from ld.so itself (it switches to our malloc once we are relocated), from another library's
 * constructor, or from our own constructor, which -z initfirst puts before libc's.  So libc's environ and stdio may not
 * be ready.  The environment is read from the initial stack, and everything else uses raw system calls.
 *
 *   RUNTIME_NEW → STARTING → READY     or BROKEN: no address space; every allocation then fails with ENOMEM
 *                                      or OFF: run.only or run.skip leaves this program out (unseen/skipped.c)
 */
#include "preload/preload.h"
#include "shadow/abi.h"

#include <signal.h>
#include <limits.h>
#include <sys/auxv.h>
#include <unistd.h>

uint32_t runtime_state_now;

/* Guards the step out of RUNTIME_NEW. */
static struct ranked_lock start_lock = RANKED_LOCK_INIT(LOCK_RANK_INIT);

__attribute__((weak)) extern const char *memsan_default_options(void);
__attribute__((weak)) extern const char *__asan_default_suppressions(void);
extern void *__libc_stack_end __attribute__((weak));

/* The environment as the kernel laid it out: argc, argv…, NULL, envp…, NULL.  In a static program __libc_stack_end does
 * not point at argc, but there libc has set environ before anything can allocate. */
static char **environment(void)
{
	uintptr_t *words;

	if (environ)
		return environ;
	if (!&__libc_stack_end || !__libc_stack_end)
		return NULL;
	words = __libc_stack_end;
	if (words[0] > 0x100000)
		return NULL;
	return (char **)(words + 1 + words[0] + 1);
}

static const char *environment_get(const char *name)
{
	size_t len = str_length(name);
	for (char **e = environment(); e && *e; e++)
		if (str_starts(*e, name) && (*e)[len] == '=')
			return *e + len + 1;
	return NULL;
}

/* The program does not see the variable. */
static const char *environment_take(const char *name)
{
	size_t len = str_length(name);

	for (char **e = environment(); e && *e; e++) {
		const char *entry = *e;

		if (!str_starts(entry, name) || entry[len] != '=')
			continue;
		for (; *e; e++)
			e[0] = e[1];
		return entry + len + 1;
	}
	return NULL;
}

/* A filter that this process was started under may kill for calls that neither ld.so nor libc makes at its start. */
static void learn_calls(void)
{
	const char *told = environment_take(OS_FILTERS_VARIABLE);

	if (told)
		os_filters_told(told);
}

static void complain_option(void *ctx, const char *line)
{
	(void)ctx;
	report_line("%s", line);
}

/* https://no-color.org, https://bixense.com/clicolors */
static enum report_colour colour_wanted(void)
{
	const char *no = environment_get("NO_COLOR"), *force = environment_get("CLICOLOR_FORCE"),
		   *term = environment_get("TERM");

	if (no && *no)
		return COLOUR_NEVER;
	if (force && *force && !str_equal(force, "0"))
		return COLOUR_ALWAYS;
	return !term || str_equal(term, "dumb") ? COLOUR_NEVER : COLOUR_TERMINAL;
}

/* The path of the file that runs. Only a long one takes a page of memory. */
static const char *exe_path(char *room, size_t size)
{
	static __large_bss char all[PATH_MAX];
	long n = os_exe_path(room, size - 1);

	if (n >= (long)size - 2) {
		room = all;
		n = os_exe_path(all, sizeof(all) - 1);
	}
	room[n > 0 ? n : 0] = 0;
	return room;
}

static void hint_interpreter(void)
{
	char room[256];
	const char *exe = exe_path(room, sizeof(room));

	report_set_hint(interpreter_hint(exe, false, false, environment_get));
	/* One that frees its objects only when asked to loses much at its end, and nobody wants to hear of it. */
	if (interpreter_hint(exe, true, true, environment_get) && !interpreter_hint(exe, true, false, environment_get))
		options.advice[0] = '\0';
}

static void read_options(bool secure)
{
	const char *text, *bad;

	options_set_defaults(&options);
	reports_init(secure);
	report_set_colour(secure ? COLOUR_NEVER : colour_wanted());
	if (&memsan_default_options) {
		text = memsan_default_options();
		if (text)
			options_parse(&options, text, complain_option, NULL);
	}
	text = secure ? NULL : environment_get("MEMSAN_OPTIONS");
	if (text)
		options_parse(&options, text, complain_option, NULL);
	/* A static program's own filters are not seen (sandbox.c), so that there every filter may kill. */
	if (&runtime_is_shared)
		os_filters_refuse((unsigned)options.filters_refuse);
	/* The program may name files for itself, but with more rights than its user it opens none for memsan. */
	if (secure)
		options.fail_log[0] = options.suppressions[0] = '\0';
	reports_configure();
	hint_interpreter();
	bad = slab_debug_check(options.slab_debug);
	if (bad) {
		report_line("slab_debug: '%s' is not a list of FZPUT (or -), optionally ',' and cache names; ignored",
		            bad);
		options.slab_debug[0] = '\0';
	}
}

/* ---- run.only and run.skip ------------------------------------------------------------------- */

/* A pattern with a slash is for the whole path, any other for the file's name. */
static bool name_listed(const char *list, const char *path)
{
	char pattern[OPTION_STRING_MAX];

	while (path && *path && *list) {
		size_t len = 0;

		while (list[len] && list[len] != ',')
			len++;
		str_copy(pattern, list, MIN(len + 1, sizeof(pattern)));
		if (len && name_glob(pattern, str_char(pattern, '/') ? path : path_base(path)))
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

/* The file that runs; the name by which the kernel was asked to run it, which is a script's or a link's; and the
 * program's own first argument, where a dynamic loader was started by hand. */
static bool program_listed(const char *list)
{
	char room[256];
	const char *exe = exe_path(room, sizeof(room));
	uintptr_t *words = &__libc_stack_end ? __libc_stack_end : NULL;

	return name_listed(list, exe) || name_listed(list, (const char *)getauxval(AT_EXECFN)) ||
	       (words && words[0] > 0 && words[0] <= 0x100000 && name_listed(list, (const char *)words[1]));
}

static bool program_is_skipped(void)
{
	return (options.run_only[0] && !program_listed(options.run_only)) ||
	       (options.run_skip[0] && program_listed(options.run_skip));
}

/* True: memsan does nothing at all in this process. */
static bool skip(void)
{
	bool aside = &skipped_stand_aside && skipped_stand_aside();

	reports_mute();
	options.leak = options.check_at_exit = options.fence_check_on_panic = false;
	options.leak_scan_interval = 0;
	options.fence = 0; /* sampled, at no time */
	options.fence_sample_interval = options.fence_sample_rate = 0;
	options.fault = options.shadow_fault = options.harden_fault = FAULT_REPORT;
	options.watch[0] = '\0';
	options.fail_probability = options.fail_nth = 0;
	options.fault_handler = false;
	return aside;
}

/* In static programs no start of a thread is seen. */
static void watch_this_thread(void)
{
	thread_ensure();
}

static void start_locked(void)
{
	bool ok;

	/* A signal handler of this thread, or memsan_default_options, may allocate while we start.  slab_enter then
	 * fails, and interrupted.c serves the call. */
	slab_enter();
	__atomic_store_n(&runtime_state_now, RUNTIME_STARTING, __ATOMIC_RELAXED);
	read_options(getauxval(AT_SECURE) != 0);
	if (program_is_skipped() && skip()) {
		__atomic_store_n(&runtime_state_now, RUNTIME_OFF, __ATOMIC_RELEASE);
		slab_leave();
		return;
	}
	live_counters_start();
	deep_start();
	slab_set_report_hook(dispatch_finding);
	hooks_connect();
	leak_connect();
	slab_set_trace_hook(trace_event);
	ok = slab_init();
	if (!ok)
		report_line("no address space for the heap (see ulimit -v); allocations will fail");
	else {
		shadow_init();
		__asan_option_detect_stack_use_after_return = options.use_after_return;
		fence_hook_reported = shadow_was_reported;
		fence_init();
		fail_connect();
		malloc_hooks_connect();
		fault_set_hook(shadow_fault);
		shadow_null_hook = fault_left_to_program;
		shadow_thread_hook = watch_this_thread;
	}
	__atomic_store_n(&runtime_state_now, ok ? RUNTIME_READY : RUNTIME_BROKEN, __ATOMIC_RELEASE);
	slab_leave();
}

__cold_path void runtime_start(void)
{
	if (__atomic_load_n(&runtime_state_now, __ATOMIC_ACQUIRE) != RUNTIME_NEW)
		return;
	os_start(); /* first: locks ask for the tid */
	learn_calls();
	lock_acquire(&start_lock);
	if (__atomic_load_n(&runtime_state_now, __ATOMIC_ACQUIRE) == RUNTIME_NEW)
		start_locked();
	lock_release(&start_lock);
}

/* shadow/ calls this: instrumented code may make a bad access before the first allocation. */
void shadow_start_runtime(void)
{
	runtime_ensure();
}

/* The first stack, the first sample and the first large request of a process each make some system calls, once.  These
 * are made here, before main.  Later a sandbox may kill the process for them, hours after the start and only for a
 * sample (sshd's sandbox does, for prlimit64 and prctl). */
static void warm_up(void)
{
	os_may_commit(0);
	if (options.mode != MODE_CHECK && !fence_sampling)
		return;
	unwind_prepare();
	thread_index();
}

/* AddressSanitizer asks the program at its start too. The functions for leaks are asked when leaks are reported. */
static void ask_for_rules(void)
{
	const char *text = &__asan_default_suppressions ? __asan_default_suppressions() : NULL;

	if (text)
		report_add_rules(text);
}

/* Runs before all other constructors: in the shared library by -z initfirst, in a static program by its priority. */
__attribute__((constructor(101))) static void runtime_constructor(void)
{
	modules_start();
	clock_note_image(getauxval(AT_SYSINFO_EHDR));
	runtime_ensure();
	if (runtime_is_off()) {
		os_program_runs();
		return;
	}
	process_init();
	if (runtime_state_now == RUNTIME_READY) {
		ask_for_rules();
		shadow_globals_ahead();
		warm_up();
		leak_control_start();
	}
	if (runtime_state_now == RUNTIME_READY)
		exits_init();
	/* The shared library does this once it knows libc's own sigaction. */
	if (!&runtime_is_shared)
		fault_init(sigaction);
	if (runtime_state_now == RUNTIME_READY)
		watch_start();
	os_program_runs();
}
