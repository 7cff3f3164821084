/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel.h - memsan kernel: shared by its files.
 *
 *   kernel.c         the command line
 *   kernel_table.c   every bug and its expected report; memsan kernel list
 *   kernel_cache.c   builds kernels and modules through kernel/build, or finds them built
 *   kernel_work.c    the folder that holds the files of this run
 *   kernel_initrd.c  the guest's file system, an archive
 *   kernel_bring.c   files of this machine for the guest: programs with their libraries, folders
 *   kernel_guest.c   starts, watches and ends QEMU
 *   kernel_log.c     finds the reports in a guest's log and the bug of each
 *   kernel_session.c  the bugs of one profile, in as many boots as they take
 *   kernel_run.c     memsan kernel run of bugs, and shell
 *   kernel_own.c     a guest with the user's own modules, script, files and reproducer
 *   kernel_debian.c  the names of --subsystem, and the modules of Debian's kernel that they stand for
 *   kernel_needs.c   what a reproducer uses that the kernel does not have
 *   kernel_expect.c  is a report the one that --expect names?
 *   kernel_page.c    the page of --format=html
 *   kernel_repro.c   memsan kernel run of the user's own: tries, the verdict
 *   kernel_minimize.c  memsan kernel minimize: stages, progress, the state file
 *   kernel_ddmin.c   … delta debugging
 *   kernel_pieces.c  … statements of C and commands of scripts
 *   kernel_trial.c   … does a candidate still show the bug?
 *   kernel_fail.c    memsan kernel run --fail-each
 *   kernel_test.c    memsan kernel test: the matrix, the kernel's own suites
 */
#ifndef MEMSAN_KERNEL_H
#define MEMSAN_KERNEL_H

#include "decode/decode.h"
#include "tools/tools.h"

#include <signal.h>
#include <sys/types.h>

/* ---- kernel_table.c -------------------------------------------------------------------------- */

/* Without --profile, the first ones are meant. */
enum kernel_profile {
	PROFILE_KASAN,
	PROFILE_LIGHT,
	NR_DEFAULT_PROFILES,
	PROFILE_ARM64 = NR_DEFAULT_PROFILES,
	NR_CELLS, /* the profiles that have a column in the table */
	PROFILE_HW_TAGS = NR_CELLS,
	PROFILE_UBSAN,
	PROFILE_KMSAN,
	NR_BUILT_PROFILES, /* the profiles whose kernels kernel/build makes */
	PROFILE_DEBIAN = NR_BUILT_PROFILES,
	NR_PROFILES
};
/* in the order of a boot */
enum kernel_setup {
	SETUP_LEAK,
	SETUP_PLAIN,
	SETUP_CHECK,
	SETUP_FENCE,
	SETUP_DEMO,
	SETUP_LAST,
	SETUP_PANIC,
	/* each in boots of its own */
	SETUP_UNMAP,
	SETUP_POISON,
	SETUP_INIT,
	NR_SETUPS
};
enum kernel_expect { EXPECT_REPORT, EXPECT_QUIET, EXPECT_SKIP, EXPECT_AS_KASAN };

struct kernel_cell {
	enum kernel_expect expect;
	const char *detector, *kind;
	const char *function; /* "": the bug's own function */
	const char *why;      /* the reason that only this kernel has; or "" */
};
struct kernel_bug {
	const char *name;
	enum kernel_setup setup;
	const char *what, *why;
	struct kernel_cell cell[NR_CELLS];
};
extern const struct kernel_bug kernel_bugs[];
extern const size_t kernel_nr_bugs;

