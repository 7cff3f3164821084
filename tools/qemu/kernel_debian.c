/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_debian.c - memsan kernel: the names of --subsystem, and the modules of Debian's kernel that they
 * stand for.  What the other kernels get by their configuration, Debian's has as modules. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const kernel_subsystems[KERNEL_NR_SUBSYSTEMS] = { "net",        "bpf", "ext4", "loop",
	                                                      "namespaces", "usb", "9p",   "memory" };

bool kernel_has_subsystem(const struct kernel_options *o, const char *name)
{
	for (size_t i = 0; i < KERNEL_NR_SUBSYSTEMS; i++)
		if (strcmp(kernel_subsystems[i], name) == 0)
			return o->subsystem[i];
	return false;
}

static const struct {
	const char *subsystem, *modules;
} parts[] = {
	{ "net", "tun veth dummy" },       { "ext4", "crc32c_generic loop ext4" }, { "loop", "loop" },
	{ "usb", "dummy_hcd raw_gadget" }, { "9p", "virtio_pci 9pnet_virtio 9p" },
};

/* Modules that are in the archive. */
struct loaded {
	char *names[64];
	size_t nr;
};

static bool take_name(struct loaded *l, const char *name, size_t len)
{
	for (size_t i = 0; i < l->nr; i++)
		if (strlen(l->names[i]) == len && strncmp(l->names[i], name, len) == 0)
			return false;
	if (l->nr == sizeof(l->names) / sizeof(l->names[0]))
		return false;
	l->names[l->nr++] = tool_format("%.*s", (int)len, name);
	return true;
}

/* The names behind "depends=", with commas between them; the caller frees the text. */
static char *depends_of(const char *path)
{
	static const char mark[] = "\0depends=";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text, *at, *found;
	size_t len;

	if (fd < 0)
		return NULL;
	text = tool_read_all(fd, &len);
	close(fd);
	at = memmem(text, len, mark, sizeof(mark) - 1);
	found = tool_format("%s", at ? at + sizeof(mark) - 1 : "");
	free(text);
	return found;
}

/* Puts a module into the archive, behind those that it needs. */
static bool add(struct loaded *l, struct kernel_plan *plan, const char *folder, const char *name, size_t len)
{
	char *path, *inside, *depends, *save = NULL;
	bool ok;

	if (!take_name(l, name, len))
		return true;
	path = tool_format("%s/%.*s.ko", folder, (int)len, name);
	inside = tool_format("memsan/%.*s.ko", (int)len, name);
	depends = depends_of(path);
	ok = depends != NULL;
	if (!ok)
		tool_say("Debian's kernel has no module %.*s", (int)len, name);
	for (char *one = ok ? strtok_r(depends, ",", &save) : NULL; ok && one; one = strtok_r(NULL, ",", &save))
		ok = add(l, plan, folder, one, strlen(one));
	ok = ok && initrd_file(plan->initrd, inside, 0644, path);
	if (ok)
		fprintf(plan->load, "insmod /%s\n", inside);
	free(depends);
	free(inside);
	free(path);
	return ok;
}

bool kernel_debian_modules(struct kernel_plan *plan, const struct kernel_options *o, const struct kernel_built *k)
{
	struct loaded l = { .nr = 0 };
	bool ok = true;

	for (size_t i = 0; k->modules && i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *m = parts[i].modules; ok && *m; m += strcspn(m, " "), m += strspn(m, " "))
			if (kernel_has_subsystem(o, parts[i].subsystem))
				ok = add(&l, plan, k->modules, m, strcspn(m, " "));
	for (size_t i = 0; i < l.nr; i++)
		free(l.names[i]);
	return ok;
}
