/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/writer.c - shared by the writers: strings of JSON and XML, names of rules, relative paths. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "decode/decode_internal.h"

#define STRING_MAX 65536 /* a longer string out of a log helps nobody */

void decode_rule_name(char *buf, size_t size, const struct decode_record *r)
{
	snprintf(buf, size, "%s/%s", r->detector, r->kind);
}

#define STRIPS_MAX 64
static const char *strips[STRIPS_MAX];
static size_t nr_strips;
static char root[4096];

bool decode_strip(const char *prefix)
{
	if (nr_strips == STRIPS_MAX)
		return false;
	strips[nr_strips++] = prefix;
	return true;
}

bool decode_root(const char *folder)
{
	char *real = realpath(folder, NULL);
	bool good = real && strlen(real) < sizeof(root);

	if (good)
		strcpy(root, real); /* NOLINT */
	free(real);
	return good;
}

/* What stands behind the folder in a path that lies below it, or NULL. */
static const char *below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	while (len && folder[len - 1] == '/')
		len--;
	if (strncmp(path, folder, len) != 0 || path[len] != '/')
		return NULL;
	path += len;
	path += strspn(path, "/");
	return *path ? path : NULL;
}

const char *decode_relative(const char *path)
{
	const char *rest = NULL;

	for (size_t i = 0; i < nr_strips && !rest; i++)
		rest = below(path, strips[i]);
	if (!rest && !root[0] && !getcwd(root, sizeof(root)))
		root[0] = '\0';
	if (!rest && strlen(root) > 1)
		rest = below(path, root);
	if (!rest)
		rest = path;
	while (rest[0] == '.' && rest[1] == '/' && rest[2])
		rest += 2;
	return rest;
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
