/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-published/key-payload.c - CVE-2017-15274
 * fix: KEYS: fix dereferencing NULL payload with nonzero length
 * expected: nothing
 * A key whose payload is NULL and has a length: a control, for keys of this type are checked once more. */
#include <linux/keyctl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	return syscall(SYS_add_key, "user", "name", NULL, 100, KEY_SPEC_PROCESS_KEYRING) < 0;
}
