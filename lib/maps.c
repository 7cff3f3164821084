/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/maps.c - the only reader of /proc/PID/maps: signal handlers read this process's, tools read another process's. */
#include "config.h"

#include <fcntl.h>

#include "lib/lib.h"

/* A line, and its six words; the last one is missing where no file is mapped:
 *
 *     7f0e5a000000-7f0e5a021000 rw-p 00000000 08:01 1234567   /usr/lib/libfoo.so.1
 *     start        end          perms offset  dev   inode     path
 *
 * A path may be longer than the caller's buffer. Then the caller gets the line with as much of the path as fits, and
 * the rest of the line is skipped.
 *
 * The file is no snapshot: if another thread maps or unmaps memory while the lines are read, the reader may miss a
 * mapping. */

int maps_open(struct maps_reader *r, const char *path, char *buffer, size_t size)
{
	*r = (struct maps_reader){ .fd = os_open(path, O_RDONLY | O_CLOEXEC, 0), .buffer = buffer, .size = size };
	return r->fd < 0 ? r->fd : 0;
}

int maps_close(struct maps_reader *r)
{
	os_close(r->fd);
	return r->error;
}

/* Moves the rest of the buffer to its start and reads on. False: the file ended. */
static bool refill(struct maps_reader *r)
{
	ssize_t n;

	mem_move(r->buffer, r->buffer + r->at, r->have - r->at);
	r->have -= r->at;
	r->at = 0;
	n = os_read(r->fd, r->buffer + r->have, r->size - 1 - r->have);
	if (n < 0)
		r->error = (int)n;
	r->have += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* The next line that is whole in the buffer, or NULL. */
static char *take_line(struct maps_reader *r)
{
	for (size_t i = r->at; i < r->have; i++) {
		char *line = r->buffer + r->at;

		if (r->buffer[i] == '\n') {
			r->buffer[i] = '\0';
			r->at = i + 1;
			return line;
		}
	}
	return NULL;
}

static const char *skip_word(const char *p)
{
	while (*p && *p != ' ')
		p++;
	while (*p == ' ')
		p++;
	return p;
}

static bool parse_line(const char *line, struct maps_line *m)
{
	const char *p = number_hex(line, &m->start);

	if (!p || *p++ != '-')
		return false;
	p = number_hex(p, &m->end);
	if (!p || *p++ != ' ' || m->end <= m->start || str_length(p) < 4)
		return false;
	m->readable = p[0] == 'r';
	m->writable = p[1] == 'w';
	m->executable = p[2] == 'x';
	m->private = p[3] == 'p';
	p = skip_word(p);
	if (!number_hex(p, &m->offset))
		return false;
	m->path = skip_word(skip_word(skip_word(p)));
	return true;
}

bool maps_next(struct maps_reader *r, struct maps_line *m)
{
	for (;;) {
		char *line = take_line(r);
		bool is_rest = r->in_rest;

		if (line) {
			r->in_rest = false;
		} else if (r->at == 0 && r->have == r->size - 1) {
			line = r->buffer;
			line[r->have] = '\0';
			r->at = r->have;
			r->in_rest = true;
		} else if (!refill(r)) {
			return false;
		}
		if (line && !is_rest && parse_line(line, m))
			return true;
	}
}

int maps_find(uintptr_t addr, struct maps_line *m, char *buffer, size_t size)
{
	struct maps_reader r;
	bool found = false;
	int error = maps_open(&r, "/proc/self/maps", buffer, size);

	if (error != 0)
		return error;
	while (!found && maps_next(&r, m))
		found = m->start <= addr && addr < m->end;
	maps_close(&r);
	return found;
}
