/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_watch_copy.c - copies of compiled functions do what the functions do: with checks that pass, with
 * every check on its slow path, with every access bad, interrupted at every instruction; and bad accesses are told with
 * their pc and address. */
#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

#include "shadow/shadow.h"
#include "tests/unit/unit.h"
#include "tests/unit/watch_samples.h"
#include "watch/arch/x86_64/insn.h"
#include "watch/copy.h"

#define USER_END ((size_t)1 << 47)
#define CODE_SIZE ((size_t)16 << 20)
#define WORK_SIZE ((size_t)32 << 20)
#define PAD 64

#define LIST_LEVEL(level) samples_##level,
static const struct sample *const levels[] = { LEVELS(LIST_LEVEL) };

static struct copy_range text, data[16];
static size_t nr_data;
static uint8_t *code, *code_end, *work, *arena_memory;

/* ---- the surroundings ------------------------------------------------------------------------ */

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size, (void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_flags & PF_X)
			text = (struct copy_range){ start, start + p->p_memsz };
		else if (nr_data < ARRAY_SIZE(data))
			data[nr_data++] = (struct copy_range){ start, start + p->p_memsz };
	}
	return 1; /* the program comes first */
}

static void *map(uintptr_t at, size_t size, int flags)
{
	void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE | PROT_EXEC,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int set_up(void **state)
{
	uintptr_t start, end;

	(void)state;
	dl_iterate_phdr(find_program, NULL);
	start = ALIGN_DOWN(text.start, PAGE_SIZE);
	end = ALIGN_UP(text.end, PAGE_SIZE);
	if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	for (uintptr_t at = start - CODE_SIZE - (16 << 20); !code && start - at < (size_t)1 << 30; at -= 16 << 20)
		code = map(at, CODE_SIZE, MAP_FIXED_NOREPLACE);
	work = map(0, WORK_SIZE, 0);
	arena_memory = map(0, ARENA_SIZE * 3, 0);
	if (!map(SHADOW_OFFSET, USER_END >> 3, MAP_FIXED_NOREPLACE))
		return -1;
	if (code) {
		copy_write_thunk(code);
		code_end = code + COPY_THUNK_SIZE;
	}
	return code && work && arena_memory ? 0 : -1;
}

static void poison(const void *p, size_t size, int value)
{
	memset((void *)(((uintptr_t)p >> 3) + SHADOW_OFFSET), value, (size + 7) / 8);
}

/* ---- one function, copied and patched -------------------------------------------------------- */

struct watched {
	struct copy_result result;
	uint8_t text[1 << 16];
	uint8_t map[1 << 16];
	size_t size, whole; /* without and with what stands behind it */
	uint8_t *start;
};

/* What stands behind the function, up to `behind`, may be padding. */
static void watch_with(struct watched *w, const uint8_t *start, const uint8_t *end, const uint8_t *behind,
                       unsigned flags)
{
	struct copy_request request = { .start = (uintptr_t)start, .end = (uintptr_t)end };
	int32_t distance;

	w->start = (uint8_t *)start;
	w->size = (size_t)(end - start);
	w->whole = (size_t)(behind - start);
	assert_true(w->whole < sizeof(w->text));
	memcpy(w->text, start, w->whole);
	request.padding_end = (uintptr_t)behind;
	request.text = w->text;
	request.module_text = text;
	request.data = data;
	request.nr_data = nr_data;
	request.flags = flags;
	request.code = code_end;
	request.code_pc = (uintptr_t)code_end;
	request.code_size = copy_code_size(w->size);
	request.thunk = (uintptr_t)code;
	request.work = work;
	request.work_size = copy_work_size(w->size, 0);
	assert_true(request.work_size <= WORK_SIZE);
	assert_true(code_end + request.code_size <= code + CODE_SIZE);
	if (copy_function(&request, &w->result) != COPY_DONE) {
		print_message("status %d at +%lx of %zx\n", (int)w->result.status,
		              (unsigned long)(w->result.where - request.start), w->size);
		fail();
	}
	code_end += ALIGN_UP(w->result.copy.code_size, 16u);
	assert_true(w->result.copy.map_size < sizeof(w->map));
	memcpy(w->map, w->result.copy.map, w->result.copy.map_size);
	w->result.copy.map = w->map;
	distance = (int32_t)(request.code_pc - (request.start + 5));
	w->start[0] = 0xe9;
	memcpy(w->start + 1, &distance, 4);
	for (size_t i = 0; i < w->result.nr_patches; i++)
		memcpy((void *)w->result.patches[i].pc, w->result.patches[i].bytes, w->result.patches[i].length);
}

static void watch(struct watched *w, const uint8_t *start, const uint8_t *end, unsigned flags)
{
	watch_with(w, start, end, end, flags);
}

static void unwatch(struct watched *w)
{
	memcpy(w->start, w->text, w->whole);
	code_end = (uint8_t *)w->result.copy.code;
}

/* ---- the samples, run ------------------------------------------------------------------------ */

struct outcome {
	uint64_t value;
	uint8_t arena[ARENA_SIZE];
};

#define CALLS 5
#define STEPS_MAX 400 /* in one call; then the function runs on */

static volatile bool stepping;
static volatile unsigned long all_steps;

/* From here on the processor stops after every instruction (on_step). */
static void begin_steps(void)
{
	all_steps = 0;
	__asm__ volatile("sub $128,%%rsp\n\tpushfq\n\torl $0x100,(%%rsp)\n\tpopfq\n\tadd $128,%%rsp" ::
	                         : "memory", "cc");
}

/* The arena lies at the same place in all runs. */
static void run(const struct sample *s, struct outcome outcomes[CALLS])
{
	uint8_t *arena = arena_memory + ARENA_SIZE;

	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t seed = 77 + i;

		for (unsigned k = 0; k < ARENA_SIZE; k++)
			arena[k] = (uint8_t)unit_random(&seed);
		if (stepping)
			begin_steps();
		outcomes[i].value = s->function(arena, i * 0x123456789ul + i);
		all_steps = STEPS_MAX;
		memcpy(outcomes[i].arena, arena, ARENA_SIZE);
	}
}

