/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/intercept.h - shared by the interceptors of libc's memory, string and I/O functions (libmemsan.so
 * only).
 *
 *   libc.def        every function that is intercepted, once
 *   calls_file.def, calls_names.def, calls_net.def, calls_process.def, calls_text.def, calls_time.def  its rows
 *   calls.h         from a row to an interceptor
 *   libc_calls.c    the interceptors of all rows
 *   calls_library.def  rows for functions of libm, libcrypt and libtirpc
 *   libc_library.c  their interceptors, in versions of symbols that linkers pass over
 *   libc_real.c     libc's own functions; the gate that lets foreign memory pass to them
 *   symbols.c       one name in a loaded module's symbol table
 *   libc_check.c    what the checks share: scans that stop at bad memory, reports
 *   libc_mem.c      mem*, b*
 *   libc_wcs.c      wcs*, wmem*
 *   libc_str.c      str*, stp* that copy
 *   libc_scan.c     str* that only read
 *   libc_number.c   strtol and its family
 *   libc_format.c   what a format makes printf read and scanf write
 *   libc_printf.c   printf and its family
 *   libc_scanf.c    scanf and its family
 *   libc_stdio.c    fread, fgets, getline, fwrite, fputs
 *   libc_io.c       read, write, recv, send, …
 *   libc_kernel.c   buffers with guard pages in them, for the kernel
 *   libc_jump.c     longjmp, setcontext, landing of exceptions: frames that are left
 *   libc_path.c     getcwd, realpath, readlink, gethostname, …
 *
 * An interceptor is two functions. The exported one asks the gate whether its pointers are foreign: memory without
 * shadow and outside the fence's pool. If so, it jumps to libc's function, after one subtraction and one compare for
 * each pointer. Copies that forbid overlap also ask whether the two ranges are apart. Otherwise checked_NAME does the
 * work:
 *
 *      program ── memcpy ──┬── foreign ──────────────────────→ libc's memcpy
 *                          └── checked_memcpy: check, report ─→ libc's memcpy
 *
 * A check never asks for more than the call really does. Sources and fixed lengths are checked before the call. Where
 * only libc or the kernel knows how much is written (read, fgets, snprintf), the destination is checked after the call.
 * A scan is checked up to the byte at which it stops. After a report the call goes on. Only a call with a negative size
 * does nothing, because libc would crash. errno, cancellation and variadic arguments are left to libc.
 *
 * Weakness accepted: all callers get the newest of the versions that glibc has of a function (memcpy, realpath).
 * Therefore an overlapping memcpy copies as memmove does, as memcpy@GLIBC_2.2.5 did.
 */
#ifndef MEMSAN_INTERCEPT_H
#define MEMSAN_INTERCEPT_H

/* Fortified and optimizing headers would define some of these functions themselves. */
#undef _FORTIFY_SOURCE
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

/* glibc's headers make these names other names of a newer dialect's functions (__isoc99_scanf). */
#define scanf scanf_of_headers
#define fscanf fscanf_of_headers
#define sscanf sscanf_of_headers
#define vscanf vscanf_of_headers
#define vfscanf vfscanf_of_headers
#define vsscanf vsscanf_of_headers
#define wscanf wscanf_of_headers
#define fwscanf fwscanf_of_headers
#define swscanf swscanf_of_headers
#define vwscanf vwscanf_of_headers
#define vfwscanf vfwscanf_of_headers
#define vswscanf vswscanf_of_headers
#define strtol strtol_of_headers
#define strtoul strtoul_of_headers
#define strtoll strtoll_of_headers
#define strtoull strtoull_of_headers
#define strtoimax strtoimax_of_headers
#define strtoumax strtoumax_of_headers
#define strtol_l strtol_l_of_headers
#define strtoul_l strtoul_l_of_headers
#define strtoll_l strtoll_l_of_headers
#define strtoull_l strtoull_l_of_headers
#define wcstol wcstol_of_headers
#define wcstoul wcstoul_of_headers
#define wcstoll wcstoll_of_headers
#define wcstoull wcstoull_of_headers
#define wcstoimax wcstoimax_of_headers
#define wcstoumax wcstoumax_of_headers
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#undef strtol
#undef strtoul
#undef strtoll
#undef strtoull
#undef strtoimax
#undef strtoumax
#undef strtol_l
#undef strtoul_l
#undef strtoll_l
#undef strtoull_l
#undef wcstol
#undef wcstoul
#undef wcstoll
#undef wcstoull
#undef wcstoimax
#undef wcstoumax
#undef scanf
#undef fscanf
#undef sscanf
#undef vscanf
#undef vfscanf
#undef vsscanf
#undef wscanf
#undef fwscanf
#undef swscanf
#undef vwscanf
#undef vfwscanf
#undef vswscanf

