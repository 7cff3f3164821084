/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/input.c - reads logs: files, pipes, compressed files (through the system's own programs), files that grow. */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK (256u << 10)
/* a writer may be silent for so long between two lines of a report that has no closing line */
#define IDLE_MS 1000
#define FOLLOW_MS 200

struct packer {
	const char *magic;
	size_t len;
	const char *program;
};
static const struct packer packers[] = {
	{ "\x1f\x8b", 2, "gzip" },
	{ "BZh", 3, "bzip2" },
	{ "\xfd"
	  "7zXZ",
	  5, "xz" },
	{ "\x28\xb5\x2f\xfd", 4, "zstd" },
	{ "\x04\x22\x4d\x18", 4, "lz4" },
};

/* The program that unpacks files with this beginning, or NULL. */
static const char *packer_of(const char *head, size_t len)
{
	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++)
		if (len >= packers[i].len && memcmp(head, packers[i].magic, packers[i].len) == 0)
			return packers[i].program;
	return NULL;
}

static void wait_for_input(int fd, const struct input_options *o)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (o->idle && poll(&p, 1, IDLE_MS) == 0) {
		o->idle(o->ctx);
		poll(&p, 1, -1);
	}
}

/* Waits a moment for more.  A file that was rotated or cut is read from its beginning. *quiet_ms counts since the
 * last byte. */
static void follow_wait(int fd, const struct input_options *o, unsigned *quiet_ms)
{
	struct stat st;
	off_t at = lseek(fd, 0, SEEK_CUR);

	if (o->idle && *quiet_ms == IDLE_MS)
		o->idle(o->ctx);
	if (*quiet_ms <= IDLE_MS)
		*quiet_ms += FOLLOW_MS;
	usleep(FOLLOW_MS * 1000);
	if (at > 0 && fstat(fd, &st) == 0 && st.st_size < at)
		lseek(fd, 0, SEEK_SET);
}

static bool read_all(struct decode_reader *reader, int fd, const struct input_options *o)
{
	struct stat st;
	bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	char *block = tool_alloc(BLOCK);
	unsigned quiet_ms = 0;
	ssize_t n;

	for (;;) {
		if (!file)
			wait_for_input(fd, o);
		n = read(fd, block, BLOCK);
		if (n > 0) {
			decode_reader_feed(reader, block, (size_t)n);
			quiet_ms = 0;
		} else if (n == 0 && file && o->follow) {
			follow_wait(fd, o, &quiet_ms);
		} else if (n == 0 || errno != EINTR) {
			break;
		}
	}
	free(block);
	return n == 0;
}

static bool read_packed(struct decode_reader *reader, int fd, const char *name, const char *program,
                        const struct input_options *o)
{
	char *const argv[] = { (char *)program, (char *)"-dc", NULL };
	pid_t pid;
	int from = spawn_filter(argv, fd, &pid), status;
	struct input_options plain = { .follow = false, .idle = o->idle, .ctx = o->ctx };
	bool good;

	if (from < 0) {
		tool_say("cannot unpack %s: %s: %s", name, program, strerror(errno));
		return false;
	}
	good = read_all(reader, from, &plain);
	close(from);
	status = spawn_wait(pid);
	if (good && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	tool_say("cannot unpack %s: %s failed", name, program);
	return false;
}

bool input_read(struct decode_reader *reader, const char *name, const struct input_options *o)
{
	bool standard = strcmp(name, "-") == 0, good;
	int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	const char *program;
	struct stat st;
	char head[8];
	ssize_t n;

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && (errno = EISDIR))) {
		tool_say("cannot read %s: %s", name, strerror(errno));
		if (fd > STDIN_FILENO)
			close(fd);
		return false;
	}
	decode_reader_begin(reader, standard ? "-" : name);
	n = pread(fd, head, sizeof(head), 0);
	program = n > 0 ? packer_of(head, (size_t)n) : NULL;
	if (program) {
		good = read_packed(reader, fd, name, program, o);
	} else {
		good = read_all(reader, fd, o);
		if (!good)
			tool_say("cannot read %s: %s", name, strerror(errno));
	}
	decode_reader_end(reader);
	if (!standard)
		close(fd);
	return good;
}
