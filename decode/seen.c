/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/seen.c - when a bug was seen: the first and the last time, how often over time, and in which builds.
 *
 * A trend counts in TREND_BUCKETS buckets of 2^shift units each.  A time that lies outside of them makes all buckets
 * twice as wide, two become one, until it fits.  So a trend takes the same memory for a minute and for a year, and two
 * trends can be added.  The unit is a second; reports without a date are counted by their order, and there it is a
 * report.
 *
 * Loggers write dates in many forms.  Those without a year are of the last twelve months, and those without a zone
 * count as UTC. */
#include "config.h"

#include <inttypes.h>
#include <time.h>

#include "decode/decode_internal.h"

/* ---- the trend ------------------------------------------------------------------------------- */

static void coarsen(struct decode_trend *t)
{
	struct decode_trend wide = { .shift = t->shift + 1, .base = t->base >> 1, .used = t->used };

	for (int i = 0; i < TREND_BUCKETS; i++)
		wide.count[((t->base + i) >> 1) - wide.base] += t->count[i];
	*t = wide;
}

/* Moves the buckets so that `down` more lie in front; false: what is counted does not leave so many free. */
static bool slide(struct decode_trend *t, int64_t down)
{
	for (int i = 0; i < TREND_BUCKETS; i++)
		if (t->count[i] && i + down >= TREND_BUCKETS)
			return false;
	memmove(t->count + down, t->count, (size_t)(TREND_BUCKETS - down) * sizeof(*t->count));
	memset(t->count, 0, (size_t)down * sizeof(*t->count));
	t->base -= down;
	return true;
}

void decode_trend_add(struct decode_trend *t, int64_t at, uint64_t count)
{
	int64_t i;

	if (!t->used)
		t->base = at >> t->shift;
	t->used = true;
	for (;; coarsen(t)) {
		i = (at >> t->shift) - t->base;
		if (i >= 0 && i < TREND_BUCKETS)
			break;
		if (i < 0 && i > -TREND_BUCKETS && slide(t, -i)) {
			i = 0;
			break;
		}
	}
	t->count[i] += count;
}

void decode_trend_join(struct decode_trend *t, const struct decode_trend *more)
{
	if (!more->used)
		return;
	while (t->shift < more->shift)
		coarsen(t);
	for (int i = 0; i < TREND_BUCKETS; i++)
		if (more->count[i])
			decode_trend_add(t, (int64_t)((uint64_t)(more->base + i) << more->shift), more->count[i]);
}

/* ---- dates ----------------------------------------------------------------------------------- */

static bool two_digits(const char *p, int *value)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*value = (p[0] - '0') * 10 + p[1] - '0';
	return true;
}

