/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/heap.c - what programs expect of the heap beyond the standard: the use of every usable byte, tagged
 * pointers, allocators on top of malloc, memory that libc hands over, statistics, odd address spaces, hooks. */
#define TORTURE_MAIN
#include "torture.h"

#include <aio.h>
#include <argz.h>
#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <fts.h>
#include <glob.h>
#include <iconv.h>
#include <limits.h>
#include <link.h>
#include <locale.h>
#include <netdb.h>
#include <obstack.h>
#include <printf.h>
#include <regex.h>
#include <search.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdbool.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <wchar.h>
#include <wordexp.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

/* ---- sizes and addresses --------------------------------------------------------------------- */

/* jemalloc's, Rust's and Firefox's habit: ask for the usable size, then use all of it. */
static void usable_bytes_are_used(void)
{
	for (size_t size = 0; size < 300000; size = size * 5 / 4 + 1) {
		char *p = malloc(size), *q;
		size_t usable = malloc_usable_size(p);

		must(usable >= size);
		memset(p, 'u', usable);
		q = realloc(p, usable + 1);
		for (size_t i = 0; i < usable; i++)
			must(q[i] == 'u');
		memset(q, 'v', malloc_usable_size(q));
		q = realloc(q, malloc_usable_size(q)); /* nothing to do */
		memset(q, 'w', malloc_usable_size(q));
		free(q);
		p = calloc(1, size);
		usable = malloc_usable_size(p);
		for (size_t i = 0; i < size; i++)
			must(p[i] == 0);
		memset(p, 'x', usable);
		free(p);
		p = memalign(256, size);
		memset(p, 'y', malloc_usable_size(p));
		q = realloc(p, size + 100);
		memset(q, 'z', malloc_usable_size(q));
		free(q);
	}
	must(malloc_usable_size(NULL) == 0);
	say("used\n");
}

/* Interpreters hide tags in the low four bits and in the upper sixteen. */
static void tagged_pointers(void)
{
	uintptr_t tagged[400];

	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < NR(tagged); i++) {
			char *p = i % 4 == 0   ? calloc(1, i)
			          : i % 4 == 1 ? realloc(NULL, i)
			          : i % 4 == 2 ? strndup("text", i)
			                       : malloc(i * 37);

			must(((uintptr_t)p & 15) == 0);
			must((uintptr_t)p >> 47 == 0);
			tagged[i] = ((uintptr_t)p | (i & 15)) ^ ((uintptr_t)i << 48);
		}
		for (size_t i = 0; i < NR(tagged); i++) {
			must((tagged[i] & 15) == (i & 15));
			free((void *)((tagged[i] ^ ((uintptr_t)i << 48)) & ~15ul));
		}
	}
	say("tagged\n");
}

struct xored {
	uintptr_t link;
	unsigned value;
};

/* The only pointers to a node are in its neighbors, and they are no addresses. */
static void xored_list(void)
{
	struct xored *first = NULL, *last = NULL, *before, *at, *next;
	unsigned sum = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct xored *x = malloc(sizeof(*x));

		x->link = (uintptr_t)last;
		x->value = i;
		if (last)
			last->link ^= (uintptr_t)x;
		else
			first = x;
		last = x;
	}
	for (before = NULL, at = first; at; before = at, at = next) {
		next = (struct xored *)(at->link ^ (uintptr_t)before);
		sum += at->value;
		free(before);
	}
	free(before);
	say("sum %u\n", sum);
}

static void errors_of_requests(void)
{
	volatile size_t huge = (size_t)1 << 47; /* more is reported: it looks like a mistake */
	void *p = malloc(100), *q = (void *)1;

	errno = 0;
	must(!malloc(huge) && errno == ENOMEM);
	errno = 0;
	must(!realloc(p, huge) && errno == ENOMEM);
	errno = 0;
	must(!reallocarray(p, huge, 3) && errno == ENOMEM);
	errno = 0;
	must(!calloc(huge, 3) && errno == ENOMEM);
	errno = 0;
	must(!aligned_alloc(64, huge) && errno == ENOMEM);
	errno = 0;
	must(!valloc(huge) && errno == ENOMEM);
	errno = 0;
	must(!pvalloc(huge) && errno == ENOMEM);
	errno = 0;
	must(posix_memalign(&q, 64, huge) == ENOMEM && q == (void *)1 && errno == 0);
	must(posix_memalign(&q, 3, 8) == EINVAL && posix_memalign(&q, 4, 8) == EINVAL && q == (void *)1);
	errno = 77;
	free(p);
	must(errno == 77);
	p = malloc(200000);
	must(errno == 77);
	free(p);
	must(errno == 77);
	p = pvalloc(1);
	must(((uintptr_t)p & (PAGE - 1)) == 0);
	memset(p, 1, PAGE);
	free(p);
	p = valloc(0);
	must(((uintptr_t)p & (PAGE - 1)) == 0);
	free(p);
	p = malloc(8);
	p = reallocarray(p, 100, 16);
	memset(p, 1, 1600);
	say("%p\n", realloc(p, 0));
}