const char *kernel_profile_name(enum kernel_profile p);
bool kernel_profile_is_arm64(enum kernel_profile p);
const char *kernel_setup_name(enum kernel_setup setup);
/* More words for the kernel's command line; "": none. */
const char *kernel_setup_words(enum kernel_setup setup);
/* The option of the kernel's configuration that the bug needs, or NULL. */
const char *kernel_bug_needs(const struct kernel_bug *bug);
/* The configuration of a profile's kernel, once kernel_get has found that kernel; the table frees the text. */
void kernel_table_config(enum kernel_profile p, char *text);
/* The version of that kernel, "6.12.117-memsan-kasan"; without it, Linux 6.1 is meant. */
void kernel_table_release(enum kernel_profile p, const char *release);
/* What the kernel of a profile is expected to print. */
const struct kernel_cell *kernel_cell_of(const struct kernel_bug *bug, enum kernel_profile p);
/* '-' and '_' are equal.  NULL: there is no such bug; a line with the nearest name was printed. */
const struct kernel_bug *kernel_find_bug(const char *name);
/* "KASAN slab-out-of-bounds in f", "no report", "not done there"; the caller frees the text. */
char *kernel_cell_text(const struct kernel_bug *bug, enum kernel_profile p);

/* ---- options --------------------------------------------------------------------------------- */

enum kernel_format { KERNEL_TEXT, KERNEL_JSON, KERNEL_MARKDOWN, KERNEL_SARIF, KERNEL_HTML };
enum {
	KERNEL_NR_SUBSYSTEMS = 8,
	KERNEL_SUBSYSTEM_9P = 6,
	KERNEL_CANDIDATES = 6,
	KERNEL_PATCHES = 100,
	KERNEL_CONFIGS = 32,
};
struct kernel_options {
	bool profile[NR_PROFILES], profile_given;
	bool all, kunit, keep, kvm, fail_each, leak_check, gdb;
	bool shell;         /* the action is shell */
	const char *source; /* --kernel-source; NULL: Debian's source */
	char *found_source; /* of --kernel */
	const char *patches[KERNEL_PATCHES], *reverts[KERNEL_PATCHES];
	size_t nr_patches, nr_reverts;
	const char *configs[KERNEL_CONFIGS];
	size_t nr_configs;
	bool subsystem[KERNEL_NR_SUBSYSTEMS];
	char *owned[KERNEL_NR_SUBSYSTEMS]; /* paths of their fragments */
	size_t nr_owned;
	char *share_host; /* --share, an absolute path, or NULL */
	const char *share_guest;
	const char *modules[8]; /* .ko files or source folders */
	size_t nr_modules;
	const char *files[32]; /* HOST or HOST:GUEST */
	size_t nr_files;
	struct {
		const char *words; /* NAME=VALUE */
		size_t module;     /* index of its module */
	} params[32];
	size_t nr_params;
	const char *candidates[KERNEL_CANDIDATES]; /* minimize: the reproducers of one guest, programs or scripts */
	size_t nr_candidates;
	const char *script, *repro, *expect, *output, *append, *mem, *smp;
	unsigned timeout; /* seconds for a whole guest; 0: a guest ends only when it is silent */
	unsigned tries;   /* 0: not given */
	unsigned limit;   /* of the cache, in megabytes */
	bool limit_given;
	enum kernel_format format;
	const struct kernel_bug **bugs;
	size_t nr_bugs;
};

/* ---- kernel_cache.c -------------------------------------------------------------------------- */

/* Set by SIGINT, SIGTERM and SIGHUP: builds and guests are ended, and every function returns. */
extern volatile sig_atomic_t kernel_signal;
void kernel_watch_signals(void);

