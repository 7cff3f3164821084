/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/mark.c - where does a headline stand inside of a line, or inside of a block of lines?
 *
 * Whatever logger wrote a line, the headline itself is known.  So a line begins where its headline begins, and all that
 * stands in front of the headline is a prefix.  Each headline that is searched in this way has a mark, some of its
 * letters.  A block of a log is searched for two neighbouring letters of each mark, sixteen places at once, since most
 * lines of most logs hold no mark.  A place that has two such letters is then compared with the whole mark.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "decode/decode_internal.h"

#define LANES 16
typedef uint8_t vector __attribute__((vector_size(LANES)));

/* The text, and which two of its letters are searched for: rare ones.  Marks of one group (0 to 7) are told apart late:
 * halves of their letters should not make two letters that are frequent. */
/* clang-format would break the braces. */
/* clang-format off */
#define MARK(text, at, group) { text, sizeof(text) - 1, at, group }
static const struct mark {
	const char *text;
	uint8_t len, at, group;
} marks[] = {
	/* "==123==ERROR: AddressSanitizer", "==123== Invalid read" */
	MARK("==", 0, 0),
	/* KASAN, KFENCE, memsan; "BUG kmalloc-64 (Tainted"; "kernel BUG at" */
	MARK("BUG: ", 2, 1),
	MARK("BUG ", 1, 2),
	MARK("unreferenced object 0x", 20, 3),
	MARK("segfault ", 4, 7),
	MARK("Unable to handle kernel ", 0, 0),
	MARK("list_add ", 6, 4),
	MARK("list_del ", 4, 1),
	MARK("refcount_t", 8, 1),
	MARK("UBSAN: ", 4, 1),
	MARK("usercopy: ", 6, 3),
	MARK("Bad or missing usercopy whitelist", 21, 3),
	MARK("Unhandled ", 0, 0),
	MARK("Internal error: ", 10, 5),
	MARK("Insufficient stack space to handle", 3, 6),
	MARK("Oops - ", 0, 0),
	MARK("general protection fault", 20, 7),
	MARK("stack segment: ", 8, 4),
	MARK("Kernel Fault: Code=", 7, 1),
	MARK("Bad Address (null pointer deref?): Code=", 32, 2),
	MARK(" mm/page_alloc.c:", 8, 1),
	MARK("Data bus error, epc ", 10, 5), /* MIPS */
	MARK("Instruction bus error, epc ", 17, 5),
	MARK("slab error in ", 6, 5),
	MARK("Kernel panic - not syncing: ", 25, 4),
	MARK("kasan: GPF could be caused by ", 21, 7),
	MARK("detected buffer overflow", 10, 6),
	MARK("detected field-spanning", 12, 4),
	/* other tools' reports, and libc's */
	MARK("WARNING: ThreadSanitizer: ", 6, 1),
	MARK("runtime error: ", 9, 5),
	MARK("*** ", 0, 2),
	MARK("(): ", 1, 2),
	MARK("double free or corruption", 17, 5),
	MARK("corrupted double-linked list", 2, 5),
	MARK("corrupted size vs. prev_size", 2, 5),
	MARK("corrupted unsorted chunks", 2, 5),
	MARK("stack corruption detected (-f", 8, 5),
	MARK("break adjusted to free", 8, 7),
	MARK("invalid fastbin entry (free)", 22, 2),
	MARK("Fatal glibc error: malloc", 0, 1),
	MARK("memory clobbered ", 11, 7),
	MARK("block freed twice", 8, 7),
	MARK("bogus mcheck_status", 11, 3),
	MARK("ubsan: ", 0, 6),
	MARK("CHECK failed: ", 11, 4), /* "AddressSanitizer: CHECK failed: …" */
	MARK("FORTIFY: ", 2, 1),
	MARK("Scudo ERROR: ", 7, 5),
	MARK("ElectricFence ", 0, 0),
	MARK("DUMA ", 1, 6),
	MARK(" (SIG", 1, 2), /* "signal 6 (SIGABRT), code -1 (SI_QUEUE), fault addr --------" */
	MARK("fdsan: ", 0, 4),
	MARK("mimalloc: error: ", 11, 5),
	MARK("fatal allocator error: ", 17, 5),
	MARK("<jemalloc>: ", 1, 7),
	MARK("src/tcmalloc", 0, 5),
	MARK("<error>", 2, 5), /* Valgrind's XML */
	MARK("lt;error&gt;", 4, 5),
	MARK("lt;fatal_signal&gt;", 15, 2),
	MARK("<fatal_signal>", 0, 6),
	MARK("UNADDRESSABLE ACCESS", 3, 1), /* "Error #1: UNADDRESSABLE ACCESS beyond heap bounds" */
	MARK("Error #", 1, 5),
	MARK("error: Undefined Behavior: ", 7, 0),
	MARK("HEAP CORRUPTION DETECTED: ", 7, 5),
	MARK("Detected memory leaks!", 18, 7),
	MARK("Run-Time Check Failure #", 15, 1),
	MARK("[Dangling", 1, 1),
	MARK(" (err ", 3, 5),
	MARK("not freed: '0x", 8, 4),
	MARK("Received signal ", 0, 2),
	/* the runtimes of languages */
	MARK("fatal error: ", 7, 5),
	MARK("unexpected fault address 0x", 12, 7),
	MARK("WARNING: DATA RACE", 6, 4),
	MARK("SIGSEGV: segmentation violation", 11, 4),
	MARK("SIGBUS: bus error", 13, 5),
	MARK(" panicked at ", 6, 7),
	MARK("has overflowed its stack", 10, 3),
	MARK("Fatal Python error: ", 0, 1),
	MARK("Debug memory block at address p=", 23, 4),
	MARK("A fatal error has been detected by ", 9, 5),
	MARK("FATAL ERROR: ", 7, 5),
	MARK("----- Native stack trace", 6, 1),
	MARK("Fatal error. ", 7, 5),
	MARK(" dumped core.", 2, 6),
	MARK("memsan-report/", 6, 5),
	MARK("memsan-growth/", 9, 3),
	/* words in base64; see base64.c */
	MARK("U2FuaXRpemVyOi", 5, 5), /* Sanitizer: */
	MARK("Nhbml0aXplcjog", 0, 6),
	MARK("TYW5pdGl6ZXI6I", 9, 2),
	MARK("QlVHOiBL", 2, 2), /* BUG: K */
	MARK("JVRzogS", 1, 5),
	MARK("CVUc6IE", 1, 2),
	MARK("QlVHOiBNRU1TQU46I", 2, 2), /* BUG: MEMSAN: */
	MARK("JVRzogTUVNU0FOOi", 1, 5),
	MARK("CVUc6IE1FTVNBTjog", 1, 2),
	MARK("PSBJbnZhbGlkI", 6, 2), /* = Invalid */
	MARK("0gSW52YWxpZC", 6, 2),
	MARK("9IEludmFsaWQg", 2, 0),
	MARK("ZGVmaW5pdGVseSBsb3N0", 0, 2), /* definitely lost */
	MARK("RlZmluaXRlbHkgbG9zd", 1, 4),
	MARK("kZWZpbml0ZWx5IGxvc3", 8, 3),
	MARK("cnVudGltZSBlcnJvcjog", 2, 2), /* runtime error: */
	MARK("J1bnRpbWUgZXJyb3I6I", 10, 2),
	MARK("ydW50aW1lIGVycm9yOi", 6, 1),
	MARK("bmFibGUgdG8gaGFuZGxlIGtlcm5lb", 16, 2), /* nable to handle kernel */
	MARK("InNjaGVtYSI6Im1lbXNhbi1yZXBvcnQvMS", 24, 2), /* "schema":"memsan-report/1" */
	MARK("JzY2hlbWEiOiJtZW1zYW4tcmVwb3J0LzEi", 18, 2),
	MARK("bWVtc2FuLXJlcG9ydC8xI", 9, 2),
	MARK("5hYmxlIHRvIGhhbmRsZSBrZXJuZW", 22, 2),
	MARK("uYWJsZSB0byBoYW5kbGUga2VybmVs", 1, 2),
	/* letters that are spelled; see spelled.c */
	MARK("\\u00", 0, 2),
	MARK("\\x", 0, 2),
	MARK("\\1", 0, 1),
	MARK("&#", 0, 2),
	MARK("&nbsp;", 0, 0),
	MARK("%3A%20", 0, 2),
	MARK("%3A+", 0, 2),
	MARK("%3D%3D", 0, 2),
	MARK("%3a%20", 0, 2),
	MARK("%3d%3d", 0, 2),
};
/* clang-format on */
#undef MARK

