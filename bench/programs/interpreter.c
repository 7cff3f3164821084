/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/interpreter.c - a byte code interpreter with a local array as stack: branches, small loads and stores.
 *
 * interpreter N: runs a program that counts and sums the primes below N, by trial division. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum op { PUSH, LOAD, STORE, ADD, MUL, MOD, LESS, JUMP_IF_NOT, JUMP, PRINT, STOP };

struct code {
	uint8_t op;
	int32_t arg;
};

/* v0: candidate, v1: divisor, v2: primes seen, v3: their sum */
/* Formatted by hand: each line is a step of the program. */
// clang-format off
static const struct code program[] = {
	{ PUSH, 2 }, { STORE, 0 },
	{ LOAD, 0 }, { LOAD, 7 }, { LESS, 0 }, { JUMP_IF_NOT, 38 },      /* 2: while v0 < N */
	{ PUSH, 2 }, { STORE, 1 },
	{ LOAD, 0 }, { LOAD, 1 }, { LOAD, 1 }, { MUL, 0 },               /* 8: v0 < v1 * v1: prime */
	{ LESS, 0 }, { JUMP_IF_NOT, 15 }, { JUMP, 25 },
	{ LOAD, 0 }, { LOAD, 1 }, { MOD, 0 }, { JUMP_IF_NOT, 33 },       /* 15: v0 % v1 == 0: none */
	{ LOAD, 1 }, { PUSH, 1 }, { ADD, 0 }, { STORE, 1 }, { JUMP, 8 }, { STOP, 0 },
	{ LOAD, 2 }, { PUSH, 1 }, { ADD, 0 }, { STORE, 2 },              /* 25 */
	{ LOAD, 3 }, { LOAD, 0 }, { ADD, 0 }, { STORE, 3 },
	{ LOAD, 0 }, { PUSH, 1 }, { ADD, 0 }, { STORE, 0 }, { JUMP, 2 }, /* 33 */
	{ LOAD, 2 }, { PRINT, 0 }, { LOAD, 3 }, { PRINT, 0 },            /* 38 */
	{ STOP, 0 },
};
// clang-format on

static void run(const struct code *code, int64_t limit)
{
	int64_t stack[32], vars[8] = { 0 };
	int top = 0, at = 0;

	vars[7] = limit;
	for (;;) {
		struct code c = code[at++];
		switch (c.op) {
		case PUSH:
			stack[top++] = c.arg;
			break;
		case LOAD:
			stack[top++] = vars[c.arg];
			break;
		case STORE:
			vars[c.arg] = stack[--top];
			break;
		case ADD:
			top--;
			stack[top - 1] += stack[top];
			break;
		case MUL:
			top--;
			stack[top - 1] *= stack[top];
			break;
		case MOD:
			top--;
			stack[top - 1] %= stack[top];
			break;
		case LESS:
			top--;
			stack[top - 1] = stack[top - 1] < stack[top];
			break;
		case JUMP_IF_NOT:
			if (!stack[--top])
				at = c.arg;
			break;
		case JUMP:
			at = c.arg;
			break;
		case PRINT:
			printf("%lld\n", (long long)stack[--top]);
			break;
		default:
			return;
		}
	}
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 200000;
	struct code *code = malloc(sizeof(program));

	for (size_t i = 0; i < sizeof(program) / sizeof(program[0]); i++)
		code[i] = program[i];
	run(code, n);
	free(code);
	return 0;
}
