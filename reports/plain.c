/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/plain.c - a report without the helper: the same layout, with every frame as module+offset and build id. */
#include "config.h"

#include "reports/reports_internal.h"

static const struct report_symbol *plain_frame(void *ctx, const struct report_record *r, const struct report_frame *f,
                                               size_t *nr)
{
	(void)ctx, (void)r, (void)f;
	*nr = 0;
	return NULL;
}

size_t plain_render(const struct report_record *r, unsigned format, char *buf, size_t size)
{
	static const struct report_symbols none = { .ctx = NULL, .frame = plain_frame, .note = NULL };

	if (format == FORMAT_JSON)
		return report_render_json(r, &none, buf, size);
	return report_render_text(r, &none, buf, size);
}
