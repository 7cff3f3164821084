/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/next_step.c - what the user can do to learn more than this report says, with the commands to run.
 *
 * Damage that is found afterwards has no stack of the write that did it. Three ways lead to that write: every store
 * checked (memsan run --watch), guard pages on the side where the damage is (fence=all), or a program compiled with
 * checks (memsan-cc), which is the last one of the list. All of this runs only for reports that are printed. */
#include "config.h"

#include <fcntl.h>
#include <sys/auxv.h>

#include "reports/reports_internal.h"

#define COMMAND_MAX 512u /* of a program's own command line; longer ones are not repeated */
#define MALLOC_ALIGN 16u

/* Under the report lock. */
static char scratch_line[COMMAND_MAX + 1];

static bool shell_takes(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && str_char("_-./=:,+@%", c));
}

/* With characters that a report does not show as they are, in the form $'…' of POSIX: a command is one line, and a
 * terminal may show it. */
static void put_escaped(struct fmt_buf *b, const char *p)
{
	struct clean_shown shown;
	size_t n, i;

	fmt_printf(b, "$'");
	for (; *p; p += n) {
		n = clean_char(p, UTF8_MAX, &shown);
		if (*p == '\n' || *p == '\t')
			fmt_printf(b, *p == '\n' ? "\\n" : "\\t");
		else if (*p == '\'' || *p == '\\')
			fmt_printf(b, "\\%c", *p);
		else
			for (i = 0; i < n; i++)
				fmt_printf(b, shown.len ? "\\%03o" : "%c", (unsigned char)p[i]);
	}
	fmt_printf(b, "'");
}

static bool is_shown_as_it_is(const char *p)
{
	struct clean_shown shown;

	for (shown.len = 0; *p && !shown.len;)
		p += clean_char(p, UTF8_MAX, &shown);
	return !shown.len;
}

/* An argument as the shell reads it. */
static void put_argument(struct fmt_buf *b, const char *argument)
{
	const char *p = argument;

	while (shell_takes(*p))
		p++;
	if (*argument && !*p) {
		fmt_printf(b, "%s", argument);
		return;
	}
	if (!is_shown_as_it_is(argument)) {
		put_escaped(b, argument);
		return;
	}
	fmt_printf(b, "'");
	for (p = argument; *p; p++)
		fmt_printf(b, *p == '\'' ? "'\\''" : "%c", *p);
	fmt_printf(b, "'");
}

/* The program's arguments, each with its NUL. 0: not known, or too long to repeat. */
static size_t read_arguments(char *to, size_t size)
{
	size_t have = 0;
	ssize_t n = 0;
	int fd = os_under_seccomp() ? -1 : os_open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	while (have < size && (n = os_read(fd, to + have, size - have)) > 0)
		have += (size_t)n;
	os_close(fd);
	return n == 0 && have && to[have - 1] == 0 ? have : 0;
}

/* Servers write other words over their arguments ("nginx: worker process"). The kernel keeps the name that the program
 * was started by: it is the first argument's, or, of a script, a later argument. */
static bool arguments_are_old(const char *arguments, size_t len)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	size_t at;

	if (!name || str_equal(path_base(arguments), path_base(name)))
		return true;
	for (at = 0; at < len && !str_equal(arguments + at, name); at += str_length(arguments + at) + 1)
		;
	return at < len;
}

static void put_program(struct fmt_buf *b, const struct report_record *r)
{
	size_t len = read_arguments(scratch_line, sizeof(scratch_line)), at, begin = b->len;

	if (len && !arguments_are_old(scratch_line, len))
		len = 0;
	for (at = 0; at < len; at += str_length(scratch_line + at) + 1) {
		fmt_printf(b, at ? " " : "");
		put_argument(b, scratch_line + at);
	}
	/* Quotes may make it too long to repeat. */
	if (!len || b->len - begin > COMMAND_MAX) {
		report_rewind(b, begin);
		put_argument(b, r->exe ? report_str(r, r->exe) : "PROGRAM");
		fmt_printf(b, " ARGUMENTS");
	}
}

/* Static programs have memsan inside: there is nothing that `memsan run` could load. */
static bool program_is_static(const struct report_record *r)
{
	const char *self = module_self_path();

	return self && r->exe && str_equal(self, report_str(r, r->exe));
}

static bool fence_can_find(const struct report_record *r)
{
	return r->have_object && r->kind != REPORT_UNALLOCATED && r->obj_size && r->obj_size <= options.fence_max_size;
}

bool record_fence_choice(const struct report_record *r, struct fence_choice *choice)
{
	uint64_t bad = r->bad_addr ? r->bad_addr : r->addr, end = r->obj_addr + r->obj_size;

	*choice = (struct fence_choice){ .side = PINPOINT_ANY_SIDE };
	if (!fence_can_find(r))
		return false;
	if (r->kind == REPORT_POISON)
		return true;
	choice->side = bad < r->obj_addr ? PINPOINT_LEFT : PINPOINT_RIGHT;
	/* Between the end of the object and the guard page would be a gap. */
	if (choice->side == PINPOINT_RIGHT && bad + r->access_size <= ALIGN_UP(end, MALLOC_ALIGN) &&
	    r->obj_size % MALLOC_ALIGN)
		choice->align = (uint32_t)(r->obj_size & (0 - r->obj_size));
	return true;
}