/* By two letters, the marks that are searched for by them: the first one's number from 1, and each one's successor. */
static struct {
	uint8_t first[256], next[ARRAY_SIZE(marks) + 1];
	bool filled;
} with_pair;

static uint8_t slot_of(const char *two)
{
	return (uint8_t)((uint8_t)two[0] * 5 + (uint8_t)two[1] * 67);
}

static void fill_pairs(void)
{
	_Static_assert(ARRAY_SIZE(marks) < 256, "numbers of a byte");
	for (size_t i = ARRAY_SIZE(marks); i-- > 0;) {
		uint8_t *first = &with_pair.first[slot_of(marks[i].text + marks[i].at)];
		with_pair.next[i + 1] = *first;
		*first = (uint8_t)(i + 1);
	}
	with_pair.filled = true;
}

static bool is_spelling(const char *p)
{
	return *p == '\\' || *p == '&' || *p == '%';
}

/* The mark around p, which has the mark's two letters; NULL: there is none. */
static const char *mark_at(const char *p, const char *start, const char *end)
{
	for (uint8_t i = with_pair.first[slot_of(p)]; i; i = with_pair.next[i]) {
		const struct mark *m = &marks[i - 1];
		size_t behind = (size_t)(m->len - m->at);
		if (p[0] == m->text[m->at] && p[1] == m->text[m->at + 1] && p - start >= m->at &&
		    (size_t)(end - p) >= behind && p[behind - 1] == m->text[m->len - 1] &&
		    memcmp(p - m->at, m->text, m->len) == 0 &&
		    (!is_spelling(m->text) || decode_spelled(p - m->at, end)))
			return p - m->at;
	}
	return NULL;
}

