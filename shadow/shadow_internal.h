/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/shadow_internal.h - shared between the files of shadow/ only. */
#ifndef MEMSAN_SHADOW_INTERNAL_H
#define MEMSAN_SHADOW_INTERNAL_H

#include "shadow/shadow.h"

/* User addresses end here on x86_64 with four-level page tables.  The compilers' fixed offset is made for these. */
#define USER_END (1ul << 47)
#define SHADOW_START SHADOW_OFFSET
#define SHADOW_END (SHADOW_OFFSET + (USER_END >> SHADOW_SCALE))
#define GRANULE_MASK (SHADOW_GRANULE - 1)

__inline_hot uint8_t *shadow_of(uintptr_t addr)
{
	return (uint8_t *)((addr >> SHADOW_SCALE) + SHADOW_OFFSET);
}

/* ---- scan.c ---------------------------------------------------------------------------------- */
enum scan_result { SCAN_UNKNOWN, SCAN_PLAIN, SCAN_INSTRUMENTED };
struct scan {
	enum scan_result result;
	bool other_runtime; /* a module other than ours defines __asan_init */
};
/* Looks at every loaded module.  Raw system calls and no relocated data: works before libmemsan is relocated. */
struct scan scan_modules(void);
/* Does a loaded module hold code that asks for frames on the heap? True also if that cannot be known. */
bool scan_for_frames(void);

/* Looks at one module that was just loaded.  libmemsan counts as plain. */
struct link_map;
struct scan scan_module(const struct link_map *l);

/* ---- reserve.c: system calls only ------------------------------------------------------------ */
#define GAP_START ((SHADOW_START >> SHADOW_SCALE) + SHADOW_OFFSET)
#define GAP_END ((SHADOW_END >> SHADOW_SCALE) + SHADOW_OFFSET)
#define NULL_PAGES (64ul << 10)
/* 0 or -errno: -EEXIST when something is there. */
long reserve_map(uintptr_t start, uintptr_t end, int prot);
extern bool reserve_may_advise;      /* no filter of system calls may kill for madvise */
void reserve_look_for_filters(void); /* sets it, before os_start */
void reserve_advise(uintptr_t start, uintptr_t end);
void reserve_undo(uintptr_t start, uintptr_t end);
/* Does the last steps: called once all of the shadow is mapped and the null page's part is writable. */
void reserve_finish(void);
/* Did audit.c make the mapping at the shadow's place? */
bool reserve_is_ours(void);

/* ---- map.c ----------------------------------------------------------------------------------- */
enum map_state { MAP_NONE, MAP_ARENA, MAP_FULL };
extern enum map_state map_state;
/* Maps all of the shadow that is not mapped yet.  0 or -errno.  Needs no relocation. */
int map_full(void);
/* Makes the shadow of the arena's first `bytes` usable. */
bool map_arena_reach(size_t bytes);
/* End of the arena's part that has shadow, as an address. */
uintptr_t map_arena_limit(void);
/* Can the shadow byte of addr be read? */
bool map_has_shadow(uintptr_t addr);
/* Does the function at pc use the shadow's offset?  Code that has instrumented frames but no checks asks for no
 * __asan_* symbol, so scan_module does not know it. */
bool map_code_uses_shadow(uintptr_t pc);
/* Instrumented code needs the full shadow now: maps it, or prints one line and ends the process. */
void map_require_full(void);
/* Turns the detector off for good and prints why. */
void shadow_give_up(const char *why);
/* Most of the shadow is read-only (map.c). */
extern bool map_strict;
/* Makes the shadow of [addr, addr+n), a range outside of the arena, writable.  False: no memory for it.  Needs no
 * relocation. */
bool map_writable(uintptr_t addr, size_t n);
extern bool map_other_runtime; /* libasan owns the shadow */
extern bool map_instrumented;  /* a loaded module is known to be instrumented */

/* ---- early.c --------------------------------------------------------------------------------- */
void shadow_early(void);
void shadow_early_map(void);

