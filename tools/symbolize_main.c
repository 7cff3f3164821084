/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/symbolize_main.c - the symbolizer helper: a report record comes in on standard input, the finished report goes out.
 *
 * It is started by the runtime for each report (reports/helper.c).  When the program that asked is gone by the time the report is
 * done, the report is not lost: it is written to standard error, which the runtime set to where reports go.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "reports/reports.h"

#define MEMORY_LIMIT ((rlim_t)8 << 30)
#define CPU_LIMIT_S 60

/* The files that are read may be anything.  Whatever they make us do, it ends. */
static void limit_self(unsigned timeout_ms)
{
	struct rlimit core = { 0, 0 }, cpu = { CPU_LIMIT_S, CPU_LIMIT_S }, memory = { MEMORY_LIMIT, MEMORY_LIMIT };

	setrlimit(RLIMIT_CORE, &core);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_AS, &memory);
	alarm(timeout_ms / 1000 + 2);
}

static bool read_whole(void *buf, size_t len)
{
	for (char *p = buf; len;) {
		ssize_t n = read(STDIN_FILENO, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_whole(int fd, const void *buf, size_t len)
{
	for (const char *p = buf; len;) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static size_t render(struct symbolizer *s, struct report_record *r, unsigned format, char *text)
{
	struct report_symbols symbols;

	if (!s || !symbolizer_attach(s, r, &symbols))
		return 0;
	insn_decode(r);
	return format == FORMAT_JSON ? report_render_json(r, &symbols, text, REPORT_TEXT_MAX)
	                             : report_render_text(r, &symbols, text, REPORT_TEXT_MAX);
}

static int answer(const char *text, size_t len)
{
	struct helper_answer head = {
		.magic = HELPER_ANSWER_MAGIC, .version = HELPER_WIRE_VERSION, .length = (uint32_t)len, .pad = 0,
	};

	signal(SIGPIPE, SIG_IGN);
	if (write_whole(STDOUT_FILENO, &head, sizeof(head)) && write_whole(STDOUT_FILENO, text, len))
		return 0;
	return write_whole(STDERR_FILENO, text, len) ? 0 : 1;
}

static int usage(void)
{
	fputs("memsan-symbolize: started by libmemsan to add functions and source lines to a report; see memsan(1)\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static struct report_record record;
	static char text[REPORT_TEXT_MAX];
	struct helper_request request;
	struct symbolizer *s;
	size_t len;

	(void)argv;
	if (argc > 1 || isatty(STDIN_FILENO))
		return usage();
	if (!read_whole(&request, sizeof(request)) || request.magic != HELPER_REQUEST_MAGIC ||
	    request.version != HELPER_WIRE_VERSION || request.record_size != sizeof(record))
		return 1;
	limit_self(request.timeout_ms);
	if (!read_whole(&record, sizeof(record)) || !report_record_valid(&record, sizeof(record)))
		return 1;
	/* The answer has to arrive in time even when it is not complete. */
	s = symbolizer_create(request.timeout_ms / 10 * 7);
	len = render(s, &record, request.format, text);
	/* Somebody waits for the answer, nobody for our memory to be given back piece by piece. */
	_exit(len ? answer(text, len) : 1);
}
