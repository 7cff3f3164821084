/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_convert.c - iconv reads and writes as far as its pointers move; vectors between processes
 *
 * expect: below
 * options: multi_shot=on:max_reports=0
 * ways: preload linked
 * stderr: any
 */
#define _GNU_SOURCE
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void convert(char *in, size_t in_left, char *out, size_t out_left)
{
	iconv_t cd = iconv_open("UTF-16LE", "UTF-8");

	iconv(cd, NULL, NULL, NULL, NULL);
	iconv(cd, &in, &in_left, &out, &out_left);
	iconv_close(cd);
}

static void convert_too_much(char *in, size_t in_left, char *out, size_t out_left)
{
	iconv_t cd = iconv_open("ASCII", "ASCII");

	iconv(cd, &in, &in_left, &out, &out_left); /* expect: slab-out-of-bounds entry=iconv access=3 */
	iconv_close(cd);
}

static void convert_beyond(const char *from, char *in, size_t in_left)
{
	iconv_t cd = iconv_open("UTF-16LE", from);
	char result[16], *out = result;
	size_t out_left = sizeof(result);

	iconv(cd, &in, &in_left, &out, &out_left); /* expect: slab-out-of-bounds entry=iconv access=3 type=read */
	iconv_close(cd);
}

static void convert_wrong(const char *from, char *in, size_t in_left)
{
	iconv_t cd = iconv_open("UTF-16LE", from);
	char result[16], *out = result;
	size_t out_left = sizeof(result);

	iconv(cd, &in, &in_left, &out, &out_left); /* expect: slab-out-of-bounds entry=iconv access=3 type=read */
	iconv_close(cd);
}

int main(void)
{
	char *two = memcpy(malloc(2), "ab", 2), *four = malloc(4), *three = malloc(3), text[8] = "abcdefg";
	struct iovec mine = { three, 3 }, theirs = { text, 4 };

	convert(two, 2, four, 4);
	/* A size beyond the buffer is no error while the conversion stops before. */
	convert(two, 2, four, 4000);
	convert_too_much(text, 3, two, 3);
	/* The byte behind is the start of a character in one code, and no character in the other. */
	convert_beyond("UTF-8", memcpy(malloc(2), "ab", 2), 3);
	convert_wrong("ASCII", memcpy(malloc(2), "ab", 2), 30);
	process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0);
	mine.iov_len = 4;
	process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0);  /* expect: slab-out-of-bounds access=4 type=write */
	process_vm_writev(getpid(), &mine, 1, &theirs, 1, 0); /* expect: slab-out-of-bounds access=4 type=read */
	return 0;
}
