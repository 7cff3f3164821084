/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/tools.h - the memsan command: its subcommands and what they share.
 *
 *   main.c       the table of subcommands, help, version
 *   run.c        memsan run: command line, options, library, environment
 *   target.c     what can be known of a program before it is started: can memsan see into it?
 *   fail_each.c  memsan run --fail-each
 *   supervise.c  starts the program, passes signals on, decides the exit status
 *   options.c    memsan options
 *   stat.c       memsan stat
 *   decode.c     memsan decode: the command line, where records go
 *   input.c      logs from files, pipes, compressed, growing
 *   output.c     records in the form that --format names
 *   complete.c   memsan decode --all
 *   report.c     memsan report: merge, diff, top
 *   leak.c       memsan leak
 *   why.c        memsan leak --why
 *   growth.c     memsan leak --growth, --save
 *   describe.c   memsan describe
 *   views.c      memsan slabinfo, slabtop, buddyinfo, vmallocinfo, alloc_traces, free_traces
 *   image/       another process or a core file, as memory
 *   qemu/        memsan kernel: kernels and guests
 *   screen.c     a terminal: drawing, keys
 *   spawn.c      helper programs: started and waited for
 *   common.c     messages, "did you mean", values of options, whole files
 *   symbolize_main.c   memsan-symbolize, the helper program
 *   gen_docs.c   tables for the manual pages and the completion
 *
 * This is the tool half: malloc, stdio and locale are allowed.
 */
#ifndef MEMSAN_TOOLS_H
#define MEMSAN_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/lib.h"
#include "slab/slab.h"

/* Exit statuses, those of env(1) and nohup(1) where a program is started. */
enum { EXIT_USAGE = 2, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

struct tool_command {
	const char *name;
	const char *summary;                /* one line for memsan --help */
	const char *help;                   /* whole text of memsan COMMAND --help */
	int (*main)(int argc, char **argv); /* argv[0] is the subcommand's name; returns the exit status */
};
extern const struct tool_command command_run, command_options, command_decode, command_report, command_stat,
	command_leak, command_describe, command_slabinfo, command_slabtop, command_buddyinfo, command_vmallocinfo,
	command_alloc_traces, command_free_traces, command_kernel;

/* ---- common.c -------------------------------------------------------------------------------- */

/* "memsan: " and one line, to standard error. */
void tool_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same and "try 'memsan COMMAND --help'"; returns EXIT_USAGE. */
int tool_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Index of the name nearest to `word` by edit distance, or -1 when none is near enough to be meant. */
int tool_nearest(const char *word, const char *const *names, size_t nr);
/* malloc that does not return NULL: it says so and exits. */
void *tool_alloc(size_t size);
/* The value of "--name=value" or "--name value" at argv[*i]; NULL: it is another option. */
const char *tool_option_value(const char *name, char **argv, int argc, int *i);
/* A number of an option: decimal digits and nothing else, between min and max.  False: it is something else. */
bool tool_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);
#define TOOL_PID_MAX (1 << 30)
/* An address: hexadecimal digits, with or without 0x. */
bool tool_address(const char *text, uint64_t *addr);
char *tool_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* All bytes of fd up to its end, NUL-terminated; the caller frees them.  len may be NULL. */
char *tool_read_all(int fd, size_t *len);
/* Remembers the errno of the first write to standard output that failed; called after each piece of a long output. */
void tool_check_output(void);
/* Flushes standard output and returns `status`.  A full disk is reported and, as a closed pipe is, becomes exit status
 * 1. */
int tool_finish_output(int status);

/* ---- spawn.c --------------------------------------------------------------------------------- */

/* Starts a program that ends when memsan ends, in a process group of its own.  Its standard input is in_fd (-1:
 * /dev/null), its output out_fd (-1: ours).  With standard input as in_fd it is a shell on our terminal and stays in
 * our process group.  -1: it could not be started, and the reason is printed. */
pid_t spawn_program(char *const argv[], int in_fd, int out_fd);
/* Starts a program that reads in_fd.  Returns the read end of its output, -1 with errno when it cannot be run. */
int spawn_filter(char *const argv[], int in_fd, pid_t *pid);
/* Waits until the process ends; its wait status, -1: there is no such child. */
int spawn_wait(pid_t pid);

