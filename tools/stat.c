/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/stat.c - memsan stat: the counters of a live process, read out of its memory.
 *
 * The process takes no part: the block of counters is found by its magic in the writable mappings of libmemsan
 * (or, in a static program, of the program).  The kernel decides who may do this, as for a debugger. */
#include "lib/lib.h"
#include "tools/image/image.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#define MAPPING_MAX ((uint64_t)64 << 20)

static const char help[] = "Usage: memsan stat --pid PID [--format=text|json]\n"
			   "\n"
			   "Shows the counters of a process that runs with memsan: reports, allocations and frees,\n"
			   "and how many objects are and were fenced.\n"
			   "\n"
			   "  --pid PID             the process; PID alone means the same\n"
			   "  --format=text|json    lines for people (the default), or one JSON object\n"
			   "  -h, --help            show this help\n"
			   "\n"
			   "Example: memsan stat --pid $(pidof server)\n"
			   "Exit status: 0; 2 the process cannot be read or does not run with memsan, or usage.\n"
			   "Manual pages: memsan-stat(1), memsan-options(7)\n";

/* The block within one mapping. */
static bool find_in_mapping(int mem, uint64_t start, uint64_t end, struct live_counters *found)
{
	size_t size = (size_t)(end - start);
	char *data = tool_alloc(size);
	ssize_t got = pread(mem, data, size, (off_t)start);
	bool is = false;

	for (size_t at = 0; !is && got >= (ssize_t)sizeof(*found) && at <= (size_t)got - sizeof(*found); at += 8) {
		if (memcmp(data + at, LIVE_COUNTERS_MAGIC, sizeof(found->magic)) != 0)
			continue;
		memcpy(found, data + at, sizeof(*found));
		is = found->self == start + at && found->version == LIVE_COUNTERS_VERSION &&
		     found->size == sizeof(*found);
	}
	free(data);
	return is;
}

/* Data and bss, which may be mappings without a name behind the file's. */
static bool find_counters(struct maps_reader *maps, int mem, struct live_counters *found)
{
	struct maps_line m;

	while (maps_next(maps, &m)) {
		if (!m.readable || !m.writable || m.end - m.start > MAPPING_MAX || str_starts(m.path, "[stack]") ||
		    str_starts(m.path, "[heap]"))
			continue;
		if (find_in_mapping(mem, m.start, m.end, found))
			return true;
	}
	return false;
}

#define BLOCKS_MAX 1000000 /* a list that is damaged may have no end */

static uint64_t read_word(int mem, uint64_t addr)
{
	uint64_t word = 0;

	return pread(mem, &word, sizeof(word), (off_t)addr) == (ssize_t)sizeof(word) ? word : 0;
}

/* Each thread's own counts, ended threads too. */
static void sum_threads(int mem, const struct live_counters *c, uint64_t *allocs, uint64_t *frees)
{
	uint64_t block = c->blocks ? read_word(mem, c->blocks) : 0;

	*allocs = c->fence_allocs;
	*frees = c->fence_frees;
	for (unsigned i = 0; block && i < BLOCKS_MAX; i++) {
		*allocs += read_word(mem, block + c->block_allocs);
		*frees += read_word(mem, block + c->block_frees);
		block = read_word(mem, block + c->block_next);
	}
}

static void print_counters(const struct live_counters *c, uint64_t allocs, uint64_t frees)
{
	printf("reports                      %" PRIu64 "\n", c->reports);
	printf("suppressed reports           %" PRIu64 "\n", c->suppressed);
	printf("allocations                  %" PRIu64 "\n", allocs);
	printf("frees                        %" PRIu64 "\n", frees);
	printf("fenced objects now           %" PRIu64 " of %" PRIu64 " slots\n", c->fence_live, c->fence_slots);
	printf("fenced allocations ever      %" PRIu64 "\n", c->fence_allocs);
	printf("fenced objects freed         %" PRIu64 "\n", c->fence_frees);
	printf("bugs found with fences       %" PRIu64 "\n", c->fence_bugs);
	printf("skipped, stack covered       %" PRIu64 "\n", c->fence_skipped_covered);
	printf("skipped, pool full           %" PRIu64 "\n", c->fence_skipped_capacity);
}

