/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/stub.h - the jump at a function's entry, the stub that it leads to, and changes of running code. */
#ifndef MEMSAN_WATCH_STUB_H
#define MEMSAN_WATCH_STUB_H

#include "lib/lib.h"

#define INT3 0xcc
#define STUB_JUMP 5 /* bytes of the jump that an entry gets */
#define STUB_SIZE 32
#define STUB_SLOT 24     /* where a stub keeps the address that it leads to */
#define STUB_RETURN 16   /* where the thunk returns to */
#define STUB_FAR_JUMP 14 /* bytes of a jump to any address */

/* For assembly: the flags in eax come back by std, sahf and an addition that sets the overflow flag; changes eax and
 * ecx. popfq takes ten times as long. And when a debugger steps over one, the kernel takes the trap flag for the
 * program's own from then on, and leaves it set when the debugger goes: the program would die. */
#define STUB_FLAGS_BACK       \
	"	test $0x400,%eax\n" \
	"	jz 77f\n"           \
	"	std\n"              \
	"77:	mov %eax,%ecx\n" \
	"	shr $11,%eax\n"     \
	"	and $1,%eax\n"      \
	"	mov %cl,%ah\n"      \
	"	add $0x7f,%al\n"    \
	"	sahf\n"

/* Writes a stub, which runs at the address where it is written. Until stub_lead, each call through it calls `thunk` (a
 * far jump to stub_enter) first. */
void stub_write(uint8_t *stub, uintptr_t thunk);
/* From now on the stub leads to `to`. Other threads may be in the stub. */
void stub_lead(uint8_t *stub, uintptr_t to);
/* A jump to any address, which changes no register. */
void stub_write_far_jump(uint8_t *code, uintptr_t to);
/* The jump of STUB_JUMP bytes from pc to `to`. False: too far. */
bool stub_write_jump(uint8_t *code, uintptr_t pc, uintptr_t to);
/* Where stub_write_far_jump leads to in a stub. It calls watch_first_call with the address behind its call. */
extern const char stub_enter[] __attribute__((visibility("hidden")));
void watch_first_call(uintptr_t stub_return);
/* How far the stack pointer is below that of the interrupted code, when a signal came at this offset in a stub. */
uintptr_t stub_stack_used(size_t offset);

/* Other threads may run these bytes of code meanwhile. */
/* The jump at `code` leads to `to` from now on. False: that cannot be done in one step, and nothing has changed. */
bool stub_redirect(uint8_t *code, uintptr_t to);
/* Puts STUB_JUMP other bytes in place of a jump. */
void stub_replace(uint8_t *code, const uint8_t *bytes);
/* Once, before the first such change. */
void stub_prepare(void);

#endif