static struct outcome expected[CALLS], seen[CALLS];
static struct watched watched;

static void compare_outcomes(const struct sample *s, unsigned flags)
{
	for (unsigned i = 0; i < CALLS; i++) {
		if (seen[i].value == expected[i].value && !memcmp(seen[i].arena, expected[i].arena, ARENA_SIZE))
			continue;
		print_message("%s at %s, flags %x, call %u: %lx, not %lx\n", s->name, s->level, flags, i, seen[i].value,
		              expected[i].value);
		fail();
	}
}

/* ---- what was reported ----------------------------------------------------------------------- */

static unsigned nr_bad, nr_wrong;
static struct copy_access last_bad;

/* The original instruction, decoded and evaluated with the registers given, must make this access. */
static void bad_access(const struct copy_access *access)
{
	const struct copy_regs *regs = access->regs;
	uintptr_t offset = access->pc - (uintptr_t)watched.start;
	bool found = false;
	struct insn x;

	nr_bad++;
	last_bad = *access;
	if (offset >= watched.size || !x86_decode(&x, watched.text + offset, watched.size - offset, access->pc)) {
		nr_wrong++;
		return;
	}
	for (unsigned i = 0; i < x.nr_mem; i++) {
		const struct insn_mem *m = &x.mem[i];
		uintptr_t addr = (uintptr_t)m->disp;

		addr += m->base < 16 ? regs->gpr[m->base] : 0;
		addr += m->index < 16 ? regs->gpr[m->index] * m->scale : 0;
		if (x.string && (x.rep || x.repne))
			found |= access->size % m->size == 0;
		else
			found |= addr == access->address && m->size == access->size;
	}
	nr_wrong += !found || regs->rip != access->pc;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const unsigned flag_sets[] = { COPY_NO_CHECKS,
	                              COPY_NO_MERGE | COPY_NO_REPEATS | COPY_NO_LIVENESS,
	                              COPY_NO_MERGE | COPY_NO_REPEATS,
	                              COPY_NO_MERGE | COPY_NO_REPEATS | COPY_FORCE_SLOW | COPY_NO_LIVENESS,
	                              COPY_NO_MERGE | COPY_NO_REPEATS | COPY_FORCE_SLOW,
	                              COPY_NO_REPEATS,
	                              COPY_NO_REPEATS | COPY_FORCE_SLOW,
	                              COPY_WRITES_ONLY,
	                              COPY_BOTH_ENDS,
	                              0,
	                              COPY_FORCE_SLOW };

static void each_sample(void (*test)(const struct sample *s, unsigned flags))
{
	for (unsigned l = 0; l < ARRAY_SIZE(levels); l++)
		for (const struct sample *s = levels[l]; s->name; s++) {
			if (!strcmp(s->level, "AVX2") && !__builtin_cpu_supports("avx2"))
				continue;
			if (getenv("SAMPLE") && strcmp(getenv("SAMPLE"), s->name))
				continue;
			run(s, expected);
			for (unsigned f = 0; f < ARRAY_SIZE(flag_sets); f++) {
				if (getenv("VERBOSE"))
					print_message("%s %s %x\n", s->name, s->level, flag_sets[f]);
				test(s, flag_sets[f]);
			}
		}
}

static void same(const struct sample *s, unsigned flags)
{
	nr_bad = 0;
	watch(&watched, s->start, s->end, flags);
	run(s, seen);
	unwatch(&watched);
	compare_outcomes(s, flags);
	assert_int_equal(nr_bad, 0);
}

static void test_same(void **state)
{
	(void)state;
	copy_set_bad_access(bad_access);
	each_sample(same);
}

/* Every access to the arena is bad, and the program goes on. */
static void all_bad(const struct sample *s, unsigned flags)
{
	uint8_t *arena = arena_memory + ARENA_SIZE;

	nr_bad = nr_wrong = 0;
	watch(&watched, s->start, s->end, flags);
	poison(arena, ARENA_SIZE, 0xfa);
	run(s, seen);
	poison(arena, ARENA_SIZE, 0);
	unwatch(&watched);
	compare_outcomes(s, flags);
	if (nr_wrong)
		print_message("%s at %s, flags %x: %u of %u accesses wrong; last pc +%lx\n", s->name, s->level, flags,
		              nr_wrong, nr_bad, (unsigned long)(last_bad.pc - (uintptr_t)watched.start));
	assert_int_equal(nr_wrong, 0);
	if (!(flags & (COPY_NO_CHECKS | COPY_WRITES_ONLY)) && watched.result.counts.checked)
		assert_true(nr_bad > 0);
}

static void test_all_bad(void **state)
{
	(void)state;
	copy_set_bad_access(bad_access);
	each_sample(all_bad);
}

/* ---- at the edges of an object --------------------------------------------------------------- */

/* One access each, at rdi.  Those in `edges` come in the order of their sizes. */
__asm__(".pushsection watch_edges,\"ax\",@progbits\n"
        ".globl edge_1, edge_2, edge_4, edge_8, edge_16, edge_10, edge_pair, edge_far, edges_end\n"
        "edge_1:	movzbl (%rdi),%eax\n	nop\n	nop\n	ret\n"
        "edge_2:	mov %si,(%rdi)\n	nop\n	nop\n	ret\n"
        "edge_4:	addl $0,(%rdi)\n	nop\n	nop\n	ret\n"
        "edge_8:	mov %rsi,(%rdi)\n	nop\n	nop\n	ret\n"
        "edge_16:	movups (%rdi),%xmm0\n	nop\n	nop\n	ret\n"
        "edge_10:	fldt (%rdi)\n	fstp %st\n	ret\n"
        "edge_pair:	mov (%rdi),%eax\n	mov 8(%rdi),%ecx\n	ret\n"
        "edge_far:	mov (%rdi),%al\n	mov 42(%rdi),%cx\n	ret\n"
        "edges_end:\n"
        ".popsection\n");
extern const uint8_t edge_1[], edge_2[], edge_4[], edge_8[], edge_16[], edge_10[], edge_pair[], edge_far[], edges_end[];

struct edge {
	const uint8_t *start, *end;
	unsigned offsets[2], sizes[2];
};

/* How often must the access be told, and for which bytes? */
static unsigned bad_members(const struct edge *e, intptr_t at, intptr_t size)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2 && e->sizes[i]; i++)
		n += at + e->offsets[i] < 0 || at + e->offsets[i] + e->sizes[i] > size;
	return n;
}