/* Where kernel/ is: beside the command in a build folder, or installed.  NULL: in neither place; a line was printed. */
const char *kernel_data_dir(void);
struct kernel_built {
	enum kernel_profile profile;
	char *dir;     /* the build folder, or the headers of an installed kernel */
	char *image;   /* what QEMU boots */
	char *vmlinux; /* with debug information, or NULL */
	char *release; /* as uname -r prints it there */
	char *modules; /* the folder of Debian's modules, with --subsystem; else NULL */
	bool arm64;
};
void kernel_built_free(struct kernel_built *k);
/* Debian's source of that version of Linux, "6.12".  NULL: a line was printed; else the caller frees the path. */
char *kernel_debian_source(const char *version);
/* Is the option of the kernel's configuration on? */
bool kernel_config_has(const struct kernel_built *k, const char *option);
/* Are QEMU and the compilers installed that the profile needs?  False: a line says what to install. */
bool kernel_programs_there(enum kernel_profile p);
/* Finds the kernel of a profile, and builds it if need be.  False: a line was printed. */
bool kernel_get(const struct kernel_options *o, enum kernel_profile p, struct kernel_built *k);
/* Prints what the cache holds, after it was cut down to --limit.  Returns the exit status. */
int kernel_show_cache(const struct kernel_options *o);
/* Builds a folder with a module's source for this kernel.  NULL: a line was printed.  The caller frees the path. */
char *kernel_get_module(const struct kernel_built *k, const char *source);
/* The folder of memsan_fail.ko, which lets allocations fail.  NULL: a line was printed.  The caller frees the path. */
char *kernel_get_fail(const struct kernel_built *k);
/* The guest's first program, for this kernel's processor.  NULL: a line was printed.  The caller frees the path. */
char *kernel_get_init(const struct kernel_built *k);
/* A statically linked busybox for this kernel's processor.  NULL: a line was printed.  The caller frees the path. */
char *kernel_get_busybox(const struct kernel_built *k);
/* Is it there already?  Prints nothing. */
bool kernel_have_busybox(const struct kernel_built *k);
/* The release that a .ko file was built for; "": it is not a module, and a line was printed.  The caller frees the
 * text. */
char *kernel_module_release(const char *path);
/* The path of the one .ko file in a folder, or NULL. */
char *kernel_module_file(const char *dir);

/* ---- kernel_work.c --------------------------------------------------------------------------- */

/* The folder for this run's files, which the first call makes.  NULL: a line was printed. */
const char *kernel_work_dir(void);
/* With --keep, writes a guest's console into that folder. */
void kernel_keep_log(const struct kernel_options *o, const char *name, const char *log);
/* Removes the folder, unless --keep is given. */
void kernel_work_remove(const struct kernel_options *o);

/* ---- kernel_initrd.c ------------------------------------------------------------------------- */

struct initrd;
struct initrd *initrd_create(const char *path);
/* The folders of `name` must have been added before. initrd_finish tells of a failed write. */
void initrd_dir(struct initrd *r, const char *name);
void initrd_device(struct initrd *r, const char *name, unsigned major, unsigned minor);
void initrd_link(struct initrd *r, const char *name, const char *target);
void initrd_data(struct initrd *r, const char *name, unsigned mode, const void *data, size_t len);
bool initrd_file(struct initrd *r, const char *name, unsigned mode, const char *path); /* false: a line was printed */
/* Does the archive fit into the guest's memory?  False: a line was printed. */
bool initrd_fits(const struct initrd *r, const struct kernel_options *o);
bool initrd_finish(struct initrd *r); /* false: a line was printed */
/* An archive with init and the folders, with busybox if a shell is wanted; the plan and its files are still to be
 * added.  NULL: a line was printed. */
struct initrd *initrd_base(const char *path, const struct kernel_built *k, bool shell);

/* ---- kernel_bring.c -------------------------------------------------------------------------- */

struct bring;
struct bring *bring_create(struct initrd *r, const struct kernel_built *k);
void bring_free(struct bring *b);
/* Brings HOST[:GUEST], a file or a folder, programs with their libraries.  False: a line was printed. */
bool bring_file(struct bring *b, const char *option);
/* Makes the folder where --share appears, and writes the plan's line.  False: a line was printed. */
bool bring_share(struct bring *b, const char *guest, FILE *plan);
enum repro_kind { REPRO_NONE, REPRO_C, REPRO_CXX, REPRO_PROGRAM, REPRO_SCRIPT };
enum repro_kind bring_kind(const char *path);
/* Brings the reproducer as /memsan/repro; source is built.  False: a line was printed. */
bool bring_repro(struct bring *b, const char *path);
/* Brings a program or a script that was made here, as /memsan/NAME. */
bool bring_candidate(struct bring *b, const char *path, const char *name);
/* Builds a source for the guest, without a word about its errors; `folder` has the headers beside it.  False: no
 * compiler takes it. */