#define EVERY(letter) ((vector){ 0 } + (uint8_t)(letter))
#define PAIR(a, b) ((here == EVERY(a)) & (next == EVERY(b)))

/* Which of sixteen places have two letters of a mark? */
static inline vector pairs(vector here, vector next)
{
	return (vector)(PAIR('%', '3') | PAIR('&', '#') | PAIR('&', 'g') | PAIR('&', 'n') | PAIR('(', 'S') |
	                PAIR('(', 'f') | PAIR(')', ':') | PAIR('*', '*') | PAIR('-', 'r') | PAIR('0', 'Z') |
	                PAIR('0', 'x') | PAIR('<', 'f') | PAIR('=', '=') | PAIR('D', 'D') | PAIR('D', 'a') |
	                PAIR('E', 'l') | PAIR('F', 'a') | PAIR('G', ':') | PAIR('N', ':') | PAIR('N', 'a') |
	                PAIR('N', 'h') | PAIR('O', 'o') | PAIR('R', 'R') | PAIR('R', 'T') | PAIR('R', 'e') |
	                PAIR('U', 'G') | PAIR('U', 'M') | PAIR('U', 'n') | PAIR('V', 'H') | PAIR('V', 'R') |
	                PAIR('V', 'U') | PAIR('V', 'u') | PAIR('W', '1') | PAIR('X', 'J') | PAIR('X', 'R') |
	                PAIR('Y', 'W') | PAIR('Z', 'G') | PAIR('Z', 'X') | PAIR('Z', 'h') | PAIR('\\', '1') |
	                PAIR('\\', 'u') | PAIR('\\', 'x') | PAIR('_', 'a') | PAIR('_', 'd') | PAIR('_', 't') |
	                PAIR('a', 'k') | PAIR('a', 'u') | PAIR('b', 'e') | PAIR('d', ':') | PAIR('d', 'd') |
	                PAIR('e', 'e') | PAIR('f', 'd') | PAIR('g', ':') | PAIR('g', 'm') | PAIR('j', 'e') |
	                PAIR('j', 'u') | PAIR('k', '_') | PAIR('k', 'e') | PAIR('l', 'Z') | PAIR('l', 'd') |
	                PAIR('o', 'w') | PAIR('p', 'y') | PAIR('r', 'r') | PAIR('s', 'r') | PAIR('u', 'b') |
	                PAIR('u', 'f') | PAIR('u', 'm'));
}

