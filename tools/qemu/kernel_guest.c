/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_guest.c - memsan kernel: runs a guest under QEMU, and finds out how it ended.
 *
 * Both serial ports come through pipes.  QEMU's exit status says little (it is 0 after a panic, too), so the guest's
 * output tells how the guest ended:
 *
 *     "memsan: guest booted" seen?   no ──▶ never booted (silence, or QEMU's end, before it)
 *       │ yes
 *     "Kernel panic"                 ──▶ panic
 *     "memsan: done N"               ──▶ done, with the status N
 *     nothing for silence_limit s    ──▶ hang
 *     still running after timeout s  ──▶ timeout
 *     the report of --expect         ──▶ seen
 *     QEMU's end without any of it   ──▶ died (a triple fault, or somebody killed it)
 *
 * TCG is the accelerator, because it works everywhere: /dev/kvm may exist, answer its ioctls, and still boot nothing.
 * --kvm asks for KVM, which is used once a guest has reported that it booted.  With -smp 2, multi-threaded TCG panicked
 * once in 200 boots (static-key patching races).  One processor (-smp 1) never did, and is faster.
 */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_MAX (64u << 20)
#define BASE_APPEND \
	"panic=-1 nokaslr printk.devkmsg=on no_hash_pointers kasan_multi_shot kfence.sample_interval=10 kmemleak=on"

const char *guest_end_text(enum guest_end end)
{
	switch (end) {
	case GUEST_RUNNING:
		return "is running";
	case GUEST_DONE:
		return "ended in order";
	case GUEST_PANIC:
		return "panicked";
	case GUEST_HANG:
		return "hung: it booted, and then nothing was heard of it any more";
	case GUEST_TIMEOUT:
		return "was ended at the time limit (--timeout)";
	case GUEST_NEVER_BOOTED:
		return "never booted";
	case GUEST_DIED:
		return "ended without a word";
	case GUEST_FLOOD:
		return "was ended because it printed more than 64 MB";
	case GUEST_SEEN:
		return "was ended at the expected report";
	case GUEST_INTERRUPTED:
		return "was interrupted";
	}
	return "";
}

#define X86_APPEND "ttyS0,115200 acpi=off pty.legacy_count=0 no_timer_check"

static bool is_number(const char *s, const char *more)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && (s[n] == '\0' || (strchr(more, s[n]) && s[n + 1] == '\0'));
}

static bool check_machine(const struct kernel_options *o)
{
	if (o->smp && (!is_number(o->smp, "") || atoi(o->smp) < 1 || atoi(o->smp) > 8)) {
		tool_say("'%s' is not a number of CPUs for --smp, 1 to 8", o->smp);
		return false;
	}
	if (o->mem && !is_number(o->mem, "MG")) {
		tool_say("'%s' is not a size for --mem, such as 512M or 2G", o->mem);
		return false;
	}
	return true;
}

/* An argument list that is being built. */
struct words {
	const char *all[64];
	size_t nr;
};

static void add_words(struct words *w, const char *const *more)
{
	for (; *more && w->nr + 1 < sizeof(w->all) / sizeof(w->all[0]); more++)
		w->all[w->nr++] = *more;
}

/* The machines have two ports: one for the kernel's console ("log"), one for scripts and shells. */
static const char *const x86_machine[] = { "qemu-system-x86_64",
	                                   "-cpu",
	                                   "max,la57=off",
	                                   "-machine",
	                                   "q35,hpet=off",
	                                   "-serial",
	                                   "chardev:log",
	                                   "-serial",
	                                   "chardev:script",
	                                   "-device",
	                                   "isa-debug-exit,iobase=0xf4,iosize=0x04",
	                                   NULL };
static const char *const arm64_machine[] = {
	"qemu-system-aarch64",        "-serial", "chardev:log", "-device", "virtio-serial-device", "-device",
	"virtconsole,chardev=script", NULL
};
/* Memory tags are a feature of newer processors, whose other features cost time. */
static const char *const plain_processor[] = { "-cpu", "cortex-a76", "-machine", "virt,gic-version=3", NULL };
static const char *const tags_processor[] = { "-cpu", "max,sve=off,pauth-impdef=on", "-machine",
	                                      "virt,gic-version=3,mte=on", NULL };