/* The options that put a guard page where the damage is. */
static void put_fence_options(struct fmt_buf *b, const struct report_record *r, const char *mark, const char *between)
{
	struct fence_choice choice;

	record_fence_choice(r, &choice);
	fmt_printf(b, "%sfence=all", mark);
	if (choice.side != PINPOINT_ANY_SIDE)
		fmt_printf(b, "%s%sfence.side=%s", between, mark, choice.side == PINPOINT_LEFT ? "left" : "right");
	if (choice.align)
		fmt_printf(b, "%s%sfence.align=%u", between, mark, choice.align);
}

static void put_commands(struct fmt_buf *b, const struct report_record *r)
{
	bool is_static = program_is_static(r);

	/* The first command, as it needs no luck and no compiler. The environment may still have this run's options. */
	if (!is_static) {
		fmt_printf(b, "memsan run --watch ");
		fmt_printf(b, options.mode == MODE_PRODUCTION ? "-o mode=check " : "");
		fmt_printf(b, options.shadow ? "-- " : "-o shadow=on -- ");
		put_program(b, r);
		fmt_printf(b, "\n");
	}
	if (fence_can_find(r) && is_static) {
		fmt_printf(b, "MEMSAN_OPTIONS=");
		put_fence_options(b, r, "", ":");
		fmt_printf(b, " ");
		put_program(b, r);
		fmt_printf(b, "\n");
	} else if (fence_can_find(r)) {
		fmt_printf(b, "memsan run ");
		put_fence_options(b, r, "-o ", " ");
		fmt_printf(b, " -- ");
		put_program(b, r);
		/* Does the first command, then the second one if the first did not find the write. */
		fmt_printf(b, "\nmemsan run --pinpoint -- ");
		put_program(b, r);
		fmt_printf(b, "\n");
	}
	fmt_printf(b, "make clean all CC='memsan-cc cc' CXX='memsan-c++ c++'\n");
}

/* The way of each command. */
static void put_ways(struct fmt_buf *b, const struct report_record *r)
{
	bool is_static = program_is_static(r), fence = fence_can_find(r);

	fmt_printf(b, "%s%s%scompile the program with checks of every store\n", is_static ? "" : "watch the program\n",
	           fence ? "run it with guard pages\n" : "", fence && !is_static ? "let memsan try both\n" : "");
}

static const char *hint; /* written once, at start */

void report_set_hint(const char *text)
{
	hint = text;
}

void record_next_step(struct report_record *r)
{
	static char text[4 * COMMAND_MAX + 512]; /* under the report lock */
	struct fmt_buf b;

	if (r->leak_class) {
		if (r->nr_stacks && !r->stacks[0].nr_frames)
			r->next = report_string(r, REPORT_NEXT_TRACKING);
		return;
	}
	/* There, memsan itself goes on to find the write. */
	if (r->found_at && options.pinpoint[0])
		return;
	if (!r->found_at) {
		r->next = r->have_object ? report_string(r, hint) : 0;
		return;
	}
	fmt_init(&b, text, sizeof(text));
	put_commands(&b, r);
	r->next_commands = report_string(r, text);
	fmt_init(&b, text, sizeof(text));
	put_ways(&b, r);
	r->next_ways = report_string(r, text);
	r->next = report_string(r, "to see the write itself, with its call trace");
}

/* ---- what the bytes of the memory rows mean -------------------------------------------------- */

/* Do four of these bytes follow each other? One alone may be the program's. */
static bool row_has(const struct report_record *r, uint8_t byte)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < r->memory_len && run < 4; i++)
		run = r->memory[i] == byte && (r->memory_valid[i / 8] >> (i % 8) & 1) ? run + 1 : 0;
	return run == 4;
}

void record_legend(struct report_record *r)
{
	const char *component = report_str(r, r->component);
	char text[160];
	struct fmt_buf b;

	if (!r->memory_len || r->memory_scale || r->leak_class)
		return;
	fmt_init(&b, text, sizeof(text));
	if (str_equal(component, "fence") && r->have_object)
		fmt_printf(&b, "; a8 to af: the canary beside the object");
	if (row_has(r, SLUB_RED_ACTIVE))
		fmt_printf(&b, "; cc: red zone");
	if (row_has(r, POISON_FREE))
		fmt_printf(&b, "; 6b, at the end a5: freed, or never written");
	if (r->kind == REPORT_UNALLOCATED && row_has(r, SLUB_POISON_INUSE))
		fmt_printf(&b, "; 5a: never allocated");
	if (!b.len && options.mode == MODE_PRODUCTION && r->found_at && str_equal(component, "slab"))
		fmt_printf(&b, r->kind == REPORT_POISON ? "; a freed object begins with a random mark"
		                                        : "; the bytes next to the object were a random canary");
	r->legend = b.len ? report_string(r, text + 2) : 0;
}