/* ---- poison.c -------------------------------------------------------------------------------- */
/* addr is a multiple of 8; n is rounded up. */
void shadow_poison(uintptr_t addr, size_t n, uint8_t value);
/* addr is a multiple of 8; a partial last granule keeps its tail bad. */
void shadow_unpoison(uintptr_t addr, size_t n);
/* May the shadow of [addr, addr+n) be written?  Makes it writable where it can. */
bool shadow_writable_slowly(uintptr_t addr, size_t n);
__inline_hot bool shadow_writable(uintptr_t addr, size_t n)
{
	return likely(map_state == MAP_FULL && !map_strict) || shadow_writable_slowly(addr, n);
}
/* So many bytes of the arena's beginning have shadow that may be written. */
extern size_t map_arena_bytes;
/* One granule's byte. */
void shadow_set(uintptr_t addr, uint8_t value);
/* The shadow byte of addr; 0 if map_has_shadow is false. */
uint8_t shadow_byte(uintptr_t addr);

/* ---- heap.c ---------------------------------------------------------------------------------- */
void heap_ops_install(void);

/* ---- classify.c ------------------------------------------------------------------------------ */
struct shadow_facts {
	uintptr_t bad;       /* first bad byte */
	bool has_shadow;     /* is there shadow for it at all */
	uint8_t value, next; /* its shadow byte, and the one after it */
	bool in_heap;        /* in the arena, or where a pool or a fence has an object */
	bool have_object;    /* in or near an object of the heap: */
	enum slab_object_state state;
	bool large;
	uintptr_t obj_addr;
	size_t obj_size;
};
enum report_kind shadow_classify(const struct shadow_facts *f);
/* The value that explains a bad byte: for a partial granule, the value of the next granule. */
uint8_t shadow_deciding_value(uint8_t value, uint8_t next);
bool shadow_value_is_stack(uint8_t value);

/* ---- bad_access.c ---------------------------------------------------------------------------- */
struct shadow_access {
	uintptr_t addr;
	size_t size;
	enum report_access access;
	uintptr_t bad;     /* first bad byte, or 0: look for it */
	const char *entry; /* libc function, or NULL */
	bool fatal;        /* the abort form: the program ends after the report */
	bool noreturn;     /* an inline check of that form: its code has nothing behind the call */
	const struct unwind_regs *regs;
	const struct report_fault *machine; /* or NULL */
};
void shadow_report(const struct shadow_access *a);
/* From now on [slot, slot + size) holds another object.  Earlier reports about that range no longer count. */
void report_forget(uintptr_t slot, size_t size);
struct shadow_last {
	uint32_t made; /* reports so far */
	uintptr_t pc, bp, sp, addr;
	size_t size;
	enum report_access access;
	enum report_kind kind;
};
extern struct shadow_last shadow_last;
extern void (*shadow_death_callback)(void);

/* ---- globals.c ------------------------------------------------------------------------------- */
/* The compilers' layout, ABI version 8; the kernel's struct kasan_global is the same. */
struct asan_location {
	const char *file;
	int line, column;
};
struct asan_global {
	uintptr_t beg;
	size_t size, size_with_redzone;
	const char *name, *module;
	uintptr_t has_dynamic_init;
	const struct asan_location *location;
	uintptr_t odr_indicator;
};
_Static_assert(sizeof(struct asan_global) == 64, "the compilers' struct");
/* A registered global of another module is the same variable.  regs: as below. */
typedef void (*globals_twin_fn)(const struct asan_global *g, const struct asan_global *twin,
                                const struct unwind_regs *regs);
/* regs: of the constructor that registers them.  tell_twin and regs are NULL where memsan does so by itself. */
void globals_register(struct asan_global *g, size_t n, globals_twin_fn tell_twin, const struct unwind_regs *regs);
void globals_unregister(struct asan_global *g, size_t n);
/* The globals of a source file are about to be constructed: poisons those of other files that are not constructed yet,
 * with shadow.init_order=strict all of them. */
void globals_init_begin(const char *module);
void globals_init_end(void);
/* Is a global of that source file registered?  (clang's descriptions of all files of a module are one array.) */
bool globals_know_file(const char *module);
/* The global that addr lies in, or whose red zone addr lies in. */
bool globals_find(uintptr_t addr, struct asan_global *found);
/* That one, or else the nearest. */
bool globals_find_near(uintptr_t addr, struct asan_global *found);

/* ---- odr.c ----------------------------------------------------------------------------------- */
void odr_report(const struct asan_global *g, const struct asan_global *twin, const struct unwind_regs *regs);

