/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/writer.c - documents that hold many records: what begins them, what ends them. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "decode/decode_internal.h"

void log_rule_name(char *buf, size_t size, const struct log_record *r)
{
	snprintf(buf, size, "%s/%s", r->detector, r->kind);
}

const char *log_relative(const char *path)
{
	static char here[4096];
	size_t len;

	if (!here[0] && !getcwd(here, sizeof(here)))
		return path;
	len = strlen(here);
	return len > 1 && strncmp(path, here, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

struct log_writer *log_writer_create(FILE *out, enum log_document form)
{
	struct log_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->out = out;
	w->form = form;
	if (form == LOG_SARIF)
		log_sarif_head(w);
	if (form == LOG_HTML)
		log_html_head(w);
	if (form == LOG_GITLAB)
		putc('[', out);
	return w;
}

void log_writer_put(struct log_writer *w, const struct log_record *r)
{
	switch (w->form) {
	case LOG_SARIF: log_sarif_put(w, r); break;
	case LOG_JUNIT: log_junit_put(w, r); break;
	case LOG_HTML: log_html_put(w, r); break;
	case LOG_GITHUB: log_github_put(w, r); break;
	case LOG_GITLAB: log_gitlab_put(w, r); break;
	}
	w->nr++;
}

void log_writer_finish(struct log_writer *w)
{
	if (w->form == LOG_SARIF)
		log_sarif_tail(w);
	if (w->form == LOG_JUNIT)
		log_junit_tail(w);
	if (w->form == LOG_HTML)
		log_html_tail(w);
	if (w->form == LOG_GITLAB)
		fputs(w->nr ? "\n]\n" : "]\n", w->out);
	free(w->rules);
	free(w);
}