/* Does only the start of an access that is not aligned lie before the object? */
static bool starts_before(const struct edge *e, intptr_t at)
{
	for (unsigned i = 0; i < 2 && e->sizes[i]; i++)
		if (at + e->offsets[i] < 0)
			return (at & 7) != 0;
	return false;
}

static void test_edges(void **state)
{
	static const struct edge edges[] = {
		{ edge_1, edge_2, { 0 }, { 1 } },
		{ edge_2, edge_4, { 0 }, { 2 } },
		{ edge_4, edge_8, { 0 }, { 4 } },
		{ edge_8, edge_16, { 0 }, { 8 } },
		{ edge_16, edge_10, { 0 }, { 16 } },
		{ edge_10, edge_pair, { 0 }, { 10 } },
		{ edge_pair, edge_far, { 0, 8 }, { 4, 4 } },
		{ edge_far, edges_end, { 0, 42 }, { 1, 2 } },
	};
	static const unsigned choices[] = { 0, COPY_BOTH_ENDS, COPY_NO_MERGE | COPY_NO_LIVENESS };
	uint8_t *object = arena_memory + ARENA_SIZE;

	(void)state;
	copy_set_bad_access(bad_access);
	for (unsigned i = 0; i < ARRAY_SIZE(edges) * ARRAY_SIZE(choices); i++) {
		const struct edge *e = &edges[i / ARRAY_SIZE(choices)];
		unsigned flags = choices[i % ARRAY_SIZE(choices)];

		watch(&watched, e->start, e->end, flags);
		for (intptr_t size = 1; size <= 60; size++) {
			poison(object - 256, 1024, 0xfa);
			poison(object, (size_t)size & ~7ul, 0);
			if (size & 7)
				poison(object + (size & ~7l), 1, (int)(size & 7));
			for (intptr_t at = -72; at < 72; at++) {
				nr_bad = nr_wrong = 0;
				((void (*)(void *))e->start)(object + at);
				if (!(flags & COPY_BOTH_ENDS) && starts_before(e, at) &&
				    nr_bad < bad_members(e, at, size))
					continue; /* what copy_check.c says can go unseen */
				if (nr_bad != bad_members(e, at, size))
					print_message("edge %u, flags %x, size %ld, at %ld\n", i, flags, size, at);
				assert_int_equal(nr_bad, bad_members(e, at, size));
				assert_int_equal(nr_wrong, 0);
			}
		}
		unwatch(&watched);
	}
	poison(object - 256, 1024, 0);
}

