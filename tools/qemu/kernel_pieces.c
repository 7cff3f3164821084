/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_pieces.c - memsan kernel minimize: cuts a reproducer into pieces that can be left out.
 *
 * A piece is a statement of C, a declaration, a line of the preprocessor, or a command of a shell script.  Pieces that
 * hold a block have the block's pieces as children (after Misherghi and Su, "HDD: Hierarchical Delta Debugging", ICSE
 * 2006):
 *
 *     static void loop(void)              depth 0
 *     {
 *             for (int i = 0; ...) {      depth 1
 *                     open("/dev/x", 0);  depth 2
 *             }
 *             close(3);                   depth 1
 *     }
 *
 * Nothing here knows the language well.  A cut in the wrong place makes a candidate that no compiler or shell takes,
 * which costs little.  Comments and blank lines belong to the piece that follows them. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { NO_PARENT = -1 };

static size_t add_piece(struct pieces *p, size_t begin, int parent)
{
	if (p->nr == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		p->all = tool_resize(p->all, p->room * sizeof(*p->all));
	}
	p->all[p->nr] = (struct piece){ .begin = begin, .end = begin, .parent = parent };
	p->all[p->nr].depth = parent == NO_PARENT ? 0 : p->all[parent].depth + 1;
	if (p->all[p->nr].depth > p->depth)
		p->depth = p->all[p->nr].depth;
	return p->nr++;
}

/* ---- C --------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Behind a string or a character constant. */
static size_t skip_quoted(const struct pieces *p, size_t at)
{
	char quote = p->text[at++];

	while (at < p->len && p->text[at] != quote && p->text[at] != '\n')
		at += p->text[at] == '\\' ? 2 : 1;
	return at < p->len ? at + 1 : p->len;
}

/* Behind the comment that begins here; `at` itself: none does. */
static size_t skip_comment(const struct pieces *p, size_t at)
{
	const char *end;

	if (at + 1 >= p->len || p->text[at] != '/')
		return at;
	if (p->text[at + 1] == '/')
		return at + strcspn(p->text + at, "\n");
	if (p->text[at + 1] != '*')
		return at;
	end = strstr(p->text + at + 2, "*/");
	return end ? (size_t)(end - p->text) + 2 : p->len;
}

static size_t skip_space(const struct pieces *p, size_t at)
{
	size_t before;

	do {
		before = at;
		while (at < p->len && isspace((unsigned char)p->text[at]))
			at++;
		at = skip_comment(p, at);
	} while (at != before);
	return at;
}

/* Behind a line of the preprocessor, and the lines that continue it. */
static size_t skip_directive(const struct pieces *p, size_t at)
{
	while (at < p->len && p->text[at] != '\n')
		at += p->text[at] == '\\' && at + 1 < p->len ? 2 : 1;
	return at < p->len ? at + 1 : p->len;
}

static bool is_directive(const struct pieces *p, size_t at, const char *name)
{
	at++;
	at += strspn(p->text + at, " \t");
	return strncmp(p->text + at, name, strlen(name)) == 0;
}

/* Behind "#if … #endif", or behind any other directive. */
static size_t skip_directives(const struct pieces *p, size_t at)
{
	unsigned depth = 0;

	do {
		if (p->text[at] == '#' && is_directive(p, at, "if"))
			depth++;
		else if (p->text[at] == '#' && is_directive(p, at, "endif") && depth)
			depth--;
		at = skip_directive(p, at);
		while (depth && at < p->len && (p->text[at] == ' ' || p->text[at] == '\t'))
			at++;
	} while (depth && at < p->len);
	return at;
}

static bool word_at(const struct pieces *p, size_t at, const char *word)
{
	size_t len = strlen(word);

	return strncmp(p->text + at, word, len) == 0 && !is_word(p->text[at + len]);
}

/* Is the brace behind `last`, the last character before it, the begin of a block, and not of an initializer or of a
 * type? */
static bool begins_block(const struct pieces *p, size_t first, size_t brace)
{
	size_t last = brace;

	while (last > first && isspace((unsigned char)p->text[last - 1]))
		last--;
	if (last == first)
		return true;
	if (strchr(")\":", p->text[last - 1]))
		return true;
	return (last - first >= 4 && word_at(p, last - 4, "else")) || (last - first >= 2 && word_at(p, last - 2, "do"));
}

