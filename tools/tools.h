/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/tools.h - the memsan command: its subcommands, and the functions that they share.
 *
 *   main.c       the table of subcommands, help, version
 *   run.c        memsan run: command line, options, library, environment
 *   target.c     a program before it is started: can memsan see into it?
 *   fail_each.c  memsan run --fail-each
 *   pinpoint.c   memsan run --pinpoint
 *   supervise.c  the process that memsan run started: signals, exit status
 *   filters.c    does a filter of system calls end processes for memsan's calls?
 *   options.c    memsan options
 *   doctor.c     memsan doctor
 *   words.c      words for the completion of shells
 *   stat.c       memsan stat
 *   decode.c     memsan decode: the command line, where records go
 *   input.c      reads logs: files, pipes, compressed or growing files
 *   output.c     prints records in the form that --format names
 *   complete.c   memsan decode --all
 *   report.c     memsan report: merge, diff, top
 *   leak.c       memsan leak
 *   why.c        memsan leak --why
 *   growth.c     memsan leak --growth, --save
 *   describe.c   memsan describe
 *   views.c      memsan slabinfo, slabtop, buddyinfo, vmallocinfo, alloc_traces, free_traces
 *   image/       another process or a core file, as memory
 *   qemu/        memsan kernel: kernels and guests
 *   screen.c     the terminal of memsan slabtop: drawing, keys
 *   spawn.c      helper programs: started and waited for
 *   arguments.c  the options of a command line, for every command
 *   common.c     messages, "did you mean", numbers, whole files
 *   symbolize_main.c   memsan-symbolize, the helper program
 *   gen_docs.c   tables for the manual pages and the completion
 *   tools_internal.h   shared by leak.c, why.c and growth.c
 *
 * This is the tool half: malloc, stdio and locale are allowed.
 */
#ifndef MEMSAN_TOOLS_H
#define MEMSAN_TOOLS_H

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "lib/lib.h"
#include "slab/slab.h"

/* Exit statuses.  Where memsan starts a program, they are those of env(1) and nohup(1). */
enum { EXIT_USAGE = 2, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

struct tool_command {
	const char *name;
	const char *summary;                /* one line for memsan --help */
	const char *help;                   /* the whole text of memsan COMMAND --help */
	const struct option *options;       /* ends with TOOL_OPTIONS_END */
	bool runs_program;                  /* the first operand is a program, and what follows is the program's */
	int (*main)(int argc, char **argv); /* argv[0] is the subcommand's name; returns the exit status */
};
/* clang-format off */
#define TOOL_OPTIONS_END { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
/* clang-format on */
extern const struct tool_command command_run, command_options, command_decode, command_report, command_stat,
	command_leak, command_describe, command_slabinfo, command_slabtop, command_buddyinfo, command_vmallocinfo,
	command_alloc_traces, command_free_traces, command_kernel, command_doctor;

/* ---- qemu/kernel_table.c: words for the completion -------------------------------------------- */

/* NULL behind the last one. *what becomes a description. */
const char *kernel_bug_at(size_t i, const char **what);
const char *kernel_profile_at(size_t i);

/* ---- words.c --------------------------------------------------------------------------------- */

/* argv[1] and on are the words behind "memsan" that were typed so far. */
int tool_complete(int argc, char **argv, const struct tool_command *const *commands, size_t nr);

/* ---- arguments.c ----------------------------------------------------------------------------- */

struct arguments {
	const struct tool_command *command;
	int argc; /* as `main` gets them */
	char **argv;
	const char *value; /* of the option that arguments_next returned; NULL: none */
	char **operands;   /* after the last option */
	size_t nr;
	bool begun;
};
/* The `val` of the next option; -1: there are no more.  --help prints the help, and ends memsan; a mistake prints a
 * line, and ends memsan with EXIT_USAGE. */
int arguments_next(struct arguments *a);
/* For a command without options of its own: reads to the operands. */
void arguments_end(struct arguments *a);
/* The word behind an option whose value may be missing, unless it is an option. */
const char *arguments_follower(struct arguments *a);
/* EXIT_USAGE when there are operands, or 0. */
int arguments_no_operands(const struct arguments *a);
/* Which of the names is the value?  -1: none, and a line was printed. */
int arguments_choice(const struct arguments *a, const char *what, const char *const *names, size_t nr);
/* --format of most commands: text or json.  EXIT_USAGE or 0. */
int arguments_format(const struct arguments *a, bool *json);

/* ---- common.c -------------------------------------------------------------------------------- */

/* Prints "memsan: " and the text as one line on standard error. */
void tool_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints lines of another program's output on standard error. */
void tool_say_lines(const char *text, size_t len);
/* Prints on standard output what a terminal may show (lib/clean.c): a line or a part of one.  Only a line end of the
 * format itself, at its end, is one. */
void tool_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* tool_say, then "Try 'memsan COMMAND --help'".  Returns EXIT_USAGE. */
int tool_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Index of the name with the smallest edit distance from `word`; -1: no name is near enough to be meant. */
int tool_nearest(const char *word, const char *const *names, size_t nr);
/* malloc and realloc that never return NULL: without memory, memsan prints a line and exits. */
void *tool_alloc(size_t size);
void *tool_resize(void *p, size_t size);
/* The first line of a file, without its end. False: it cannot be read, and the line is "". */
bool tool_first_line(const char *path, char *line, size_t size);
/* Is the program in PATH? */
bool tool_have_program(const char *name);
/* A number on the command line: decimal digits only, from min to max.  False: the text is something else. */
bool tool_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);
#define TOOL_PID_MAX (1 << 30)
/* An address on the command line: hexadecimal digits, with or without 0x. */
bool tool_address(const char *text, uint64_t *addr);
char *tool_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* All bytes of fd up to its end, NUL-terminated; the caller frees them.  len may be NULL. */
char *tool_read_all(int fd, size_t *len);
/* Makes an empty file, and puts its name into `path`. False: it cannot be made, and a line was printed. */
bool tool_temporary(char *path, size_t size);
double tool_clock(void); /* seconds, for differences */
/* Keeps the errno of the first write to standard output that failed.  A long output calls it after each piece. */
void tool_check_output(void);
/* Flushes standard output and returns `status`. After a failed write (reported, unless the pipe was closed), 0
 * becomes 1. */