bool bring_build(const struct kernel_built *k, const char *path, bool cxx, const char *folder, const char *out);

/* ---- kernel_guest.c -------------------------------------------------------------------------- */

struct kernel_own;
enum guest_end {
	GUEST_RUNNING,
	GUEST_DONE,
	GUEST_PANIC,
	GUEST_HANG,
	GUEST_TIMEOUT,
	GUEST_NEVER_BOOTED,
	GUEST_DIED,
	GUEST_FLOOD,
	GUEST_SEEN, /* the expected report came */
	GUEST_INTERRUPTED
};
struct guest {
	pid_t pid;
	int log_fd, script_fd; /* the guest's serial ports; -1: ended */
	char *log;             /* all that came from the first port, NUL-terminated */
	size_t log_len, log_size, line_start;
	bool booted, panicked, said_done;
	FILE *script_out;                /* copies what comes from the second port, or NULL */
	int status;                      /* of "done STATUS" */
	unsigned silence_limit, timeout; /* seconds */
	double started, last_heard, ended;
	enum guest_end end;
	const char *expect; /* a report that ends the guest, or NULL */
	uint64_t signature; /* the same by its signature, or 0 */
	struct decode_reader *reader;
	double seen_at;               /* when it came, or 0 */
	const struct kernel_own *own; /* has the symbols for functions that are inlined */
	uint64_t others[32];          /* signatures of reports that are not the expected one */
	size_t nr_others;
};
/* Where QEMU listens for gdb, with --gdb; the caller frees the path. */
char *guest_gdb_socket(void);
/* Starts a guest.  False: a line was printed.  With `shell`, the second serial port is this terminal. */
bool guest_start(struct guest *g, const struct kernel_options *o, const struct kernel_built *k, const char *initrd,
                 bool shell);
/* Watches the running guests until one of them ends; returns at once when none runs.  A guest that ended has been
 * waited for. */
void guest_watch(struct guest *guests, size_t nr);
void guest_kill(struct guest *g);
void guest_free(struct guest *g);
/* For people: "panicked", "hung: nothing was heard for 60 s" and others. */
const char *guest_end_text(enum guest_end end);

/* ---- kernel_log.c ---------------------------------------------------------------------------- */

struct kernel_finding {
	struct decode_record *record;
	const struct kernel_bug
		*bug; /* the bug whose function the report names, else the bug that was being run, or NULL */
	bool named;
};
struct kernel_findings {
	struct kernel_finding *all;
	size_t nr;
};
/* Finds the reports of a log, in order, with functions and lines as far as vmlinux and `modules` (folders of .ko
 * files) have them. */
void kernel_find(struct kernel_findings *f, const char *log, const struct kernel_built *k, const char *const *modules,
                 size_t nr_modules);
void kernel_findings_free(struct kernel_findings *f);
/* Functions and lines for the frames of records. */
void kernel_symbolize(struct decode_record **records, size_t nr, const struct kernel_built *k,
                      const char *const *modules, size_t nr_modules);
/* Does one of the report's stacks go through the bug's function? */
bool kernel_finding_names(const struct kernel_finding *f, const struct kernel_bug *bug);
/* The line without its time stamp. */
const char *kernel_log_text(const char *line);

/* ---- kernel_session.c ------------------------------------------------------------------------ */