/* ---- screen.c: standard output is a terminal ------------------------------------------------- */

/* A signal that ends programs ends screen_key's wait; screen_end then raises it again. */
#define SCREEN_END (-1)
void screen_start(void);
void screen_draw(const char *text); /* as many lines and columns as there is room for */
int screen_key(double seconds);     /* a key, 0: none was pressed, or SCREEN_END */
void screen_end(void);

/* ---- options.c ------------------------------------------------------------------------------- */
void options_print_text(FILE *out);
void options_print_json(FILE *out);

/* ---- target.c -------------------------------------------------------------------------------- */

enum target_kind {
	TARGET_PRELOADABLE, /* or not known: it will do no harm to try */
	TARGET_BLIND,       /* memsan cannot see into it: static, set-uid, another machine */
	TARGET_SANITIZED,   /* built for another memory sanitizer: memsan stands aside */
};
struct target {
	enum target_kind kind;
	char file[4096];    /* the file that the reason is about; "" when the program was not found */
	char reason[256];   /* for people, empty for TARGET_PRELOADABLE */
	bool holds_memsan;  /* linked with libmemsan.a */
	bool own_libraries; /* some do not come from the system's folders, so may be instrumented */
};
/* Looks `program` up as execvp(3) would and reads its ELF header; a #! line leads to the interpreter (once). */
void target_inspect(const char *program, struct target *t);

/* ---- supervise.c ----------------------------------------------------------------------------- */

/* The file that processes under supervision tell their reports through; its name for the `notify` option. */
struct supervisor {
	int notify_fd; /* a memfd, one byte a report: its exitcode; -1: not to be had */
	char notify_path[64];
};
void supervisor_init(struct supervisor *s);
/* Runs argv[0] with this process's environment and returns the exit status for memsan, or does not return when the
 * program died by a signal.  After a report in the program or any of its children the status is the option exitcode's,
 * of the process that reported. */
int supervisor_run(struct supervisor *s, char **argv);

/* ---- fail_each.c ----------------------------------------------------------------------------- */

/* Runs argv[0] again and again in this environment, whose MEMSAN_OPTIONS are `option_text`, and lets its 1st, 2nd, 3rd
 * … allocation fail, until a run has none that fails.  Prints what a failure did to the program; the exit status:
 * exitcode when it did harm, else 0. */
int fail_each_run(char **argv, const char *option_text, unsigned exitcode);

/* ---- input.c --------------------------------------------------------------------------------- */

struct decode_reader;
/* All bytes of a log into the reader: a file, also compressed (gzip, bzip2, xz, zstd), "-" standard input.  `idle` is
 * called when a pipe or a growing file has nothing to say.  False: it could not be read, and that was said. */
struct input_options {
	bool follow;
	void (*idle)(void *ctx);
	void *ctx;
};
bool input_read(struct decode_reader *reader, const char *name, const struct input_options *options);
/* ---- output.c -------------------------------------------------------------------------------- */

struct decode_record;
struct decode_writer;
struct suppressions;
struct output {
	int format;
	bool colour, source;
	struct suppressions *rules; /* or NULL */
	uint64_t suppressed;
	struct decode_writer *writer; /* of formats that are one document */
};
void output_init(struct output *o, const char *format);
bool output_format(struct output *o, const char *name);       /* false: there is no such format */
bool output_suppressions(struct output *o, const char *path); /* false: not to be read, and that was said */
bool output_begin(struct output *o);                          /* false: out of memory */
bool output_wanted(struct output *o, const struct decode_record *r);
void output_put(struct output *o, const struct decode_record *r);
void output_finish(struct output *o);

/* ---- complete.c ------------------------------------------------------------------------------ */

/* Logs pass through to standard output, memsan's frames completed.  Returns the exit status. */
int complete_files(char **names, size_t nr);

/* ---- describe.c ------------------------------------------------------------------------------ */

struct image;
/* The paragraph about one address, to standard output. */
void describe_address(const struct image *im, uint64_t addr);

#endif
