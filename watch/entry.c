/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/entry.c - a jump at each entry of a module's functions, and a copy of a function when it is called for the
 * first time.
 *
 *     FUNCTION_WAITS ──first call──► the copier ──► FUNCTION_COPIED   stub and entry lead to the copy
 *           entry: jmp stub                     └─► FUNCTION_LEFT     the entry's bytes are put back
 *
 * Until its first call nobody has run the function, since every way into it leads to a stub. So its springboards may
 * be written in any order. Only the entries themselves may be run by other threads while they change (stub.c).
 *
 * One thread copies at a time, on a stack of memsan's own with signals blocked; others that call the same function
 * wait for the lock. Two cases cannot wait. Around a fork the forking thread holds the lock already, and libc may
 * call something for the first time: it copies without taking the lock. Under a filter of system calls signals are
 * not blocked: a handler that interrupted the copier gets the function as it is, for good.
 *
 * Memory near the module, readable, writable and executable, from low to high:
 *
 *     [ far jumps | a stub for each entry | copy, its map, its springs | copy, … ]
 *
 * The module's own code stays writable too. Making it so for each copy would need system calls, at any time of the
 * program, which its sandbox may forbid. */
#include "watch/watch_internal.h"

#define NEAR_HEAD 64u /* the far jumps */
#define COPIES_FACTOR 10u
#define COPIES_LEAST (1u << 20)
#define SCRATCH_SIZE ((size_t)2 << 30)
#define SCRATCH_STEP ((size_t)256 << 10)

struct ranked_lock watch_lock = RANKED_LOCK_INIT(LOCK_RANK_WATCH);
__large_bss struct watch_module *watch_modules[WATCH_MODULES];
bool watch_stopped;
static struct stepped_reserve scratch; /* under watch_lock */
static TLS_IE bool copying;            /* this thread is in the copier */

/* ---- a module that nobody runs yet ----------------------------------------------------------- */

static const char *reserve_near(struct watch_module *m)
{
	size_t text = m->text.end - m->text.start;
	size_t size = ALIGN_UP(NEAR_HEAD + (size_t)m->nr_entries * STUB_SIZE + COPIES_FACTOR * text + COPIES_LEAST,
	                       PAGE_SIZE);

	m->near_start = near_reserve(m, size);
	if (!m->near_start)
		return "no address space is free within 2 GB of it";
	m->near_end = m->near_start + size;
	if (!os_commit(m->near_start, size, false) || !os_protect_code(m->near_start, size))
		return "the system allows no memory that is writable and executable";
	return NULL;
}

static bool make_writable(const struct watch_module *m)
{
	for (unsigned i = 0; i < m->nr_code; i++) {
		uintptr_t start = ALIGN_DOWN(m->code[i].start, PAGE_SIZE);

		if (!os_protect_code((void *)start, ALIGN_UP(m->code[i].end, PAGE_SIZE) - start))
			return false;
	}
	return true;
}

static uint8_t *stub_of(const struct watch_module *m, const struct watch_entry *e)
{
	return m->stubs + (size_t)(e - m->entries) * STUB_SIZE;
}

static void retarget(const struct watch_module *m, const struct watch_entry *e)
{
	stub_write(stub_of(m, e), m->enter_thunk);
	module_retarget(m, e->at, (uintptr_t)stub_of(m, e));
}

static void place(struct watch_module *m, struct watch_entry *e)
{
	uint8_t *stub = stub_of(m, e), jump[STUB_JUMP];
	uint8_t *code = (uint8_t *)m->start + e->at;

	stub_write(stub, m->enter_thunk);
	if (!stub_write_jump(jump, (uintptr_t)code, (uintptr_t)stub))
		return;
	mem_copy(e->bytes, code, STUB_JUMP);
	mem_copy(code, jump, STUB_JUMP);
	e->placed = true;
}

