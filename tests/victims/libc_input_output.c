/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_input_output.c - each function that formats, reads, writes, sends or names, with a buffer that is
 * too small
 *
 * expect: below
 * options: multi_shot=on:max_reports=0:quarantine.size=64M:check_at_exit=off
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

int __sprintf_chk(char *, int, size_t, const char *, ...);
int __snprintf_chk(char *, size_t, int, size_t, const char *, ...);
int __vsprintf_chk(char *, int, size_t, const char *, va_list);
int __vsnprintf_chk(char *, size_t, int, size_t, const char *, va_list);
int __swprintf_chk(wchar_t *, size_t, int, size_t, const wchar_t *, ...);
int __vswprintf_chk(wchar_t *, size_t, int, size_t, const wchar_t *, va_list);
ssize_t __getdelim(char **, size_t *, int, FILE *);
size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
size_t __fread_unlocked_chk(void *, size_t, size_t, size_t, FILE *);
char *__fgets_chk(char *, size_t, int, FILE *);
char *__fgets_unlocked_chk(char *, size_t, int, FILE *);
wchar_t *__fgetws_chk(wchar_t *, size_t, int, FILE *);
wchar_t *__fgetws_unlocked_chk(wchar_t *, size_t, int, FILE *);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, void *, socklen_t *);
char *__getcwd_chk(char *, size_t, size_t);
char *__getwd_chk(char *, size_t);
char *__realpath_chk(const char *, char *, size_t);
ssize_t __readlink_chk(const char *, char *, size_t, size_t);
ssize_t __readlinkat_chk(int, const char *, char *, size_t, size_t);
int __gethostname_chk(char *, size_t, size_t);
int __getdomainname_chk(char *, size_t, size_t);
int __ttyname_r_chk(int, char *, size_t, size_t);
size_t __confstr_chk(int, char *, size_t, size_t);

static char *room(size_t n)
{
	return malloc(n);
}
static char *open_end(size_t n)
{
	char *p = malloc(n);
	for (size_t i = 0; i < n; i++)
		p[i] = 'x';
	return p;
}
static char *gone(size_t n)
{
	char *p = open_end(n);
	free(p);
	return p;
}
static wchar_t *wide(size_t n)
{
	return malloc(n * sizeof(wchar_t));
}

/* A stream with a line of nine characters, wide or not, at its beginning. */
static FILE *line(void)
{
	FILE *f = tmpfile();
	write(fileno(f), "123456789\nmore\n", 15);
	lseek(fileno(f), 0, SEEK_SET);
	return f;
}
/* A datagram of ten bytes to be received. */
static int datagram(void)
{
	int s[2];
	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	send(s[1], "0123456789", 10, 0);
	return s[0];
}
static int va(int which, void *dst, size_t n, const void *format, ...)
{
	va_list a;
	int r = 0;
	va_start(a, format);
	switch (which) {
	case 0:
		r = vsprintf(dst, format, a); /* expect: slab-out-of-bounds entry=vsprintf object=5 access=6 bad=5 */
		break;
	case 1:
		r = vsnprintf(dst, n, format, /* expect: slab-out-of-bounds entry=vsnprintf object=5 access=6 bad=5 */
		              a);
		break;
	case 2:
		r = vswprintf(dst, n, /* expect: slab-out-of-bounds entry=vswprintf object=20 access=24 bad=20 */
		              format, a);
		break;
	case 3:
		r = __vsprintf_chk(dst, 1, /* expect: slab-out-of-bounds entry=__vsprintf_chk object=5 access=6 bad=5 */
		                   99, format, a);
		break;
	case 4:
		r = __vsnprintf_chk(dst, /* expect: slab-out-of-bounds entry=__vsnprintf_chk object=5 access=6 bad=5 */
		                    n, 1, 99, format, a);
		break;
	case 5:
		r = __vswprintf_chk(/* expect: slab-out-of-bounds entry=__vswprintf_chk object=20 access=24 bad=20 */
		                    dst, n, 1, 99, format, a);
		break;
	}
	va_end(a);
	return r;
}

