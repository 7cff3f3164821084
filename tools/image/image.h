/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/image.h - another process or a core file, as memory.
 *
 *   image.c         a process or a core file: its memory, mappings, threads, modules
 *   roots.c         which of its memory is a root; its objects of other sources than slab
 *   address_name.c  names of its addresses: functions, variables, frames
 *   choice.c        which process or core file: --pid, --core and --exe
 *   ask.c           a process is asked to scan itself
 *   freeze.c        a process stands still while it is read
 */
#ifndef MEMSAN_IMAGE_H
#define MEMSAN_IMAGE_H

#include "leak/leak.h"
#include "reports/reports.h"
#include "tools/tools.h"

/* ---- image.c --------------------------------------------------------------------------------- */

struct image_mapping {
	uint64_t start, end;
	uint64_t offset, in_file; /* core: where it begins in the file, and how many bytes of it are there */
	uint64_t cut_off;         /* core: how many more bytes should be there */
	uint64_t file_offset;     /* of `start` in the mapped file */
	bool readable, shared, root, code, main_stack, heap;
	char *path; /* a file's, or NULL */
};
#define IMAGE_REGISTERS 27
#define IMAGE_VECTORS 352 /* up to AVX-512's */
struct image_thread {
	int tid;
	uint64_t sp, pc, tp;                            /* 0: not known */
	uint64_t regs[IMAGE_REGISTERS + IMAGE_VECTORS]; /* as in struct user_regs_struct; then XSAVE's area */
	size_t nr_regs;
};
struct image_module {
	uint64_t start, end, bias;
	uint64_t size; /* in memory from bias on, with its bss */
	bool program;  /* what was started, not a library */
	uint8_t build_id[BUILD_ID_MAX];
	uint8_t build_id_len;
	const char *path;
};
struct image {
	struct mem_view view;
	struct slab_view heap;
	uint64_t program_headers; /* address of the program's own; 0: not known */
	/* addresses of struct slab_directory and struct leak_directory (0: none) */
	uint64_t directory, leak_directory;
	int pid;
	char comm[64];
	struct image_mapping *mappings; /* in order of address */
	size_t nr_mappings;
	struct image_thread *threads;
	size_t nr_threads;
	struct image_module *modules;
	size_t nr_modules;
	int mem_fd, pagemap_fd; /* process */
	uint8_t *file;          /* core */
	uint64_t file_size;
	uint64_t missing;  /* bytes that should be in the core file, and are not */
	uint64_t left_out; /* how many of these gcore did not copy */
	bool by_gdb;       /* gdb wrote the core */
	/* objects of other sources than slab, in order of address; read by image_find_outside */
	struct image_outside *outside;
	size_t nr_outside;
	struct leak_sources sources; /* image_find_outside */
};
/* outer: index + 1 of the fenced object that it was cut out of, or 0 */
struct image_outside {
	struct slab_object object;
	bool registered;
	size_t outer;
};
struct image_choice;
/* Opens a running process (core NULL) or a core file that memsan was part of. exe: where the program's file is now
 * (NULL: where it was).  NULL, or why not.  Lives until the tool ends. */
const char *image_open(struct image *im, const struct image_choice *choice);
/* What may help when the kernel does not let this user read a process. */
const char *image_refusal(int pid);
const struct image_module *image_module_at(const struct image *im, uint64_t pc);
/* Searches for the struct pthread of each thread where its address is not known (in a process that runs on). */
void image_find_thread_pointers(struct image *im);
bool image_code_at(const struct image *im, uint64_t pc);
/* The offset in its file that this address of a mapped file comes from. */
uint64_t image_file_offset(const struct image *im, uint64_t addr);
/* The frames of a stack that memsan saved. */
size_t image_stack(const struct image *im, uint32_t handle, uint64_t *pcs, size_t max);
/* How long ago an allocation was; UINT64_MAX: not known (a core file does not tell when it was written). */
uint64_t image_age_ms(const struct image *im, uint32_t when);
bool image_thread_name(const struct image *im, uint32_t index, int *tid, char name[THREAD_NAME_MAX]);

/* ---- ask.c ----------------------------------------------------------------------------------- */

#define ASK_DEFAULT_INTERVAL 600 /* seconds: kmemleak's */
struct ask_request {
	uint32_t command; /* enum leak_command */
	uint32_t classes; /* LOOK */
	uint64_t argument;
	bool dump; /* another request: describe the address `argument` */
};
struct leak_control;
/* kmemleak's words: scan, scan=on, scan=off, scan=SECS, clear, dump=ADDR, stack=on, stack=off. */
bool ask_parse(const char *word, struct ask_request *r);
/* Asks the process of an open image and waits for its answer.  NULL, or why there is none. */
const char *ask_process(const struct image *im, const struct ask_request *r, struct leak_control *answer);
/* The same for a command, with a line for people; the exit status. */
int ask_command(struct image *im, const struct ask_request *r);

/* ---- freeze.c -------------------------------------------------------------------------------- */

enum freeze_state {
	FREEZE_STOPPED, /* every thread stands still, its registers are known */
	FREEZE_PARTLY,  /* a thread waits in the kernel and could not be stopped */
	FREEZE_FOUND, /* it stood still already, under a debugger: nothing was done, and the registers are not known */
	FREEZE_RUNS,  /* it cannot be stopped */
};
struct frozen;
struct image_freeze {
	int pid;
	enum freeze_state state;
	struct frozen *threads;
	size_t nr;
	int error; /* FREEZE_RUNS */
	double since;
};
/* Stops all threads of a process.  Between this and image_thaw, nothing may wait for the user. */
void image_freeze(struct image_freeze *f, int pid);
/* Lets them go on; for how many seconds they stood still. */
double image_thaw(struct image_freeze *f);
/* Why something may be overlooked. */
const char *image_freeze_problem(const struct image_freeze *f);
/* Puts the registers into an image that was opened meanwhile. */
void image_freeze_threads(const struct image_freeze *f, struct image *im);
/* The same from a file that a debugger wrote.  NULL, or why not. */
const char *image_registers(struct image *im, const char *path);