/* Each step either stays or moves; what was written stays. */
static void realloc_back_and_forth(void)
{
	static const size_t sizes[] = { 1,      24,    25,     4000,   4096, 4097,   40000, 200000,
		                        131072, 70000, 300000, 100000, 16,   500000, 1,     1 << 22 };

	for (size_t align = 8; align <= 65536; align *= 8) {
		unsigned char *p = memalign(align, 10);
		size_t had = 10;

		memset(p, 0, 10);
		for (size_t i = 0; i < NR(sizes); i++) {
			p = realloc(p, sizes[i]);
			for (size_t k = 0; k < had && k < sizes[i]; k++)
				must(p[k] == (unsigned char)(i));
			memset(p, (int)(i + 1), sizes[i]);
			had = sizes[i];
		}
		free(p);
	}
	say("resized\n");
}

/* Under a limit of data every gap is used, but blocks stay aligned. */
static void aligned_under_limit(void)
{
	struct rlimit limit;
	char *p[64], *hole[256];

	getrlimit(RLIMIT_DATA, &limit);
	limit.rlim_cur = 400ul << 20;
	must(setrlimit(RLIMIT_DATA, &limit) == 0);
	for (size_t round = 0; round < 8; round++) {
		for (size_t i = 0; i < NR(hole); i++)
			hole[i] = malloc((i * 7919 + round) % 60000 + 33000);
		for (size_t i = 0; i < NR(hole); i += 2)
			free(hole[i]);
		for (size_t i = 0; i < NR(p); i++) {
			size_t align = PAGE << i % 9;

			p[i] = aligned_alloc(align, align);
			must(p[i] && ((uintptr_t)p[i] & (align - 1)) == 0);
			memset(p[i], (int)i, align);
		}
		for (size_t i = 0; i < NR(p); i++) {
			must(p[i][0] == (char)i && p[i][(PAGE << i % 9) - 1] == (char)i);
			free(p[i]);
		}
		for (size_t i = 1; i < NR(hole); i += 2)
			free(hole[i]);
	}
	say("aligned\n");
}

/* ---- allocators on top ----------------------------------------------------------------------- */

/* A program with sbrk of its own beside malloc, as old Lisps and Fortran runtimes have it. */
static void sbrk_beside_malloc(void)
{
	char *before = sbrk(0), *mine[10];

	for (unsigned i = 0; i < NR(mine); i++) {
		mine[i] = sbrk(3000);
		must(mine[i] != (char *)-1);
		memset(mine[i], (int)i, 3000);
		churn(100, i);
	}
	for (unsigned i = 0; i < NR(mine); i++)
		for (unsigned k = 0; k < 3000; k++)
			must(mine[i][k] == (char)i);
	must((char *)sbrk(0) >= before + 30000);
	say("sbrk\n");
}

/* Header before, size behind: each object has words of the allocator's on both sides, as dlmalloc's have. */
struct header {
	struct header *next;
	size_t size;
};
static struct header *free_list;

static void *first_fit(size_t size)
{
	struct header **at, *h;

	size = (size + 31) & ~(size_t)15;
	for (at = &free_list; (h = *at) != NULL; at = &h->next)
		if (h->size >= size) {
			*at = h->next;
			if (h->size >= size + 64) {
				struct header *rest = (struct header *)((char *)h + size);

				rest->size = h->size - size;
				rest->next = free_list;
				free_list = rest;
				h->size = size;
			}
			return h + 1;
		}
	h = malloc(size < 8192 ? 8192 : size);
	h->size = size < 8192 ? 8192 : size;
	h->next = free_list;
	free_list = h;
	return first_fit(size - 31);
}

static void allocator_over_malloc(void)
{
	char *p[200] = { NULL };
	unsigned seed = 5;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = (seed = seed * 1103515245u + 12345u) >> 8, at = n % NR(p);

		if (p[at]) {
			struct header *h = (struct header *)p[at] - 1;

			for (size_t k = 0; k < h->size - sizeof(*h); k += 13)
				must(p[at][k] == (char)at);
			h->next = free_list;
			free_list = h;
		}
		p[at] = first_fit(n / 200 % 1500 + 1);
		memset(p[at], (int)at, ((struct header *)p[at] - 1)->size - sizeof(struct header));
	}
	say("first fit\n");
}

static void obstacks(void)
{
	struct obstack o;
	char *first, *p;
	void *mark;

	obstack_init(&o);
	obstack_alignment_mask(&o) = 63;
	first = obstack_alloc(&o, 100);
	for (unsigned i = 1; i < 3000; i++) {
		p = obstack_alloc(&o, i % 700);
		must(((uintptr_t)p & 63) == 0);
		memset(p, 1, i % 700);
	}
	mark = obstack_alloc(&o, 1);
	for (unsigned i = 0; i < 100000; i++)
		obstack_1grow(&o, (char)i);
	must(obstack_object_size(&o) == 100000);
	p = obstack_finish(&o);
	for (unsigned i = 0; i < 100000; i++)
		must(p[i] == (char)i);
	obstack_printf(&o, "%s %d", "text", 5);
	obstack_1grow(&o, 0);
	say("%s\n", (char *)obstack_finish(&o));
	obstack_free(&o, mark);
	memset(first, 2, 100);
	obstack_free(&o, NULL);
}

