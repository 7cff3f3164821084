/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_needs.c - memsan kernel: which parts of the kernel does a reproducer use that this kernel lacks?
 *
 * The words of a reproducer tell: calls of functions and system calls in source text, paths of devices also in
 * programs.  It is a hint: code for a missing part may never run. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `words`: any of them, separated by spaces.  "name(" is a call. */
struct need {
	const char *what, *option, *subsystem, *words;
};
static const struct need needs[] = {
	{ "sockets", "CONFIG_NET", "net", "socket( socketpair( __NR_socket __NR_socketpair SYS_socket SYS_socketpair" },
	{ "tun", "CONFIG_TUN", "net", "/dev/net/tun" },
	{ "bpf", "CONFIG_BPF_SYSCALL", "bpf", "__NR_bpf SYS_bpf bpf(" },
	{ "namespaces", "CONFIG_NAMESPACES", "namespaces", "unshare( CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNS" },
	{ "user namespaces", "CONFIG_USER_NS", "namespaces", "CLONE_NEWUSER" },
	{ "System V IPC", "CONFIG_SYSVIPC", "namespaces",
	  "msgget( msgsnd( semget( shmget( __NR_msgget __NR_msgsnd __NR_semget __NR_shmget" },
	{ "loop devices", "CONFIG_BLK_DEV_LOOP", "loop", "/dev/loop" },
	{ "ext4", "CONFIG_EXT4_FS", "ext4", "\"ext4\" \"ext3\" \"ext2\"" },
	{ "raw-gadget", "CONFIG_USB_RAW_GADGET", "usb", "/dev/raw-gadget" },
	{ "io_uring", "CONFIG_IO_URING", NULL, "__NR_io_uring_setup SYS_io_uring_setup io_uring_queue_init(" },
	{ "keys", "CONFIG_KEYS", NULL, "__NR_keyctl __NR_add_key SYS_keyctl SYS_add_key keyctl( add_key(" },
	{ "userfaultfd", "CONFIG_USERFAULTFD", NULL, "__NR_userfaultfd SYS_userfaultfd" },
	{ "perf events", "CONFIG_PERF_EVENTS", NULL, "__NR_perf_event_open SYS_perf_event_open" },
	{ "message queues", "CONFIG_POSIX_MQUEUE", NULL, "mq_open( __NR_mq_open" },
	{ "inotify", "CONFIG_INOTIFY_USER", NULL, "inotify_init( inotify_init1( __NR_inotify_init" },
	{ "fanotify", "CONFIG_FANOTIFY", NULL, "fanotify_init( __NR_fanotify_init" },
	{ "9P", "CONFIG_9P_FS", "9p", "\"9p\"" },
	{ "FUSE", "CONFIG_FUSE_FS", NULL, "/dev/fuse" },
	{ "KVM", "CONFIG_KVM", NULL, "/dev/kvm" },
	{ "sound", "CONFIG_SND", NULL, "/dev/snd" },
	{ "fault injection", "CONFIG_FAULT_INJECTION", NULL, "fail-nth" },
	{ "cgroups", "CONFIG_CGROUPS", "memory", "/sys/fs/cgroup" },
	{ "seccomp", "CONFIG_SECCOMP_FILTER", NULL, "PR_SET_SECCOMP __NR_seccomp SECCOMP_SET_MODE_FILTER" },
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool has_word(const char *text, size_t len, const char *word, size_t n)
{
	for (const char *at = text; (at = memmem(at, (size_t)(text + len - at), word, n)) != NULL; at++)
		if ((at == text || !is_word(at[-1]) || !is_word(*word)) &&
		    (at + n == text + len || !is_word(at[n]) || !is_word(word[n - 1]) || *word == '/'))
			return true; /* devices have numbers: /dev/loop0 */
	return false;
}

/* Comments of source text use nothing. */
static void blank_comments(char *text)
{
	for (char *p = text; *p; p++) {
		if (p[0] == '"' || (p[0] == '\'' && p[1] && p[2])) {
			char quote = *p++;

			while (*p && *p != quote && *p != '\n')
				p += *p == '\\' && p[1] ? 2 : 1;
			if (!*p)
				return;
		} else if (p[0] == '/' && (p[1] == '/' || p[1] == '*')) {
			char *end = p[1] == '/' ? strchr(p, '\n') : strstr(p + 2, "*/");

			end = !end ? p + strlen(p) : p[1] == '*' ? end + 2 : end;
			memset(p, ' ', (size_t)(end - p));
			p = end - 1;
		}
	}
}

/* In a program, only strings tell: a statically linked one has all functions of its libraries. */
static bool is_used(const struct need *need, const char *text, size_t len, bool source)
{
	for (const char *word = need->words; *word; word += strcspn(word, " "), word += strspn(word, " ")) {
		size_t n = strcspn(word, " ");

		if ((source || *word == '/') && has_word(text, len, word, n))
			return true;
	}
	return false;
}

static bool kernel_has(const char *config, const char *option)
{
	char *yes = tool_format("\n%s=", option);
	bool has = strstr(config, yes) != NULL;

	free(yes);
	return has;
}

static char *read_text(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0)
		return NULL;
	text = tool_read_all(fd, len);
	close(fd);
	return text;
}

char *kernel_needs_missing(const char *text, size_t len, bool source, const char *config)
{
	char *list = NULL, *subsystems = NULL, *more;

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const struct need *need = &needs[i];

		if (kernel_has(config, need->option) || !is_used(need, text, len, source))
			continue;
		more = tool_format("%s%s%s (%s)", list ? list : "", list ? ", " : "", need->what, need->option);
		free(list);
		list = more;
		if (need->subsystem && !(subsystems && strstr(subsystems, need->subsystem))) {
			more = tool_format("%s%s%s", subsystems ? subsystems : "", subsystems ? "," : "",
			                   need->subsystem);
			free(subsystems);
			subsystems = more;
		}
	}
	if (list) {
		more = subsystems ? tool_format("%s; try --subsystem=%s", list, subsystems)
		                  : tool_format("%s; --config=FILE can add to the kernel", list);
		free(list);
		list = more;
	}
	free(subsystems);
	return list;
}

void kernel_needs_tell(const char *path, const struct kernel_built *k)
{
	char *path_of_config = tool_format("%s/.config", k->dir), *config = read_text(path_of_config, NULL);
	char *text, *missing = NULL;
	enum repro_kind kind = bring_kind(path);
	size_t len = 0;

	text = read_text(path, &len);
	if (config && text) {
		if (kind == REPRO_C || kind == REPRO_CXX)
			blank_comments(text);
		missing = kernel_needs_missing(text, len, kind == REPRO_C || kind == REPRO_CXX, config);
	}
	if (missing)
		tool_say("%s uses what this kernel does not have: %s", path, missing);
	free(missing);
	free(text);
	free(config);
	free(path_of_config);
}