struct kernel_result {
	const struct kernel_bug *bug;
	enum kernel_profile profile;
	bool ran;   /* the guest began the bug */
	int status; /* 0, the module's errno, or 128 + signal */
	bool died, panicked, hung;
	const struct kernel_finding *findings[16];
	size_t nr_findings; /* may be more than are kept in `findings` */
	bool as_expected;
	char *difference; /* NULL: as expected */
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
	bool failed; /* a line was printed */
};
/* Runs the bugs under all chosen profiles at the same time.  Results are in the order of `bugs`. False: interrupted,
 * or nothing could run. */
bool kernel_sessions_run(struct kernel_session *sessions, size_t nr, const struct kernel_options *o);
void kernel_session_free(struct kernel_session *s);

/* ---- kernel_needs.c -------------------------------------------------------------------------- */

/* Tells what the reproducer uses that the kernel lacks. */
void kernel_needs_tell(const char *path, const struct kernel_built *k);
/* The same as text, from the reproducer's contents and the text of a .config.  NULL: nothing is missing; else the
 * caller frees the text. */
char *kernel_needs_missing(const char *text, size_t len, bool source, const char *config);

/* ---- kernel_expect.c ------------------------------------------------------------------------- */

bool kernel_expect_record(const char *title, const struct decode_record *r);
/* Do lines of the console fit, without a report about memory? */
bool kernel_expect_log(const char *title, const char *log);
/* Are there lines that begin a complaint of the kernel? */
bool kernel_log_complains(const char *log);
/* Ends the guest soon after a report that has the title, or, unless it is 0, the signature. */
void kernel_expect_in(struct guest *g, const struct kernel_own *w, const char *title, uint64_t signature);

/* ---- kernel_page.c --------------------------------------------------------------------------- */

struct kernel_page;
struct kernel_page *kernel_page_create(void);
void kernel_page_sources(const struct kernel_options *o, const struct kernel_built *k);
/* A row of the table "expected and found"; NULL ends the cells. */
void kernel_page_row(struct kernel_page *p, const char *const *cells);
void kernel_page_record(struct kernel_page *p, const struct decode_record *r);
/* The events of a console, in order; `f`: its reports, or NULL. */
void kernel_page_console(struct kernel_page *p, const char *heading, const char *log, const struct kernel_findings *f);
/* Writes the page to standard output, and frees. */
void kernel_page_finish(struct kernel_page *p);

/* ---- kernel_own.c ---------------------------------------------------------------------------- */

struct kernel_own {
	enum kernel_profile profile;
	struct kernel_built built;
	char *fail_dir;         /* of memsan_fail.ko, whose wrappers the modules call, or NULL */
	const char *folders[8]; /* folders of the modules, for their symbols */
	char *owned[8];
	size_t nr_folders;
};
/* Lines for the guest's init. */
struct kernel_plan {
	struct initrd *initrd;
	FILE *load, *use, *unload;
};
/* ---- kernel_debian.c ------------------------------------------------------------------------- */
/* The names of --subsystem. In this order their fragments make a configuration, so that net,bpf and bpf,net are one
 * kernel. */
extern const char *const kernel_subsystems[KERNEL_NR_SUBSYSTEMS];
bool kernel_has_subsystem(const struct kernel_options *o, const char *name);

/* False: a line was printed. */
bool kernel_debian_modules(struct kernel_plan *plan, const struct kernel_options *o, const struct kernel_built *k);

/* ---- kernel_own.c, again --------------------------------------------------------------------- */

/* Checks what was given, and gets the kernel.  False: a line was printed, or a signal came. */
bool kernel_own_prepare(struct kernel_own *w, const struct kernel_options *o);
void kernel_own_free(struct kernel_own *w);
/* Makes the guest's archive.  `write` writes the plan, from the lines that load the modules, use and unload them; NULL:
 * the usual one.  False: a line was printed, or a signal came. */
bool kernel_own_archive(struct kernel_own *w, const struct kernel_options *o, const char *path,
                        void (*write)(FILE *out, const struct kernel_options *o, const char *load, const char *use,
                                      const char *unload, void *ctx),
                        void *ctx);
/* Prints why modules were not loaded, up to the line that begins with `until` (NULL: the end).  False: all were. */
bool kernel_own_complaints(const struct guest *g, const char *until);