/* A collector that finds pointers by looking at every word: its own stack, registers, and objects. */
#define GC_OBJECTS 3000
static struct gc_object {
	bool marked;
	size_t words;
	uintptr_t word[];
} * gc_all[GC_OBJECTS];
static unsigned gc_nr;
static char *gc_bottom;

static struct gc_object *gc_new(size_t words)
{
	struct gc_object *o = calloc(1, sizeof(*o) + words * sizeof(uintptr_t));

	o->words = words;
	return gc_all[gc_nr++] = o;
}

static void gc_mark(uintptr_t word)
{
	for (unsigned i = 0; i < gc_nr; i++) {
		struct gc_object *o = gc_all[i];

		if (word - (uintptr_t)o >= sizeof(*o) + o->words * sizeof(uintptr_t) || o->marked)
			continue;
		o->marked = true;
		for (size_t w = 0; w < o->words; w++)
			gc_mark(o->word[w]);
	}
}

__attribute__((noinline, no_sanitize_address)) static unsigned gc_collect(void)
{
	jmp_buf registers;
	unsigned freed = 0, kept = 0;

	setjmp(registers);
	for (volatile uintptr_t *w = (uintptr_t *)((uintptr_t)__builtin_frame_address(0) & ~7ul); (char *)w < gc_bottom;
	     w++)
		gc_mark(*w);
	for (size_t w = 0; w < sizeof(registers) / sizeof(uintptr_t); w++)
		gc_mark(((uintptr_t *)&registers)[w]);
	for (unsigned i = 0; i < gc_nr; i++) {
		if (gc_all[i]->marked) {
			gc_all[i]->marked = false;
			gc_all[kept++] = gc_all[i];
		} else {
			free(gc_all[i]);
			freed++;
		}
	}
	gc_nr = kept;
	return freed;
}

static void conservative_collector(void)
{
	struct gc_object *volatile root;
	unsigned freed = 0;

	gc_bottom = __builtin_frame_address(0);
	root = gc_new(10);
	for (unsigned i = 0; i < 2000; i++) {
		struct gc_object *o = gc_new(i % 20 + 1);

		o->word[0] = root->word[i % 10];
		root->word[i % 10] = i % 7 ? (uintptr_t)o + 8 : 0;
		if (i % 50 == 49)
			freed += gc_collect();
	}
	must(freed > 200);
	for (unsigned i = 0; i < 10; i++)
		for (uintptr_t w = root->word[i]; w; w = ((struct gc_object *)(w - 8))->word[0])
			must(w % 8 == 0);
	say("collected\n");
}

/* ---- memory that libc hands over ------------------------------------------------------------- */