#include <err.h>
#include <errno.h>
#include <error.h>
#include <iconv.h>
#include <limits.h>
#include <link.h>
#include <printf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* The declarations are hidden too, so code reaches these symbols without the global offset table, also before
 * relocation. */
#pragma GCC visibility push(hidden)
#include "preload/preload.h"
#include "shadow/shadow.h"
#pragma GCC visibility pop

/* Macros in some glibc headers. */
#undef fread_unlocked
#undef fwrite_unlocked
#undef strdup
#undef strndup

/* glibc declares destinations as write-only, so gcc -O0 warns when our code reads their shadow before the call. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* Programs still call getwd. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* ---- what glibc exports and its headers declare only for fortified code, or not at all ------- */

void *__mempcpy(void *dst, const void *src, size_t n);
int __memcmpeq(const void *a, const void *b, size_t n);
void *__rawmemchr(const void *s, int c);
void *__memcpy_chk(void *dst, const void *src, size_t n, size_t room);
void *__memmove_chk(void *dst, const void *src, size_t n, size_t room);
void *__mempcpy_chk(void *dst, const void *src, size_t n, size_t room);
void *__memset_chk(void *dst, int c, size_t n, size_t room);
void __explicit_bzero_chk(void *dst, size_t n, size_t room);

char *__stpcpy(char *dst, const char *src);
char *__stpncpy(char *dst, const char *src, size_t n);
char *__strdup(const char *s);
char *__strndup(const char *s, size_t n);
char *__strcpy_chk(char *dst, const char *src, size_t room);
char *__stpcpy_chk(char *dst, const char *src, size_t room);
char *__strncpy_chk(char *dst, const char *src, size_t n, size_t room);
char *__stpncpy_chk(char *dst, const char *src, size_t n, size_t room);
char *__strcat_chk(char *dst, const char *src, size_t room);
char *__strncat_chk(char *dst, const char *src, size_t n, size_t room);
int __strcasecmp(const char *a, const char *b);
char *__strcasestr(const char *s, const char *what);
char *__strtok_r(char *s, const char *delimiters, char **save);

wchar_t *__wmemcpy_chk(wchar_t *dst, const wchar_t *src, size_t n, size_t room);
wchar_t *__wmemmove_chk(wchar_t *dst, const wchar_t *src, size_t n, size_t room);
wchar_t *__wmempcpy_chk(wchar_t *dst, const wchar_t *src, size_t n, size_t room);
wchar_t *__wmemset_chk(wchar_t *dst, wchar_t c, size_t n, size_t room);
wchar_t *__wcscpy_chk(wchar_t *dst, const wchar_t *src, size_t room);
wchar_t *__wcpcpy_chk(wchar_t *dst, const wchar_t *src, size_t room);
wchar_t *__wcsncpy_chk(wchar_t *dst, const wchar_t *src, size_t n, size_t room);
wchar_t *__wcpncpy_chk(wchar_t *dst, const wchar_t *src, size_t n, size_t room);
wchar_t *__wcscat_chk(wchar_t *dst, const wchar_t *src, size_t room);
wchar_t *__wcsncat_chk(wchar_t *dst, const wchar_t *src, size_t n, size_t room);
size_t __mbstowcs_chk(wchar_t *dst, const char *src, size_t n, size_t room);
size_t __wcstombs_chk(char *dst, const wchar_t *src, size_t n, size_t room);
size_t __mbsrtowcs_chk(wchar_t *dst, const char **src, size_t n, mbstate_t *state, size_t room);
size_t __wcsrtombs_chk(char *dst, const wchar_t **src, size_t n, mbstate_t *state, size_t room);
size_t __mbsnrtowcs_chk(wchar_t *dst, const char **src, size_t in, size_t n, mbstate_t *state, size_t room);
size_t __wcsnrtombs_chk(char *dst, const wchar_t **src, size_t in, size_t n, mbstate_t *state, size_t room);