static size_t cut_block(struct pieces *p, size_t at, int parent);

/* Behind a comment in the rest of the line; `at` itself: there is none. */
static size_t skip_trailing_comment(const struct pieces *p, size_t at)
{
	size_t begin = at + strspn(p->text + at, " \t"), end = skip_comment(p, begin);

	return end != begin && !memchr(p->text + begin, '\n', end - begin) ? end : at;
}

/* Cuts the piece that begins at `begin`; `first` is behind its comments.  Returns its end. */
static size_t cut_piece(struct pieces *p, size_t begin, size_t first, int parent)
{
	size_t piece = add_piece(p, begin, parent), at = first, next;
	bool do_while = word_at(p, first, "do");
	unsigned nested = 0;

	while (at < p->len) {
		char c = p->text[at];

		next = skip_comment(p, at);
		if (next != at) {
			at = next;
			continue;
		}
		if (c == '"' || c == '\'') {
			at = skip_quoted(p, at);
			continue;
		}
		if (c == '#' && (at == 0 || p->text[at - 1] == '\n')) {
			at = skip_directive(p, at);
			continue;
		}
		/* only a block that was no block has a '}' here */
		if (c == '}' && !nested)
			break;
		if (c == '{' && !nested && begins_block(p, first, at)) {
			at = cut_block(p, at + 1, (int)piece);
		} else {
			nested += c == '(' || c == '[' || c == '{';
			nested -= nested && (c == ')' || c == ']' || c == '}');
			at++;
			if (c != ';' || nested)
				continue;
		}
		next = skip_space(p, at);
		if (word_at(p, next, "else") || (do_while && word_at(p, next, "while"))) {
			do_while = false;
			at = next + 4;
			continue;
		}
		break;
	}
	at = skip_trailing_comment(p, at);
	p->all[piece].end = at;
	return at;
}

/* Cuts up to the block's closing brace, or to the end of the text.  Returns what is behind it. */
static size_t cut_block(struct pieces *p, size_t at, int parent)
{
	while (at < p->len) {
		size_t first = skip_space(p, at), begin = at + strspn(p->text + at, " \t\r\n");

		if (first >= p->len || p->text[first] == '}')
			return first < p->len ? first + 1 : p->len;
		if (p->text[first] == '#') {
			size_t piece = add_piece(p, begin, parent);

			at = p->all[piece].end = skip_directives(p, first);
		} else {
			at = cut_piece(p, begin, first, parent);
		}
	}
	return p->len;
}

/* A piece that stands alone on its lines has the blanks before it and the end of its last line. */
static void take_whole_lines(struct pieces *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		struct piece *piece = &p->all[i];
		size_t begin = piece->begin, end = piece->end;

		while (begin > 0 && (p->text[begin - 1] == ' ' || p->text[begin - 1] == '\t'))
			begin--;
		while (end < p->len && (p->text[end] == ' ' || p->text[end] == '\t'))
			end++;
		if ((begin == 0 || p->text[begin - 1] == '\n') && (end == p->len || p->text[end] == '\n')) {
			piece->begin = begin;
			piece->end = end < p->len ? end + 1 : end;
		}
	}
}

void kernel_pieces_of_c(struct pieces *p, const char *text)
{
	*p = (struct pieces){ .text = text, .len = strlen(text) };
	for (size_t at = 0; at < p->len;)
		at = cut_block(p, at, NO_PARENT);
	take_whole_lines(p);
}

/* ---- shell scripts --------------------------------------------------------------------------- */

