/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel.h - memsan kernel: what its files share.
 *
 *   kernel.c         the command line
 *   kernel_table.c   every bug and what is expected of it; memsan kernel list
 *   kernel_cache.c   kernels and modules that were built, or are to be (the work is kernel/build's)
 *   kernel_work.c    the folder that holds the files of this run
 *   kernel_initrd.c  the archive that is the guest's file system
 *   kernel_guest.c   QEMU: start, watch, end
 *   kernel_log.c     a guest's log becomes findings, each given to its bug
 *   kernel_session.c bugs of one profile, in as many boots as it takes
 *   kernel_run.c     memsan kernel run and shell
 *   kernel_test.c    memsan kernel test: the matrix, the kernel's own suites
 */
#ifndef MEMSAN_KERNEL_H
#define MEMSAN_KERNEL_H

#include "decode/decode.h"
#include "tools/tools.h"

#include <signal.h>
#include <sys/types.h>

/* ---- kernel_table.c -------------------------------------------------------------------------- */

/* The first are those that are meant when nobody says which. */
enum kernel_profile {
	PROFILE_KASAN,
	PROFILE_LIGHT,
	NR_DEFAULT_PROFILES,
	PROFILE_ARM64 = NR_DEFAULT_PROFILES,
	NR_TABLE_PROFILES,
	PROFILE_DEBIAN = NR_TABLE_PROFILES,
	NR_PROFILES
};
/* in the order of a boot */
enum kernel_setup { SETUP_LEAK, SETUP_PLAIN, SETUP_CHECK, SETUP_FENCE, SETUP_DEMO, SETUP_LAST, SETUP_PANIC };
enum kernel_expect { EXPECT_REPORT, EXPECT_QUIET, EXPECT_SKIP, EXPECT_AS_KASAN };

struct kernel_cell {
	enum kernel_expect expect;
	const char *detector, *kind;
	const char *function; /* "": the bug's own */
	const char *why;      /* of this kernel, besides the bug's; or "" */
};
struct kernel_bug {
	const char *name;
	enum kernel_setup setup;
	const char *what, *why;
	struct kernel_cell cell[NR_TABLE_PROFILES];
};
extern const struct kernel_bug kernel_bugs[];
extern const size_t kernel_nr_bugs;

const char *kernel_profile_name(enum kernel_profile p);
bool kernel_profile_is_arm64(enum kernel_profile p);
const char *kernel_setup_name(enum kernel_setup setup);
/* The configuration of Debian's kernel, once kernel_get has found that kernel; the table frees the text. */
void kernel_debian_config(char *text);
/* What is expected under a profile; Debian's kernel is a light one. */
const struct kernel_cell *kernel_cell_of(const struct kernel_bug *bug, enum kernel_profile p);
/* '-' and '_' are the same.  NULL, and the nearest name is said. */
const struct kernel_bug *kernel_find_bug(const char *name);
/* "KASAN slab-out-of-bounds in f", "no report", "not done there"; the caller frees it. */
char *kernel_cell_text(const struct kernel_bug *bug, enum kernel_profile p);

/* ---- options --------------------------------------------------------------------------------- */

enum kernel_format { KERNEL_TEXT, KERNEL_JSON, KERNEL_MARKDOWN, KERNEL_SARIF };
struct kernel_options {
	bool profile[NR_PROFILES], profile_given;
	bool all, kunit, keep, kvm;
	const char *source; /* --kernel-source, or NULL: Debian's */
	const char *configs[16];
	size_t nr_configs;
	const char *modules[8]; /* .ko files or source folders */
	size_t nr_modules;
	const char *script, *append, *mem, *smp;
	unsigned timeout; /* seconds for a whole guest; 0: only silence ends it */
	enum kernel_format format;
	const struct kernel_bug **bugs;
	size_t nr_bugs;
};

/* ---- kernel_cache.c -------------------------------------------------------------------------- */

/* Set by SIGINT, SIGTERM or SIGHUP: a build is ended, a guest too, and everything returns. */
extern volatile sig_atomic_t kernel_signal;
void kernel_watch_signals(void);

/* Where kernel/ is: in the build folder, or installed.  NULL (said) when it is in neither place. */
const char *kernel_data_dir(void);
struct kernel_built {
	char *dir;     /* build folder, or the headers of an installed kernel */
	char *image;   /* what QEMU boots */
	char *vmlinux; /* with debug information, or NULL */
	char *release; /* what uname -r says there */
	bool arm64;
};
/* Are QEMU and the compilers there that this profile wants?  False: said what to install. */
bool kernel_programs_there(enum kernel_profile p);
/* Builds it, or finds it built.  False: said why. */
bool kernel_get(const struct kernel_options *o, enum kernel_profile p, struct kernel_built *k);
/* A module's folder, built for this kernel; NULL: said why.  The caller frees it. */
char *kernel_get_module(const struct kernel_built *k, const char *source);
/* The guest's first program, for this kernel's processor; NULL: said why.  The caller frees it. */
char *kernel_get_init(const struct kernel_built *k);
/* A statically linked busybox for it; NULL: said why.  The caller frees it. */
char *kernel_get_busybox(const struct kernel_built *k);
/* The release that a .ko was built for; "" and a message when it is no module.  The caller frees it. */
char *kernel_module_release(const char *path);
/* The path of the one .ko in a folder, or NULL. */
char *kernel_module_file(const char *dir);

/* ---- kernel_work.c --------------------------------------------------------------------------- */

/* The folder for this run's files, made by the first call; NULL, and the reason is printed. */
const char *kernel_work_dir(void);
/* With --keep: writes a guest's console into that folder. */
void kernel_keep_log(const struct kernel_options *o, const char *name, const char *log);
/* Removes the folder, unless --keep. */
void kernel_work_remove(const struct kernel_options *o);

/* ---- kernel_initrd.c ------------------------------------------------------------------------- */

struct initrd;
struct initrd *initrd_create(const char *path);
/* Folders of `name` must have been added before.  A failed write is remembered for initrd_finish. */
void initrd_dir(struct initrd *r, const char *name);
void initrd_device(struct initrd *r, const char *name, unsigned major, unsigned minor);
void initrd_data(struct initrd *r, const char *name, unsigned mode, const void *data, size_t len);
bool initrd_file(struct initrd *r, const char *name, unsigned mode, const char *path); /* false: said why */
bool initrd_finish(struct initrd *r);                                                  /* false: said why */
/* init and the folders, busybox if a shell is wanted: all but the plan and what it needs.  NULL: said why. */
struct initrd *initrd_base(const char *path, const struct kernel_built *k, bool shell);

/* ---- kernel_guest.c -------------------------------------------------------------------------- */

enum guest_end {
	GUEST_RUNNING,
	GUEST_DONE,
	GUEST_PANIC,
	GUEST_HANG,
	GUEST_TIMEOUT,
	GUEST_NEVER_BOOTED,
	GUEST_DIED,
	GUEST_FLOOD,
	GUEST_INTERRUPTED
};
struct guest {
	pid_t pid;
	int log_fd, script_fd; /* the guest's serial ports; -1: ended */
	char *log;             /* all that the first one said, NUL-terminated */
	size_t log_len, log_size, line_start;
	bool booted, panicked, said_done;
	FILE *script_out;                /* where the second port's words go, or NULL */
	int status;                      /* of "done STATUS" */
	unsigned silence_limit, timeout; /* seconds */
	double started, last_heard, ended;
	enum guest_end end;
};
/* False: said why (no QEMU …).  `shell`: the second serial port is this terminal. */
bool guest_start(struct guest *g, const struct kernel_options *o, const struct kernel_built *k, const char *initrd,
                 bool shell);
/* Until one of them ends that was running; none running: at once.  Ended guests have been waited for. */
void guest_watch(struct guest *guests, size_t nr);
void guest_kill(struct guest *g);
void guest_free(struct guest *g);
/* "panicked", "hung: nothing was heard for 60 s" … for people. */
const char *guest_end_text(enum guest_end end);
double kernel_now(void); /* seconds */

/* ---- kernel_log.c ---------------------------------------------------------------------------- */

struct kernel_finding {
	struct decode_record *record;
	const struct kernel_bug *bug; /* the one whose function it names, else that which was being made, or NULL */
	bool named;
};
struct kernel_findings {
	struct kernel_finding *all;
	size_t nr;
};
/* The reports of a log, in their order, with functions and lines where vmlinux and `modules` (folders of .ko files)
 * have them. */
void kernel_find(struct kernel_findings *f, const char *log, const struct kernel_built *k, const char *const *modules,
                 size_t nr_modules);
void kernel_findings_free(struct kernel_findings *f);
/* Does one of its stacks go through this bug's function? */
bool kernel_finding_names(const struct kernel_finding *f, const struct kernel_bug *bug);
/* A line without its time stamp. */
const char *kernel_log_text(const char *line);

/* ---- kernel_session.c ------------------------------------------------------------------------ */

struct kernel_result {
	const struct kernel_bug *bug;
	enum kernel_profile profile;
	bool ran;   /* it was begun */
	int status; /* 0, the module's errno, or 128 + signal */
	bool died, panicked, hung;
	const struct kernel_finding *findings[16];
	size_t nr_findings; /* may be more than are kept */
	bool as_expected;
	char *difference; /* NULL when as expected */
};
struct kernel_session {
	enum kernel_profile profile;
	struct kernel_built built;
	char *module_dir;
	struct kernel_result *results;
	size_t nr_results;
	struct kernel_findings findings[64];
	char *logs[64];
	size_t nr_boots;
	double seconds;
	bool failed; /* said why */
};
/* Runs the bugs under all chosen profiles, beside each other; results in the order of `bugs`.  False: interrupted, or
 * nothing could run. */
bool kernel_sessions_run(struct kernel_session *sessions, size_t nr, const struct kernel_options *o);
void kernel_session_free(struct kernel_session *s);

/* ---- kernel_run.c, kernel_test.c ------------------------------------------------------------- */

int kernel_run_bugs(const struct kernel_options *o);
int kernel_run_module(const struct kernel_options *o);
int kernel_run_shell(const struct kernel_options *o);
int kernel_test_matrix(const struct kernel_options *o);
int kernel_test_kunit(const struct kernel_options *o);

#endif