static void libc_gives_memory(void)
{
	char *line = malloc(1), *text = NULL, *a = NULL, *list = NULL, **strings;
	size_t size = 1, length = 0, a_size = 0;
	wchar_t *wide = NULL;
	struct dirent **names;
	wordexp_t words;
	glob_t found;
	regex_t expression;
	FILE *f;
	int n;

	f = tmpfile();
	for (unsigned i = 0; i < 200; i++)
		fprintf(f, "%*u\n", (int)(i * 20 + 1), i);
	rewind(f);
	for (n = 0; getline(&line, &size, f) > 0; n++)
		must(size > strlen(line));
	rewind(f);
	while (getdelim(&line, &size, '7', f) > 0)
		n++;
	must(n > 200);
	free(line);
	line = NULL;
	rewind(f);
	must(fscanf(f, "%ms", &line) == 1 && !strcmp(line, "0"));
	free(line);
	must(fscanf(f, " %m[0-9]", &line) == 1 && !strcmp(line, "1"));
	free(line);
	fclose(f);
	f = open_memstream(&text, &length);
	for (unsigned i = 0; i < 3000; i++)
		fprintf(f, "%u,", i);
	fflush(f);
	must(strlen(text) == length);
	fseek(f, 5, SEEK_SET);
	fputc('x', f);
	fclose(f);
	say("%.12s %zu\n", text, length);
	text = realloc(text, 10);
	free(text);
	f = open_wmemstream(&wide, &length);
	fwprintf(f, L"%ls %d", L"wide", 9);
	fclose(f);
	must(length == 6 && wcslen(wide) == 6);
	free(wide);
	must(asprintf(&a, "%0500d", 7) == 500);
	free(a);
	a = getcwd(NULL, 0);
	free(a);
	a = realpath(".", NULL);
	free(a);
	a = get_current_dir_name();
	free(a);
	a = NULL;
	must(argz_create_sep("one:two:three", ':', &a, &a_size) == 0);
	argz_add(&a, &a_size, "four");
	argz_replace(&a, &a_size, "two", "a longer word", NULL);
	argz_stringify(a, a_size, '+');
	say("%s\n", a);
	free(a);
	must(wordexp("a 'b c' $HOME", &words, 0) == 0 && words.we_wordc == 3);
	must(wordexp("more", &words, WRDE_APPEND) == 0 && words.we_wordc == 4);
	wordfree(&words);
	must(glob("/etc/host*", 0, NULL, &found) == 0);
	globfree(&found);
	must(regcomp(&expression, "(a|b)*c{2,5}[[:alpha:]]+", REG_EXTENDED) == 0);
	must(regexec(&expression, "ababcccx", 0, NULL, 0) == 0);
	regfree(&expression);
	n = scandir("/etc", &names, NULL, alphasort);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	setlocale(LC_ALL, "C.UTF-8");
	freelocale(duplocale(newlocale(LC_ALL_MASK, "C", NULL)));
	for (unsigned i = 0; i < 100; i++) {
		char name[30];

		snprintf(name, sizeof(name), "TORTURE_%u", i % 30);
		setenv(name, "a value that is long enough to be allocated", 1);
	}
	list = strdup("PUT=in place");
	putenv(list);
	list[4] = 'I';
	must(!strcmp(getenv("PUT"), "In place"));
	unsetenv("PUT");
	free(list);
	strings = malloc(3 * sizeof(*strings));
	free(strings);
	clearenv();
	say("given\n");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void trees_and_tables(void)
{
	struct hsearch_data table;
	ENTRY *found;
	void *root = NULL;

	memset(&table, 0, sizeof(table));
	must(hcreate_r(500, &table));
	for (unsigned i = 0; i < 400; i++) {
		char text[20];

		snprintf(text, sizeof(text), "%u", i * 7919 % 400);
		tsearch(strdup(text), &root, by_text);
		must(hsearch_r((ENTRY){ strdup(text), NULL }, ENTER, &found, &table));
	}
	for (unsigned i = 0; i < 400; i += 2) {
		char text[20], *key, **node;

		snprintf(text, sizeof(text), "%u", i);
		node = tfind(text, &root, by_text);
		key = *node;
		tdelete(text, &root, by_text);
		free(key);
		must(hsearch_r((ENTRY){ text, NULL }, FIND, &found, &table));
		free(found->key);
		found->key = strdup("gone");
	}
	tdestroy(root, free);
	hdestroy_r(&table);
	say("trees\n");
}

static jmp_buf out;
static unsigned comparisons;

static int leaves(const void *a, const void *b)
{
	if (++comparisons == 5000)
		longjmp(out, 1);
	return *(const int *)a - *(const int *)b;
}

/* qsort has allocated its room then, which nobody frees. */
static void left_sorting(void)
{
	int *numbers = malloc(100000 * sizeof(int));

	for (unsigned i = 0; i < 100000; i++)
		numbers[i] = (int)(i * 7919 % 100003);
	if (!setjmp(out))
		qsort(numbers, 100000, sizeof(int), leaves);
	qsort(numbers, 100000, sizeof(int), leaves);
	for (unsigned i = 1; i < 100000; i++)
		must(numbers[i - 1] <= numbers[i]);
	free(numbers);
	say("sorted\n");
}

static ssize_t cookie_leaves(void *cookie, char *buffer, size_t size)
{
	if ((*(unsigned *)cookie)++ == 3)
		longjmp(out, 1);
	memset(buffer, 'c', size);
	return (ssize_t)size;
}

static int prints_pair(FILE *f, const struct printf_info *info, const void *const *arguments)
{
	(void)info;
	return fprintf(f, "<%d>", **(const int *const *)arguments);
}

static int takes_one(const struct printf_info *info, size_t n, int *types, int *sizes)
{
	(void)info;
	(void)sizes;
	if (n > 0)
		types[0] = PA_INT;
	return 1;
}

static void streams_of_ones_own(void)
{
	static unsigned calls;
	FILE *f = fopencookie(&calls, "r", (cookie_io_functions_t){ .read = cookie_leaves });
	char *buffer = malloc(777), text[40];

	setvbuf(f, buffer, _IOFBF, 777);
	if (!setjmp(out))
		while (fgetc(f) != EOF)
			;
	say("calls %u\n", calls);
	must(fgetc(f) == 'c');
	fclose(f);
	free(buffer);
	f = fmemopen(NULL, 300, "w+");
	fprintf(f, "in memory %d", 5);
	rewind(f);
	must(fgets(text, sizeof(text), f) && !strcmp(text, "in memory 5"));
	fclose(f);
	register_printf_specifier('W', prints_pair, takes_one);
	snprintf(text, sizeof(text), "%W %s", 12, "after");
	say("%s\n", text);
	buffer = malloc(5000);
	setvbuf(stdout, buffer, _IOFBF, 5000);
	printf("buffered until exit\n"); /* exit writes it */
}

/* ---- statistics ------------------------------------------------------------------------------ */

static void statistics(void)
{
	struct mallinfo2 before = mallinfo2(), after;
	char *text = NULL, *p[100];
	size_t size = 0;
	FILE *f;

	for (unsigned i = 0; i < NR(p); i++)
		p[i] = malloc(10000);
	after = mallinfo2();
	must(after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + 1000000);
	for (unsigned i = 0; i < NR(p); i++)
		free(p[i]);
	after = mallinfo2();
	must(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + 1000000);
	must(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
	must(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1);
	must(mallopt(M_ARENA_MAX, 1) == 1);
	must(mallopt(M_TOP_PAD, 1 << 16) == 1);
	must(mallopt(M_PERTURB, 0x55) == 1);
	malloc_trim(0);
	f = open_memstream(&text, &size);
	must(malloc_info(0, f) == 0);
	fclose(f);
	must(!strncmp(text, "<malloc version=", 16) && strstr(text, "</malloc>"));
	free(text);
	must(malloc_info(1, stdout) == EINVAL);
	say("statistics\n");
}

/* ---- odd address spaces ---------------------------------------------------------------------- */

static void then_works(void)
{
	char *p = malloc(3 << 20);

	must(p != NULL);
	memset(p, 1, 3 << 20);
	free(p);
	churn(2000, 3);
	say("works\n");
}

static void with_personality(const char *what, unsigned long flags)
{
	pid_t child = fork();

	if (child == 0) {
		if (personality((unsigned long)personality(0xffffffff) | flags) < 0)
			_exit(1);
		execl(torture_self, torture_self, "then_works", (char *)NULL);
		_exit(1);
	}
	reap(what, child);
}

static void personalities(void)
{
	with_personality("no randomization", ADDR_NO_RANDOMIZE);
	with_personality("bottom up", ADDR_COMPAT_LAYOUT);
	with_personality("bottom up, not random", ADDR_COMPAT_LAYOUT | ADDR_NO_RANDOMIZE);
	with_personality("all is code", READ_IMPLIES_EXEC);
	with_personality("page 0", MMAP_PAGE_ZERO);
	with_personality("sticky timeouts", STICKY_TIMEOUTS);
}

static void stack_without_limit(void)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	pid_t child = fork();

	if (child == 0) {
		if (setrlimit(RLIMIT_STACK, &none) != 0)
			_exit(SKIPPED);
		execl(torture_self, torture_self, "then_uses_stack", (char *)NULL);
		_exit(1);
	}
	reap("unlimited", child);
}

__attribute__((noinline)) static unsigned deep(unsigned n)
{
	volatile char frame[100000];

	frame[0] = frame[sizeof(frame) - 1] = (char)n;
	return n ? deep(n - 1) + (unsigned)(frame[0] == (char)n) : 0;
}

static void *in_thread(void *unused)
{
	char *volatile big = __builtin_alloca(200 << 20);

	for (size_t i = 0; i < 200 << 20; i += 1 << 20)
		big[i] = 1;
	churn(100, 1);
	return unused;
}

static void then_uses_stack(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	say("deep %u\n", deep(2000)); /* 200 MB */
	churn(1000, 2);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 4ul << 30);
	must(pthread_create(&thread, &attributes, in_thread, NULL) == 0);
	pthread_join(thread, NULL);
	say("stacks\n");
}