/* ---- behind a function ----------------------------------------------------------------------- */

/* The return from the call has two bytes of the function for a springboard. */
__asm__(".pushsection watch_behind,\"ax\",@progbits\n"
        ".globl tail_code, tail_code_end, tail_nops, tail_nops_end, tails_end\n"
        "tail_code:	push %rax\n	call 1f\n	pop %rcx\n	ret\n"
        "tail_code_end:\n"
        "1:	mov $7,%eax\n	ret\n"
        "tail_nops:	push %rax\n	call 1b\n	pop %rcx\n	ret\n"
        "tail_nops_end:	nopl 0(%rax)\n"
        "tails_end:	nop\n"
        ".popsection\n");
extern const uint8_t tail_code[], tail_code_end[], tail_nops[], tail_nops_end[], tails_end[];

/* Springboards may reach into padding, and into nothing else: a section without unwind information may follow. */
static void test_behind(void **state)
{
	(void)state;
	watch_with(&watched, tail_code, tail_code_end, tail_nops, 0);
	assert_int_equal(watched.result.counts.unsprung, 1);
	assert_memory_equal(tail_code_end, watched.text + watched.size, watched.whole - watched.size);
	assert_int_equal(((int (*)(void))tail_code)(), 7);
	unwatch(&watched);
	watch_with(&watched, tail_nops, tail_nops_end, tails_end, 0);
	assert_int_equal(watched.result.counts.springs, 1);
	assert_int_equal(watched.result.counts.unsprung, 0);
	assert_int_equal(((int (*)(void))tail_nops)(), 7);
	unwatch(&watched);
}

/* ---- a signal at every instruction ----------------------------------------------------------- */

#define TRAP_FLAG 0x100

static unsigned long steps, step_to_undo;
static unsigned nr_undone, nr_bad_pcs;

static const int register_order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