int tool_finish_output(int status);

/* ---- spawn.c --------------------------------------------------------------------------------- */

/* Starts a program in a process group of its own; it ends when memsan ends. in_fd becomes its standard input (-1:
 * /dev/null), out_fd its standard output (-1: memsan's).  With STDIN_FILENO as in_fd, the program is a shell on our
 * terminal and stays in our process group. -1: fork failed, and a line was printed. */
pid_t spawn_program(char *const argv[], int in_fd, int out_fd);
/* Starts a program that reads in_fd.  Returns the read end of its output; -1: it cannot be run (errno). */
int spawn_filter(char *const argv[], int in_fd, pid_t *pid);
/* Waits until the process ends.  Returns its wait status; -1: there is no such child. */
int spawn_wait(pid_t pid);

/* ---- screen.c: standard output is a terminal ------------------------------------------------- */

/* A signal that would end the program ends the wait in screen_key; screen_end raises that signal again. */
#define SCREEN_END (-1)
void screen_start(void);
void screen_draw(const char *text); /* cuts it to the size of the terminal */
int screen_key(double seconds);     /* a key, 0: none was pressed, or SCREEN_END */
void screen_end(void);

/* ---- options.c ------------------------------------------------------------------------------- */
/* `all`: also those that the memsan command sets for itself. */
void options_print_text(FILE *out, bool all);
void options_print_json(FILE *out, bool all);

/* ---- target.c -------------------------------------------------------------------------------- */

enum target_kind {
	TARGET_PRELOADABLE, /* memsan can see into it, or that is not known and trying does no harm */
	TARGET_BLIND,       /* memsan cannot see into it: static, set-uid; it can into what the program starts */
	TARGET_FOREIGN,     /* its loader cannot load the library, and complains or ends it: nothing is preloaded */
	TARGET_SANITIZED,   /* built for another memory sanitizer, so memsan is not loaded into it */
};
struct target {
	enum target_kind kind;
	char file[4096];    /* the file that the reason is about; "" when the program was not found */
	char reason[256];   /* for people; empty for TARGET_PRELOADABLE */
	bool holds_memsan;  /* linked with libmemsan.a */
	bool is_loader;     /* the file is a dynamic loader, which runs the program that its arguments name */
	bool own_libraries; /* some libraries are not in the system's folders, so they may be instrumented */
};
/* Finds argv[0] as execvp(3) would and reads its ELF header.  A #! line leads to the interpreter, and a dynamic loader
 * to the program that it runs.  `library` is libmemsan.so. */
void target_inspect(char **argv, const char *library, struct target *t);

/* ---- filters.c ------------------------------------------------------------------------------- */

/* How many filters of system calls this process is under, if they let all of memsan's calls pass or refuse them with an
 * error; 0 if there are none, or one of them kills. */
unsigned filters_that_refuse(void);

