/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_internal.h - shared between the files that copy a function.
 *
 *   copy.c         the order of the steps
 *   copy_job.c     what all of them use
 *   copy_flow.c    instructions, their targets, the places where control may arrive from outside
 *   copy_live.c    which registers and flags are free where
 *   copy_check.c   which accesses are checked, and which one check serves several
 *   copy_spring.c  springboards in the original text
 *   copy_emit.c    the copy itself
 *   copy_map.c     from a place in the copy back to the original
 *   copy_slow.c    what a check does that fails its first test
 *   encode.h       the few instructions that the copier writes by itself
 */
#ifndef MEMSAN_WATCH_COPY_INTERNAL_H
#define MEMSAN_WATCH_COPY_INTERNAL_H

#include "watch/arch/x86_64/insn.h"
#include "watch/copy.h"

#define NO_NODE 0xffffffffu
#define JMP_SIZE 5u       /* jmp rel32 */
#define SHORT_JMP_SIZE 2u /* jmp rel8 */
#define RED_ZONE 128      /* bytes below rsp that a leaf function may use */

/* One instruction of the function. */
struct node {
	uint32_t offset; /* in the function */
	uint32_t copy;   /* in the code: what runs first, its checks */
	uint32_t body;   /* in the code: the instruction */
	uint32_t target; /* node to which it jumps, within the function; or NO_NODE */
	uint32_t group;  /* its first check: number in `groups` + 1; or 0 */
	int32_t disp;
	uint16_t size; /* of the access to check; 0: none */
	uint8_t base, index, scale, access;
	uint8_t length, flow;
	uint16_t live, flags_live; /* before the instruction */
	uint16_t reads, writes, kills;
	uint16_t flags_read, flags_written, flags_dead;
	bool is_target : 1;       /* a direct jump within the function leads here */
	bool place : 1;           /* control may arrive here from outside of the copy */
	bool entry : 1;           /* a place whose springboard the caller wrote */
	bool seen : 1;            /* copy_spring.c */
	bool table_target : 1;    /* of an indirect jump, or of a pointer in data */
	bool sprung : 1;          /* a springboard starts here, or none is needed */
	bool aligned : 1;         /* a vector load that faults unless its address is aligned */
	bool string : 1;          /* movs, cmps, stos, lods, scas */
	bool masked : 1;          /* some elements of its vector (insn.elements) */
	bool gathered : 1;        /* gather, scatter: elements at several addresses; `string` as well: always slow */
	bool far : 1;             /* bt with a register, xlat, fxsave and its like; `string` as well */
	bool nop : 1;             /* left out of the copy */
	bool movable : 1;         /* copied as it is */
	bool names_address : 1;   /* it may make the address of a table: rip-relative, absolute, a large immediate */
	bool call_moved : 1;      /* the call is made from the copy, as its bytes were overwritten */
	bool covered : 1;         /* by another access's check */
	bool undefined_after : 1; /* cannot be reached by falling through */
	bool synchronizes : 1;    /* with other threads: what they have freed may be seen from here on */
	bool shared : 1;          /* other places that do the same lead here */
	bool flags_kept : 1;      /* flags that it sets may be meant for the caller */
};

/* One access that a check serves. */
struct member {
	int32_t disp;
	uint32_t node;
};

/* One check: [low, high] are the first and the last byte that it tests, relative to base + index * scale. */
struct group {
	uint32_t at; /* the node in front of which it stands */
	uint32_t next;
	uint32_t first_member;
	uint16_t nr_members;
	int32_t low, high;
	uint32_t slow;       /* in the code: the end of the jump to the slow path */
	uint32_t first_slow; /* and of an earlier one, or 0 */
	uint8_t shape;       /* enum check_shape */
	uint8_t scratch;
};

/* How a check uses the stack, in the order of its pushes. */
enum check_shape {
	SHAPE_MOVED = 0x1,      /* rsp is below the red zone; without pushes, or in a function without one: not */
	SHAPE_RAX_PUSHED = 0x2, /* then rax */
	SHAPE_REG_PUSHED = 0x4, /* then the scratch register */
	SHAPE_FLAGS = 0x8       /* ah and al have the flags */
};

/* What a slow path must know.  It stands behind the slow path's code, not aligned:
 *
 *      a test of the granule's byte, see emit_partial
 *      lea -128(%rsp),%rsp    unless the check has done so, or has pushed something
 *      call copy_thunk        or behind the lea copy_thunk_red, which also takes these 128 bytes back
 *      jmp back
 *      struct slow, its members
 */
