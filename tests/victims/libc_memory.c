/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_memory.c - each mem* function with a source or destination that is not valid as a whole
 *
 * expect: below
 * options: multi_shot=on:max_reports=0:quarantine.size=64M:check_at_exit=off
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

void *__mempcpy(void *, const void *, size_t);
void *__rawmemchr(const void *, int);
int __memcmpeq(const void *, const void *, size_t);
void *__memcpy_chk(void *, const void *, size_t, size_t);
void *__memmove_chk(void *, const void *, size_t, size_t);
void *__mempcpy_chk(void *, const void *, size_t, size_t);
void *__memset_chk(void *, int, size_t, size_t);
void __explicit_bzero_chk(void *, size_t, size_t);

static char other[4096];
static volatile long used; /* the compiler drops a call whose result is not used */

static char *object(size_t n)
{
	char *p = malloc(n);
	for (size_t i = 0; i < n; i++)
		p[i] = 'x';
	return p;
}

static char *gone(size_t n)
{
	char *p = object(n);
	free(p);
	return p;
}

/* The object of a report stays damaged, so every call gets an object of its own, which is never freed. */
int main(void)
{
	char *p;
	memcpy(object(13), other, 14);    /* expect: slab-out-of-bounds entry=memcpy object=13 access=14 bad=13 */
	memcpy(other, object(13), 20);    /* expect: slab-out-of-bounds entry=memcpy object=13 access=20 bad=13 */
	memcpy(other, gone(13), 13);      /* expect: slab-use-after-free entry=memcpy object=13 access=13 bad=0 */
	memcpy(gone(40) + 3, other, 2);   /* expect: slab-use-after-free entry=memcpy object=40 access=2 bad=3 */
	memcpy(object(13) - 1, other, 4); /* expect: slab-out-of-bounds entry=memcpy access=4 bad=-1 object=13 */
	memmove(object(7), other, 9);     /* expect: slab-out-of-bounds entry=memmove object=7 access=9 bad=7 */
	p = object(31);
	memmove(p, p + 3, 31);            /* expect: slab-out-of-bounds entry=memmove object=31 access=31 bad=31 */
	mempcpy(object(21), other, 22);   /* expect: slab-out-of-bounds entry=mempcpy object=21 access=22 bad=21 */
	__mempcpy(object(21), other, 22); /* expect: slab-out-of-bounds entry=__mempcpy object=21 access=22 bad=21 */
	memset(object(100), 0, 101);      /* expect: slab-out-of-bounds entry=memset object=100 access=101 bad=100 */
	memset(gone(100), 0, 1);          /* expect: slab-use-after-free entry=memset object=100 access=1 bad=0 */
	memset(object(5000), 0, 5001);    /* expect: slab-out-of-bounds entry=memset object=5000 access=5001 bad=5000 */
	memset(object(100001), /* expect: vmalloc-out-of-bounds entry=memset object=100001 access=100003 bad=100001 */
	       0, 100003);
	bzero(object(11), 12);          /* expect: slab-out-of-bounds entry=bzero object=11 access=12 bad=11 */
	explicit_bzero(object(11), 12); /* expect: slab-out-of-bounds entry=explicit_bzero object=11 access=12 bad=11 */
	bcopy(other, object(11), 12);   /* expect: slab-out-of-bounds entry=bcopy object=11 access=12 bad=11 */
	swab(other, object(11), 12);    /* expect: slab-out-of-bounds entry=swab object=11 access=12 bad=11 */
	memccpy(object(11), other, 'x', 12); /* expect: slab-out-of-bounds entry=memccpy object=11 access=12 bad=11 */
	memccpy(other, object(11), 'y', 12); /* expect: slab-out-of-bounds entry=memccpy object=11 access=12 bad=11 */
	__memcpy_chk(object(11), other, /* expect: slab-out-of-bounds entry=__memcpy_chk object=11 access=12 bad=11 */
	             12, 99);
	__memmove_chk(object(11), other, /* expect: slab-out-of-bounds entry=__memmove_chk object=11 access=12 bad=11 */
	              12, 99);
	__mempcpy_chk(object(11), other, /* expect: slab-out-of-bounds entry=__mempcpy_chk object=11 access=12 bad=11 */
	              12, 99);
	__memset_chk(object(11), 1, 12, /* expect: slab-out-of-bounds entry=__memset_chk object=11 access=12 bad=11 */
	             99);
	__explicit_bzero_chk(/* expect: slab-out-of-bounds entry=__explicit_bzero_chk object=11 access=12 bad=11 */
	                     object(11), 12, 99);
	p = object(9);
	used = (long)memcmp(p, object(10), 10); /* expect: slab-out-of-bounds entry=memcmp object=9 access=10 bad=9 */
	p = gone(10);
	used = (long)memcmp(object(10), p, 10); /* expect: slab-use-after-free entry=memcmp object=10 access=10 bad=0 */
	used = (long)bcmp(object(9), object(10), /* expect: slab-out-of-bounds entry=bcmp object=9 access=10 bad=9 */
	                  10);
	used = (long)__memcmpeq(object(9), /* expect: slab-out-of-bounds entry=__memcmpeq object=9 access=10 bad=9 */
	                        object(10), 10);
	used = (long)memchr(object(9), 'y', 10); /* expect: slab-out-of-bounds entry=memchr object=9 access=10 bad=9 */
	used = (long)memrchr(object(9), 'y',     /* expect: slab-out-of-bounds entry=memrchr object=9 access=10 bad=9 */
	                     10);
	used = (long)rawmemchr(object(9), /* expect: slab-out-of-bounds entry=rawmemchr object=9 access=10 bad=9 */
	                       0xcc);
	used = (long)__rawmemchr(object(9), /* expect: slab-out-of-bounds entry=__rawmemchr object=9 access=10 bad=9 */
	                         0xcc);
	used = (long)memmem(object(9), 10, "yy", /* expect: slab-out-of-bounds entry=memmem object=9 access=10 bad=9 */
	                    2);
	used = (long)memmem(other, 10, object(1), /* expect: slab-out-of-bounds entry=memmem object=1 access=2 bad=1 */
	                    2);
	/* Overlap and negative sizes. */
	p = object(50);
	memcpy(p, p + 1, 49); /* expect: param-overlap entry=memcpy object=50 access=49 */
	p = object(50);
	mempcpy(p + 9, p, 10); /* expect: param-overlap entry=mempcpy object=50 access=10 */
	p = object(50);
	memccpy(p + 9, p, 0, 10); /* expect: param-overlap entry=memccpy object=50 access=10 */
	p = object(50);
	__memcpy_chk(p + 9, p, 10, 41); /* expect: param-overlap entry=__memcpy_chk object=50 access=10 */
	used = posix_memalign((void **)gone(8), 16, 1); /* expect: slab-use-after-free entry=posix_memalign access=8 */
	p = object(50);
	memcpy(p, other, -1); /* expect: negative-size-param entry=memcpy object=50 */
	p = object(50);
	memmove(p, p + 2, -48); /* expect: negative-size-param entry=memmove object=50 */
	p = object(50);
	memset(p, 0, -50); /* expect: negative-size-param entry=memset object=50 */
	return 0;
}