static bool read_clock(const char *p, struct tm *tm, const char **end)
{
	if (!two_digits(p, &tm->tm_hour) || p[2] != ':' || !two_digits(p + 3, &tm->tm_min))
		return false;
	p += 5;
	tm->tm_sec = 0;
	if (*p == ':' && two_digits(p + 1, &tm->tm_sec))
		p += 3;
	if (*p == '.' || *p == ',')
		p += 1 + strspn(p + 1, "0123456789");
	*end = p;
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

/* "Z", "+02:00", "-0700", or nothing: seconds east of UTC. */
static int64_t read_zone(const char *p)
{
	int hours, minutes = 0;

	p += *p == ' ';
	if ((*p != '+' && *p != '-') || !two_digits(p + 1, &hours))
		return 0;
	two_digits(p + 3 + (p[3] == ':'), &minutes);
	return (*p == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

static bool read_month(const char *p, int *month)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (strncmp(p, months + 3 * i, 3) == 0) {
			*month = i;
			return true;
		}
	return false;
}

/* "2026-11-21T03:02:16.123+00:00" */
static bool read_iso(const char *p, struct tm *tm, const char **end)
{
	int century, year;

	if (!two_digits(p, &century) || !two_digits(p + 2, &year) || p[4] != '-' || !two_digits(p + 5, &tm->tm_mon) ||
	    p[7] != '-' || !two_digits(p + 8, &tm->tm_mday) || (p[10] != 'T' && p[10] != ' '))
		return false;
	tm->tm_mon--;
	tm->tm_year = century * 100 + year - 1900;
	return read_clock(p + 11, tm, end);
}

/* "Sat Nov 21 03:02:16 2026", "Nov 21 03:02:16", "Nov21 03:02", "11-21 03:02:16.123" */
static bool read_words(const char *p, struct tm *tm, const char **end, bool *year)
{
	uint64_t n;

	if (strlen(p) > 8 && p[3] == ' ' && read_month(p + 4, &tm->tm_mon))
		p += 4;
	if (read_month(p, &tm->tm_mon)) {
		p += 3 + strspn(p + 3, " ");
		if (*p < '0' || *p > '9')
			return false;
		tm->tm_mday = *p++ - '0';
		if (*p >= '0' && *p <= '9')
			tm->tm_mday = tm->tm_mday * 10 + *p++ - '0';
	} else if (two_digits(p, &tm->tm_mon) && p[2] == '-' && two_digits(p + 3, &tm->tm_mday)) {
		tm->tm_mon--;
		p += 5;
	} else {
		return false;
	}
	if (*p != ' ' || !read_clock(p + 1, tm, end))
		return false;
	*year = (*end)[0] == ' ' && number_decimal(*end + 1, &n) && n > 1970 && n < 3000;
	if (*year) {
		tm->tm_year = (int)n - 1900;
		*end += 5;
	}
	return true;
}

bool decode_time_read(const char *text, int64_t *seconds)
{
	struct tm tm = { .tm_mon = -1 };
	const char *end = text;
	uint64_t epoch;
	bool year = true;
	time_t now;

	/* seconds since 1970; printk's count from the start of the machine, and are smaller */
	if (number_decimal(text, &epoch) && epoch > 1000000000 && epoch < 100000000000) {
		*seconds = (int64_t)epoch;
		return true;
	}
	if (!read_iso(text, &tm, &end) && !read_words(text, &tm, &end, &year))
		return false;
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31)
		return false;
	now = time(NULL);
	if (!year) {
		struct tm today;
		if (!gmtime_r(&now, &today))
			return false;
		tm.tm_year = today.tm_year;
		if (timegm(&(struct tm){ .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday }) >
		    now + 86400)
			tm.tm_year--;
	}
	*seconds = (int64_t)timegm(&tm) - read_zone(end);
	return true;
}

void decode_time_write(char *buf, size_t size, int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(buf, size, "%" PRId64, seconds);
}

/* ---- a report -------------------------------------------------------------------------------- */

void decode_seen_add(struct decode_seen *s, const struct decode_seen *more)
{
	if (!more->trend.used)
		return;
	s->first = s->trend.used ? MIN(s->first, more->first) : more->first;
	s->last = s->trend.used ? MAX(s->last, more->last) : more->last;
	decode_trend_join(&s->trend, &more->trend);
}

void decode_seen_of(struct decode_seen *s, const struct decode_record *r)
{
	int64_t at;

	memset(s, 0, sizeof(*s));
	if (r->history) {
		*s = r->history->seen;
	} else if (r->time && decode_time_read(r->time, &at)) {
		s->first = s->last = at;
		decode_trend_add(&s->trend, at, r->count ? r->count : 1);
	}
}

static bool build_of(char *buf, size_t size, const char *name, const char *build_id)
{
	if (!build_id || !*build_id)
		return false;
	snprintf(buf, size, "%.60s%s%.12s", name ? path_base(name) : "", name ? " " : "", build_id);
	return true;
}

bool decode_record_build(const struct decode_record *r, char *buf, size_t size)
{
	const struct decode_stack *s = decode_record_main_stack(r);
	const struct decode_frame *named = NULL;

	if (r->kernel) {
		snprintf(buf, size, "%.100s", r->kernel);
		return true;
	}
	/* the module of the guilty function; else the outermost one, the program */
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->frames[i].build_id) {
			named = &s->frames[i];
			if (r->function && named->function == r->function)
				break;
		}
	if (named)
		return build_of(buf, size, named->module, named->build_id);
	for (size_t i = 0; i < r->nr_modules; i++)
		if (build_of(buf, size, r->modules[i].name, r->modules[i].build_id))
			return true;
	return false;
}