/* Behind a command: its line, the lines that continue it, and its here-document. */
static size_t command_end(const struct pieces *p, size_t at)
{
	size_t begin = at, line;
	const char *mark;
	char *word;

	do {
		line = at;
		at = (size_t)(strchrnul(p->text + at, '\n') - p->text);
		at += at < p->len;
	} while (at < p->len && at - line >= 2 && p->text[at - 2] == '\\');
	mark = memmem(p->text + begin, at - begin, "<<", 2);
	if (!mark || mark[2] == '<')
		return at;
	mark += 2 + strspn(mark + 2, "- \t\\'\"");
	word = tool_format("%.*s", (int)strcspn(mark, " \t\n'\";|&)"), mark);
	while (*word && at < p->len) {
		size_t end = (size_t)(strchrnul(p->text + at, '\n') - p->text), tabs = strspn(p->text + at, "\t");
		bool last = end - at - tabs == strlen(word) && memcmp(p->text + at + tabs, word, strlen(word)) == 0;

		at = end + (end < p->len);
		if (last)
			break;
	}
	free(word);
	return at;
}

static bool word_of(const char *at, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && memcmp(at, *words, len) == 0)
			return true;
	return false;
}

/* +1: the command opens a compound command that later lines close; -1: it closes one; 0: neither. */
static int opens(const struct pieces *p, size_t begin, size_t end)
{
	static const char *const openers[] = { "if", "while", "until", "for", "case", "{", NULL };
	static const char *const closers[] = { "fi", "done", "esac", "}", NULL };
	const char *first = p->text + begin, *last = p->text + end;
	size_t len, tail = 0;

	first += strspn(first, " \t");
	while (last > first && isspace((unsigned char)last[-1]))
		last--;
	len = strcspn(first, " \t;\n|&>");
	while (last - tail > first && !strchr(" \t;", last[-1 - (long)tail]))
		tail++;
	if (word_of(first, len, closers))
		return -1;
	if (word_of(last - tail, tail, closers))
		return 0;
	return word_of(first, len, openers) || (last > first && last[-1] == '{') ? 1 : 0;
}

static bool is_comment(const struct pieces *p, size_t at)
{
	at += strspn(p->text + at, " \t");
	return p->text[at] == '#' || p->text[at] == '\n' || p->text[at] == '\0';
}

void kernel_pieces_of_script(struct pieces *p, const char *text)
{
	size_t at = 0, end;
	int parent = NO_PARENT;

	*p = (struct pieces){ .text = text, .len = strlen(text) };
	/* the line that names the interpreter stays */
	if (strncmp(text, "#!", 2) == 0)
		at = strcspn(text, "\n") + 1;
	while (at < p->len) {
		size_t begin = at, piece;
		int how;

		while (at < p->len && is_comment(p, at)) {
			at = (size_t)(strchrnul(p->text + at, '\n') - p->text);
			at += at < p->len;
		}
		if (at >= p->len)
			break;
		end = command_end(p, at);
		how = opens(p, at, end);
		if (how < 0 && parent != NO_PARENT) {
			p->all[parent].end = end;
			parent = p->all[parent].parent;
		} else {
			piece = add_piece(p, begin, parent);
			p->all[piece].end = end;
			if (how > 0)
				parent = (int)piece;
		}
		at = end;
	}
	/* what was never closed ends here */
	for (; parent != NO_PARENT; parent = p->all[parent].parent)
		p->all[parent].end = p->len;
}

/* ---- what is left ---------------------------------------------------------------------------- */

bool kernel_piece_is_left(const struct pieces *p, const bool *kept, size_t i)
{
	for (int at = (int)i; at != NO_PARENT; at = p->all[at].parent)
		if (!kept[at])
			return false;
	return true;
}

size_t kernel_pieces_left(const struct pieces *p, const bool *kept)
{
	size_t n = 0;

	for (size_t i = 0; i < p->nr; i++)
		n += kernel_piece_is_left(p, kept, i);
	return n;
}

char *kernel_pieces_text(const struct pieces *p, const bool *kept)
{
	char *text = tool_alloc(p->len + 1), *to = text;
	size_t at = 0;

	/* a piece's children follow it and lie within it */
	for (size_t i = 0; i < p->nr; i++) {
		if (kept[i] || p->all[i].begin < at)
			continue;
		memcpy(to, p->text + at, p->all[i].begin - at);
		to += p->all[i].begin - at;
		at = p->all[i].end;
	}
	memcpy(to, p->text + at, p->len - at);
	to[p->len - at] = '\0';
	return text;
}
