/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/symbolize_main.c - the symbolizer helper: reads a report record from standard input, writes the finished
 * report.
 * The runtime starts the helper for each report (reports/helper.c).  When the program has died before the report is
 * finished, the report is not lost: it goes to standard error, which the runtime has directed to where reports go. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "reports/reports.h"

#define MEMORY_LIMIT ((rlim_t)8 << 30)
#define CPU_LIMIT_S 60

/* The files that the helper reads may hold anything.  Limits end the helper, whatever the files make it do. */
static void limit_self(unsigned timeout_ms)
{
	struct rlimit core = { 0, 0 }, cpu = { CPU_LIMIT_S, CPU_LIMIT_S }, memory = { MEMORY_LIMIT, MEMORY_LIMIT };

	setrlimit(RLIMIT_CORE, &core);
	setrlimit(RLIMIT_CPU, &cpu);
	if (!UNDER_ASAN) /* whose shadow is terabytes */
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

/* Can it be written to within so many milliseconds (-1: any time)? */
static bool fd_ready(int fd, int ms)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return poll(&p, 1, ms) == 1 && !(p.revents & (POLLERR | POLLHUP | POLLNVAL));
}

static bool write_whole(int fd, const void *buf, size_t len)
{
	for (const char *p = buf; len;) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && fd_ready(fd, -1))))
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Requests are answered one after the other, until one says that it is the last. */
struct session {
	struct symbolizer *symbolizer;
	struct suppressions *rules;
	struct report_record record;
	_Alignas(8) char payload[HELPER_RULES_MAX + 1];
	_Alignas(8) char text[REPORT_TEXT_MAX];
	size_t len;
	bool suppressed;
	uint32_t frame;
	char **suggested;
	uint32_t nr_suggested;
};

static void say(void *ctx, const char *line)
{
	struct session *s = ctx;
	int n = snprintf(s->text + s->len, sizeof(s->text) - s->len, "%s\n", line);

	if (n > 0 && (size_t)n < sizeof(s->text) - s->len)
		s->len += (size_t)n;
	s->text[s->len] = 0;
}

/* Writes a rule that suppresses the leak, unless an earlier rule is the same but for its name, which is the first
 * line in the braces. */
static void suggest(struct session *s, const struct report_symbols *symbols)
{
	char *rule = s->text + s->len;
	size_t n = suppressions_suggest(&s->record, symbols, s->nr_suggested + 1, rule, sizeof(s->text) - s->len);
	const char *body = n > 2 ? strchr(rule + 2, '\n') : NULL;
	char **grown = body ? realloc(s->suggested, (s->nr_suggested + 1) * sizeof(*grown)) : NULL;

	for (uint32_t i = 0; grown && i < s->nr_suggested; i++)
		if (strcmp(grown[i], body) == 0)
			n = 0;
	if (grown)
		s->suggested = grown;
	if (grown && n && (grown[s->nr_suggested] = strdup(body)) != NULL)
		s->nr_suggested++;
	s->len += n;
	s->text[s->len] = 0;
}

static bool take_report(struct session *s, const struct helper_request *request)
{
	struct report_symbols symbols;

	if (request->size != sizeof(s->record) || !read_whole(&s->record, sizeof(s->record)) ||
	    !report_record_valid(&s->record, sizeof(s->record)))
		return false;
	/* The answer must arrive in time, even if it is not complete. */
	symbolizer_budget(s->symbolizer, request->timeout_ms / 10 * 7);
	if (!symbolizer_attach(s->symbolizer, &s->record, &symbols))
		return false;
	s->suppressed = s->rules && suppressions_match(s->rules, &s->record, &symbols);
	s->frame = report_title_frame(&s->record, &symbols);
	symbolizer_name_data(s->symbolizer, &s->record);
	report_next_for_language(&s->record, &symbols);
	insn_decode(&s->record);
	s->len = request->format == FORMAT_JSON ? report_render_json(&s->record, &symbols, s->text, sizeof(s->text))
	                                        : report_render_text(&s->record, &symbols, s->text, sizeof(s->text));
	if (request->flags & HELPER_SUGGEST && !s->suppressed && request->format != FORMAT_JSON &&
	    s->record.kind == REPORT_UNREFERENCED)
		suggest(s, &symbols);
	return true;
}

