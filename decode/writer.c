/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/writer.c - shared by the writers: strings of JSON and XML, names of rules, relative paths. */
#include "config.h"

#include <unistd.h>

#include "decode/decode_internal.h"

#define STRING_MAX 65536 /* a longer string out of a log helps nobody */

void decode_rule_name(char *buf, size_t size, const struct decode_record *r)
{
	snprintf(buf, size, "%s/%s", r->detector, r->kind);
}

const char *decode_relative(const char *path)
{
	static char here[4096];
	size_t len;

	if (!here[0] && !getcwd(here, sizeof(here)))
		return path;
	len = strlen(here);
	return len > 1 && strncmp(path, here, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static void put_piece(void *ctx, const char *text, size_t len)
{
	fwrite(text, 1, len, ctx);
}

void decode_json_string(FILE *out, const char *s)
{
	if (s)
		json_quote(put_piece, out, s, STRING_MAX);
	else
		fputs("null", out);
}

void decode_put_clean(FILE *out, const char *s, size_t len)
{
	struct clean_shown shown;

	for (size_t i = 0, n; i < len; i += n) {
		n = clean_char(s + i, len - i, &shown);
		if (shown.len && s[i] != '\t')
			fwrite(shown.text, 1, shown.len, out);
		else
			fwrite(s + i, 1, n, out);
	}
}

/* XML 1.0 has no form for control characters, so they are shown as a terminal shows them. */
void decode_put_xml(FILE *out, const char *s)
{
	for (const char *p = s ? s : ""; *p; p++) {
		struct clean_shown shown;
		size_t n;

		switch (*p) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&apos;", out);
			break;
		default:
			n = clean_char(p, UTF8_MAX, &shown);
			/* XML forbids U+FFFE and U+FFFF too. */
			if (n == 3 && (strncmp(p, "\xef\xbf\xbe", 3) == 0 || strncmp(p, "\xef\xbf\xbf", 3) == 0))
				putc('?', out);
			else if (shown.len && *p != '\n' && *p != '\t')
				fputs(shown.text, out);
			else
				fwrite(p, 1, n, out);
			p += n - 1;
		}
	}
}