/* The bytes at p and one more, with zeros behind the end; `padded` is used when they are fewer. */
static const char *or_padded(const char *p, const char *end, size_t lanes, char *padded)
{
	if ((size_t)(end - p) > lanes)
		return p;
	memset(padded, 0, lanes + 1);
	memcpy(padded, p, (size_t)(end - p));
	return padded;
}

const char *decode_mark_find_plain(const char *start, const char *end)
{
	char padded[LANES + 1];
	const char *mark;

	if (!with_pair.filled)
		fill_pairs();
	for (const char *p = start; p + 1 < end; p += LANES) {
		const char *bytes = or_padded(p, end, LANES, padded);
		uint64_t halves[2];
		vector here, next, found;
		memcpy(&here, bytes, LANES);
		memcpy(&next, bytes + 1, LANES);
		found = pairs(here, next);
		memcpy(halves, &found, sizeof(halves));
		if (!(halves[0] | halves[1]))
			continue;
		for (size_t half = 0; half < 2; half++)
			for (uint64_t bits = halves[half], byte; bits; bits &= ~(0xffull << byte * 8)) {
				byte = (uint64_t)__builtin_ctzll(bits) / 8;
				mark = mark_at(p + half * 8 + byte, start, end);
				if (mark)
					return mark;
			}
	}
	return NULL;
}

#ifdef __x86_64__
/* The same with AVX2, in a third of the instructions (Teddy, from Hyperscan).  Each mark has a bit of a byte.  Four
 * tables say which marks have such a lower or upper half of the first or of the second letter; an instruction looks up
 * 32 halves at once.  Where a bit is left in all four, there may be two letters of a mark. */
#define WIDE 32

static struct {
	uint8_t first_low[16], first_high[16], second_low[16], second_high[16];
	bool filled;
} halves_of;

static void fill_halves(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		unsigned first = (uint8_t)marks[i].text[marks[i].at], second = (uint8_t)marks[i].text[marks[i].at + 1];
		uint8_t bit = (uint8_t)(1u << marks[i].group);
		halves_of.first_low[first & 15] |= bit;
		halves_of.first_high[first >> 4] |= bit;
		halves_of.second_low[second & 15] |= bit;
		halves_of.second_high[second >> 4] |= bit;
	}
	if (!with_pair.filled)
		fill_pairs();
	halves_of.filled = true;
}

__attribute__((target("avx2"))) static inline __m256i looked_up(const uint8_t *table, __m256i at)
{
	return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), at);
}