/* ---- supervise.c ----------------------------------------------------------------------------- */

/* The file through which supervised processes count their reports, and its name for the option `notify`. */
#define SUPERVISOR_KEEPS 5
struct supervisor {
	int notify_fd; /* a memfd to which each report adds a byte, its exit code; -1: there is none */
	char notify_path[64];
	char advice_path[64]; /* a memfd to which each process that may give advice adds a byte; "": there is none */
	int report_fd;        /* the FIFO of --report, held open so that its reader sees one end, or -1 */
	int keep[SUPERVISOR_KEEPS]; /* descriptors that a second run needs, or -1 */
	sigset_t mask;              /* what the program gets */
	struct sigaction sigchld;
	siginfo_t end;    /* how the program ended */
	bool interrupted; /* by somebody who wanted it to end */
};
void supervisor_init(struct supervisor *s);
/* One process may give advice (reports/reports.h). */
void supervisor_allow_advice(struct supervisor *s);
/* Runs argv[0] in this process's environment.  Returns memsan's exit status, or dies by the signal that the program
 * died by.  After a report in the program or a process that it started, the status is the option exitcode of the
 * process that reported first. */
int supervisor_run(struct supervisor *s, char **argv);
/* The same in two steps. After the first, all signals stay blocked. 0, or the exit status when it cannot be started. */
int supervisor_watch(struct supervisor *s, char **argv);
int supervisor_status(const struct supervisor *s);
/* In a child: becomes the program, with the signals that memsan was started with. */
_Noreturn void supervisor_become(const struct supervisor *s, char **argv);
/* Stops this process as `sig` does by default; returns when it is continued. */
void supervisor_stop_self(int sig);
bool supervisor_ends_by(int sig); /* does this signal ask a program to end? */

/* ---- pinpoint.c ------------------------------------------------------------------------------ */

struct pinpoint {
	struct supervisor *supervisor;
	char **argv;
	const struct memsan_options *set;
	const char *environment; /* as MEMSAN_OPTIONS has them */
	int notes;               /* the memfd of struct pinpoint_note; -1: there is none */
	char notes_path[64];     /* option pinpoint */
	int input;               /* what the next run reads, from input_at on; -1: nothing */
	off_t input_at;
	bool input_lost; /* standard input was something that cannot be read twice */
	double seconds;  /* how long the first run took */
};
void pinpoint_init(struct pinpoint *p, struct supervisor *s);
/* Runs the program, and again if damage was found afterwards. Returns the exit status of the first run. */
int pinpoint_run(struct pinpoint *p);

/* ---- fail_each.c ----------------------------------------------------------------------------- */

/* Runs argv[0] again and again with `option_text` as MEMSAN_OPTIONS and lets its 1st, 2nd, 3rd … allocation fail,
 * until a run has too few allocations for a failure.  Prints what each failure did to the program.  Returns exitcode
 * if a failure did harm, else 0. */
int fail_each_run(char **argv, const char *option_text, unsigned exitcode);

/* ---- input.c --------------------------------------------------------------------------------- */

struct decode_reader;
/* Reads a log to its end: a file, also a compressed one (gzip, bzip2, xz, zstd, lz4), or "-" for standard input.
 * Calls `idle` when a pipe or growing file is silent.  False: it cannot be read, and a line was printed. */
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
	struct decode_writer *writer; /* for the formats that are one document */
};
void output_init(struct output *o, const char *format);
void output_format(struct output *o, const char *name);
/* --format: EXIT_USAGE, or 0. */
int output_format_option(struct output *o, const struct arguments *a);
const char *output_format_name(size_t i);    /* NULL behind the last one */
bool output_source_root(const char *folder); /* decode_source_root; prints why it fails */
bool output_root(const char *folder);        /* decode_root; prints why it fails */
bool output_suppressions(struct output *o,
                         const char *path); /* false: the file cannot be read, and a line was printed */
bool output_begin(struct output *o);        /* false: out of memory */
bool output_groups(const struct output *o); /* does the form put the reports of one bug together? */
bool output_wanted(struct output *o, const struct decode_record *r);
void output_put(struct output *o, const struct decode_record *r);
void output_finish(struct output *o);

/* ---- complete.c ------------------------------------------------------------------------------ */

/* Copies logs to standard output and completes memsan's frames.  Returns the exit status. */
int complete_files(char **names, size_t nr);

/* ---- describe.c ------------------------------------------------------------------------------ */

struct image;
/* Prints a paragraph, or an object of JSON, about one address to standard output. */
void describe_address(const struct image *im, uint64_t addr, bool json);

#endif