static bool take_rules(struct session *s, const struct helper_request *request)
{
	if (request->size > HELPER_RULES_MAX || !read_whole(s->payload, request->size))
		return false;
	s->payload[request->size] = 0;
	s->rules = s->rules ? s->rules : suppressions_create();
	if (!s->rules)
		return false;
	suppressions_add(s->rules, s->payload, say, s);
	if (request->flags & HELPER_SHIPPED)
		suppressions_add_shipped(s->rules, MEMSAN_LIBEXECDIR, say, s);
	say(s, "");
	return true;
}

/* Servers of debug files are not asked, because the program waits for this answer for each module of its stacks. */
static bool take_functions(struct session *s, const struct helper_request *request)
{
	struct helper_ranges *answer = (struct helper_ranges *)s->text;
	size_t room = (sizeof(s->text) - 1 - sizeof(*answer)) / sizeof(answer->ranges[0]), nr = 0;
	struct code_range *found = NULL;
	struct helper_functions *f = (struct helper_functions *)s->payload;
	bool complete;
	int module;

	_Static_assert(sizeof(s->payload) >= sizeof(*f), "the question has room");
	if (request->size != sizeof(*f) || !read_whole(f, sizeof(*f)))
		return false;
	f->path[sizeof(f->path) - 1] = f->pattern[sizeof(f->pattern) - 1] = 0;
	unsetenv("DEBUGINFOD_URLS");
	symbolizer_budget(s->symbolizer, request->timeout_ms / 10 * 9);
	module = symbolizer_module(s->symbolizer, f->path, f->build_id, f->build_id_len);
	complete = symbolizer_functions(s->symbolizer, module, f->pattern, &found, &nr);
	answer->complete = complete && nr <= room;
	answer->nr = (uint32_t)MIN(nr, room);
	if (answer->nr)
		memcpy(answer->ranges, found, answer->nr * sizeof(*found));
	s->len = sizeof(*answer) + answer->nr * sizeof(*found);
	free(found);
	return true;
}

static bool take_request(struct session *s, const struct helper_request *request)
{
	s->len = 0;
	s->suppressed = false;
	s->frame = 0;
	switch (request->kind) {
	case HELPER_REPORT:
		return take_report(s, request);
	case HELPER_RULES:
		return take_rules(s, request);
	case HELPER_SUMMARY:
		if (s->rules)
			suppressions_summary(s->rules, say, s);
		say(s, "");
		return request->size == 0;
	case HELPER_FUNCTIONS:
		return take_functions(s, request);
	default:
		return false;
	}
}

/* When the program cannot read the answer any more, a report is written to where reports go.  Other answers are
 * dropped.  A program that is still there writes its report itself. */
static bool answer(const struct session *s, bool is_report)
{
	struct helper_answer head = {
		.magic = HELPER_ANSWER_MAGIC,
		.version = HELPER_WIRE_VERSION,
		.length = (uint32_t)s->len,
		.suppressed = s->suppressed,
		.frame = s->frame,
	};

	signal(SIGPIPE, SIG_IGN);
	if (write_whole(STDOUT_FILENO, &head, sizeof(head)) && write_whole(STDOUT_FILENO, s->text, s->len))
		return true;
	return is_report && !s->suppressed && !fd_ready(STDOUT_FILENO, 0) &&
	       write_whole(STDERR_FILENO, s->text, s->len);
}

/* --help is answered; anything else is a mistake. */
static int usage(bool asked)
{
	fputs("Usage: memsan-symbolize (no arguments)\n"
	      "\n"
	      "libmemsan starts this program to add functions and source lines to a report. It is not meant\n"
	      "to be started by hand.\n"
	      "\n"
	      "Manual page: memsan(1)\n",
	      asked ? stdout : stderr);
	return asked ? 0 : 2;
}

int main(int argc, char **argv)
{
	static struct session session;
	struct helper_request request;

	if (argc > 1 || isatty(STDIN_FILENO))
		return usage(argc == 2 && strcmp(argv[1], "--help") == 0);
	session.symbolizer = symbolizer_create(0);
	do {
		if (!session.symbolizer || !read_whole(&request, sizeof(request)) ||
		    request.magic != HELPER_REQUEST_MAGIC || request.version != HELPER_WIRE_VERSION)
			_exit(1);
		limit_self(request.timeout_ms);
		if (!take_request(&session, &request) || !answer(&session, request.kind == HELPER_REPORT))
			_exit(1);
	} while (request.more == 1);
	/* The program waits for the answer; freeing memory piece by piece would only take time. */
	_exit(0);
}