__attribute__((target("avx2"))) static const char *find_avx2(const char *start, const char *end)
{
	const __m256i half = _mm256_set1_epi8(15);
	char padded[WIDE + 1];
	const char *mark;

	for (const char *p = start; p + 1 < end; p += WIDE) {
		const char *bytes = or_padded(p, end, WIDE, padded);
		__m256i here = _mm256_loadu_si256((const __m256i *)bytes);
		__m256i next = _mm256_loadu_si256((const __m256i *)(bytes + 1));
		__m256i found = _mm256_and_si256(
			_mm256_and_si256(
				looked_up(halves_of.first_low, _mm256_and_si256(here, half)),
				looked_up(halves_of.first_high, _mm256_and_si256(_mm256_srli_epi16(here, 4), half))),
			_mm256_and_si256(
				looked_up(halves_of.second_low, _mm256_and_si256(next, half)),
				looked_up(halves_of.second_high, _mm256_and_si256(_mm256_srli_epi16(next, 4), half))));
		unsigned bits;
		if (_mm256_testz_si256(found, found))
			continue;
		bits = ~(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(found, _mm256_setzero_si256()));
		for (; bits; bits &= bits - 1)
			if ((mark = mark_at(p + __builtin_ctz(bits), start, end)) != NULL)
				return mark;
	}
	return NULL;
}
#endif

const char *decode_mark_find(const char *start, const char *end)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2")) {
		if (!halves_of.filled)
			fill_halves();
		return find_avx2(start, end);
	}
#endif
	return decode_mark_find_plain(start, end);
}

const char *decode_mark_words(const char *start, const char *end)
{
	const char *p = start;

	while ((p = decode_mark_find(p, end)) != NULL && is_spelling(p))
		p++;
	return p;
}

/* Of the table's marks, the ones between these are words in base64. */
#define BASE64_FIRST "U2FuaXRpemVyOi"
#define BASE64_NR 24

/* Is the mark at p a word in base64? */
static bool is_base64(const char *p, const char *end)
{
	static size_t first;
	static bool begins[256];

	if (!first) {
		while (strcmp(marks[first].text, BASE64_FIRST) != 0)
			first++;
		for (size_t i = first; i < first + BASE64_NR; i++)
			begins[(uint8_t)*marks[i].text] = true;
	}
	for (size_t i = first; begins[(uint8_t)*p] && i < first + BASE64_NR; i++)
		if (*p == *marks[i].text && (size_t)(end - p) >= marks[i].len &&
		    memcmp(p, marks[i].text, marks[i].len) == 0)
			return true;
	return false;
}

enum decode_writing decode_mark_writing(const char *start, const char *end, const char **at)
{
	for (const char *p = start; (p = decode_mark_find(p, end)) != NULL; p++) {
		*at = p;
		if (is_spelling(p))
			return WRITING_SPELLED;
		if (is_base64(p, end))
			return WRITING_BASE64;
	}
	return WRITING_PLAIN;
}

/* ---- inside of a line ------------------------------------------------------------------------ */

#define HEADLINE_MAX 2000 /* a line may have a mark in every few bytes, and each is looked at */

/* Does a report begin with these words? */
static bool is_headline(const char *p, const char *end, uint64_t caller)
{
	char *text = strndup(p, MIN((size_t)(end - p), (size_t)HEADLINE_MAX));
	struct decode_open probe = { .caller = caller, .record = text ? decode_record_new() : NULL };
	bool known;

	if (text && strchr(text, '&'))
		decode_spell_entities(text);
	if (text &&
	    (starts(text, "<error>") || starts(text, "<fatal_signal>"))) /* other lines, or tags, stand behind it */
		text[strcspn(text, ">") + 1] = '\0';
	known = probe.record && decode_headline(text, &probe) != FORM_NONE;

	/* LeakSanitizer's heading has no report of its own; the leaks behind it have its prefix */
	known |= text && starts(text, "==") && strstr(text, "==ERROR: LeakSanitizer: ");
	if (probe.record)
		decode_record_free(probe.record);
	free(text);
	return known;
}

/* With log_exe_name=1 the name stands in front of the pid: "==prog==123==ERROR: …". */
static const char *with_name(const char *line, const char *p)
{
	const char *name = p;

	while (name > line && name[-1] > ' ' && name[-1] != '=')
		name--;
	return name < p && name - line >= 2 && name[-1] == '=' && name[-2] == '=' ? name - 2 : p;
}

