/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/sink.c - where reports go: standard error, log_path, report_file; and notify.
 *
 * No descriptor is kept between reports, because a program may close or reuse any number, and the reader of a pipe
 * waits until every copy is closed.  Descriptor 2 is standard error while it is the file that it was at start, or one
 * that the program has put there by name (dup2).  A file that merely got the number 2, because it was free, is the
 * program's own: nothing is written into a daemon's database.  Only when an exit handler closes stderr, a copy stays
 * for reports at exit.
 *
 * A file is opened for each report, and the whole report goes out in one write, so that reports of processes that
 * share a file do not mix.  A report that no sink takes goes to standard error, with a line that says why.
 *
 * No lock is taken, because report_line must work with any lock held.  Threads share only one atomic word, the state of
 * the log file.  Callers have every signal blocked, so that a SIGPIPE or SIGXFSZ caused here can be taken back.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <asm/termbits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "reports/reports_internal.h"

#define FD_STDOUT 1
#define FD_STDERR 2
/* memsan's descriptors start above the standard ones. */
#define FD_LOW 3
#define SINK_OPEN_FLAGS (O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define FILTERED_TEXT_MAX (16u << 20) /* of reports under a filter, all together */
#define LOG_TRIES 100                 /* PATH.PID, then PATH.PID.1 …: an earlier process may have had the pid */

static bool sink_secure;
/* A file system gives the number of a file that is gone to the next one: the time at which a file was made tells them
 * apart. */
struct file_id {
	uint64_t dev, ino;
	struct statx_timestamp born; /* 0: not known */
	bool known;
};
static struct file_id stderr_at_start; /* unknown: it was closed; written once */
static bool stderr_unknown;            /* it was open, but fstat did not say what it is; written once */
/* What the program has put at descriptor 2: the last file and the one before, since another thread may report between
 * the note and the call. Children that share this memory (vfork) have notes of their own. */
struct stderr_notes {
	struct file_id files[2];
	unsigned next;
};
static struct stderr_notes notes_own, notes_guest;
static int stderr_filtered = -1; /* where reports go under a filter that the program has set */
static int stderr_kept = -1;     /* a copy of it, while the program exits; written once */
static struct file_id kept_file;
static int chosen_fd = -1; /* the program has chosen it for reports, in place of standard error */

/* A log file. state: pid << 32 | suffix << 8 | step.  By the pid a child of fork sees that it has no log. */
enum log_step { LOG_NONE, LOG_CREATING, LOG_CREATED };
struct log_file {
	uint64_t state;
	/* written before LOG_CREATED is stored (release), read after LOG_CREATED is seen (acquire) */
	uint64_t dev, ino, uid;
};
/* Children that share this memory (vfork) have a log of their own, and leave their parent's alone. */
static struct log_file log_own, log_guest;
static __large_bss char log_prefix[PATH_MAX]; /* absolute; written by sink_configure */
static bool log_wanted;                       /* it is not empty */

/* ---- small helpers --------------------------------------------------------------------------- */

static const char *error_text(long error)
{
	static const struct {
		int number;
		const char *text;
	} texts[] = {
		{ ENOENT, "no such file" },
		{ EACCES, "permission denied" },
		{ EPERM, "not permitted" },
		{ ENOSPC, "no space left on device" },
		{ EDQUOT, "disk quota exceeded" },
		{ EFBIG, "file too large" },
		{ EMFILE, "too many open files" },
		{ ENFILE, "too many open files in the system" },
		{ ELOOP, "it is a symbolic link" },
		{ EROFS, "read-only file system" },
		{ EEXIST, "it exists already" },
		{ EIO, "input/output error" },
		{ EPIPE, "broken pipe" },
		{ EAGAIN, "it takes no more data" },
		{ ENOTDIR, "not a directory" },
		{ EISDIR, "it is a directory" },
		{ ENAMETOOLONG, "name too long" },
		{ ENXIO, "nobody reads it" },
		{ ESTALE, "the file was replaced" },
		{ EBADF, "not open" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].number == error)
			return texts[i].text;
	return "unexpected error";
}

/* Writes everything.  0, or -errno of what stopped it. */
static long write_whole(int fd, const char *text, size_t len)
{
	size_t done;

	return os_write_whole(fd, text, len, &done);
}

/* A descriptor above the standard ones, or -errno. */
static int open_high(const char *path, int flags, int mode)
{
	int fd = os_open(path, flags, mode), high;

	if (fd < 0 || fd >= FD_LOW)
		return fd;
	high = (int)arch_syscall6(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FD_LOW, 0, 0, 0);
	os_close(fd);
	return high;
}