const char *entry_place(struct watch_module *m)
{
	const char *wrong = reserve_near(m);

	if (wrong)
		return wrong;
	if (!scratch.base && !stepped_reserve_init(&scratch, SCRATCH_SIZE, SCRATCH_STEP))
		return "no address space for the copier";
	if (!make_writable(m))
		return "its code cannot be made writable";
	m->enter_thunk = (uintptr_t)m->near_start;
	m->slow_thunk = m->enter_thunk + 32;
	stub_write_far_jump((uint8_t *)m->enter_thunk, (uintptr_t)stub_enter);
	copy_write_thunk((uint8_t *)m->slow_thunk);
	m->stubs = (uint8_t *)m->near_start + NEAR_HEAD;
	m->near_next = (char *)m->stubs + (size_t)m->nr_entries * STUB_SIZE;
	/* Jumps that are changed may lie where an entry's own jump goes: they come first. */
	for (uint32_t i = 0; i < m->nr_entries; i++)
		if (m->entries[i].retargeted && m->functions[m->entries[i].function].state == FUNCTION_WAITS)
			retarget(m, &m->entries[i]);
	for (uint32_t i = 0; i < m->nr_entries; i++)
		if (!m->entries[i].retargeted && m->functions[m->entries[i].function].state == FUNCTION_WAITS)
			place(m, &m->entries[i]);
	ways_release(m);
	return NULL;
}

struct watch_module *watch_module_of_copy(uintptr_t pc)
{
	for (unsigned i = 0; i < WATCH_MODULES; i++) {
		struct watch_module *m = LOAD_ACQUIRE(watch_modules[i]);

		if (m && pc - (uintptr_t)m->near_start < (size_t)(m->near_end - m->near_start))
			return m;
	}
	return NULL;
}

/* ---- the copier's request -------------------------------------------------------------------- */

static struct watch_entry *first_entry(const struct watch_module *m, const struct watch_function *f)
{
	return &m->entries[f->entry];
}

/* The function's bytes as they were before the entries got their jumps. */
static void original_bytes(const struct watch_module *m, const struct watch_function *f, uint8_t *into)
{
	const struct watch_entry *e = first_entry(m, f);

	mem_copy(into, (const uint8_t *)m->start + f->at, f->padding_end - f->at);
	for (unsigned i = 0; i < f->nr_entries; i++)
		if (e[i].placed)
			mem_copy(into + (e[i].at - f->at), e[i].bytes, STUB_JUMP);
}

/* The places to which pointers in data lead; the others are entries. */
static size_t targets_of(const struct watch_module *m, uintptr_t start, uintptr_t end, uintptr_t *into)
{
	const uintptr_t *sorted = m->targets + m->nr_jumps;
	size_t n = 0;

	for (uint32_t i = target_above(sorted, m->nr_pointers, start); i < m->nr_pointers && sorted[i] < end; i++) {
		if (into)
			into[n] = sorted[i];
		n++;
	}
	return n;
}

/* Fills the request; what it points to lies in the scratch memory. False: there is not enough. */
static bool request_fill(struct watch_module *m, const struct watch_function *f, struct copy_request *r)
{
	uintptr_t start = m->start + f->at, end = start + f->size;
	size_t text = ALIGN_UP((size_t)(f->padding_end - f->at), 16), nr = targets_of(m, start, end, NULL);
	size_t targets = ALIGN_UP((nr + f->nr_entries) * sizeof(uintptr_t), 16), work = copy_work_size(f->size, nr);
	size_t nr_entries = 0, nr_labels = 0;
	uintptr_t *entries, *labels;

	if (!stepped_reserve_reach(&scratch, text + targets + work))
		return false;
	original_bytes(m, f, (uint8_t *)scratch.base);
	targets_of(m, start, end, (uintptr_t *)(scratch.base + text));
	entries = (uintptr_t *)(scratch.base + text) + nr;
	for (unsigned i = 1; i < f->nr_entries; i++)
		if (!first_entry(m, f)[i].retargeted)
			entries[nr_entries++] = m->start + first_entry(m, f)[i].at;
	labels = entries + nr_entries;
	for (unsigned i = 1; i < f->nr_entries; i++)
		if (first_entry(m, f)[i].retargeted)
			labels[nr_labels++] = m->start + first_entry(m, f)[i].at;
	m->near_next = (char *)ALIGN_UP((uintptr_t)m->near_next, 16);
	*r = (struct copy_request){
		.start = start,
		.end = end,
		.padding_end = m->start + f->padding_end,
		.text = (const uint8_t *)scratch.base,
		.targets = (const uintptr_t *)(scratch.base + text),
		.nr_targets = nr,
		.entries = entries,
		.nr_entries = nr_entries,
		.labels = labels,
		.nr_labels = nr_labels,
		.module_text = m->text,
		.data = m->data,
		.nr_data = m->nr_data,
		.flags = options.watch_writes ? COPY_WRITES_ONLY : 0,
		.code = (uint8_t *)m->near_next,
		.code_pc = (uintptr_t)m->near_next,
		.code_size = MIN(copy_code_size(f->size), (size_t)(m->near_end - m->near_next)),
		.thunk = m->slow_thunk,
		.work = scratch.base + text + targets,
		.work_size = work,
	};
	return true;
}