static void formats(void)
{
	time_t zero = 0;
	struct tm *tm = gmtime(&zero);
	sprintf(room(5), "%d", 12345);      /* expect: slab-out-of-bounds entry=sprintf object=5 access=6 bad=5 */
	sprintf(gone(5), "%d", 1);          /* expect: slab-use-after-free entry=sprintf object=5 access=2 bad=0 */
	snprintf(room(5), 9, "%d", 12345);  /* expect: slab-out-of-bounds entry=snprintf object=5 access=6 bad=5 */
	swprintf(wide(5), 9, L"%d", 12345); /* expect: slab-out-of-bounds entry=swprintf object=20 access=24 bad=20 */
	__sprintf_chk(room(5), 1, 99, "%d", /* expect: slab-out-of-bounds entry=__sprintf_chk object=5 access=6 bad=5 */
	              12345);
	__snprintf_chk(room(5), 6, 1, 99, /* expect: slab-out-of-bounds entry=__snprintf_chk object=5 access=6 bad=5 */
	               "%d", 123456);
	__swprintf_chk(wide(5), 9, 1, /* expect: slab-out-of-bounds entry=__swprintf_chk object=20 access=24 bad=20 */
	               99, L"%d", 12345);
	for (int i = 0; i < 6; i++)
		va(i, i % 3 == 2 ? (void *)wide(5) : room(5), 99, i % 3 == 2 ? (void *)L"%d" : "%d", 12345);
	strftime(room(4), 9, "%Y", tm);  /* expect: slab-out-of-bounds entry=strftime object=4 access=5 bad=4 */
	wcsftime(wide(4), 9, L"%Y", tm); /* expect: slab-out-of-bounds entry=wcsftime object=16 access=20 bad=16 */
}

static void streams(void)
{
	char *p;
	size_t n;
	fread(room(5), 3, 2, line()); /* expect: slab-out-of-bounds entry=fread object=5 access=6 bad=5 */
	fread_unlocked(room(5), 3, 2, /* expect: slab-out-of-bounds entry=fread_unlocked object=5 access=6 bad=5 */
	               line());
	__fread_chk(room(5), 99, 3, 2, /* expect: slab-out-of-bounds entry=__fread_chk object=5 access=6 bad=5 */
	            line());
	__fread_unlocked_chk(/* expect: slab-out-of-bounds entry=__fread_unlocked_chk object=5 access=6 bad=5 */
	                     room(5), 99, 3, 2, line());
	fgets(room(10), 99, line()); /* expect: slab-out-of-bounds entry=fgets object=10 access=11 bad=10 */
	fgets_unlocked(room(10), 99, /* expect: slab-out-of-bounds entry=fgets_unlocked object=10 access=11 bad=10 */
	               line());
	__fgets_chk(room(10), 99, 99, /* expect: slab-out-of-bounds entry=__fgets_chk object=10 access=11 bad=10 */
	            line());
	__fgets_unlocked_chk(/* expect: slab-out-of-bounds entry=__fgets_unlocked_chk object=10 access=11 bad=10 */
	                     room(10), 99, 99, line());
	fgetws(wide(10), 99, line()); /* expect: slab-out-of-bounds entry=fgetws object=40 access=44 bad=40 */
	fgetws_unlocked(wide(10), 99, /* expect: slab-out-of-bounds entry=fgetws_unlocked object=40 access=44 bad=40 */
	                line());
	__fgetws_chk(wide(10), 99, 99, /* expect: slab-out-of-bounds entry=__fgetws_chk object=40 access=44 bad=40 */
	             line());
	__fgetws_unlocked_chk(/* expect: slab-out-of-bounds entry=__fgetws_unlocked_chk object=40 access=44 bad=40 */
	                      wide(10), 99, 99, line());
	p = room(10);
	n = 99;
	getline(&p, &n, line()); /* expect: slab-out-of-bounds entry=getline object=10 access=11 bad=10 */
	p = NULL;
	getline(&p, (size_t *)room(7), line()); /* expect: slab-out-of-bounds entry=getline object=7 access=8 bad=7 */
	getdelim((char **)room(7),              /* expect: slab-out-of-bounds entry=getdelim object=7 access=8 bad=7 */
	         &(size_t){ 0 }, '\n', line());
	p = room(10);
	n = 99;
	getdelim(&p, &n, '\n', line()); /* expect: slab-out-of-bounds entry=getdelim object=10 access=11 bad=10 */
	p = room(10);
	n = 99;
	__getdelim(&p, &n, '\n', line()); /* expect: slab-out-of-bounds entry=__getdelim object=10 access=11 bad=10 */
	fwrite(room(5), 2, 3, line());    /* expect: slab-out-of-bounds entry=fwrite object=5 access=6 bad=5 */
	fwrite_unlocked(room(5), 2, 3,    /* expect: slab-out-of-bounds entry=fwrite_unlocked object=5 access=6 bad=5 */
	                line());
	fputs(open_end(5), line()); /* expect: slab-out-of-bounds entry=fputs object=5 access=6 bad=5 */
	fputs_unlocked(open_end(5), /* expect: slab-out-of-bounds entry=fputs_unlocked object=5 access=6 bad=5 */
	               line());
	puts(open_end(5)); /* expect: slab-out-of-bounds entry=puts object=5 access=6 bad=5 */
}