/* What JITs and runtimes reserve for cages, heaps and shadow memory of their own. */
static void large_reserves(void)
{
	static const unsigned long sizes[] = { 1ul << 40, 1ul << 43, 1ul << 44, 1ul << 45 };
	void *kept[NR(sizes)];

	for (unsigned i = 0; i < NR(sizes); i++) {
		kept[i] = mmap(NULL, sizes[i], PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		must(kept[i] != MAP_FAILED);
		churn(500, i);
	}
	for (unsigned i = 0; i < NR(sizes); i++)
		must(munmap(kept[i], sizes[i]) == 0);
	for (uintptr_t at = 0x10000; at < 1ul << 31; at *= 4) {
		char *p = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
		               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (p == MAP_FAILED) {
			say("%lx: %s\n", (unsigned long)at, strerror(errno));
		} else {
			p[0] = 1;
			churn(50, 1);
			munmap(p, PAGE);
		}
	}
	for (unsigned i = 0; i < 1000; i++) {
		char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

		must(p != MAP_FAILED && (uintptr_t)p < 1ul << 31);
		p[i] = 1;
	}
	churn(500, 4);
	say("reserved\n");
}

static void named_memory(void)
{
	char *p = memalign(PAGE, 16 * PAGE);

	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, 16 * PAGE, "torture");
	memset(p, 1, 16 * PAGE);
	p = realloc(p, 100 * PAGE);
	memset(p, 2, 100 * PAGE);
	free(p);
	churn(500, 9);
	say("named\n");
}

/* ---- the heap by other ways ------------------------------------------------------------------ */

static void own_memory_by_calls(void)
{
	char *from = malloc(5000), *to = malloc(5000);
	struct iovec local = { to, 5000 }, remote = { from, 5000 };
	int fd = open("/proc/self/mem", O_RDWR), pipe_ends[2];

	memset(from, 'f', 5000);
	must(process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 5000);
	must(!memcmp(from, to, 5000));
	memset(to, 't', 5000);
	must(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == 5000);
	must(!memcmp(from, to, 5000));
	must(pwrite(fd, "through mem", 12, (off_t)(uintptr_t)from) == 12);
	must(!strcmp(from, "through mem"));
	must(pread(fd, to, 12, (off_t)(uintptr_t)from) == 12 && !strcmp(to, "through mem"));
	close(fd);
	must(pipe(pipe_ends) == 0);
	must(vmsplice(pipe_ends[1], &remote, 1, 0) == 5000);
	must(read(pipe_ends[0], to, 5000) == 5000 && !memcmp(from, to, 5000));
	free(from);
	free(to);
	say("by calls\n");
}

