/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/shared.c - an interpreter like php's: a row of calls, and behind each one the same short jump through
 * memory, to which no other code leaves room.  `shared ROW …` executes these rows; then the program's list of them
 * ends, and the jump behind the last one reads over the list's end.  Prints the row in which this jump then fails. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#define NR_ROWS 60

void interpret(const void *const *program);
extern const char rows[];
extern const void *const row_table[NR_ROWS];

__asm__(".text\n"
        ".type step, @function\n"
        "step:\n"
        ".cfi_startproc\n"
        "add $8, %r15\n"
        "nopl 0(%rax)\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size step, . - step\n"
        ".type interpret, @function\n"
        ".globl interpret\n"
        "interpret:\n"
        ".cfi_startproc\n"
        "push %r15\n.cfi_adjust_cfa_offset 8\n"
        "push %rbx\n.cfi_adjust_cfa_offset 8\n"
        "mov %rdi, %r15\n"
        "lea row_table(%rip), %rax\n"
        "lea rows(%rip), %rbx\n" /* for who reads the report */
        "jmp *(%r15)\n"
        "rows:\n"
        ".rept 60\n"
        "call step\n"
        "jmp *(%r15)\n"
        ".endr\n"
        "call step\n"
        "nopl 0(%rax,%rax)\n"
        "pop %rbx\n.cfi_adjust_cfa_offset -8\n"
        "pop %r15\n.cfi_adjust_cfa_offset -8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size interpret, . - interpret\n"
        ".section .data.rel.ro, \"aw\"\n"
        ".globl row_table\n"
        "row_table:\n"
        ".set i, 0\n"
        ".rept 60\n"
        ".quad rows + 8 * i\n"
        ".set i, i + 1\n"
        ".endr\n"
        ".text\n");

static void on_fault(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *c = context;
	char text[64];
	int n = snprintf(text, sizeof(text), "signal %d in row %ld\n", signo,
	                 (long)(c->uc_mcontext.gregs[REG_RIP] - (long)rows) / 8);

	(void)info;
	_exit(write(1, text, (size_t)n) != n);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	const void **program = malloc((size_t)argc * 8 - 8);

	sigaction(SIGSEGV, &action, NULL);
	for (int i = 1; i < argc; i++)
		program[i - 1] = row_table[atoi(argv[i])];
	interpret(program);
	return 1;
}