/* ---- globals_ahead.c ------------------------------------------------------------------------- */
/* Registers the globals of the module that has code at pc, as far as its constructors tell where they are. */
void globals_ahead_of(uintptr_t pc);

/* ---- describe.c ------------------------------------------------------------------------------ */
/* A variable of a frame, as the compiler describes it. */
struct frame_variable {
	size_t offset, size;
	const char *name;
	size_t name_len;
};
/* Parses "COUNT offset size name_len name …"; reads the next variable from *at.  False: the end, or malformed text. */
bool frame_next_variable(const char **at, struct frame_variable *v);
size_t frame_count(const char **at);
/* Adds the known facts about a bad byte on a stack or in a global to the record. */
void describe_stack(struct report_record *r, uintptr_t bad);
void describe_global(struct report_record *r, uintptr_t bad);
struct frame_found {
	uintptr_t base, pc;
	const char *text;
};
/* The instrumented frame next below addr.  `text`: FRAME_TEXT_MAX bytes, which f->text leads to. */
bool describe_find_frame(uintptr_t addr, struct frame_found *f, char *text);
/* The variable that addr lies in, or whose red zone it lies in. */
bool describe_find_variable(uintptr_t addr, struct frame_found *f, struct frame_variable *v, char *text);
bool frame_nearest_variable(const struct frame_found *f, uintptr_t addr, struct frame_variable *nearest);
/* The length of the name without the ":line" that may follow it. */
size_t frame_name_length(const struct frame_variable *v);
/* Is there an instrumented frame whose red zone starts at base?  Copies its description to `text`, FRAME_TEXT_MAX
 * bytes. */
#define FRAME_TEXT_MAX 2048
bool frame_at(uintptr_t base, struct frame_found *f, char *text);

/* ---- located.c ------------------------------------------------------------------------------- */
struct located {
	const char *where; /* what ASan calls the memory: "heap", "global", … */
	char name[128];    /* of the variable */
	uintptr_t base;    /* 0: not known */
	size_t size;
};
void locate(uintptr_t at, struct located *l);
/* One sentence without its period; it has less than LOCATED_TEXT bytes. */
#define LOCATED_TEXT 320
void located_put(struct fmt_buf *b, uintptr_t at);

/* ---- stack.c --------------------------------------------------------------------------------- */
/* A thread's own stack is assumed to reach at most this far down from its end, because RLIMIT_STACK may be
 * unlimited. */
#define OWN_STACK_MAX (8ul << 20)
/* Its end (highest address), or 0 when not known. */
uintptr_t stack_own_end(void);
/* Clears only shadow values that frames leave, and the partial granules of variables in front of them. */
void stack_clear_range(uintptr_t from, uintptr_t to);
/* Removes all poison that frames left between sp and the end of the stack that sp lies on. */
void stack_clear_from(uintptr_t sp);
/* [*lo, *hi) of the calling thread's own stack; false when not known. */
bool stack_bounds(uintptr_t *lo, uintptr_t *hi);

/* Does addr lie on the stack of a thread that lives?  True too where that is not known. */
bool stack_of_a_thread(uintptr_t addr);
/* sp lies on a stack that is not the thread's own: is target on the same one, as far as that can be told? */
bool stack_same_foreign(uintptr_t sp, uintptr_t target);
/* Code is loaded whose inline checks cannot go on after a report. */
extern bool stack_codes_abort;

/* ---- stale.c --------------------------------------------------------------------------------- */
/* Was the poison of a stack's byte `bad` left behind by a frame that is gone?  Then it is removed.  regs: the thread
 * that accesses the byte. */
bool stale_removed(uintptr_t bad, const struct unwind_regs *regs);

/* ---- fake_stack.c ---------------------------------------------------------------------------- */
/* Has compiled code asked for a frame? */
extern bool fake_stack_asked;
void *fake_stack_alloc(unsigned class, size_t size, uintptr_t real_sp);
void fake_stack_free(unsigned class, void *frame);
bool fake_stack_find(uintptr_t addr, uintptr_t *beg, uintptr_t *end);
void fake_stack_no_return(uintptr_t sp);
void fake_stack_thread_exit(uintptr_t lo, uintptr_t hi);

#endif