/* ---- kernel_repro.c, kernel_fail.c ----------------------------------------------------------- */

/* Seconds that a reproducer may run. */
unsigned kernel_repro_limit(const struct kernel_options *o);
/* Prints that the user interrupted; returns the exit status. */
int kernel_interrupted(void);
int kernel_run_own(const struct kernel_options *o);
int kernel_run_fail_each(const struct kernel_options *o);

/* ---- kernel_ddmin.c -------------------------------------------------------------------------- */

#define DDMIN_STOP SIZE_MAX
struct ddmin {
	bool *kept; /* of all pieces: which are in the candidate that showed the bug last */
	size_t nr;
	/* The first of the candidates that shows the bug; nr: none of them; DDMIN_STOP. */
	size_t (*first)(struct ddmin *d, bool *const *candidates, size_t nr);
	void *ctx;
	size_t left;  /* the most candidates that may still come, if none of them shows the bug */
	bool singles; /* begin with single pieces */
};
/* Leaves out as many of these pieces as it can, so that none of those that stay can be left out alone.  False: it was
 * stopped. */
bool kernel_ddmin(struct ddmin *d, const size_t *pieces, size_t nr);

/* ---- kernel_pieces.c ------------------------------------------------------------------------- */

struct piece {
	size_t begin, end;
	int parent; /* the piece in whose block it lies, or -1 */
	unsigned depth;
};
struct pieces {
	const char *text; /* the caller's */
	size_t len;
	struct piece *all; /* the caller frees it; in the order of the text */
	size_t nr, room;
	unsigned depth; /* the largest */
};
void kernel_pieces_of_c(struct pieces *p, const char *text);
void kernel_pieces_of_script(struct pieces *p, const char *text);
/* Are the piece and all pieces around it kept? */
bool kernel_piece_is_left(const struct pieces *p, const bool *kept, size_t i);
size_t kernel_pieces_left(const struct pieces *p, const bool *kept);
/* The text without the pieces that are not kept; the caller frees it. */
char *kernel_pieces_text(const struct pieces *p, const bool *kept);

/* ---- kernel_trial.c -------------------------------------------------------------------------- */

enum trial_verdict { TRIAL_UNKNOWN, TRIAL_SHOWS, TRIAL_ALONE, TRIAL_SHARED, TRIAL_STOP };
struct kernel_trial {
	const struct kernel_options *options; /* may change between trials */
	struct kernel_own *own;
	const char *title;     /* --expect, or NULL */
	unsigned tries, limit; /* seconds for a candidate */
	/* set by kernel_trial_whole, or from the state file */
	char *found;        /* the report's title */
	uint64_t signature; /* of the report */
	bool by_line;       /* no report, but lines of the console fit the title */
	bool scan, share;
	/* counted */
	unsigned boots;
	double seconds;
};
/* Boots the whole reproducer, and learns which bug it shows.  *another: it shows something, but not that. */
enum trial_verdict kernel_trial_whole(struct kernel_trial *t, const char *path, bool *another);
/* Judges candidates, up to the first that shows the bug: TRIAL_ALONE and TRIAL_SHARED say that one does not, in a guest
 * of its own or as a later one in a guest; TRIAL_UNKNOWN was not tried.  False: nothing could be run, or a signal
 * came. */
bool kernel_trial_run(struct kernel_trial *t, const char *const *paths, size_t nr, enum trial_verdict *verdicts);

/* ---- kernel_minimize.c ----------------------------------------------------------------------- */

int kernel_minimize(const struct kernel_options *o);

/* ---- kernel_run.c, kernel_test.c ------------------------------------------------------------- */

int kernel_run_bugs(const struct kernel_options *o);
int kernel_run_shell(const struct kernel_options *o);
int kernel_test_matrix(const struct kernel_options *o);
int kernel_test_kunit(const struct kernel_options *o);

#endif
