/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/mappings.c - what is mapped where the fault was, read from /proc/self/maps. */
#include "config.h"

#include <fcntl.h>

#include "fault/fault_internal.h"

struct maps_reader {
	int fd;
	size_t have, at;
	char data[2048];
};

/* The next line without its newline; NULL at the end.  Of an overlong line the beginning. */
static char *maps_line(struct maps_reader *m)
{
	for (;;) {
		char *start = m->data + m->at;

		for (size_t i = m->at; i < m->have; i++)
			if (m->data[i] == '\n') {
				m->data[i] = 0;
				m->at = i + 1;
				return start;
			}
		if (m->at == 0 && m->have == sizeof(m->data))
			m->have = 1; /* a path longer than the buffer: what is left of it is no line that parses */
		mem_move(m->data, m->data + m->at, m->have - m->at);
		m->have -= m->at;
		m->at = 0;
		ssize_t n = os_read(m->fd, m->data + m->have, sizeof(m->data) - m->have);
		if (n <= 0)
			return NULL;
		m->have += (size_t)n;
	}
}

static const char *parse_hex(const char *p, uintptr_t *value)
{
	*value = 0;
	for (;; p++) {
		if (*p >= '0' && *p <= '9')
			*value = *value << 4 | (uintptr_t)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			*value = *value << 4 | (uintptr_t)(*p - 'a' + 10);
		else
			return p;
	}
}

static bool parse_mapping(const char *line, struct fault_mapping *m)
{
	const char *p = parse_hex(line, &m->start);

	if (p == line || *p++ != '-')
		return false;
	p = parse_hex(p, &m->end);
	if (*p++ != ' ' || m->end <= m->start)
		return false;
	m->known = m->mapped = true;
	m->readable = p[0] == 'r';
	m->writable = p[0] && p[1] == 'w';
	m->executable = p[0] && p[1] && p[2] == 'x';
	m->file = str_char(p, '/') != NULL;
	return true;
}

void fault_find_mappings(struct fault_state *s)
{
	struct maps_reader reader = { .fd = os_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0) };
	struct fault_mapping m;
	char *line;

	if (reader.fd < 0)
		return;
	s->at.known = true;
	s->at.end = UINTPTR_MAX;
	mem_set(&m, 0, sizeof(m));
	while ((line = maps_line(&reader)) != NULL) {
		if (!parse_mapping(line, &m))
			continue;
		if (m.start < s->stack_at && s->stack_at <= m.end)
			s->stack = m;
		if (m.end <= s->addr) {
			s->at.start = m.end;
		} else if (m.start <= s->addr) {
			s->at = m;
		} else if (!s->above.known) {
			if (!s->at.mapped)
				s->at.end = m.start;
			s->above = m;
		}
		if (s->above.known && m.end >= s->stack_at)
			break;
	}
	os_close(reader.fd);
}

/* Anonymous memory right behind a file's is its bss. */
void fault_each_data(bool (*fn)(void *ctx, uintptr_t start, uintptr_t end), void *ctx)
{
	struct maps_reader reader = { .fd = os_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0) };
	uintptr_t file_end = 0;
	struct fault_mapping m;
	char *line;

	if (reader.fd < 0)
		return;
	mem_set(&m, 0, sizeof(m));
	while ((line = maps_line(&reader)) != NULL) {
		if (!parse_mapping(line, &m))
			continue;
		if (!m.file && m.start != file_end)
			continue;
		file_end = m.file ? m.end : 0;
		/* memsan's own data has pointers to every object, so it is left out. */
		if (m.readable && m.writable && (uintptr_t)&fence_base - m.start >= m.end - m.start &&
		    !fn(ctx, m.start, m.end))
			break;
	}
	os_close(reader.fd);
}