/* ---- its result ------------------------------------------------------------------------------ */

/* Every entry has its place in the copy. */
static bool result_fits(const struct watch_module *m, const struct watch_function *f, const struct copy_result *r)
{
	const struct watch_entry *e = first_entry(m, f);

	for (unsigned i = 1; i < f->nr_entries; i++)
		if (!copy_copied_pc(&r->copy, m->start + e[i].at))
			return false;
	return true;
}

static void *near_take(struct watch_module *m, size_t size)
{
	char *p = (char *)ALIGN_UP((uintptr_t)m->near_next, 16);

	if (p > m->near_end || (size_t)(m->near_end - p) < size)
		return NULL;
	m->near_next = p + size;
	return p;
}

static void spring(const struct watch_module *m, struct watch_spring *s, const struct copy_patch *patch)
{
	uint8_t *code = (uint8_t *)patch->pc;

	s->at = (uint32_t)(patch->pc - m->start);
	s->length = patch->length;
	mem_copy(s->bytes, code, patch->length);
	mem_copy(code, patch->bytes, patch->length);
}

static void add_counts(struct copy_counts *all, const struct copy_counts *c)
{
	all->insns += c->insns;
	all->accesses += c->accesses;
	all->checked += c->checked;
	all->stack += c->stack;
	all->segment += c->segment;
	all->uncertain += c->uncertain;
	all->checks += c->checks;
	all->places += c->places;
	all->springs += c->springs;
	all->unsprung += c->unsprung;
}

/* The copy becomes the function. False: there is no memory for what must be remembered of it. */
static bool install(struct watch_module *m, struct watch_function *f, const struct copy_result *r)
{
	struct watch_copy *c = &m->copies[m->nr_copies];
	struct watch_entry *e = first_entry(m, f);
	struct watch_spring *springs;
	uint8_t *map;

	m->near_next = (char *)r->copy.code + r->copy.code_size;
	map = near_take(m, r->copy.map_size);
	springs = near_take(m, r->nr_patches * sizeof(*springs));
	if (!map || !springs) {
		m->near_next = (char *)r->copy.code;
		return false;
	}
	mem_copy(map, r->copy.map, r->copy.map_size);
	*c = (struct watch_copy){ .copy = r->copy, .springs = springs, .function = (uint32_t)(f - m->functions) };
	c->copy.map = map;
	for (size_t i = 0; i < r->nr_patches; i++)
		spring(m, &springs[c->nr_springs++], &r->patches[i]);
	STORE_RELEASE(m->nr_copies, m->nr_copies + 1);
	add_counts(&m->counts, &r->counts);
	f->state = FUNCTION_COPIED;
	for (unsigned i = 0; i < f->nr_entries; i++) {
		uint8_t *stub = m->stubs + (size_t)(f->entry + i) * STUB_SIZE;
		uintptr_t to = i ? copy_copied_pc(&c->copy, m->start + e[i].at) : c->copy.code;

		stub_lead(stub, to);
		if (e[i].placed)
			stub_redirect((uint8_t *)m->start + e[i].at, to);
	}
	return true;
}

/* The function stays as it is. */
static void give_back(struct watch_module *m, struct watch_function *f)
{
	struct watch_entry *e = first_entry(m, f);

	for (unsigned i = 0; i < f->nr_entries; i++) {
		uint8_t *code = (uint8_t *)m->start + e[i].at;

		if (e[i].placed)
			stub_replace(code, e[i].bytes);
		e[i].placed = false;
		stub_lead(m->stubs + (size_t)(f->entry + i) * STUB_SIZE, (uintptr_t)code);
	}
}