/* ---- standard error -------------------------------------------------------------------------- */

static bool stat_fd(int fd, struct stat *st)
{
	if (!os_filter_allows(OS_CALL_FSTAT) && os_filter_allows(OS_CALL_NEWFSTATAT))
		return arch_syscall6(SYS_newfstatat, fd, (long)"", (long)st, AT_EMPTY_PATH, 0, 0) == 0;
	return arch_syscall6(SYS_fstat, fd, (long)st, 0, 0, 0, 0) == 0;
}

/* Under a filter that the program has set: may stat_fd be called? */
static bool may_stat(void)
{
	return !os_filter_set() || os_filter_allows(OS_CALL_FSTAT) || os_filter_allows(OS_CALL_NEWFSTATAT);
}

/* An inherited filter of which nothing is known may kill for fcntl. */
static bool may_fcntl(void)
{
	return !os_filter_set() && !os_calls_are_unknown();
}

static bool is_open(int fd)
{
	return may_fcntl() && arch_syscall6(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0;
}

/* When a file was made; 0 where that is not known. Under a filter statx may kill. */
static void file_born(int fd, const struct stat *st, struct statx_timestamp *born)
{
	struct statx x;

	mem_set(born, 0, sizeof(*born));
	if (!S_ISREG(st->st_mode) || os_under_seccomp() ||
	    arch_syscall6(SYS_statx, fd, (long)"", AT_EMPTY_PATH, STATX_BTIME, (long)&x, 0) != 0 ||
	    !(x.stx_mask & STATX_BTIME))
		return;
	born->tv_sec = x.stx_btime.tv_sec;
	born->tv_nsec = x.stx_btime.tv_nsec;
}

static void file_note(struct file_id *file, int fd, const struct stat *st)
{
	file->known = false;
	file->dev = st->st_dev;
	file->ino = st->st_ino;
	file_born(fd, st, &file->born);
	file->known = true;
}

static bool file_is(const struct file_id *file, int fd, const struct stat *st)
{
	struct statx_timestamp born;

	if (!file->known || file->dev != st->st_dev || file->ino != st->st_ino)
		return false;
	if (!file->born.tv_sec)
		return true;
	file_born(fd, st, &born);
	return !born.tv_sec || (born.tv_sec == file->born.tv_sec && born.tv_nsec == file->born.tv_nsec);
}

static bool noted(const struct stderr_notes *notes, int fd, const struct stat *st)
{
	return file_is(&notes->files[0], fd, st) || file_is(&notes->files[1], fd, st);
}

/* A terminal, or a device that throws text away, takes text without harm. A serial line or a watchdog may not. */
static bool shows_text(const struct stat *st)
{
	unsigned major = major(st->st_rdev), minor = minor(st->st_rdev);

	if (!S_ISCHR(st->st_mode))
		return false;
	return (major == 1 && (minor == 3 || minor == 5 || minor == 7)) || /* null, zero, full */
	       (major == 4 && minor < 64) ||                               /* virtual consoles */
	       (major == 5 && minor < 2) ||                                /* tty, console */
	       (major >= 136 && major < 144);                              /* pts */
}

/* Is descriptor 2 standard error? Each file that has the number 2 by chance is the program's own: a journal, a FIFO, a
 * socket. */
static bool stderr_usable(void)
{
	struct stat st;

	/* A file system or a sandbox may refuse fstat for an open file: that says nothing about the file. */
	if (!stat_fd(FD_STDERR, &st))
		return is_open(FD_STDERR);
	return stderr_unknown || file_is(&stderr_at_start, FD_STDERR, &st) || noted(&notes_own, FD_STDERR, &st) ||
	       shows_text(&st) || (!process_is_this() && noted(&notes_guest, FD_STDERR, &st));
}

void report_stderr_becomes(int fd)
{
	struct stderr_notes *notes = process_is_this() ? &notes_own : &notes_guest;
	struct stat st;

	if (!may_stat() || !stat_fd(fd, &st) || noted(notes, fd, &st))
		return;
	file_note(&notes->files[notes->next++ % ARRAY_SIZE(notes->files)], fd, &st);
}

void report_stderr_duplicated(void)
{
	struct stat st;
	long flags;

	if (!may_stat() || !stat_fd(FD_STDERR, &st) || S_ISSOCK(st.st_mode))
		return;
	flags = !may_fcntl() ? O_APPEND : arch_syscall6(SYS_fcntl, FD_STDERR, F_GETFL, 0, 0, 0, 0);
	if (!S_ISREG(st.st_mode) || (flags >= 0 && ((flags & O_APPEND) || (flags & O_ACCMODE) == O_WRONLY)))
		report_stderr_becomes(FD_STDERR);
}

/* A descriptor for text for people, or -1. */
static int stderr_fd(void)
{
	struct stat st;

	if (unlikely(chosen_fd >= 0) && may_stat() && stat_fd(chosen_fd, &st))
		return chosen_fd;
	if (os_filter_set())
		return stderr_filtered == FD_STDERR && may_stat() && !stderr_usable() ? -1 : stderr_filtered;
	if (stderr_usable())
		return FD_STDERR;
	return stderr_kept >= 0 && stat_fd(stderr_kept, &st) && file_is(&kept_file, stderr_kept, &st) ? stderr_kept
	                                                                                              : -1;
}

/* A write beyond the limit of a file's size ends the process: under a filter SIGXFSZ cannot be blocked. Sandboxes like
 * OpenSSH's set the limit to 0. */
static bool file_is_full(int fd)
{
	struct {
		uint64_t now, most;
	} limit = { UINT64_MAX, UINT64_MAX };
	struct stat st;

	return arch_syscall6(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 && limit.now != UINT64_MAX &&
	       stat_fd(fd, &st) && S_ISREG(st.st_mode) && (uint64_t)st.st_size + FILTERED_TEXT_MAX > limit.now;
}

/* Under a filter no file can be opened: a report is one write to what standard error is now, or nothing. */
void report_filter_begins(void)
{
	if (os_filter_set())
		return;
	stderr_filtered = stderr_fd();
	if (stderr_filtered >= 0 && file_is_full(stderr_filtered))
		stderr_filtered = -1;
}

static void write_stderr(const char *text, size_t len)
{
	int fd = stderr_fd();

	if (fd >= 0)
		write_whole(fd, text, len);
}

void report_keep_stderr(void)
{
	struct stat st;

	if (stderr_kept >= 0 || !may_fcntl() || !stat_fd(FD_STDERR, &st) ||
	    (!file_is(&stderr_at_start, FD_STDERR, &st) && !noted(&notes_own, FD_STDERR, &st)))
		return;
	file_note(&kept_file, FD_STDERR, &st);
	stderr_kept = (int)arch_syscall6(SYS_fcntl, FD_STDERR, F_DUPFD_CLOEXEC, FD_LOW, 0, 0, 0);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void log_name(char *name, size_t size, pid_t pid, unsigned suffix)
{
	struct fmt_buf b;

	fmt_init(&b, name, size);
	fmt_printf(&b, "%s.%d", log_prefix, (int)pid);
	if (suffix)
		fmt_printf(&b, ".%u", suffix);
}

static uint64_t log_word(pid_t pid, unsigned suffix, enum log_step step)
{
	return (uint64_t)(uint32_t)pid << 32 | suffix << 8 | step;
}

/* Creates this process's log.  The caller has set LOG_CREATING. */
static int log_create(struct log_file *log, char *name, size_t size, pid_t pid)
{
	struct stat st;
	int fd = -EEXIST;
	unsigned suffix;

	for (suffix = 0; suffix < LOG_TRIES && fd == -EEXIST; suffix++) {
		log_name(name, size, pid, suffix);
		fd = open_high(name, SINK_OPEN_FLAGS | O_CREAT | O_EXCL, 0600);
	}
	if (fd < 0 || !stat_fd(fd, &st)) {
		/* There may be descriptors or space later: the next report tries again. */
		__atomic_store_n(&log->state, log_word(pid, 0, LOG_NONE), __ATOMIC_RELEASE);
		return fd;
	}
	log->dev = st.st_dev;
	log->ino = st.st_ino;
	log->uid = st.st_uid;
	__atomic_store_n(&log->state, log_word(pid, suffix - 1, LOG_CREATED), __ATOMIC_RELEASE);
	return fd;
}

/* Opens the file that this process created, never another file that took its name. */
static int log_reopen(const struct log_file *log, char *name, size_t size, pid_t pid, unsigned suffix)
{
	struct stat st;
	int fd;

	log_name(name, size, pid, suffix);
	fd = open_high(name, SINK_OPEN_FLAGS, 0);
	if (fd >= 0 && (!stat_fd(fd, &st) || st.st_dev != log->dev || st.st_ino != log->ino || st.st_uid != log->uid)) {
		os_close(fd);
		return -ESTALE;
	}
	return fd;
}

static int log_open(char *name, size_t size)
{
	struct log_file *log = process_is_this() ? &log_own : &log_guest;
	pid_t pid = os_getpid();

	for (int tries = 0; tries < 1000; tries++) {
		uint64_t state = __atomic_load_n(&log->state, __ATOMIC_ACQUIRE);
		enum log_step step = (uint32_t)(state >> 32) == (uint32_t)pid ? (enum log_step)(state & 0xff)
		                                                              : LOG_NONE;

		if (step == LOG_CREATED)
			return log_reopen(log, name, size, pid, (unsigned)(state >> 8 & 0xff));
		if (step == LOG_NONE && __atomic_compare_exchange_n(&log->state, &state, log_word(pid, 0, LOG_CREATING),
		                                                    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return log_create(log, name, size, pid);
		arch_syscall6(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
	log_name(name, size, pid, 0);
	return -EAGAIN;
}

enum sink_id { SINK_REPORT_FILE, SINK_LOG, SINK_NR };

static bool sink_wanted(enum sink_id id)
{
	if (sink_secure || os_filter_set())
		return false;
	return id == SINK_LOG ? log_prefix[0] != 0 : options.report_file[0] != 0;
}

/* A descriptor, or -errno; and the name, for messages. */
static int sink_open(enum sink_id id, char *name, size_t size)
{
	if (id == SINK_LOG)
		return log_open(name, size);
	str_copy(name, options.report_file, size);
	return open_high(name, SINK_OPEN_FLAGS, 0);
}

static long sink_append(enum sink_id id, char *name, size_t size, const char *text, size_t len)
{
	int fd = sink_open(id, name, size);
	long error;

	if (fd < 0)
		return fd;
	error = write_whole(fd, text, len);
	os_close(fd);
	return error;
}

static void sink_complain(const char *name, long error)
{
	char line[512];
	struct fmt_buf b;

	fmt_init(&b, line, sizeof(line));
	fmt_printf(&b, "memsan: cannot write to %.300s: %s (error %d)\n", name, error_text(-error), (int)-error);
	write_stderr(line, b.len);
}

void sink_write_stderr(const char *text, size_t len)
{
	write_stderr(text, len);
}

static enum report_colour colour; /* written once, at start */

void report_set_colour(enum report_colour c)
{
	colour = c;
}

static bool is_terminal(int fd)
{
	char settings[64]; /* the kernel's struct termios takes 36 bytes */

	return arch_syscall6(SYS_ioctl, fd, TCGETS, (long)settings, 0, 0, 0) == 0;
}

static bool takes_colours(int fd)
{
	struct stat st;

	if (colour == COLOUR_NEVER || options.format != FORMAT_TEXT || os_filter_set() || !stat_fd(fd, &st))
		return false;
	if (colour == COLOUR_ALWAYS)
		return !S_ISREG(st.st_mode);
	return S_ISCHR(st.st_mode) && is_terminal(fd);
}

/* Writes to the files that were asked for.  False: none took the text. */
static bool write_files(const char *text, size_t len)
{
	bool to_stderr = true;
	char name[1200];

	for (enum sink_id id = 0; id < SINK_NR; id++) {
		long error;
		if (!sink_wanted(id))
			continue;
		error = sink_append(id, name, sizeof(name), text, len);
		if (error)
			sink_complain(name, error);
		else
			to_stderr = false;
	}
	return !to_stderr;
}

void sink_write(const char *text, size_t len)
{
	if (!write_files(text, len))
		write_stderr(text, len);
}

void sink_write_report(const char *text, size_t len)
{
	static __large_bss char coloured[REPORT_TEXT_MAX + 65536]; /* under the report lock */
	int fd;
	size_t n;

	if (write_files(text, len))
		return;
	fd = stderr_fd();
	n = fd >= 0 && takes_colours(fd) ? colour_report(text, len, coloured, sizeof(coloured)) : 0;
	write_stderr(n ? coloured : text, n ? n : len);
}

/* `memsan run` passes its own memfd as /proc/PID/fd/N.  When memsan has ended, or in another pid namespace, that link
 * may lead to any other file.  So the name of the opened file is checked before memsan writes to it.
 *
 * A seccomp filter may kill the program for opening a file, so nothing is opened then: the program's life matters more
 * than memsan's exit status, which the program's own exit still sets. */
static bool is_memfd(int fd, const char *wanted)
{
	char link[32], name[64], path[64];
	struct fmt_buf b;
	long n;

	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/memfd:%s ", wanted);
	fmt_init(&b, link, sizeof(link));
	fmt_printf(&b, "/proc/self/fd/%d", fd);
	n = arch_syscall6(SYS_readlink, (long)link, (long)name, sizeof(name) - 1, 0, 0, 0);
	name[n > 0 ? n : 0] = '\0';
	return str_starts(name, path);
}

int sink_open_passed(const char *path, const char *name, int flags)
{
	bool link = str_starts(path, "/proc/");
	int fd;

	if (sink_secure || !path[0] || os_under_seccomp())
		return -1;
	fd = open_high(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (link ? 0 : O_NOFOLLOW), 0);
	if (fd < 0)
		return -1;
	if (!link || is_memfd(fd, name))
		return fd;
	os_close(fd);
	return -1;
}

void sink_notify(void)
{
	/* The exit status for `memsan run`: only this process knows all of its options. */
	char status = (char)options.exitcode;
	int fd = sink_open_passed(options.notify, REPORT_NOTIFY_NAME, O_WRONLY | O_APPEND);

	if (fd < 0)
		return;
	write_whole(fd, &status, 1);
	os_close(fd);
}

bool sink_is_terminal(void)
{
	int fd = options.log_path[0] || options.report_file[0] ? -1 : stderr_fd();

	return fd >= 0 && is_terminal(fd);
}

bool sink_claim_advice(void)
{
	int fd = sink_open_passed(options.advice, REPORT_ADVICE_NAME, O_WRONLY | O_APPEND);
	bool first;

	if (fd < 0)
		return false;
	/* Each process adds a byte; only the first one's position is 1 then. */
	first = write_whole(fd, "", 1) == 0 && arch_syscall6(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0) == 1;
	os_close(fd);
	return first;
}

int sink_borrow(bool *opened)
{
	char name[1200];

	*opened = false;
	for (enum sink_id id = 0; id < SINK_NR; id++) {
		int fd = sink_wanted(id) ? sink_open(id, name, sizeof(name)) : -1;
		if (fd >= 0) {
			*opened = true;
			return fd;
		}
	}
	return stderr_fd();
}

/* A relative log_path starts at the directory in which the program was started. */
static void log_prefix_set(const char *path)
{
	size_t len = 0;
	long n;

	if (path[0] != '/') {
		n = arch_syscall6(SYS_getcwd, (long)log_prefix, sizeof(log_prefix) - 2, 0, 0, 0, 0);
		len = n > 1 ? (size_t)n - 1 : 0; /* with its NUL */
		if (len && log_prefix[len - 1] != '/')
			log_prefix[len++] = '/';
	}
	str_copy(log_prefix + len, path, sizeof(log_prefix) - len);
	log_wanted = true;
}

/* A start without a log does not touch the page. */
static void log_prefix_clear(void)
{
	if (log_wanted)
		log_prefix[0] = 0;
	log_wanted = false;
}

void sink_init(bool secure)
{
	struct stat st;

	sink_secure = secure;
	if (stat_fd(FD_STDERR, &st))
		file_note(&stderr_at_start, FD_STDERR, &st);
	stderr_unknown = !stderr_at_start.known && is_open(FD_STDERR);
	log_prefix_clear();
}

void sink_configure(void)
{
	log_prefix_clear();
	if (!sink_secure && options.log_path[0])
		log_prefix_set(options.log_path);
}

void report_set_path(const char *path)
{
	bool err = !path || str_equal(path, "stderr"), out = path && str_equal(path, "stdout");

	log_prefix[0] = 0;
	report_set_fd(out ? FD_STDOUT : -1);
	if (err || out || sink_secure)
		return;
	log_prefix_set(path);
	/* The next report makes the file. */
	__atomic_store_n(&log_own.state, 0, __ATOMIC_RELEASE);
}

const char *report_path(void)
{
	static char name[PATH_MAX];

	name[0] = 0;
	if (log_prefix[0])
		log_name(name, sizeof(name), os_getpid(), 0);
	return name;
}

void report_set_fd(int fd)
{
	__atomic_store_n(&chosen_fd, fd == FD_STDERR ? -1 : fd, __ATOMIC_RELAXED);
}