int __printf_chk(int flag, const char *format, ...);
int __fprintf_chk(FILE *f, int flag, const char *format, ...);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __asprintf_chk(char **dst, int flag, const char *format, ...);
int __wprintf_chk(int flag, const wchar_t *format, ...);
int __fwprintf_chk(FILE *f, int flag, const wchar_t *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...);
int __vprintf_chk(int flag, const char *format, va_list args);
int __vfprintf_chk(FILE *f, int flag, const char *format, va_list args);
int __vdprintf_chk(int fd, int flag, const char *format, va_list args);
int __vasprintf_chk(char **dst, int flag, const char *format, va_list args);
int __vwprintf_chk(int flag, const wchar_t *format, va_list args);
int __vfwprintf_chk(FILE *f, int flag, const wchar_t *format, va_list args);
void __vsyslog_chk(int priority, int flag, const char *format, va_list args);

/* The dialects of scanf: gnu89's, C99's and C23's. */
#define SCANF_DIALECT(d)                                                 \
	int d##scanf(const char *format, ...);                           \
	int d##fscanf(FILE *f, const char *format, ...);                 \
	int d##sscanf(const char *s, const char *format, ...);           \
	int d##vscanf(const char *format, va_list args);                 \
	int d##vfscanf(FILE *f, const char *format, va_list args);       \
	int d##vsscanf(const char *s, const char *format, va_list args); \
	int d##wscanf(const wchar_t *format, ...);                       \
	int d##fwscanf(FILE *f, const wchar_t *format, ...);             \
	int d##swscanf(const wchar_t *s, const wchar_t *format, ...);    \
	int d##vwscanf(const wchar_t *format, va_list args);             \
	int d##vfwscanf(FILE *f, const wchar_t *format, va_list args);   \
	int d##vswscanf(const wchar_t *s, const wchar_t *format, va_list args);
SCANF_DIALECT()
SCANF_DIALECT(__isoc99_)
SCANF_DIALECT(__isoc23_)
#undef SCANF_DIALECT

/* Numbers; C23's read binary digits. */
#define NUMBER_DIALECT(d)                                                                  \
	long d##strtol(const char *s, char **end, int base);                               \
	unsigned long d##strtoul(const char *s, char **end, int base);                     \
	long long d##strtoll(const char *s, char **end, int base);                         \
	unsigned long long d##strtoull(const char *s, char **end, int base);               \
	intmax_t d##strtoimax(const char *s, char **end, int base);                        \
	uintmax_t d##strtoumax(const char *s, char **end, int base);                       \
	long d##strtol_l(const char *s, char **end, int base, locale_t l);                 \
	unsigned long d##strtoul_l(const char *s, char **end, int base, locale_t l);       \
	long long d##strtoll_l(const char *s, char **end, int base, locale_t l);           \
	unsigned long long d##strtoull_l(const char *s, char **end, int base, locale_t l); \
	long d##wcstol(const wchar_t *s, wchar_t **end, int base);                         \
	unsigned long d##wcstoul(const wchar_t *s, wchar_t **end, int base);               \
	long long d##wcstoll(const wchar_t *s, wchar_t **end, int base);                   \
	unsigned long long d##wcstoull(const wchar_t *s, wchar_t **end, int base);         \
	intmax_t d##wcstoimax(const wchar_t *s, wchar_t **end, int base);                  \
	uintmax_t d##wcstoumax(const wchar_t *s, wchar_t **end, int base);
NUMBER_DIALECT()
NUMBER_DIALECT(__isoc23_)
#undef NUMBER_DIALECT

int __sprintf_chk(char *dst, int flag, size_t room, const char *format, ...);
int __snprintf_chk(char *dst, size_t n, int flag, size_t room, const char *format, ...);
int __vsprintf_chk(char *dst, int flag, size_t room, const char *format, va_list args);
int __vsnprintf_chk(char *dst, size_t n, int flag, size_t room, const char *format, va_list args);
int __swprintf_chk(wchar_t *dst, size_t n, int flag, size_t room, const wchar_t *format, ...);
int __vswprintf_chk(wchar_t *dst, size_t n, int flag, size_t room, const wchar_t *format, va_list args);

