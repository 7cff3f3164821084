/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_initrd.c - memsan kernel: writes the guest's file system, an archive in cpio's "newc" format.
 *
 * The kernel's Documentation/driver-api/early-userspace/buffer-format.rst describes the format: a header of 110
 * characters with hexadecimal numbers, then the name and the contents, each padded to four bytes.  The entry
 * "TRAILER!!!" ends the archive.  cpio(1) is not used, because only root can put a device node into an archive with it,
 * and the guest needs /dev/console.
 */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct initrd {
	FILE *out;
	char *path;
	unsigned inode;
	long at;
	int error;
};

struct initrd *initrd_create(const char *path)
{
	struct initrd *r = tool_alloc(sizeof(*r));

	*r = (struct initrd){ .out = fopen(path, "w"), .path = tool_format("%s", path) };
	if (!r->out) {
		tool_say("cannot write %s: %s", path, strerror(errno));
		free(r->path);
		free(r);
		return NULL;
	}
	return r;
}

static void put(struct initrd *r, const void *data, size_t len)
{
	if (len && fwrite(data, 1, len, r->out) != len && !r->error)
		r->error = errno;
	r->at += (long)len;
}

static void pad(struct initrd *r)
{
	static const char zeros[4];

	put(r, zeros, (size_t)(-r->at & 3));
}

static void entry(struct initrd *r, const char *name, unsigned mode, unsigned major, unsigned minor, const void *data,
                  size_t len)
{
	char header[111];

	snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ++r->inode, mode,
	         0u, 0u, S_ISDIR(mode) ? 2u : 1u, 0u, (unsigned)len, 0u, 0u, major, minor, (unsigned)strlen(name) + 1,
	         0u);
	put(r, header, 110);
	put(r, name, strlen(name) + 1);
	pad(r);
	put(r, data, len);
	pad(r);
}

void initrd_dir(struct initrd *r, const char *name)
{
	entry(r, name, S_IFDIR | 0755, 0, 0, NULL, 0);
}

void initrd_device(struct initrd *r, const char *name, unsigned major, unsigned minor)
{
	entry(r, name, S_IFCHR | 0600, major, minor, NULL, 0);
}

void initrd_link(struct initrd *r, const char *name, const char *target)
{
	entry(r, name, S_IFLNK | 0777, 0, 0, target, strlen(target));
}

void initrd_data(struct initrd *r, const char *name, unsigned mode, const void *data, size_t len)
{
	entry(r, name, S_IFREG | mode, 0, 0, data, len);
}

bool initrd_file(struct initrd *r, const char *name, unsigned mode, const char *path)
{
	FILE *in = fopen(path, "r");
	struct stat st;
	char *data;
	size_t len;

	if (!in || fstat(fileno(in), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > 512 << 20) {
		tool_say("cannot read %s: %s", path,
		         in ? "it is not a file that fits into the guest" : strerror(errno));
		if (in)
			fclose(in);
		return false;
	}
	data = tool_alloc((size_t)st.st_size);
	len = fread(data, 1, (size_t)st.st_size, in);
	fclose(in);
	initrd_data(r, name, mode, data, len);
	free(data);
	return true;
}

/* Not below this, or the guest has no memory left for itself. */
static uint64_t size_in_bytes(const char *text)
{
	uint64_t n = text ? strtoull(text, NULL, 10) : 1024;

	return n << (text && text[strlen(text) - 1] == 'G' ? 30 : 20);
}

bool initrd_fits(const struct initrd *r, const struct kernel_options *o)
{
	uint64_t memory = size_in_bytes(o->mem), size = (uint64_t)r->at;

	/* while it is unpacked, the archive is there twice, and KASAN takes an eighth of everything */
	if (size * 5 / 2 + (128u << 20) <= memory)
		return true;
	tool_say("the files for the guest, %u MB, do not fit into its memory, %u MB; --mem=SIZE gives it more",
	         (unsigned)(size >> 20), (unsigned)(memory >> 20));
	return false;
}

bool initrd_finish(struct initrd *r)
{
	int error;

	entry(r, "TRAILER!!!", 0, 0, 0, NULL, 0);
	if (fclose(r->out) != 0 && !r->error)
		r->error = errno;
	error = r->error;
	if (error)
		tool_say("cannot write %s: %s", r->path, strerror(error));
	free(r->path);
	free(r);
	return !error;
}

static bool add_program(struct initrd *r, const char *name, char *path)
{
	bool ok = path && initrd_file(r, name, 0755, path);

	free(path);
	return ok;
}

struct initrd *initrd_base(const char *path, const struct kernel_built *k, bool shell)
{
	struct initrd *r = initrd_create(path);

	if (!r)
		return NULL;
	initrd_dir(r, "bin");
	initrd_dir(r, "dev");
	initrd_dir(r, "memsan");
	initrd_device(r, "dev/console", 5, 1);
	if (shell) {
		initrd_dir(r, "usr");
		initrd_dir(r, "usr/bin");
		initrd_link(r, "usr/bin/env", "/bin/busybox");
	}
	if (!add_program(r, "init", kernel_get_init(k)) ||
	    (shell && !add_program(r, "bin/busybox", kernel_get_busybox(k)))) {
		initrd_finish(r);
		r = NULL;
	}
	return r;
}