static void leave(struct watch_module *m, struct watch_function *f, enum left_reason reason, uintptr_t where)
{
	give_back(m, f);
	module_leave(m, f, reason, where);
}

void entry_remove(struct watch_module *m)
{
	for (uint32_t i = 0; i < m->nr_functions; i++)
		if (m->functions[i].state == FUNCTION_WAITS)
			leave(m, &m->functions[i], LEFT_STOPPED, m->start + m->functions[i].at);
	for (uint32_t i = 0; i < m->nr_copies; i++) {
		const struct watch_function *f = &m->functions[m->copies[i].function];

		for (uint32_t k = 0; k < f->nr_entries; k++)
			stub_lead(m->stubs + (size_t)(f->entry + k) * STUB_SIZE,
			          m->start + m->entries[f->entry + k].at);
	}
	near_release_rest(m);
}

void entry_stop(void)
{
	if (scratch.base)
		os_release((void *)scratch.base, SCRATCH_SIZE);
	scratch.base = 0;
}

static enum left_reason reason_of(enum copy_status status)
{
	switch (status) {
	case COPY_UNKNOWN:
		return LEFT_UNKNOWN;
	case COPY_UNMOVABLE:
		return LEFT_UNMOVABLE;
	case COPY_ENTRY_BUSY:
		return LEFT_ENTRY;
	case COPY_TOO_FAR:
		return LEFT_FAR;
	case COPY_DONE:
	case COPY_NO_ROOM:
		break;
	}
	return LEFT_ROOM;
}

/* A debugger's breakpoint, or 0: what it stands for is not known, and it must be hit. Most functions hold no such
 * byte. */
static uintptr_t breakpoint_in(const uint8_t *text, uintptr_t start, size_t size)
{
	const uint8_t *byte = text;
	struct insn x;

	while (byte < text + size && *byte != INT3)
		byte++;
	if (byte == text + size)
		return 0;
	for (size_t at = 0; at < size && x86_decode(&x, text + at, size - at, start + at); at += x.length)
		if (x.flow == INSN_STOP && x.opcode == INT3 && x.map == INSN_MAP_1)
			return start + at;
	return 0;
}

/* Under watch_lock. */
static void copy_it(struct watch_module *m, struct watch_function *f)
{
	uintptr_t start = m->start + f->at, stop;
	struct copy_request request;
	struct copy_result result;

	m->nr_ran++;
	if (!request_fill(m, f, &request)) {
		leave(m, f, LEFT_ROOM, start);
		return;
	}
	stop = breakpoint_in(request.text, start, f->size);
	if (stop)
		leave(m, f, LEFT_UNMOVABLE, stop);
	else if (copy_function(&request, &result) != COPY_DONE)
		leave(m, f, reason_of(result.status), result.where ? result.where : start);
	else if (!result_fits(m, f, &result))
		leave(m, f, LEFT_ENTRY, start);
	else if (!install(m, f, &result))
		leave(m, f, LEFT_ROOM, start);
}

/* ---- the first call -------------------------------------------------------------------------- */

struct first_call {
	struct watch_module *m;
	struct watch_function *f;
};

static void first_call_deep(void *arg)
{
	struct first_call *c = arg;
	bool mine = lock_mine(&watch_lock);

	if (!mine)
		lock_acquire(&watch_lock);
	copying = true;
	if (c->f->state == FUNCTION_WAITS)
		copy_it(c->m, c->f);
	copying = false;
	if (!mine)
		lock_release(&watch_lock);
}

/* stub_enter calls this. Afterwards the stub leads to where the function is. */
__attribute__((used)) void watch_first_call(uintptr_t stub_return)
{
	struct watch_module *m = watch_module_of_copy(stub_return);
	struct first_call c = { m, NULL };
	size_t i;

	if (!m)
		arch_trap();
	i = (stub_return - STUB_RETURN - (uintptr_t)m->stubs) / STUB_SIZE;
	c.f = &m->functions[m->entries[i].function];
	if (copying) {
		give_back(m, c.f);
		return;
	}
	if (process_is_copy())
		process_settle();
	deep_run(first_call_deep, &c);
}
