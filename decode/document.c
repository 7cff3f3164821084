/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/document.c - the forms that are one document: what begins it, a record of it, what ends it. */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

struct decode_writer *decode_writer_create(FILE *out, enum decode_document form)
{
	struct decode_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->out = out;
	w->form = form;
	if (form == DECODE_SARIF)
		decode_sarif_head(w);
	if (form == DECODE_HTML && !(w->page = decode_page_create())) {
		free(w);
		return NULL;
	}
	if (form == DECODE_GITLAB)
		putc('[', out);
	return w;
}

void decode_writer_put(struct decode_writer *w, const struct decode_record *r)
{
	switch (w->form) {
	case DECODE_SARIF:
		decode_sarif_put(w, r);
		break;
	case DECODE_JUNIT:
		decode_junit_put(w, r);
		break;
	case DECODE_HTML:
		decode_page_add(w->page, r);
		break;
	case DECODE_GITHUB:
		decode_github_put(w, r);
		break;
	case DECODE_GITLAB:
		decode_gitlab_put(w, r);
		break;
	}
	w->nr++;
}

void decode_writer_finish(struct decode_writer *w)
{
	if (w->form == DECODE_SARIF)
		decode_sarif_tail(w);
	if (w->form == DECODE_JUNIT)
		decode_junit_tail(w);
	if (w->form == DECODE_HTML)
		decode_html_tail(w);
	if (w->form == DECODE_GITLAB)
		fputs(w->nr ? "\n]\n" : "]\n", w->out);
	decode_page_destroy(w->page);
	free(w->seen);
	free(w);
}
