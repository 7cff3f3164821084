/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_cache.c - memsan kernel: finds kernels and modules, or has kernel/build make them. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- signals --------------------------------------------------------------------------------- */

volatile sig_atomic_t kernel_signal;
static volatile pid_t build_group; /* process group of the build that runs now, or 0 */

static void on_signal(int number)
{
	kernel_signal = number;
	if (build_group > 0)
		kill(-build_group, SIGTERM);
}

void kernel_watch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART: a wait must end */

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- kernel/ and its build script ------------------------------------------------------------ */

const char *kernel_data_dir(void)
{
	static char found[4096];
	char exe[4000], *slash, *script;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *const places[] = { "kernel-data", "../kernel-data", "../share/memsan/kernel", NULL };

	if (*found)
		return found;
	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i])
			snprintf(found, sizeof(found), "%s/%s", exe, places[i]);
		else
			snprintf(found, sizeof(found), "%s", MEMSAN_DATADIR "/kernel");
		script = tool_format("%s/build", found);
		n = access(script, X_OK);
		free(script);
		if (n == 0)
			return found;
	}
	*found = '\0';
	tool_say("cannot find kernel/build (looked beside the command and in %s)", MEMSAN_DATADIR "/kernel");
	return NULL;
}

/* Runs kernel/build.  Returns the last line that it prints, a folder; NULL: it failed, and printed why. */
static char *call_build(const char **argv)
{
	char *text, *last;
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return NULL;
	pid = spawn_program((char *const *)(uintptr_t)argv, -1, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return NULL;
	}
	build_group = pid;
	if (kernel_signal)
		kill(-pid, SIGTERM); /* the signal came before the handler knew the group */
	text = tool_read_all(fds[0], NULL);
	close(fds[0]);
	status = spawn_wait(pid);
	build_group = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || kernel_signal) {
		free(text);
		return NULL;
	}
	text[strcspn(text, "\n")] = '\0';
	last = tool_format("%s", text);
	free(text);
	return last;
}

/* Lets kernel/build make something else than a kernel. `words` are the script's arguments; the first place is left
 * for the script's path. */
static char *build_thing(const char **words)
{
	const char *data = kernel_data_dir();
	char *script, *dir;

	if (!data)
		return NULL;
	script = tool_format("%s/build", data);
	words[0] = script;
	dir = call_build(words);
	free(script);
	return dir;
}

int kernel_show_cache(const struct kernel_options *o)
{
	const char *data = kernel_data_dir();
	char *script = tool_format("%s/build", data ? data : ""), *limit = tool_format("%u", o->limit);
	char *const argv[] = { script, (char *)"cache", (char *)(o->limit_given ? "--limit" : NULL), limit, NULL };
	pid_t pid = data ? spawn_program(argv, -1, -1) : -1;
	int status = -1;

	if (pid > 0) {
		build_group = pid;
		status = spawn_wait(pid);
		build_group = 0;
	}
	free(script);
	free(limit);
	if (kernel_signal)
		return 128 + kernel_signal;
	return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EXIT_USAGE;
}

static char *read_release(const char *dir)
{
	char *path = tool_format("%s/include/config/kernel.release", dir), line[256];

	tool_first_line(path, line, sizeof(line));
	free(path);
	return tool_format("%s", line);
}

static void read_config(enum kernel_profile p, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	kernel_table_config(p, tool_read_all(fd, NULL));
	close(fd);
}

/* The release of the newest Debian kernel whose headers are installed. Headers come in two folders, one for all
 * flavours of a kernel ("-common"), and one for each flavour. */
static char *newest_headers(void)
{
	static const char start[] = "linux-headers-";
	DIR *dir = opendir("/usr/src");
	struct dirent *e;
	char *newest = NULL;

	while (dir && (e = readdir(dir)) != NULL) {
		const char *release = e->d_name + strlen(start);

		if (strncmp(e->d_name, start, strlen(start)) != 0 || strstr(release, "-common") ||
		    (newest && strverscmp(release, newest) <= 0))
			continue;
		free(newest);
		newest = tool_format("%s", release);
	}
	if (dir)
		closedir(dir);
	return newest;
}