/* Debian's kernel has ACPI, whose interpreter takes seconds under TCG, and so do the old pseudo-terminals.  Neither
 * is of use here.
 * Tags in pointers do not go together with SLUB's red zones and poison.  Where Linux 6.1 repairs damaged bytes, the
 * range's end has a tag and its beginning has none, so that all memory is overwritten (mm/slub.c, restore_bytes).
 * On a busy machine, or when a debugger has stopped it, a guest may find that no tick has come while it waited for ten,
 * and panics ("IO-APIC + timer doesn't work") unless it is told not to look.
 * KMSAN forgets freed objects that SLUB poisons.  kmemleak of Linux 6.12 reads memory that was never written, and KMSAN
 * reports each such word. */
static char *make_append(const struct kernel_options *o, const struct kernel_built *k)
{
	return tool_format("console=%s " BASE_APPEND "%s%s",
	                   k->arm64                      ? "ttyAMA0 slub_debug=FU"
	                   : k->profile == PROFILE_KMSAN ? X86_APPEND " slub_debug=FZU kmemleak=off"
	                                                 : X86_APPEND " slub_debug=FZPU",
	                   o->append ? " " : "", o->append ? o->append : "");
}

/* Commas separate QEMU's words. */
static char *double_commas(const char *path)
{
	char *out = tool_alloc(2 * strlen(path) + 1), *to = out;

	for (; *path; path++) {
		if (*path == ',')
			*to++ = ',';
		*to++ = *path;
	}
	*to = '\0';
	return out;
}

static void add_share(struct words *argv, const struct kernel_options *o, bool arm64, char **owned)
{
	char *path = double_commas(o->share_host);
	const char *device = arm64 ? "virtio-9p-device,fsdev=share,mount_tag=memsan"
	                           : "virtio-9p-pci,fsdev=share,mount_tag=memsan";

	*owned = tool_format("local,id=share,path=%s,security_model=none,multidevs=remap", path);
	free(path);
	add_words(argv, (const char *const[]){ "-fsdev", *owned, "-device", device, NULL });
}

char *guest_gdb_socket(void)
{
	return tool_format("%s/gdb.socket", kernel_work_dir());
}

static void add_gdb(struct words *argv, char **owned)
{
	char *path = guest_gdb_socket(), *plain = double_commas(path);

	*owned = tool_format("socket,id=gdb,path=%s,server=on,wait=off", plain);
	free(path);
	free(plain);
	add_words(argv, (const char *const[]){ "-chardev", *owned, "-gdb", "chardev:gdb", "-S", NULL });
}

/* KMSAN takes two thirds of the memory. */
static const char *memory_of(const struct kernel_options *o, const struct kernel_built *k)
{
	return o->mem ? o->mem : k->profile == PROFILE_KMSAN ? "3G" : "1G";
}

static pid_t start_qemu(const struct kernel_options *o, const struct kernel_built *k, const char *initrd, bool shell,
                        int log_fd, int script_fd)
{
	char *append = make_append(o, k), *log = tool_format("file,id=log,path=/dev/fd/%d", log_fd);
	/* One processor in each socket, since the MP table of SeaBIOS lists sockets. */
	char *smp = tool_format("%s,sockets=%s", o->smp ? o->smp : "1", o->smp ? o->smp : "1");
	char *script = shell ? tool_format("stdio,id=script,signal=off")
	                     : tool_format("file,id=script,path=/dev/fd/%d", script_fd);
	const char *const more[] = { "-accel",      o->kvm ? "kvm" : o->gdb ? "tcg,thread=single" : "tcg,thread=multi",
		                     "-m",          memory_of(o, k),
		                     "-smp",        smp,
		                     "-nodefaults", "-no-user-config",
		                     "-display",    "none",
		                     "-chardev",    log,
		                     "-chardev",    script,
		                     "-monitor",    "none",
		                     "-no-reboot",  "-kernel",
		                     k->image,      "-initrd",
		                     initrd,        "-append",
		                     append,        NULL };
	struct words argv = { .nr = 0 };
	char *share = NULL, *gdb = NULL;
	pid_t pid;

	add_words(&argv, k->arm64 ? arm64_machine : x86_machine);
	if (k->arm64)
		add_words(&argv, k->profile == PROFILE_HW_TAGS ? tags_processor : plain_processor);
	add_words(&argv, more);
	if (o->share_host)
		add_share(&argv, o, k->arm64, &share);
	if (o->gdb)
		add_gdb(&argv, &gdb);
	pid = spawn_program((char *const *)(uintptr_t)argv.all, shell ? STDIN_FILENO : -1, -1);
	free(append);
	free(log);
	free(script);
	free(smp);
	free(share);
	free(gdb);
	return pid;
}