/* The object's last owner frees it as soon as it has the lock that another thread is about to leave. */
struct counted {
	pthread_mutex_t lock;
	sem_t done;
	unsigned users;
	char text[100];
};

static void *leaves_object(void *at)
{
	struct counted *c = at;
	bool last;

	pthread_mutex_lock(&c->lock);
	c->text[0]++;
	last = --c->users == 0;
	pthread_mutex_unlock(&c->lock);
	if (last) {
		pthread_mutex_destroy(&c->lock);
		free(c);
	}
	return NULL;
}

static void *posts(void *at)
{
	sem_post(&((struct counted *)at)->done);
	return NULL;
}

static void locks_in_freed_objects(void)
{
	for (unsigned i = 0; i < 100; i++) {
		struct counted *c = calloc(1, sizeof(*c));
		pthread_t threads[3], poster;

		pthread_mutex_init(&c->lock, NULL);
		sem_init(&c->done, 0, 0);
		pthread_create(&poster, NULL, posts, c);
		sem_wait(&c->done);
		sem_destroy(&c->done);
		pthread_join(poster, NULL);
		c->users = NR(threads);
		for (unsigned t = 0; t < NR(threads); t++)
			pthread_create(&threads[t], NULL, leaves_object, c);
		for (unsigned t = 0; t < NR(threads); t++)
			pthread_join(threads[t], NULL);
	}
	say("counted\n");
}

/* ---- hooks of the program's ------------------------------------------------------------------ */

static unsigned hooked;

static void *hooked_malloc(size_t size)
{
	static void *(*next)(size_t);

	if (!next)
		next = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
	hooked++;
	return next(size);
}

static int patch_module(struct dl_phdr_info *info, size_t size, void *unused)
{
	const ElfW(Dyn) *d = NULL;
	const ElfW(Sym) *symbols = NULL;
	const ElfW(Rela) *relocations = NULL;
	const char *strings = NULL;
	size_t bytes = 0;

	(void)size;
	(void)unused;
	if (info->dlpi_name[0])
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			d = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (const ElfW(Sym) *)d->d_un.d_ptr;
		if (d->d_tag == DT_STRTAB)
			strings = (const char *)d->d_un.d_ptr;
		if (d->d_tag == DT_JMPREL)
			relocations = (const ElfW(Rela) *)d->d_un.d_ptr;
		if (d->d_tag == DT_PLTRELSZ)
			bytes = d->d_un.d_val;
	}
	for (size_t i = 0; i < bytes / sizeof(*relocations); i++) {
		void **slot = (void **)(info->dlpi_addr + relocations[i].r_offset);

		if (strcmp(strings + symbols[ELF64_R_SYM(relocations[i].r_info)].st_name, "malloc"))
			continue;
		mprotect((void *)((uintptr_t)slot & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE);
		*slot = (void *)hooked_malloc;
	}
	return 1;
}

/* Profilers put their functions into a program's table of imported functions while it runs. */
static void imported_functions_replaced(void)
{
	void *volatile p = malloc(1);

	free(p);
	dl_iterate_phdr(patch_module, NULL);
	for (unsigned i = 0; i < 10; i++) {
		p = malloc(i);
		free(p);
	}
	say("hooked %u\n", hooked);
}

/* ---- the stack ------------------------------------------------------------------------------- */

static sigjmp_buf back;
static volatile unsigned overflows;

static void on_overflow(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	overflows++;
	siglongjmp(back, 1);
}

__attribute__((noinline)) static unsigned endless(volatile char *above)
{
	volatile char frame[1000];

	frame[0] = above[0];
	return endless(frame) + (unsigned)frame[0];
}

static void overflow(unsigned flags, void *stack)
{
	struct sigaction action = { .sa_sigaction = on_overflow, .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | flags) };
	stack_t there = { .ss_sp = stack, .ss_size = 65536 };
	volatile char start = 0;

	must(sigaltstack(&there, NULL) == 0);
	must(sigaction(SIGSEGV, &action, NULL) == 0);
	for (volatile unsigned i = 0; i < 3; i++)
		if (!sigsetjmp(back, 1))
			say("%u\n", endless(&start));
}

static void *overflow_in_thread(void *unused)
{
	char *stack = malloc(65536);
	stack_t none = { .ss_flags = SS_DISABLE };

	overflow(SA_NODEFER, stack);
	sigaltstack(&none, NULL);
	free(stack);
	return unused;
}

/* Interpreters (libsigsegv, OCaml, Rust) recover from a stack overflow again and again. */
static void recovered_overflows(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };
	char *stack = malloc(65536);
	pthread_t thread;

	overflow(0, stack);
	overflow(SA_NODEFER, stack);
	sigaltstack(&none, NULL);
	free(stack);
	for (unsigned i = 0; i < 2; i++) {
		must(pthread_create(&thread, NULL, overflow_in_thread, NULL) == 0);
		pthread_join(thread, NULL);
	}
	churn(500, 8);
	say("overflows %u\n", overflows);
}

static ucontext_t contexts[3];
static unsigned turns;