static void descriptors(void)
{
	int f = fileno(line()), null = open("/dev/null", O_WRONLY), r = open("/proc/self/exe", O_RDONLY);
	struct iovec *v = malloc(2 * sizeof(*v));
	v[0] = (struct iovec){ room(3), 3 };
	v[1] = (struct iovec){ room(5), 6 };
	read(f, room(5), 6);               /* expect: slab-out-of-bounds entry=read object=5 access=6 bad=5 */
	__read_chk(r, room(5), 6, 99);     /* expect: slab-out-of-bounds entry=__read_chk object=5 access=6 bad=5 */
	pread(r, room(5), 6, 0);           /* expect: slab-out-of-bounds entry=pread object=5 access=6 bad=5 */
	pread64(r, room(5), 6, 0);         /* expect: slab-out-of-bounds entry=pread64 object=5 access=6 bad=5 */
	__pread_chk(r, room(5), 6, 0, 99); /* expect: slab-out-of-bounds entry=__pread_chk object=5 access=6 bad=5 */
	__pread64_chk(r, room(5), 6, 0,    /* expect: slab-out-of-bounds entry=__pread64_chk object=5 access=6 bad=5 */
	              99);
	readv(r, v, 2);                /* expect: slab-out-of-bounds entry=readv object=5 access=6 bad=5 */
	preadv(r, v, 2, 0);            /* expect: slab-out-of-bounds entry=preadv object=5 access=6 bad=5 */
	preadv64(r, v, 2, 0);          /* expect: slab-out-of-bounds entry=preadv64 object=5 access=6 bad=5 */
	preadv2(r, v, 2, 0, 0);        /* expect: slab-out-of-bounds entry=preadv2 object=5 access=6 bad=5 */
	preadv64v2(r, v, 2, 0, 0);     /* expect: slab-out-of-bounds entry=preadv64v2 object=5 access=6 bad=5 */
	readv(r, v, 3);                /* expect: slab-out-of-bounds entry=readv object=32 access=48 bad=32 */
	write(null, room(5), 6);       /* expect: slab-out-of-bounds entry=write object=5 access=6 bad=5 */
	write(null, room(5), -1);      /* expect: negative-size-param entry=write object=5 */
	pwrite(null, room(5), 6, 0);   /* expect: slab-out-of-bounds entry=pwrite object=5 access=6 bad=5 */
	pwrite64(null, room(5), 6, 0); /* expect: slab-out-of-bounds entry=pwrite64 object=5 access=6 bad=5 */
	writev(null, v, 2);            /* expect: slab-out-of-bounds entry=writev object=5 access=6 bad=5 */
	pwritev(null, v, 2, 0);        /* expect: slab-out-of-bounds entry=pwritev object=5 access=6 bad=5 */
	pwritev64(null, v, 2, 0);      /* expect: slab-out-of-bounds entry=pwritev64 object=5 access=6 bad=5 */
	pwritev2(null, v, 2, 0, 0);    /* expect: slab-out-of-bounds entry=pwritev2 object=5 access=6 bad=5 */
	pwritev64v2(null, v, 2, 0, 0); /* expect: slab-out-of-bounds entry=pwritev64v2 object=5 access=6 bad=5 */
}