static bool is_instruction(uintptr_t pc)
{
	struct insn x;
	size_t at = 0;

	while (at < watched.size && (uintptr_t)watched.start + at < pc) {
		if (!x86_decode(&x, watched.text + at, watched.size - at, (uintptr_t)watched.start + at))
			return false;
		at += x.length;
	}
	return (uintptr_t)watched.start + at == pc;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct copy_regs regs;

	(void)sig, (void)info;
	if (!stepping || ++all_steps > STEPS_MAX) {
		g[REG_EFL] &= ~(greg_t)TRAP_FLAG;
		return;
	}
	regs.rip = (uint64_t)g[REG_RIP];
	if (regs.rip - watched.result.copy.code >= watched.result.copy.code_size || ++steps % 61 != step_to_undo)
		return;
	regs.flags = (uint64_t)g[REG_EFL];
	for (unsigned i = 0; i < 16; i++)
		regs.gpr[i] = (uint64_t)g[register_order[i]];
	if (!copy_undo(&watched.result.copy, &regs, steps & 64)) {
		nr_bad_pcs++;
		return;
	}
	nr_bad_pcs += !is_instruction(copy_original_pc(&watched.result.copy, regs.rip));
	nr_undone++;
	g[REG_RIP] = (greg_t)regs.rip;
	g[REG_EFL] = (greg_t)regs.flags;
	for (unsigned i = 0; i < 16; i++)
		g[register_order[i]] = (greg_t)regs.gpr[i];
}

static void stepped(const struct sample *s, unsigned flags)
{
	/* Some undo goes back to the start of a check, so every step must not be undone; and libc is left alone. */
	if (strcmp(s->level, "O0") && strcmp(s->level, "O2") && strcmp(s->level, "AVX2"))
		return;
	if (flags && flags != (COPY_NO_MERGE | COPY_NO_REPEATS | COPY_NO_LIVENESS) &&
	    flags != (COPY_NO_MERGE | COPY_NO_REPEATS | COPY_NO_LIVENESS | COPY_FORCE_SLOW))
		return;
	watch(&watched, s->start, s->end, flags);
	step_to_undo = (step_to_undo + 1) % 61;
	nr_bad_pcs = 0;
	steps = 0;
	stepping = true;
	run(s, seen);
	stepping = false;
	unwatch(&watched);
	compare_outcomes(s, flags);
	assert_int_equal(nr_bad_pcs, 0);
}

static void test_stepped(void **state)
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	(void)state;
	sigaction(SIGTRAP, &action, NULL);
	each_sample(stepped);
	assert_true(nr_undone > 1000);
	signal(SIGTRAP, SIG_DFL);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void test_sizes(void **state)
{
	(void)state;
	for (unsigned l = 0; l < ARRAY_SIZE(levels); l++) {
		struct copy_counts sum = { 0 };
		size_t text_size = 0, code_size = 0, slow = 0, map_size = 0;

		for (const struct sample *s = levels[l]; s->name; s++) {
			const struct copy_counts *c = &watched.result.counts;

			watch(&watched, s->start, s->end, 0);
			unwatch(&watched);
			text_size += watched.size;
			code_size += watched.result.copy.slow_offset;
			slow += watched.result.copy.code_size - watched.result.copy.slow_offset;
			map_size += watched.result.copy.map_size;
			sum.insns += c->insns;
			sum.accesses += c->accesses;
			sum.checks += c->checks;
			sum.flags_saved += c->flags_saved;
			sum.registers_spilled += c->registers_spilled;
			sum.places += c->places;
			sum.unsprung += c->unsprung;
			sum.short_springs += c->short_springs;
			if (c->unsprung || c->opaque)
				print_message("  %s %s: %u unsprung, opaque %d\n", s->level, s->name, c->unsprung,
				              c->opaque);
		}
		print_message("%-6s text %zu: code %.2f, slow paths %.2f, map %.2f of it; %u insns, %u accesses, %u "
		              "checks (%u save "
		              "flags, %u registers); %u places, %u short, %u unsprung\n",
		              levels[l]->level, text_size, (double)code_size / (double)text_size,
		              (double)slow / (double)text_size, (double)map_size / (double)text_size, sum.insns,
		              sum.accesses, sum.checks, sum.flags_saved, sum.registers_spilled, sum.places,
		              sum.short_springs, sum.unsprung);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),   cmocka_unit_test(test_all_bad), cmocka_unit_test(test_edges),
		cmocka_unit_test(test_behind), cmocka_unit_test(test_stepped), cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