/* Debian's kernel for the newest headers. When that kernel is not installed here, its package is fetched. */
static bool get_debian(const struct kernel_options *o, struct kernel_built *k)
{
	char *release = newest_headers(), *config, *dir;

	if (!release) {
		tool_say("Debian's kernel needs its headers: apt-get install linux-headers-amd64");
		return false;
	}
	k->image = tool_format("/boot/vmlinuz-%s", release);
	config = tool_format("/boot/config-%s", release);
	/* an installed kernel may have its modules compressed */
	if (access(k->image, R_OK) != 0 || o->nr_configs) {
		free(k->image);
		free(config);
		dir = build_thing((const char *[]){ NULL, "debian", "--release", release, NULL });
		k->image = dir ? tool_format("%s/image", dir) : NULL;
		config = dir ? tool_format("%s/config", dir) : NULL;
		k->modules = dir && o->nr_configs ? tool_format("%s/modules", dir) : NULL;
		free(dir);
	}
	if (k->image) {
		k->dir = tool_format("/usr/src/linux-headers-%s", release);
		k->release = tool_format("%s", release);
		read_config(PROFILE_DEBIAN, config);
	}
	free(config);
	free(release);
	return k->image != NULL;
}

bool kernel_get(const struct kernel_options *o, enum kernel_profile p, struct kernel_built *k)
{
	const char *argv[8 + 2 * (KERNEL_CONFIGS + 2 * KERNEL_PATCHES)], *data = kernel_data_dir();
	size_t n = 0;
	char *script, *init, *config;

	*k = (struct kernel_built){ .profile = p };
	if (p == PROFILE_DEBIAN)
		return get_debian(o, k);
	k->arm64 = kernel_profile_is_arm64(p);
	/* The guest's init is made quickly.  If a program for that is missing, the user should know before a kernel is
	 * built. */
	init = data ? kernel_get_init(k) : NULL;
	free(init);
	if (!init)
		return false;
	script = tool_format("%s/build", data);
	argv[n++] = script;
	argv[n++] = "kernel";
	argv[n++] = "--profile";
	argv[n++] = kernel_profile_name(p);
	if (o->source) {
		argv[n++] = "--source";
		argv[n++] = o->source;
	}
	for (size_t i = 0; i < o->nr_patches; i++) {
		argv[n++] = "--patch";
		argv[n++] = o->patches[i];
	}
	for (size_t i = 0; i < o->nr_reverts; i++) {
		argv[n++] = "--revert";
		argv[n++] = o->reverts[i];
	}
	for (size_t i = 0; i < o->nr_configs; i++) {
		argv[n++] = "--config";
		argv[n++] = o->configs[i];
	}
	argv[n] = NULL;
	k->dir = call_build(argv);
	free(script);
	if (!k->dir)
		return false;
	k->image = tool_format("%s/image", k->dir);
	k->vmlinux = tool_format("%s/vmlinux", k->dir);
	k->release = read_release(k->dir);
	kernel_table_release(p, k->release);
	config = tool_format("%s/.config", k->dir);
	read_config(p, config);
	free(config);
	return true;
}

/* Also in kernel/build. */
#define KERNEL_OLDEST "5.15"

char *kernel_debian_source(const char *version)
{
	static const char *const endings[] = { "xz", "gz", "bz2", "zst" };

	if (strspn(version, "0123456789.") != strlen(version) || !strchr(version, '.')) {
		tool_say("--kernel wants a version of Linux such as 6.12, not '%s'", version);
		return NULL;
	}
	if (strverscmp(version, KERNEL_OLDEST) < 0) {
		tool_say("--kernel=%s: Linux %s is the oldest that can be used", version, KERNEL_OLDEST);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		char *path = tool_format("/usr/src/linux-source-%s.tar.%s", version, endings[i]);

		if (access(path, R_OK) == 0)
			return path;
		free(path);
	}
	tool_say("there is no source of Linux %s in /usr/src: apt-get install linux-source-%s", version, version);
	return NULL;
}

char *kernel_get_module(const struct kernel_built *k, const char *source)
{
	return build_thing((const char *[]){ NULL, "module", "--kernel", k->dir, "--source", source, NULL });
}

char *kernel_get_fail(const struct kernel_built *k)
{
	return build_thing((const char *[]){ NULL, "fail", "--kernel", k->dir, NULL });
}

bool kernel_config_has(const struct kernel_built *k, const char *option)
{
	char *path = tool_format("%s/.config", k->dir), line[512];
	size_t len = strlen(option);
	FILE *in = fopen(path, "re");
	bool has = false;

	while (in && !has && fgets(line, sizeof(line), in))
		has = strncmp(line, option, len) == 0 && line[len] == '=';
	if (in)
		fclose(in);
	free(path);
	return has;
}