static void print_json(const struct live_counters *c, uint64_t allocs, uint64_t frees, long pid)
{
	printf("{\"pid\":%ld,\"reports\":%" PRIu64 ",\"suppressed\":%" PRIu64 ",\"allocations\":%" PRIu64
	       ",\"frees\":%" PRIu64 ",\"fence\":{\"slots\":%" PRIu64 ",\"live\":%" PRIu64 ",\"allocations\":%" PRIu64
	       ",\"frees\":%" PRIu64 ",\"bugs\":%" PRIu64 ",\"skipped_covered\":%" PRIu64 ",\"skipped_full\":%" PRIu64
	       "}}\n",
	       pid, c->reports, c->suppressed, allocs, frees, c->fence_slots, c->fence_live, c->fence_allocs,
	       c->fence_frees, c->fence_bugs, c->fence_skipped_covered, c->fence_skipped_capacity);
}

static int stat_process(long pid, bool json)
{
	struct live_counters counters;
	uint64_t allocs = 0, frees = 0;
	char path[64], buffer[8192];
	struct maps_reader maps;
	bool found;
	int mem = -1, error;

	snprintf(path, sizeof(path), "/proc/%ld/maps", pid);
	error = -maps_open(&maps, path, buffer, sizeof(buffer));
	if (!error) {
		snprintf(path, sizeof(path), "/proc/%ld/mem", pid);
		mem = open(path, O_RDONLY | O_CLOEXEC);
		error = mem < 0 ? errno : 0;
		if (error)
			maps_close(&maps);
	}
	if (error) {
		if (error == ENOENT)
			tool_say("process %ld: there is none", pid);
		else if (error == EACCES || error == EPERM)
			tool_say("process %ld: it cannot be read: %s (%s)", pid, strerror(error),
			         image_refusal((int)pid));
		else
			tool_say("process %ld: it cannot be read: %s", pid, strerror(error));
		return EXIT_USAGE;
	}
	found = find_counters(&maps, mem, &counters);
	if (found)
		sum_threads(mem, &counters, &allocs, &frees);
	maps_close(&maps);
	close(mem);
	if (!found) {
		tool_say("process %ld: it does not run with memsan, or with another version of it", pid);
		return EXIT_USAGE;
	}
	if (json)
		print_json(&counters, allocs, frees, pid);
	else
		print_counters(&counters, allocs, frees);
	return tool_finish_output(0);
}

enum { OPT_PID = 256, OPT_FORMAT };
static const struct option stat_options[] = {
	{ "pid", required_argument, NULL, OPT_PID },
	{ "format", required_argument, NULL, OPT_FORMAT },
	TOOL_OPTIONS_END,
};

static int stat_main(int argc, char **argv)
{
	struct arguments a = { .command = &command_stat, .argc = argc, .argv = argv };
	const char *pid = NULL;
	bool json = false;
	int option, status = 0;
	uint64_t n;

	while (!status && (option = arguments_next(&a)) != -1) {
		if (option == OPT_FORMAT)
			status = arguments_format(&a, &json);
		else if (pid)
			status = tool_usage_error("stat", "only one process at a time");
		else
			pid = a.value;
	}
	if (status)
		return status;
	if (a.nr > (pid ? 0 : 1))
		return tool_usage_error("stat", "only one process at a time");
	if (!pid && !a.nr)
		return tool_usage_error("stat", "--pid PID is missing");
	if (!pid)
		pid = a.operands[0];
	if (!tool_number(pid, 1, TOOL_PID_MAX, &n))
		return tool_usage_error("stat", "'%s' is not a process id", pid);
	return stat_process((long)n, json);
}

const struct tool_command command_stat = {
	.name = "stat",
	.summary = "show the counters of a running process",
	.help = help,
	.options = stat_options,
	.main = stat_main,
};