enum slow_string {
	SLOW_PLAIN,
	SLOW_STRING,       /* one element */
	SLOW_REP,          /* rcx elements */
	SLOW_COMPARE_REPE, /* up to rcx elements: scas, cmps */
	SLOW_COMPARE_REPNE,
	SLOW_MASKED, /* no string, but a vector: struct slow_vector stands in a second member's place */
	SLOW_GATHERED,
	SLOW_FAR /* a unit at a distance that a register tells, or many units: struct slow_far stands there */
};
#define SLOW_OFFSET_BITS 22
struct slow_member {
	int32_t disp;                       /* of strings: the register */
	uint32_t offset : SLOW_OFFSET_BITS; /* of the original instruction, in the function */
	uint32_t aligned : 1;
	uint32_t size : 7;
	uint32_t access : 2;
} __attribute__((packed));
struct slow_vector {
	struct insn_elements elements;
	uint8_t pad;
};
struct slow_far {
	uint8_t unit, nr_units;
	uint8_t distance; /* the register with the number of a bit, or with xlat's index */
	uint8_t pad[5];
};
_Static_assert(sizeof(struct slow_vector) == sizeof(struct slow_member), "one takes the other's place");
_Static_assert(sizeof(struct slow_far) == sizeof(struct slow_member), "one takes the other's place");
struct slow {
	uint32_t base : 5, index : 5, log_scale : 2; /* registers; 31: none */
	uint32_t shape : 4, scratch : 5, string : 3;
	uint32_t nr_members : 8;
	int32_t function; /* the original's start, relative to this address */
	struct slow_member members[];
} __attribute__((packed));
#define SLOW_NO_REG 31

/* The slow path itself moves rsp below the red zone: the check has not, though the function may use it. */
static inline bool slow_moves(unsigned shape)
{
	return !(shape & (SHAPE_MOVED | SHAPE_RAX_PUSHED | SHAPE_REG_PUSHED));
}

static inline const struct slow *slow_behind_call(uintptr_t back)
{
	return (const struct slow *)(back + JMP_SIZE);
}

struct fix {
	uint32_t at;   /* in the code: a rel32 */
	uint32_t node; /* to whose copy it leads */
};

/* A springboard: from the node's place in the original text to its copy. */
struct spring {
	uint32_t node;
	uint32_t at;     /* offset in the text of a jmp rel32 to the copy */
	bool by_short;   /* the node itself has a jmp rel8 to `at` */
	bool moved_call; /* its bytes cover those of a call */
	bool shares;     /* `at` is another place, which does the same and has its own springboard */
	bool removed;
};

/* All that is known while a function is copied. */
struct job {
	const struct copy_request *request;
	struct copy_result *result;
	uint32_t size;      /* of the function */
	uint32_t text_size; /* with padding */
	uint32_t body_end;  /* in the code: behind the last instruction */

	uint8_t *work, *work_end;
	struct node *nodes;
	uint32_t nr_nodes;
	uint32_t *node_at; /* by offset: the node that starts there, or NO_NODE */
	uint8_t *taken;    /* by offset, enum taken */
	struct group *groups;
	uint32_t nr_groups;
	struct member *members;
	uint32_t nr_members;
	struct fix *fixes;
	uint32_t nr_fixes;
	struct spring *springs;
	uint32_t nr_springs;
	uint64_t named_inside;                   /* with names_inside: a place in the function that it names */
	bool names_inside, holds_data, indirect; /* an indirect jump */
	bool opaque;
	bool frame_pointer; /* rbp is one wherever it is a base */
	bool below_stack;   /* an operand lies below rsp */
	bool stack_named;   /* an instruction makes another address from rsp */
	bool red_zone;      /* the function may use it */
};

/* What stands in a byte of the original text. */
enum taken {
	TAKEN_FREE,
	TAKEN_CALL,  /* a call that is made from there */
	TAKEN_PATCH, /* a springboard, or the entry's */
};

/* copy_job.c: scratch memory, or NULL. */
void *job_alloc(struct job *job, size_t size);

bool flow_decode(struct job *job);
void live_find(struct job *job);
bool check_choose(struct job *job);
bool spring_place(struct job *job);
bool emit_copy(struct job *job);
bool map_write(struct job *job);

/* The instruction of a node. */
bool node_decode(const struct job *job, const struct node *n, struct insn *x);

static inline bool flow_falls_through(uint8_t flow)
{
	return flow != INSN_JMP && flow != INSN_JMP_REG && flow != INSN_JMP_MEM && flow != INSN_RET &&
	       flow != INSN_STOP;
}

static inline bool flow_is_call(uint8_t flow)
{
	return flow == INSN_CALL || flow == INSN_CALL_REG || flow == INSN_CALL_MEM;
}

/* copy_slow.c.  The second one stands THUNK_RED bytes behind the first in what copy_write_thunk writes. */
extern void copy_thunk(void);
extern void copy_thunk_red(void);
#define THUNK_RED 16

#endif