ssize_t __getdelim(char **line, size_t *size, int delimiter, FILE *f);
size_t __fread_chk(void *dst, size_t room, size_t size, size_t n, FILE *f);
size_t __fread_unlocked_chk(void *dst, size_t room, size_t size, size_t n, FILE *f);
char *__fgets_chk(char *dst, size_t room, int n, FILE *f);
char *__fgets_unlocked_chk(char *dst, size_t room, int n, FILE *f);
wchar_t *__fgetws_chk(wchar_t *dst, size_t room, int n, FILE *f);
wchar_t *__fgetws_unlocked_chk(wchar_t *dst, size_t room, int n, FILE *f);

ssize_t __read_chk(int fd, void *dst, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *dst, size_t n, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *dst, size_t n, off64_t offset, size_t room);
ssize_t __recv_chk(int fd, void *dst, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *dst, size_t n, size_t room, int flags, __SOCKADDR_ARG address,
                       socklen_t *address_len);

_Noreturn void __longjmp_chk(jmp_buf env, int value);

char *__getcwd_chk(char *dst, size_t n, size_t room);
char *__getwd_chk(char *dst, size_t room);
char *__realpath_chk(const char *path, char *dst, size_t room);
ssize_t __readlink_chk(const char *path, char *dst, size_t n, size_t room);
ssize_t __readlinkat_chk(int fd, const char *path, char *dst, size_t n, size_t room);
int __gethostname_chk(char *dst, size_t n, size_t room);
int __getdomainname_chk(char *dst, size_t n, size_t room);
int __getlogin_r_chk(char *dst, size_t n, size_t room);
int __ttyname_r_chk(int fd, char *dst, size_t n, size_t room);
size_t __confstr_chk(int name, char *dst, size_t n, size_t room);

/* ---- symbols.c: names in a loaded module ----------------------------------------------------- */

#pragma GCC visibility push(hidden)
/* Where a module keeps its symbols.  table NULL: the module has no GNU hash table. */
struct module_symbols {
	const uint32_t *table;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint16_t *versions;
	const ElfW(Verdef) *definitions; /* the versions that there are */
};
void symbols_find(struct module_symbols *s, const struct link_map *m);
/* The loaded modules, also before memsan is relocated; NULL in a static program. */
const struct link_map *symbols_modules(void);
/* The default version of a symbol, or NULL. */
const ElfW(Sym) *symbols_look_up(const struct module_symbols *s, const char *name);
/* The same in many modules: the hash of the name is made once. */
uint32_t symbols_hash(const char *name);
const ElfW(Sym) *symbols_look_up_hash(const struct module_symbols *s, const char *name, uint32_t hash);
/* The symbol of that version, which need not be the default; NULL, too, when the module has no versions. */
const ElfW(Sym) *symbols_look_up_version(const struct module_symbols *s, const char *name, const char *version);
/* Is the name defined there, in any version? */
bool symbols_have(const struct module_symbols *s, const char *name);
/* These two only prefetch what a lookup will read: first the bucket, and later, when that is there, the symbol. */
void symbols_expect_bucket(const struct module_symbols *s, uint32_t hash);
void symbols_expect_symbol(const struct module_symbols *s, uint32_t hash);
bool symbols_have_hash(const struct module_symbols *s, const char *name, uint32_t hash);
/* symbols_find and symbols_look_up in one call. */
const ElfW(Sym) *module_symbol(const struct link_map *m, const char *name);
#pragma GCC visibility pop

/* ---- libc_real.c: libc's own ----------------------------------------------------------------- */

/* The functions of rows have their types in libc_calls.c. */
struct libc_table {
#define LIBC(name) __typeof__(name) *name;
#define CALL(type, name, ...) void *name;
#define CALL_VOID(name, ...) void *name;
#include "preload/intercept/libc.def"
#undef LIBC
#undef CALL
#undef CALL_VOID
};
enum libc_index {
#define LIBC(name) LIBC_##name,
#define CALL(type, name, ...) LIBC_##name,
#define CALL_VOID(name, ...) LIBC_##name,
#include "preload/intercept/libc.def"
#undef LIBC
#undef CALL
#undef CALL_VOID
	LIBC_NR,
};