/* "==123==ERROR: …", "==123== Invalid read …" */
static bool headline_with_pid(const char *line, const char *p, const char *end, struct decode_found *found)
{
	size_t token = decode_prefix_valgrind(p, (size_t)(end - p), &found->caller);
	const char *behind;

	found->at = found->text = (size_t)(p - line);
	if (token && is_headline(p + token, end, found->caller)) {
		found->text += token;
		return true;
	}
	found->caller = 0;
	for (behind = p + 2; behind < end && *behind >= '0' && *behind <= '9'; behind++)
		;
	if (behind == p + 2 || end - behind <= 10 || behind[0] != '=' || behind[1] != '=')
		return false;
	p = with_name(line, p);
	found->at = found->text = (size_t)(p - line);
	return is_headline(p, end, 0);
}

/* Does a word go on at p?  "\n", "|n" and "%0A" are new lines in strings. */
static bool inside_word(const char *line, const char *p)
{
	char before = p > line ? p[-1] : ' ';
	bool letter = (before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z') || before == '_';

	if (p - line >= 2 && before == 'n' && (p[-2] == '\\' || p[-2] == '|'))
		return false;
	if (p - line >= 3 && memcmp(p - 3, "%0A", 3) == 0)
		return false;
	if (p - line == 1 && (before == 'e' || before == 'o' || before == 'h')) /* Buildbot's streams */
		return false;
	return letter;
}

/* A report of memsan as JSON, also inside of a string: {"schema":"memsan-report/1", memsan-growth/1 */
static bool headline_json(const char *line, const char *p, const char *end, struct decode_found *found)
{
	const char *brace = memrchr(line, '{', (size_t)(p - line));

	found->caller = 0;
	found->at = found->text = brace ? (size_t)(brace - line) : 0;
	return brace && p - brace < 40 && memmem(brace, (size_t)(end - brace), "schema", 6);
}

/* ---- words of the headline in front of its mark ---- */

/* Each of these has the mark's place, and gives the headline's, or NULL. */
static const char *from_name(const char *line, const char *p)
{
	const char *start = p;

	while (start > line && ((start[-1] >= 'a' && start[-1] <= 'z') || start[-1] == '_'))
		start--;
	return start;
}

/* Where the word in front of p begins; none of these letters is part of it.  "<stderr>:" is Open MPI's. */
static const char *word_in_front(const char *line, const char *p, const char *stops)
{
	const char *start = p - (p > line);

	while (start > line && start[-1] > ' ' && !(start[-1] == ']' && *start != ':') && !strchr(stops, start[-1]) &&
	       (start - line < 2 || memcmp(start - 2, ">:", 2) != 0))
		start--;
	return start;
}

/* "prog[12]: segfault at 0 …", "memcpy: detected …" */
static const char *from_word(const char *line, const char *p)
{
	return word_in_front(line, p, "");
}

/* Behind "12:" or "build.log:" of grep, in front of "a.c:3:5: "; not behind "C:", a drive's letter. */
static const char *behind_grep(const char *start, const char *p)
{
	const char *colon = memchr(start, ':', (size_t)(p - start)), *name = colon ? colon + 1 : p, *next;

	if (!colon || colon - start < 1 || (colon - start == 1 && isalpha((unsigned char)*start)))
		return start;
	next = memchr(name, ':', (size_t)(p - name));
	return next && next > name && !isdigit((unsigned char)*name) && *name != ' ' && *name != ':' &&
	                       isdigit((unsigned char)next[1])
	               ? name
	               : start;
}

/* "a.c:3:5: runtime error: …"; "+a.c:3:5: …" of a diff, "build.log:12:a.c:3:5: …" of grep */
static const char *from_place(const char *line, const char *p)
{
	const char *start = word_in_front(line, p, "=\"'`>,|"), *colon = start, *behind;

	start += *start == '+' && start + 1 < p;
	while ((colon = memchr(colon, ':', (size_t)(p - colon))) != NULL) {
		for (behind = ++colon; behind < p && isdigit((unsigned char)*behind); behind++)
			;
		if (behind > colon && behind + 1 < p && *behind == ':' && !isdigit((unsigned char)behind[1]) &&
		    behind[1] != ' ')
			start = behind + 1;
	}
	return behind_grep(start, p);
}

/* "AddressSanitizer: CHECK failed: …" */
static const char *from_sanitizer(const char *line, const char *p)
{
	const char *start = p;

	start -= start - line > 12 && start[-1] == ' ';
	start -= start - line > 12 && start[-1] == ':';
	while (start > line && isalpha((unsigned char)start[-1]))
		start--;
	return start;
}

/* "CPU 0 Unable to handle kernel paging request …": MIPS and LoongArch name the processor. */
static const char *from_processor(const char *line, const char *p)
{
	const char *start = p - (p > line && p[-1] == ' ');

	while (start > line && start[-1] >= '0' && start[-1] <= '9')
		start--;
	return p - start >= 2 && start - line >= 4 && memcmp(start - 4, "CPU ", 4) == 0 ? start - 4 : p;
}

/* "---[ end Kernel panic - not syncing: … ]---" is no headline */
static const char *from_panic(const char *line, const char *p)
{
	return p - line >= 4 && memcmp(p - 4, "end ", 4) == 0 ? NULL : p;
}

/* Marks whose headline begins further in front, or whose words ordinary text has as well.  The rows of a mark are tried
 * in their order; a mark without a row begins its headline. */
static const struct around {
	const char *mark;
	const char *front;              /* the headline begins with these words, near in front; NULL: with the mark */
	const char *behind;             /* it has these words behind the mark */
	enum { ANYWHERE, ALONE } where; /* ALONE: no sentence stands in front */
	const char *(*from)(const char *line, const char *p); /* or begins there; NULL: see front */
} arounds[] = {
	{ "general protection fault", "traps: ", " error", ANYWHERE, NULL },
	{ "general protection fault", "Oops: ", " [#", ANYWHERE, NULL },
	{ "general protection fault", NULL, " [#", ANYWHERE, NULL },
	{ "stack segment: ", NULL, " [#", ANYWHERE, NULL },
	{ " mm/page_alloc.c:", "WARNING: ", "+0x", ANYWHERE, NULL },
	{ "detected buffer overflow in ", NULL, "", ALONE, NULL },
	{ "detected ", NULL, "", ANYWHERE, from_word },
	{ "FORTIFY: ", NULL, ": ", ANYWHERE, NULL },
	{ " (SIG", "signal ", "fault addr ", ANYWHERE, NULL },
	{ "fatal error: ", NULL, "", ALONE, NULL },
	{ "SIGSEGV: segmentation violation", NULL, "", ALONE, NULL },
	{ "SIGBUS: bus error", NULL, "", ALONE, NULL },
	{ "Fatal error. ", NULL, "", ALONE, NULL },
	{ " panicked at ", "thread '", "", ANYWHERE, NULL },
	{ "has overflowed its stack", "thread '", "", ANYWHERE, NULL },
	{ "A fatal error has been detected by ", "# ", "", ANYWHERE, NULL },
	{ " dumped core.", "[\xf0\x9f\xa1\x95] Process ", "", ANYWHERE, NULL },
	{ " dumped core.", "Process ", "", ANYWHERE, NULL },
	{ "unreferenced object 0x", "kmemleak: ", "", ANYWHERE, NULL },
	{ "unreferenced object 0x", NULL, "", ANYWHERE, NULL },
	{ "BUG: ", NULL, "", ANYWHERE, NULL },
	{ "BUG: ", "ODE", "", ANYWHERE, NULL },
	{ "BUG ", NULL, "", ANYWHERE, NULL },
	{ "BUG ", "kernel ", "", ANYWHERE, NULL },
	{ "*** ", NULL, "", ANYWHERE, NULL },
	{ "*** ", "malloc: ", "", ANYWHERE, NULL },
	{ "(): ", "in free", "", ANYWHERE, NULL },
	{ "(): ", "in malloc", "", ANYWHERE, NULL },
	{ "(): ", "in calloc", "", ANYWHERE, NULL },
	{ "(): ", "in realloc", "", ANYWHERE, NULL },
	{ "(): ", NULL, "", ANYWHERE, from_name },
	{ "Kernel panic - not syncing: ", NULL, "", ANYWHERE, from_panic },
	{ "Unable to handle kernel ", NULL, "", ANYWHERE, from_processor },
	{ "lt;error&gt;", "&", "", ANYWHERE, NULL },
	{ "lt;fatal_signal&gt;", "&", "", ANYWHERE, NULL },
	{ " (err ", "ERROR: ", "", ANYWHERE, NULL },
	{ " (err ", "Error: ", "", ANYWHERE, NULL },
	{ "CHECK failed: ", NULL, "", ANYWHERE, from_sanitizer },
	{ "segfault ", NULL, "", ANYWHERE, from_word },
	{ "runtime error: ", NULL, "", ANYWHERE, from_place },
};

#define FRONT_MAX 120

/* The last place of some words in the text. */
static const char *last_of(const char *start, const char *end, const char *words)
{
	size_t len = strlen(words);

	for (const char *p = end - len; p >= start && (size_t)(end - start) >= len; p--)
		if (memcmp(p, words, len) == 0)
			return p;
	return NULL;
}

/* Is p in the middle of a sentence, or behind a compiler's name or place?  Behind "] ", "| " or a number it is not. */
static bool in_sentence(const char *line, const char *p)
{
	while (p > line && p[-1] == ' ')
		p--;
	if (p > line && p[-1] == ':') { /* "gcc:", "a.c:1:10:" */
		const char *word = p - 1;
		while (word > line && word[-1] > ' ')
			word--;
		return p - word >= 2 && ((p[-2] >= 'a' && p[-2] <= 'z') || memchr(word, ':', (size_t)(p - 1 - word)));
	}
	return p > line && ((p[-1] >= 'a' && p[-1] <= 'z') || p[-1] == ',');
}

static bool begins_at(const char *line, const char *start, const char *end, struct decode_found *found)
{
	if (!start || inside_word(line, start) || !is_headline(start, end, 0))
		return false;
	found->at = found->text = (size_t)(start - line);
	return true;
}

/* Where does the headline begin whose mark stands at p? */
static bool headline_around(const char *line, const char *p, const char *end, struct decode_found *found)
{
	const char *front = p - MIN(p - line, FRONT_MAX);
	bool known = false;

	found->caller = 0;
	for (size_t i = 0; i < ARRAY_SIZE(arounds); i++) {
		const struct around *a = &arounds[i];
		size_t len = strlen(a->mark);
		if ((size_t)(end - p) < len || memcmp(p, a->mark, len) != 0)
			continue;
		known = true;
		if ((a->where == ALONE && in_sentence(line, p)) ||
		    !memmem(p + len, (size_t)(end - p) - len, a->behind, strlen(a->behind)))
			continue;
		if (begins_at(line,
		              a->from    ? a->from(line, p)
		              : a->front ? last_of(front, p, a->front)
		                         : p,
		              end, found))
			return true;
	}
	return !known && begins_at(line, p, end, found);
}

/* A tombstone quotes the report of another tool, and has its stack. */
static bool quoted_by_tombstone(const char *line, const char *p)
{
	return memmem(line, (size_t)(p - line), "Abort message: \'", 16) != NULL;
}

bool decode_mark_headline(const char *line, size_t len, struct decode_found *found)
{
	const char *end = line + len, *p = line;

	for (; (p = decode_mark_words(p, end)) != NULL; p++)
		if (quoted_by_tombstone(line, p))
			return false;
		else if (*p == '='                  ? headline_with_pid(line, p, end, found)
		         : *p == 'm' && p[1] == 'e' ? headline_json(line, p, end, found)
		                                    : headline_around(line, p, end, found))
			return true;
	return false;
}
