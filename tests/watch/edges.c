/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/edges.c - code that is hard to watch, each way by its name:
 *
 *     cold       a function's cold part jumps back into its middle, where a jump has no room; behind that a bad read
 *     aligned    a vector is read at its aligned address, over the object's end: allowed
 *     unaligned  the same with an instruction that takes any address: a bug
 *     loop       a function begins with a short jump over padding, into its loop; there is a bad read
 *     rep        ten bytes are filled by rep stos: allowed; and then eleven: a bug
 *     hot        a bad read is made a million times; prints whether that has taken seconds
 *     table      a function has a jump table and constants among its instructions; prints 10 numbers
 *     gap        has memsan closed a small gap between large mappings?  0: yes */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LARGE ((size_t)4 << 30)
#define SMALL ((size_t)64 << 12)

int read_behind(const char *p, int way, void (*between)(void));

__asm__(".pushsection .text\n"
        ".globl read_behind\n"
        ".type read_behind, @function\n"
        "read_behind:\n"
        ".cfi_startproc\n"
        "	pushq %rbx\n"
        "	.cfi_adjust_cfa_offset 8\n"
        "	.cfi_offset %rbx, -16\n"
        "	movq %rdi, %rbx\n"
        "	testl %esi, %esi\n"
        "	.byte 0x0f, 0x84\n" /* je read_cold, with 32 bits */
        "	.long read_cold - . - 4\n"
        "	call *%rdx\n"
        "1:	movl %esi, %eax\n"
        "	call *%rdx\n"
        "	movsbl 10(%rbx), %eax\n"
        "	popq %rbx\n"
        "	.cfi_adjust_cfa_offset -8\n"
        "	ret\n"
        ".cfi_endproc\n"
        ".size read_behind, . - read_behind\n"
        "	.fill 256, 1, 0x90\n"
        ".type read_cold, @function\n"
        "read_cold:\n"
        ".cfi_startproc\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbx, -16\n"
        "	leaq -1(%rsi), %rsi\n"
        "	.byte 0xe9\n"
        "	.long 1b - . - 4\n"
        ".cfi_endproc\n"
        ".size read_cold, . - read_cold\n"
        ".popsection\n");

int read_loop(const char *p, int n);

__asm__(".pushsection .text\n"
        ".globl read_loop\n"
        ".type read_loop, @function\n"
        ".p2align 4\n"
        "read_loop:\n"
        ".cfi_startproc\n"
        "	jmp 2f\n"
        "	nopw 0(%rax,%rax,1)\n"
        "1:	incq %rdi\n"
        "2:	movsbl (%rdi), %eax\n"
        "	decl %esi\n"
        "	jns 1b\n"
        "	ret\n"
        ".cfi_endproc\n"
        ".size read_loop, . - read_loop\n"
        ".popsection\n");

static void fill(char *p, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(1) : "memory");
}

long jump_by_table(const long *p, long i);

__asm__(".pushsection .text\n"
        "constants: .quad 5, 7, 11, 13\n"
        ".globl jump_by_table\n"
        ".type jump_by_table, @function\n"
        "jump_by_table:\n"
        ".cfi_startproc\n"
        "	leaq 9f(%rip), %rdx\n"
        "	movslq (%rdx,%rsi,4), %rax\n"
        "	addq %rdx, %rax\n"
        "	jmp *%rax\n"
        "	.p2align 2\n"
        "9:	.long 3f - 9b, 4f - 9b, 5f - 9b, 6f - 9b\n"
        "3:	movq (%rdi), %rax\n"
        "	ret\n"
        "4:	movq 8(%rdi), %rax\n"
        "	addq constants(%rip), %rax\n"
        "	ret\n"
        "5:	movq 16(%rdi), %rax\n"
        "	imulq constants+8(%rip), %rax\n"
        "	ret\n"
        "6:	leaq constants(%rip), %rdx\n"
        "	movq 24(%rdx), %rax\n"
        "	addq 24(%rdi), %rax\n"
        "	ret\n"
        ".cfi_endproc\n"
        ".size jump_by_table, . - jump_by_table\n"
        ".popsection\n");

static const char *speed(const volatile char *p)
{
	for (int i = 0; i < 1000000; i++)
		(void)p[10];
	return clock() > 5 * CLOCKS_PER_SEC ? "slow" : "fast";
}

static void between(void)
{
}

static int is_closed(void)
{
	char *p = mmap(NULL, 2 * LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED || munmap(p + LARGE, SMALL) != 0)
		return 0;
	dlopen("libm.so.6", RTLD_NOW);
	return mmap(p + LARGE, SMALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != p + LARGE;
}

int main(int argc, char **argv)
{
	char *p = malloc(10);
	const char *way = argc > 1 ? argv[1] : "";

	memset(p, 0, 10);
	if (strcmp(way, "cold") == 0)
		read_behind(p, argc - 2, between);
	else if (strcmp(way, "loop") == 0)
		read_loop(p, 10);
	else if (strcmp(way, "table") == 0)
		for (int i = 0; i < 10; i++)
			printf("%ld ", jump_by_table((long[]){ 1, 2, 3, 4 }, i % 4));
	else if (strcmp(way, "hot") == 0)
		puts(speed(p));
	else if (strcmp(way, "rep") == 0)
		for (size_t n = 0; n <= 11; n++)
			fill(p, n);
	else if (strcmp(way, "aligned") == 0)
		__asm__ volatile("movdqa (%0), %%xmm0" : : "r"((uintptr_t)p & ~15ul) : "xmm0", "memory");
	else if (strcmp(way, "unaligned") == 0)
		__asm__ volatile("movdqu (%0), %%xmm0" : : "r"(p) : "xmm0", "memory");
	else
		return !is_closed();
	return 0;
}