static bool start(struct guest *g, const struct kernel_options *o, const struct kernel_built *k, const char *initrd,
                  bool shell)
{
	int log[2], script[2];

	*g = (struct guest){ .pid = -1, .log_fd = -1, .script_fd = -1, .silence_limit = 120, .timeout = o->timeout };
	if (pipe2(log, 0) != 0 || pipe2(script, 0) != 0) {
		tool_say("cannot make a pipe: %s", strerror(errno));
		return false;
	}
	/* neither this guest's QEMU nor the next guest's shall have our ends */
	fcntl(log[0], F_SETFD, FD_CLOEXEC);
	fcntl(script[0], F_SETFD, FD_CLOEXEC);
	g->pid = start_qemu(o, k, initrd, shell, log[1], script[1]);
	close(log[1]);
	close(script[1]);
	g->log_fd = log[0];
	g->script_fd = script[0];
	g->started = g->last_heard = tool_clock();
	if (shell)
		g->silence_limit = 0;
	if (g->pid < 0) {
		close(log[0]);
		close(script[0]);
		return false;
	}
	return true;
}

/* Boots a guest with nothing to do under KVM, once.  That /dev/kvm exists proves nothing. */
static bool kvm_works(const struct kernel_options *o, const struct kernel_built *k)
{
	static int known = -1;
	struct kernel_options probe = *o; /* without a debugger that must say go */
	struct guest g = { .pid = -1 };
	char *path = tool_format("%s/probe.cpio", kernel_work_dir());
	struct initrd *r = known < 0 ? initrd_base(path, k, false) : NULL;

	if (r) {
		initrd_data(r, "memsan/plan", 0644, "", 0);
		probe.timeout = 20;
		probe.gdb = false;
		known = initrd_finish(r) && start(&g, &probe, k, path, false);
		if (known)
			guest_watch(&g, 1);
		known = known && g.end == GUEST_DONE;
		guest_free(&g);
		if (!known && !kernel_signal)
			tool_say("KVM does not boot the guest, so the emulator is used");
	}
	free(path);
	return known == 1;
}

bool guest_start(struct guest *g, const struct kernel_options *o, const struct kernel_built *k, const char *initrd,
                 bool shell)
{
	struct kernel_options how = *o;

	g->pid = -1;
	if (!check_machine(o))
		return false;
	how.kvm = o->kvm && kvm_works(o, k);
	return !kernel_signal && start(g, &how, k, initrd, shell);
}

static void heard_line(struct guest *g, const char *line)
{
	const char *text = kernel_log_text(line);

	if (strncmp(text, "memsan: guest booted", 20) == 0)
		g->booted = true;
	else if (strncmp(text, "Kernel panic - not syncing", 26) == 0)
		g->panicked = true;
	else if (strncmp(text, "memsan: done ", 13) == 0) {
		g->said_done = true;
		g->status = atoi(text + 13);
	}
}

static void heard(struct guest *g, const char *bytes, size_t len)
{
	if (g->log_len + len + 1 > g->log_size) {
		char *larger = tool_alloc(g->log_size = (g->log_len + len + 1) * 2);

		memcpy(larger, g->log ? g->log : "", g->log_len);
		free(g->log);
		g->log = larger;
	}
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\r')
			continue;
		/* a NUL of a damaged console would end the text early */
		g->log[g->log_len++] = bytes[i] ? bytes[i] : '?';
		if (bytes[i] != '\n')
			continue;
		g->log[g->log_len - 1] = '\0';
		heard_line(g, g->log + g->line_start);
		g->log[g->log_len - 1] = '\n';
		g->line_start = g->log_len;
	}
	g->log[g->log_len] = '\0';
	g->last_heard = tool_clock();
	if (g->reader)
		decode_reader_feed(g->reader, bytes, len);
}