/* Pointers with (uintptr_t)p - end < span are foreign: they have no shadow, and no object is fenced there. Both are
 * zero until the constructor has run. So nothing is foreign before libc_real is complete, and one compare answers both
 * questions. */
struct libc_gate {
	uintptr_t end, span;
};
#pragma GCC visibility push(hidden)
extern struct libc_gate libc_gate;
extern struct libc_table libc_real;
/* Is the function behind memsan's another library's instead of libc's? Its contract is not known then. */
extern bool libc_replaced[LIBC_NR];
const char *libc_name(unsigned index);
/* The index of the function in libc's symbol table; 0: not known. */
extern uint32_t libc_symbols[LIBC_NR];
#pragma GCC visibility pop

/* An entry of libc_real before the constructor has filled it (libc_real.c tells how). */
void *libc_early(enum libc_index index);
/* Fills libc_real; for the constructor. */
void libc_look_up(void);
/* libc_library.c: functions of other libraries are looked up at their next call. */
void library_look_up_later(void);
/* Puts functions of memsan's between an interceptor and libc's own function: called with the table libc_real once that
 * is filled. The constructor sets this once, before libc_look_up. NULL: there are none. */
extern void (*libc_wrap)(void **real);
/* Lets foreign pointers pass from now on; the constructor's last step. */
void libc_gate_open(void);

__inline_hot bool libc_foreign(const void *p)
{
	return (uintptr_t)p - libc_gate.end < libc_gate.span;
}