static void sockets(void)
{
	struct iovec v[2] = { { room(3), 3 }, { room(5), 6 } };
	struct msghdr *m = calloc(1, sizeof(*m));
	struct mmsghdr *mm = calloc(1, sizeof(*mm));
	struct sockaddr_un *to = calloc(1, 2);
	m->msg_iov = mm->msg_hdr.msg_iov = v;
	m->msg_iovlen = mm->msg_hdr.msg_iovlen = 2;
	recv(datagram(), room(5), 6, 0); /* expect: slab-out-of-bounds entry=recv object=5 access=6 bad=5 */
	recvfrom(datagram(), room(5), 6, /* expect: slab-out-of-bounds entry=recvfrom object=5 access=6 bad=5 */
	         MSG_TRUNC, NULL, NULL);
	__recv_chk(datagram(), room(5), 6, 99, /* expect: slab-out-of-bounds entry=__recv_chk object=5 access=6 bad=5 */
	           0);
	__recvfrom_chk(datagram(), /* expect: slab-out-of-bounds entry=__recvfrom_chk object=5 access=6 bad=5 */
	               room(5), 6, 99, 0, NULL, NULL);
	recvmsg(datagram(), m, 0);            /* expect: slab-out-of-bounds entry=recvmsg object=5 access=6 bad=5 */
	recvmmsg(datagram(), mm, 1, 0, NULL); /* expect: slab-out-of-bounds entry=recvmmsg object=5 access=6 bad=5 */
	send(datagram(), room(5), 6, MSG_DONTWAIT); /* expect: slab-out-of-bounds entry=send object=5 access=6 bad=5 */
	sendto(datagram(), "abc", 3, MSG_DONTWAIT, /* expect: slab-out-of-bounds entry=sendto object=2 access=3 bad=2 */
	       (void *)to, 3);
	sendmsg(datagram(), m, MSG_DONTWAIT); /* expect: slab-out-of-bounds entry=sendmsg object=5 access=6 bad=5 */
	sendmmsg(datagram(), mm, 1,           /* expect: slab-out-of-bounds entry=sendmmsg object=5 access=6 bad=5 */
	         MSG_DONTWAIT);
}

static int terminal(void)
{
	int main_side = posix_openpt(O_RDWR | O_NOCTTY);
	unlockpt(main_side);
	return open(ptsname(main_side), O_RDWR | O_NOCTTY);
}

static void names(void)
{
	char *link = "/proc/self/root";
	int tty = terminal();
	chdir("/usr/bin");
	getcwd(room(8), 99);             /* expect: slab-out-of-bounds entry=getcwd object=8 access=9 bad=8 */
	getwd(room(8));                  /* expect: slab-out-of-bounds entry=getwd object=8 access=9 bad=8 */
	__getwd_chk(room(8), 99);        /* expect: slab-out-of-bounds entry=__getwd_chk object=8 access=9 bad=8 */
	__getcwd_chk(room(8), 99, 99);   /* expect: slab-out-of-bounds entry=__getcwd_chk object=8 access=9 bad=8 */
	realpath("/usr/./bin", room(8)); /* expect: slab-out-of-bounds entry=realpath object=8 access=9 bad=8 */
	__realpath_chk("/usr/./bin",     /* expect: slab-out-of-bounds entry=__realpath_chk object=8 access=9 bad=8 */
	               room(8), PATH_MAX);
	readlink("/proc/self/cwd", room(7), 99); /* expect: slab-out-of-bounds entry=readlink object=7 access=8 bad=7 */
	readlinkat(AT_FDCWD, "/proc/self/cwd", /* expect: slab-out-of-bounds entry=readlinkat object=7 access=8 bad=7 */
	           room(7), 99);
	__readlink_chk("/proc/self/cwd", /* expect: slab-out-of-bounds entry=__readlink_chk object=7 access=8 bad=7 */
	               room(7), 99, 99);
	__readlinkat_chk(AT_FDCWD, /* expect: slab-out-of-bounds entry=__readlinkat_chk object=7 access=8 bad=7 */
	                 "/proc/self/cwd", room(7), 99, 99);
	readlink(strncpy(room(15), link, 15), /* expect: slab-out-of-bounds entry=readlink object=15 access=16 bad=15 */
	         room(9), 9);
	gethostname(room(1), 99);           /* expect: slab-out-of-bounds entry=gethostname object=1 bad=1 */
	__gethostname_chk(room(1), 99, 99); /* expect: slab-out-of-bounds entry=__gethostname_chk object=1 bad=1 */
	getdomainname(gone(70), 70);        /* expect: slab-use-after-free entry=getdomainname object=70 bad=0 */
	__getdomainname_chk(gone(70), 70,   /* expect: slab-use-after-free entry=__getdomainname_chk object=70 bad=0 */
	                    99);
	ttyname_r(tty, room(9), 99);           /* expect: slab-out-of-bounds entry=ttyname_r object=9 bad=9 */
	__ttyname_r_chk(tty, room(9), 99, 99); /* expect: slab-out-of-bounds entry=__ttyname_r_chk object=9 bad=9 */
	confstr(_CS_PATH, room(3), 99);        /* expect: slab-out-of-bounds entry=confstr object=3 access=14 bad=3 */
	__confstr_chk(_CS_PATH, room(3), /* expect: slab-out-of-bounds entry=__confstr_chk object=3 access=14 bad=3 */
	              99, 99);
}

int main(void)
{
	formats();
	streams();
	descriptors();
	sockets();
	names();
	return 0;
}
