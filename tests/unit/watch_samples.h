/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/watch_samples.h - functions for test_watch_copy, compiled at several levels (watch_samples.c). */
#ifndef MEMSAN_TESTS_WATCH_SAMPLES_H
#define MEMSAN_TESTS_WATCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_SIZE 4096

/* Reads and changes the arena; x makes calls differ. */
typedef uint64_t sample_function(uint8_t *arena, uint64_t x);

struct sample {
	const char *name, *level;
	sample_function *function;
	const uint8_t *start, *end;
};

#define LEVELS(X) X(O0) X(O1) X(O2) X(O3) X(Os) X(AVX2) X(FRAME)
#define NAMES(X)          \
	X(sum_ints)       \
	X(scan_string)    \
	X(switch_table)   \
	X(walk_list)      \
	X(recurse)        \
	X(copy_structs)   \
	X(matrix)         \
	X(call_pointers)  \
	X(sort_array)     \
	X(atomics)        \
	X(computed_goto)  \
	X(long_doubles)   \
	X(tail_call)      \
	X(strings_rep)    \
	X(variadic)       \
	X(wide_math)      \
	X(flags_live)     \
	X(stack_operands) \
	X(odd_branches)   \
	X(jump_back)      \
	X(bytes_and_bits) \
	X(many_locals)

#define DECLARE_LEVEL(level) extern const struct sample samples_##level[];
LEVELS(DECLARE_LEVEL)

#endif