#define REAL(name) \
	(likely(libc_real.name != NULL) ? libc_real.name : (__typeof__(libc_real.name))libc_early(LIBC_##name))

/* INTERCEPT(ret, name, (parameters), (arguments), foreign) { body of checked_name }: the parts of an interceptor.  The
 * exported function must stay a leaf that saves no registers, so the work is done in another function. */
#define INTERCEPT(ret, name, params, args, foreign)              \
	static inline ret checked_##name params;                 \
	static __attribute__((noinline)) ret gated_##name params \
	{                                                        \
		if (unlikely(libc_replaced[LIBC_##name]))        \
			return REAL(name) args;                  \
		return checked_##name args;                      \
	}                                                        \
	MEMSAN_EXPORT ret name params                            \
	{                                                        \
		if (likely(foreign))                             \
			return libc_real.name args;              \
		return gated_##name args;                        \
	}                                                        \
	static inline ret checked_##name params

/* In the body of checked_NAME: "NAME". */
#define ENTRY (__func__ + sizeof("checked_") - 1)

/* ---- libc_check.c ---------------------------------------------------------------------------- */

void libc_report_range(const void *p, size_t n, uintptr_t bad, enum report_access access, const char *entry);
void libc_report_overlap(const void *dst, size_t dst_size, const void *src, size_t src_size, const char *entry);
void libc_report_negative(const void *p, size_t n, enum report_access access, const char *entry);

/* Are ranges that start at p checked? Fenced memory is, in every mode, and so is memory with shadow. */
__inline_hot bool libc_covers(const void *p)
{
	return fence_contains(p) || shadow_covers(p);
}

/* How many bytes from p on are certainly accessible, by one load of shadow; 0: not known. The shadow does not show the
 * guards of the fence's pool. */
__inline_hot size_t libc_good_ahead(const void *p)
{
	return fence_contains(p) ? 0 : shadow_good_ahead(p);
}

/* The bytes from p to the end of its page. If one of them is readable, all are. */
static inline size_t libc_rest_of_page(const void *p)
{
	return PAGE_SIZE - ((uintptr_t)p & (PAGE_SIZE - 1));
}

/* May eight bytes from p on be loaded, if the byte at p may? Then all are good. The shadow of a page that the program
 * made unreadable, or never mapped, is good too, so they lie in one page. False: not known. */
__inline_hot bool libc_eight_good(const void *p)
{
	return libc_rest_of_page(p) >= 8 && !fence_contains(p) && shadow_eight_good(p);
}

/* The first bad byte of a range of covered memory, or 0. Checks short ranges without a call into shadow/. */
uintptr_t libc_find_bad(const void *p, size_t n);

/* Checks that all of [p, p+n) may be accessed; false after a report. */
__inline_hot bool check_range(const void *p, size_t n, enum report_access access, const char *entry)
{
	uintptr_t bad;

	if (likely(!fence_contains(p)) && (n <= shadow_good_ahead(p) || !shadow_covers(p)))
		return true;
	bad = libc_find_bad(p, n);
	if (likely(!bad))
		return true;
	libc_report_range(p, n, bad, access, entry);
	return false;
}

__inline_hot bool check_read(const void *p, size_t n, const char *entry)
{
	return check_range(p, n, ACCESS_READ, entry);
}

__inline_hot bool check_write(const void *p, size_t n, const char *entry)
{
	return check_range(p, n, ACCESS_WRITE, entry);
}

/* The bytes of [p, p+n), which can be read, leave the process or are used as text: with the option unwritten, reports
 * those that nobody wrote. */
void libc_report_unwritten(const void *p, size_t n, const char *entry);
static inline void check_written(const void *p, size_t n, const char *entry)
{
	if (unlikely(options.unwritten))
		libc_report_unwritten(p, n, entry);
}

/* ---- libc_kernel.c: buffers that the kernel reads and fills.  The program's own access to a guarded page would fault
 * and be reported; the kernel's access fails with EFAULT, without a report. */

/* Checks all bytes that the kernel is about to read. False after a report; guards among these bytes are open then. */
bool kernel_reads(const void *src, size_t n, const char *entry);
/* The same for bytes that it reads and writes. */
bool kernel_changes(void *p, size_t n, const char *entry);
/* The same for a path: all bytes up to its terminator, or PATH_MAX. */
bool kernel_reads_path(const char *path, const char *entry);
/* Called when a call whose only effect is to fill dst has failed. True: a guard in dst was the cause. The guard is open
 * now, so the call can be made again. */
bool kernel_refused(const void *dst, size_t n);

/* A buffer for the kernel to fill. `to` is the buffer itself, or memory lent for the call if pages of the buffer are
 * guarded. */
struct kernel_fill {
	void *dst, *to;
	size_t n, good; /* good: how much of dst is accessible from its beginning on, if memory was lent */
	void *map;      /* the lent memory; NULL: none */
	size_t map_size;
};
void *kernel_fill_begin(struct kernel_fill *fill, void *dst, size_t n);
/* The call stored `came` bytes; -1: it failed. Checks these bytes and, if memory was lent, copies them to dst. False
 * after a report. */
bool kernel_fill_end(struct kernel_fill *fill, ssize_t came, const char *entry);

/* The same for a vector. The result of kernel_scatter_begin replaces v. */
struct kernel_scatter {
	const struct iovec *asked;
	long count;
	struct kernel_fill *fills; /* NULL: nothing was lent */
	struct iovec *to;
	size_t map_size;
};
const struct iovec *kernel_scatter_begin(struct kernel_scatter *scatter, const struct iovec *v, long count);
void kernel_scatter_end(struct kernel_scatter *scatter, ssize_t came, const char *entry);
bool kernel_meets_guard(const struct iovec *v, long count);
/* Memory for the duration of a call; NULL: no memory is left. */
void *kernel_lend(size_t size);
void kernel_take_back(void *map, size_t size);

/* A function with a variable number of arguments, and its v form: both do `work`, which gets the v form's arguments,
 * checks(NAME) (false for another library's function) and the function's name. */
#define VA(...) __VA_ARGS__
#define VARIADIC(name, v_name, params, names, last, work, checks)     \
	MEMSAN_EXPORT int v_name(VA params, va_list args)             \
	{                                                             \
		return work(VA names, args, checks(v_name), #v_name); \
	}                                                             \
	MEMSAN_EXPORT int name(VA params, ...)                        \
	{                                                             \
		va_list args;                                         \
		int ret;                                              \
                                                                      \
		va_start(args, last);                                 \
		ret = work(VA names, args, checks(name), #name);      \
		va_end(args);                                         \
		return ret;                                           \
	}

/* ---- libc_format.c --------------------------------------------------------------------------- */

/* The program gives conversions of printf a meaning of its own. */
extern bool format_custom;
/* The buffer that a call writes, and the strings near it that the call reads. */
#define FORMATTED_SOURCES 16
struct formatted_source {
	const void *p;
	size_t size;
};
struct formatted {
	void *dst;
	size_t nr;
	struct formatted_source sources[FORMATTED_SOURCES];
};
/* Checks what printf reads: the format and, with a list of its arguments, the strings. to: notes those near that
 * buffer; or NULL. */
void format_check_printf(const void *text, bool wide, va_list args, struct formatted *to, const char *entry);
/* Reports a string that overlaps what the call wrote, `written` bytes. */
void formatted_check_overlap(const struct formatted *to, size_t written, const char *entry);
/* Checks the format of a scanf. */
void format_check_scanf(const void *text, const char *entry);
void format_check_wide_scanf(const void *text, const char *entry);
/* Checks what scanf wrote when it returned `stored`. gnu: "%as" allocates. */
void format_check_stored(const void *text, bool wide, bool gnu, va_list args, int stored, const char *entry);

/* Is any memory checked? */
__inline_hot bool libc_checks(void)
{
	return libc_gate.span != UINTPTR_MAX;
}

/* Reports a size that is negative as a signed number; true after a report. */
__inline_hot bool check_negative(const void *p, size_t n, enum report_access access, const char *entry)
{
	if (likely((ptrdiff_t)n >= 0))
		return false;
	libc_report_negative(p, n, access, entry);
	return true;
}

/* A fortified call that is told a larger size than the compiler knows of ends the program, whatever it would write. So
 * such a size is checked before the call. */
__inline_hot void check_room(const void *dst, size_t n, size_t room, const char *entry)
{
	if (unlikely(n > room) && (ptrdiff_t)n > 0 && !libc_foreign(dst))
		check_write(dst, n, entry);
}

__inline_hot void check_wide_room(const wchar_t *dst, size_t n, size_t room, const char *entry)
{
	if (unlikely(n > room) && n < PTRDIFF_MAX / sizeof(wchar_t) && !libc_foreign(dst))
		check_write(dst, n * sizeof(wchar_t), entry);
}

__inline_hot bool ranges_overlap(const void *a, size_t an, const void *b, size_t bn)
{
	return (uintptr_t)a < (uintptr_t)b + bn && (uintptr_t)b < (uintptr_t)a + an;
}

/* The gates of functions that forbid overlap: foreign memory passes only when the ranges are surely apart.  n bytes at
 * both; n 0 and equal pointers are "not apart", and the checks behind the gate tell. */
__inline_hot bool libc_apart(const void *dst, const void *src, size_t n)
{
	return (uintptr_t)dst - (uintptr_t)src + (n - 1) >= 2 * n - 1;
}
/* The same for strings, whose length is not known yet: strings that are further away from each other than this are
 * taken to be apart. */
#define LIBC_FAR ((uintptr_t)64 << 10)
__inline_hot bool libc_far(const void *dst, const void *src)
{
	return (uintptr_t)dst - (uintptr_t)src + LIBC_FAR >= 2 * LIBC_FAR;
}

/* The result of a scan that reads no bad byte. len: how far the scan came; bad: the bad byte that stopped it, or 0. */
struct libc_scan {
	size_t len;
	uintptr_t bad;
};
/* Looks for byte c in [s, s+max). len is the index of c, or max if c is not there, or the number of good bytes before a
 * bad one. */
struct libc_scan libc_scan_byte(const char *s, int c, size_t max);
struct libc_scan libc_scan_wide(const wchar_t *s, wchar_t c, size_t max);
/* Checks a string argument and stores its length in *len. The length is at most max, and a string of max bytes needs no
 * terminator. False after a report. */
bool check_string(const char *s, size_t max, size_t *len, const char *entry);
bool check_wide_string(const wchar_t *s, size_t max, size_t *len, const char *entry);

/* A call that may stop before the end of its string: with strict_strings the string must end all the same. */
__inline_hot void check_whole(const char *s, size_t max, const char *entry)
{
	size_t len;

	if (unlikely(options.strict_strings))
		check_string(s, max, &len, entry);
}

/* The good bytes from p on, at most max. If there are fewer, bad is the bad byte behind them; 0: the caller asks again
 * from there on. */
struct libc_scan libc_extent(const void *p, size_t max);

#endif