/* Reads what one of its ports has sent.  False: the port is closed. */
static bool listen_to(struct guest *g, int fd)
{
	char bytes[65536];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	if (fd == g->log_fd) {
		heard(g, bytes, (size_t)n);
	} else {
		g->last_heard = tool_clock();
		if (g->script_out && fwrite(bytes, 1, (size_t)n, g->script_out) == (size_t)n)
			fflush(g->script_out);
	}
	return true;
}

static void guest_ended(struct guest *g, enum guest_end end)
{
	if (g->log_fd >= 0)
		close(g->log_fd);
	if (g->script_fd >= 0)
		close(g->script_fd);
	g->log_fd = g->script_fd = -1;
	kill(-g->pid, SIGKILL);
	kill(g->pid, SIGKILL); /* a guest with a shell is in our own group */
	spawn_wait(g->pid);
	if (!g->log)
		g->log = tool_format("%s", "");
	if (g->reader) {
		decode_reader_end(g->reader);
		decode_reader_destroy(g->reader);
		g->reader = NULL;
	}
	g->ended = tool_clock();
	g->end = end;
}

void guest_kill(struct guest *g)
{
	if (g->pid > 0 && g->end == GUEST_RUNNING)
		guest_ended(g, GUEST_INTERRUPTED);
}

void guest_free(struct guest *g)
{
	guest_kill(g);
	free(g->log);
	g->log = NULL;
}

static enum guest_end limit_reached(struct guest *g)
{
	double now = tool_clock();

	if (g->reader && !g->seen_at && now - g->last_heard > 2)
		decode_reader_idle(g->reader);
	if (g->seen_at && now - g->seen_at > 1)
		return GUEST_SEEN;
	if (g->log_len > LOG_MAX)
		return GUEST_FLOOD;
	if (g->silence_limit && now - g->last_heard > g->silence_limit)
		return !g->booted ? GUEST_NEVER_BOOTED : g->panicked ? GUEST_PANIC : GUEST_HANG;
	if (g->timeout && now - g->started > g->timeout)
		return g->booted ? GUEST_TIMEOUT : GUEST_NEVER_BOOTED;
	return GUEST_RUNNING;
}

static enum guest_end why_ended(const struct guest *g)
{
	if (!g->booted)
		return g->panicked ? GUEST_PANIC : GUEST_NEVER_BOOTED;
	return g->said_done ? GUEST_DONE : g->panicked ? GUEST_PANIC : GUEST_DIED;
}

/* Looks at one guest once.  True: it has just ended. */
static bool guest_step(struct guest *g, const struct pollfd *log, const struct pollfd *script)
{
	enum guest_end end;

	if (script->revents && !listen_to(g, g->script_fd)) {
		close(g->script_fd);
		g->script_fd = -1;
	}
	if (log->revents && !listen_to(g, g->log_fd)) {
		/* QEMU has ended, but the pipe may still hold the script's last words. */
		while (g->script_fd >= 0 && listen_to(g, g->script_fd) && !kernel_signal)
			;
		guest_ended(g, why_ended(g));
		return true;
	}
	end = kernel_signal ? GUEST_INTERRUPTED : limit_reached(g);
	if (end != GUEST_RUNNING)
		guest_ended(g, end);
	return end != GUEST_RUNNING;
}

void guest_watch(struct guest *guests, size_t nr)
{
	struct pollfd fds[2 * NR_PROFILES];
	bool any = true, ended = false;

	while (any && !ended) {
		any = false;
		for (size_t i = 0; i < nr; i++) {
			bool running = guests[i].pid > 0 && guests[i].end == GUEST_RUNNING;

			any |= running;
			fds[2 * i] = (struct pollfd){ .fd = running ? guests[i].log_fd : -1, .events = POLLIN };
			fds[2 * i + 1] = (struct pollfd){ .fd = running ? guests[i].script_fd : -1, .events = POLLIN };
		}
		if (!any)
			break;
		/* limits are checked every second */
		if (poll(fds, 2 * nr, 1000) < 0)
			for (size_t i = 0; i < 2 * nr; i++)
				fds[i].revents = 0;
		for (size_t i = 0; i < nr; i++)
			if (guests[i].pid > 0 && guests[i].end == GUEST_RUNNING)
				ended |= guest_step(&guests[i], &fds[2 * i], &fds[2 * i + 1]);
	}
}