static void turn(void)
{
	for (unsigned i = 0; i < 300; i++) {
		char *p = malloc(i * 10 + 1);

		memset(p, 'c', i * 10 + 1);
		turns++;
		swapcontext(&contexts[1 + turns % 2], &contexts[1 + (turns + 1) % 2]);
		free(p);
	}
	setcontext(&contexts[0]);
}

static void contexts_on_heap_stacks(void)
{
	char *stacks[3] = { NULL, malloc(20000), memalign(64, 20000) };
	volatile bool started = false;

	for (unsigned i = 1; i < 3; i++) {
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = stacks[i];
		contexts[i].uc_stack.ss_size = 20000;
		contexts[i].uc_link = &contexts[0];
		makecontext(&contexts[i], turn, 0);
	}
	getcontext(&contexts[0]);
	if (!started) {
		started = true;
		setcontext(&contexts[1]);
	}
	free(stacks[1]);
	free(stacks[2]);
	say("turns %u\n", turns);
}

/* ---- faults that programs live with ---------------------------------------------------------- */

static char *lazy;
static volatile unsigned served;

static void on_lazy(int sig, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE - 1);

	(void)sig;
	(void)context;
	if (page - (uintptr_t)lazy >= 64 * PAGE)
		_exit(9);
	served++;
	mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
}

/* Memory that a handler opens page by page, touched by code, by libc and by the kernel. */
static void lazy_memory(void)
{
	struct sigaction action = { .sa_sigaction = on_lazy, .sa_flags = SA_SIGINFO };
	char *text = malloc(10 * PAGE), *heap;

	sigaction(SIGSEGV, &action, NULL);
	lazy = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(text, 't', 10 * PAGE);
	lazy[3 * PAGE] = 1;
	memcpy(lazy + 10 * PAGE + 5, text, 5 * PAGE);
	memset(lazy + 20 * PAGE, 1, 3 * PAGE);
	lazy[30 * PAGE - 1] = 'e';
	must(strlen(lazy + 30 * PAGE - 1) == 1);
	munmap(lazy, 64 * PAGE);
	heap = lazy = memalign(PAGE, 64 * PAGE);
	mprotect(lazy, 64 * PAGE, PROT_NONE);
	for (unsigned i = 0; i < 64; i++)
		lazy[i * PAGE + i] = 1;
	memmove(lazy + PAGE, lazy, 60 * PAGE);
	free(heap);
	free(text);
	say("served %u\n", served);
}

static void on_null(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	must(info->si_addr == NULL || (uintptr_t)info->si_addr == 8);
	served++;
	/* The virtual machine's own table of exceptions: from each faulting place to its handler. */
	uc->uc_mcontext.gregs[REG_RIP] = uc->uc_mcontext.gregs[REG_R12];
}

__attribute__((noinline)) static int load_checked(const int *p)
{
	register uintptr_t handler __asm__("r12");
	int value;

	__asm__ volatile("lea 1f(%%rip), %0\n\tmov (%2), %1\n\tjmp 2f\n1:\tmov $-1, %1\n2:"
	                 : "=&r"(handler), "=&r"(value)
	                 : "r"(p)
	                 : "memory");
	return value;
}

/* Java, Mono and wasm runtimes turn a null access into an exception by moving the program counter. */
static void null_checks_by_handler(void)
{
	struct sigaction action = { .sa_sigaction = on_null, .sa_flags = SA_SIGINFO | SA_NODEFER };
	int value = 5, sum = 0;

	sigaction(SIGSEGV, &action, NULL);
	for (unsigned i = 0; i < 200; i++)
		sum += load_checked(i % 3 ? &value : i % 2 ? NULL : (int *)8);
	say("sum %d, served %u\n", sum, served);
}

/* ---- the process ----------------------------------------------------------------------------- */

/* setproctitle: the arguments and the environment are overwritten with the title, after the environment was moved. */
static void title_over_environment(void)
{
	char **moved, *start = torture_arguments[-1], *end = start;
	size_t n = 0, at = 0;
	pid_t child;

	for (char **e = environ; *e; e++, n++)
		if (*e + strlen(*e) + 1 > end)
			end = *e + strlen(*e) + 1;
	moved = malloc((n + 1) * sizeof(*moved));
	for (; at < n; at++)
		moved[at] = strdup(environ[at]);
	moved[n] = NULL;
	environ = moved;
	memset(start, 'x', (size_t)(end - start));
	end[-1] = 0;
	churn(500, 1);
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", torture_self, "then_works", (char *)NULL);
		_exit(1);
	}
	reap("titled", child);
	setenv("AFTER", "title", 1);
	for (at = 0; environ[at]; at++)
		;
	must(at == n + 1);
	say("%s\n", getenv("AFTER"));
}

static void not_dumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	must(prctl(PR_GET_DUMPABLE) == 0);
	churn(500, 1);
	reap("child", fork() ?: (churn(100, 2), _exit(0), 0));
	say("quiet\n");
}