void kernel_built_free(struct kernel_built *k)
{
	free(k->dir);
	free(k->image);
	free(k->vmlinux);
	free(k->release);
	free(k->modules);
	*k = (struct kernel_built){ 0 };
}

static char *build_file(const char *what, const char *arch, const char *name)
{
	char *dir = build_thing((const char *[]){ NULL, what, "--arch", arch, NULL }),
	     *path = dir ? tool_format("%s/%s", dir, name) : NULL;

	free(dir);
	return path;
}

char *kernel_get_init(const struct kernel_built *k)
{
	static char *known[2]; /* every boot asks */
	char **path = &known[k->arm64];

	if (!*path)
		*path = build_file("guest", k->arm64 ? "arm64" : "x86_64", "init");
	return *path ? tool_format("%s", *path) : NULL;
}

/* Debian's busybox (dynamically linked) and busybox-static lie at the same path; the guest has no libraries. */
static bool is_static_program(const char *path)
{
	FILE *in = fopen(path, "r");
	Elf64_Ehdr e;
	Elf64_Phdr p;
	bool ok = in && fread(&e, sizeof(e), 1, in) == 1 && memcmp(e.e_ident, ELFMAG, SELFMAG) == 0;

	for (unsigned i = 0; ok && i < e.e_phnum; i++)
		ok = fseek(in, (long)(e.e_phoff + i * sizeof(p)), SEEK_SET) == 0 && fread(&p, sizeof(p), 1, in) == 1 &&
		     p.p_type != PT_INTERP;
	if (in)
		fclose(in);
	return ok;
}

static const char *find_busybox(void)
{
	static const char *const places[] = { "/bin/busybox", "/usr/bin/busybox", "/sbin/busybox" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (is_static_program(places[i]))
			return places[i];
	return NULL;
}

bool kernel_have_busybox(const struct kernel_built *k)
{
	return !k->arm64 && find_busybox();
}

char *kernel_get_busybox(const struct kernel_built *k)
{
	const char *found;

	if (k->arm64)
		return build_file("busybox", "arm64", "busybox");
	found = find_busybox();
	if (found)
		return tool_format("%s", found);
	tool_say("a shell in the guest needs a statically linked busybox: apt-get install busybox-static");
	return NULL;
}

bool kernel_programs_there(enum kernel_profile p)
{
	static const struct program {
		const char *name, *package;
		bool arm64, kmsan_only;
	} programs[] = {
		{ "qemu-system-x86_64", "qemu-system-x86", false, false },
		{ "clang", "clang", false, true },
		{ "qemu-system-aarch64", "qemu-system-arm", true, false },
		{ "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross", true, false },
	};
	char names[200] = "", packages[200] = "";

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const struct program *program = &programs[i];
		size_t n = strlen(names), m = strlen(packages);

		if (program->arm64 != kernel_profile_is_arm64(p) || (program->kmsan_only && p != PROFILE_KMSAN) ||
		    tool_have_program(program->name))
			continue;
		snprintf(names + n, sizeof(names) - n, "%s%s", n ? " and no " : "", program->name);
		snprintf(packages + m, sizeof(packages) - m, " %s", program->package);
	}
	if (*names)
		tool_say("there is no %s: apt-get install%s", names, packages);
	return !*names;
}

/* ---- modules --------------------------------------------------------------------------------- */

char *kernel_module_release(const char *path)
{
	static const char mark[] = "vermagic=";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text, *found = NULL;
	size_t len;

	if (fd < 0) {
		tool_say("cannot read %s: %s", path, strerror(errno));
		return tool_format("%s", "");
	}
	text = tool_read_all(fd, &len);
	close(fd);
	if (len > 4 && memcmp(text, "\177ELF", 4) == 0) {
		char *at = memmem(text, len, mark, strlen(mark));

		if (at)
			found = tool_format("%.*s", (int)strcspn(at + strlen(mark), " "), at + strlen(mark));
	}
	free(text);
	if (!found)
		tool_say("%s is not a kernel module (it has no vermagic)", path);
	return found ? found : tool_format("%s", "");
}

char *kernel_module_file(const char *path)
{
	DIR *dir = opendir(path);
	char *found = NULL;
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		size_t len = strlen(e->d_name);

		if (len > 3 && strcmp(e->d_name + len - 3, ".ko") == 0 && !found)
			found = tool_format("%s/%s", path, e->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}