/* ---- choice.c -------------------------------------------------------------------------------- */

struct image_choice {
	int pid;
	const char *core, *exe, *earlier;  /* earlier: the first of two --core */
	bool external;                     /* of a meaning for memsan leak only: the others look from outside anyway */
	bool json;                         /* --format=json */
	const char *registers;             /* a file in which a debugger tells them */
	const struct image_freeze *freeze; /* the process stands still, and these are its registers */
};
enum { IMAGE_PID = 512, IMAGE_CORE, IMAGE_EXE, IMAGE_EXTERNAL, IMAGE_FORMAT };
/* clang-format off */
#define IMAGE_OPTIONS \
	{ "pid", required_argument, NULL, IMAGE_PID }, { "core", required_argument, NULL, IMAGE_CORE }, \
	{ "exe", required_argument, NULL, IMAGE_EXE }, { "external", no_argument, NULL, IMAGE_EXTERNAL }
#define IMAGE_FORMAT_OPTION { "format", required_argument, NULL, IMAGE_FORMAT }
/* clang-format on */
#define IMAGE_HELP                                             \
	"  --pid PID            look into a running process\n" \
	"  --core FILE          look into a core file\n"       \
	"  --exe FILE           where the program's file is now\n"
#define IMAGE_FORMAT_HELP "  --format=text|json   lines for people (the default), or one JSON object a line\n"
/* Takes one of IMAGE_OPTIONS, or --format.  EXIT_USAGE or 0. */
int image_option(const struct arguments *a, int option, struct image_choice *choice);
/* The end of the command line.  `bare`: the command has no operands, so PID alone means --pid PID.  EXIT_USAGE or 0. */
int image_chosen(struct arguments *a, struct image_choice *choice, bool bare);
/* One line or two, when a core file is not whole. */
void image_say_missing(const struct image *im);
/* Opens it, and says what is wrong. */
bool image_open_choice(struct image *im, const struct image_choice *choice);

/* ---- roots.c --------------------------------------------------------------------------------- */

/* Every range of memory that is a root, in order of address (registers are in image->threads). */
void image_each_root(const struct image *im, void (*fn)(void *ctx, uint64_t start, uint64_t end), void *ctx);
/* The stack of a thread (whose stack pointer may not be known), when struct pthread or the mapping's name tells.
 * False: not known. */
bool image_stack_bounds(const struct image *im, const struct image_thread *t, uint64_t *start, uint64_t *end);
/* Bytes that are missing from a core file and may hold pointers: an object to which nothing else points is not known to
 * be lost. */
uint64_t image_unseen(const struct image *im);
/* A scan of an image with the objects of all sources.  NULL: *why.  One image at a time. */
struct leak_scan *image_scan_create(struct image *im, const char **why);
/* Reads the objects of other sources than slab into im->outside. */
void image_find_outside(struct image *im);
/* The object of im->outside that addr lies in, the inner one of two, or NULL. */
const struct image_outside *image_outside_at(const struct image *im, uint64_t addr);
/* The object of im->outside that starts at addr. */
bool image_outside_object(const struct image *im, uint64_t addr, struct slab_object *o);
struct leak_finder image_outside_finder(struct image *im);
/* Puts all roots of an image, and the program's notes about its objects, into a new scan. */
void image_scan_roots(struct image *im, struct leak_scan *s);
/* Reads the program's notes about its objects, for a search along pointers (leak_scan_notes_told). */
void image_scan_notes_told(struct image *im, struct leak_scan *s, leak_said_fn said, void *ctx);

/* ---- address_name.c -------------------------------------------------------------------------- */

/* Prints the frames of a stack that memsan saved, a line each behind `indent`. */
void image_print_stack(const struct image *im, struct symbolizer *sym, const char *indent, uint32_t handle);
/* The same as an array of JSON. */
void image_json_stack(const struct image *im, struct symbolizer *sym, uint32_t handle);
/* The innermost frame of it: "func at file.c:12" or "module+0x12"; "" when there is no stack. */
void image_name_stack(const struct image *im, struct symbolizer *sym, uint32_t handle, char *name, size_t size);
/* The same for an address of code; `pc` is the address itself, not one behind a call. */
void image_name_code(const struct image *im, struct symbolizer *sym, uint64_t pc, char *name, size_t size);

enum root_kind { ROOT_GLOBAL, ROOT_STACK, ROOT_TLS, ROOT_PTHREAD, ROOT_REGISTER, ROOT_MAPPING, ROOT_NOT_LEAK };
struct root_name {
	enum root_kind kind;
	char symbol[256]; /* global, TLS: the variable, "" when it has no name */
	uint64_t offset;  /* of the address in it (mapping: in the mapping) */
	char module[256]; /* its file, or what the mapping is called */
	int tid;          /* stack, TLS, register: whose; 0: not known */
	char thread[THREAD_NAME_MAX];
	char frame[512], caller[512]; /* stack: the function whose frame it is in, and who called that */
};
void image_name_root(const struct image *im, struct symbolizer *sym, uint64_t addr, struct root_name *name);
/* Describes that thread. */
void image_name_thread(const struct image *im, int tid, struct root_name *name);
/* Does a word there belong to a thread's frames? (Thread-local storage may lie in the same mapping.) */
bool image_on_stack(const struct image *im, uint64_t addr);
/* A line for people. */
void root_name_text(const struct root_name *name, uint64_t addr, char *text, size_t size);

#endif