static void nothing_left(void)
{
	char *p = malloc(10);
	pid_t child = fork();

	if (child == 0) {
		clearenv();
		for (int fd = 3; fd < 100; fd++)
			close(fd);
		close(0);
		chdir("/proc/self");
		execve(torture_self, (char *[]){ (char *)torture_self, "then_works", NULL }, environ);
		_exit(1);
	}
	reap("bare", child);
	free(p);
}

static void on_tick(int sig)
{
	(void)sig;
	served++;
}

/* A profiler's timer that comes at every moment of malloc and free. */
static void ticks_everywhere(void)
{
	struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };

	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &often, NULL);
	while (served < 30)
		churn(500, served);
	setitimer(ITIMER_PROF, &never, NULL);
	say("ticked\n");
}

static void on_completion(union sigval value)
{
	sem_post(value.sival_ptr);
}

static void requests_of_libc(void)
{
	struct aiocb *request = calloc(1, sizeof(*request));
	int fd = open("/proc/self/exe", O_RDONLY);
	char *buffer = malloc(10000);
	sem_t done;

	sem_init(&done, 0, 0);
	request->aio_fildes = fd;
	request->aio_buf = buffer;
	request->aio_nbytes = 10000;
	request->aio_sigevent.sigev_notify = SIGEV_THREAD;
	request->aio_sigevent.sigev_notify_function = on_completion;
	request->aio_sigevent.sigev_value.sival_ptr = &done;
	for (unsigned i = 0; i < 10; i++) {
		must(aio_read(request) == 0);
		while (sem_wait(&done) != 0)
			;
		must(aio_error(request) == 0 && aio_return(request) == 10000);
		must(!memcmp(buffer, ELFMAG, SELFMAG));
		memset(buffer, 0, 10000);
	}
	free(buffer);
	free(request);
	close(fd);
	say("read\n");
}

static unsigned handlers_run;

static void another_handler(void)
{
	handlers_run++;
	if (handlers_run < 60)
		atexit(another_handler);
	free(malloc(handlers_run * 100));
	if (handlers_run == 50)
		exit(21); /* from a handler: the rest goes on with this status */
	if (handlers_run == 60)
		say("handlers %u\n", handlers_run);
}

static void exit_from_handlers(void)
{
	for (unsigned i = 0; i < 40; i++)
		atexit(another_handler);
	exit(1);
}

static void on_abort(int sig)
{
	(void)sig;
	longjmp(out, 1);
}

static void left_abort(void)
{
	signal(SIGABRT, on_abort);
	if (!setjmp(out))
		abort();
	churn(300, 5);
	signal(SIGABRT, SIG_IGN);
	say("goes on\n");
	abort();
}

/* Memory made by one thread is freed by others, which have ended when its maker goes on. */
static void *frees_all(void *at)
{
	char **p = at;

	for (unsigned i = 0; i < 3000; i++)
		free(p[i]);
	return malloc(50);
}

static void freed_by_others(void)
{
	static char *p[3000];
	void *left;

	for (unsigned round = 0; round < 10; round++) {
		pthread_t thread;

		for (unsigned i = 0; i < NR(p); i++) {
			p[i] = malloc(i % 500);
			memset(p[i], 1, i % 500);
		}
		pthread_create(&thread, NULL, frees_all, p);
		pthread_join(thread, &left);
		free(left);
	}
	say("freed\n");
}

const struct torture_case torture_cases[] = {
	{ "usable_bytes_are_used", usable_bytes_are_used },
	{ "tagged_pointers", tagged_pointers },
	{ "xored_list", xored_list },
	{ "errors_of_requests", errors_of_requests },
	{ "realloc_back_and_forth", realloc_back_and_forth },
	{ "aligned_under_limit", aligned_under_limit },
	{ "sbrk_beside_malloc", sbrk_beside_malloc },
	{ "allocator_over_malloc", allocator_over_malloc },
	{ "obstacks", obstacks },
	{ "conservative_collector", conservative_collector },
	{ "libc_gives_memory", libc_gives_memory },
	{ "trees_and_tables", trees_and_tables },
	{ "left_sorting", left_sorting },
	{ "streams_of_ones_own", streams_of_ones_own },
	{ "statistics", statistics },
	{ "then_works", then_works },
	{ "personalities", personalities },
	{ "stack_without_limit", stack_without_limit },
	{ "then_uses_stack", then_uses_stack },
	{ "large_reserves", large_reserves },
	{ "named_memory", named_memory },
	{ "own_memory_by_calls", own_memory_by_calls },
	{ "locks_in_freed_objects", locks_in_freed_objects },
	{ "imported_functions_replaced", imported_functions_replaced },
	{ "recovered_overflows", recovered_overflows },
	{ "contexts_on_heap_stacks", contexts_on_heap_stacks },
	{ "lazy_memory", lazy_memory },
	{ "null_checks_by_handler", null_checks_by_handler },
	{ "title_over_environment", title_over_environment },
	{ "not_dumpable", not_dumpable },
	{ "nothing_left", nothing_left },
	{ "ticks_everywhere", ticks_everywhere },
	{ "requests_of_libc", requests_of_libc },
	{ "exit_from_handlers", exit_from_handlers },
	{ "left_abort", left_abort },
	{ "freed_by_others", freed_by_others },
	{ NULL, NULL },
};
