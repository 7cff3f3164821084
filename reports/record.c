/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/record.c - filling a record: strings, access, stacks with their modules, memory rows.
 *
 * Everything here runs with the report lock held (emit.c), so the scratch space can be static.  It has to be: a report
 * may be made on a signal stack of a few kilobytes.
 *
 * What costs most (modules, memory, the program's path) is left to record_complete: a program that does the same wrong
 * thing a million times pays only for what identifies a repetition.
 */
#include "config.h"

#include <limits.h>
#include <sys/syscall.h>

#include "reports/reports_internal.h"

#define MEMORY_ROW 16u
#define MEMORY_ROWS_AROUND 2u /* as META_ROWS_AROUND_ADDR in mm/kasan/report.c */
#define MEMORY_LINES_MAX (REPORT_MEMORY / MEMORY_ROW)
_Static_assert(2 * MEMORY_ROWS_AROUND + 1 <= MEMORY_LINES_MAX, "the rows fit the record");

/* For stacks of unknown age: jiffies so early that every unloaded module counts. */
#define WHEN_EVER 1

/* Under the report lock. */
static uintptr_t scratch_pcs[REPORT_FRAMES + 1];
static uint32_t stack_when[REPORT_STACKS]; /* jiffies at which each stack was taken */
static struct module_info scratch_module;

uint32_t report_string(struct report_record *r, const char *s)
{
	size_t len, room;
	uint32_t at = r->strings_len;

	if (!s || !s[0])
		return 0;
	len = str_length(s);
	for (uint32_t i = 1; i + len < r->strings_len; i += (uint32_t)str_length(r->strings + i) + 1)
		if (str_equal(r->strings + i, s))
			return i;
	room = REPORT_STRINGS - at;
	if (room < 2)
		return 0;
	r->strings_len += (uint32_t)str_copy(r->strings + at, s, room) + 1;
	return at;
}

void report_set_access(struct report_record *r, uintptr_t addr, size_t size, enum report_access access)
{
	r->addr = addr;
	r->access_size = size;
	r->access = access;
}

static uint16_t module_add(struct report_record *r, const struct module_info *info)
{
	struct report_module *m = &r->modules[r->nr_modules];

	if (r->nr_modules == REPORT_MODULES)
		return REPORT_NO_MODULE;
	m->start = info->start;
	m->end = info->end;
	m->bias = info->bias;
	m->path = report_string(r, info->path);
	m->unloaded = info->unloaded;
	m->build_id_len = MIN(info->build_id_len, (uint8_t)BUILD_ID_MAX);
	mem_copy(m->build_id, info->build_id, BUILD_ID_MAX);
	return (uint16_t)r->nr_modules++;
}

static bool module_same(const struct report_record *r, const struct report_module *m, const struct module_info *info)
{
	return m->start == info->start && m->end == info->end && m->unloaded == info->unloaded &&
	       m->build_id_len == info->build_id_len && mem_compare(m->build_id, info->build_id, BUILD_ID_MAX) == 0 &&
	       str_equal(report_str(r, m->path), info->path);
}

/* The record's module that held pc at `when`.  An unloaded module and its successor at the same place may both be in
 * one record.  So an answer is used again only within its stack: *mine has a bit for each module of the stack. */
static uint16_t module_for(struct report_record *r, uintptr_t pc, uint32_t when, uint64_t *mine)
{
	uint16_t index;

	for (uint32_t i = 0; i < r->nr_modules; i++)
		if ((*mine >> i & 1) && pc - r->modules[i].start < r->modules[i].end - r->modules[i].start)
			return (uint16_t)i;
	if (!module_find(pc, when, &scratch_module) && (when || !module_find(pc, WHEN_EVER, &scratch_module)))
		return REPORT_NO_MODULE;
	for (index = 0; index < r->nr_modules; index++)
		if (module_same(r, &r->modules[index], &scratch_module))
			break;
	if (index == r->nr_modules)
		index = module_add(r, &scratch_module);
	if (index != REPORT_NO_MODULE)
		*mine |= 1ull << index;
	return index;
}
_Static_assert(REPORT_MODULES <= 64, "module_for has a bit for each module");

static struct report_stack *stack_add(struct report_record *r, enum report_role role)
{
	struct report_stack *s = &r->stacks[r->nr_stacks];

	if (r->nr_stacks == REPORT_STACKS)
		return NULL;
	r->nr_stacks++;
	s->role = role;
	s->nr_frames = s->tid = s->truncated = s->skipped = s->skipped_at = 0;
	s->age_ms = 0;
	mem_set(s->thread_name, 0, sizeof(s->thread_name));
	return s;
}

/* Copies scratch_pcs[0..n) into the stack.  The modules come later, as repetitions do not need them. */
static void stack_fill(struct report_record *r, struct report_stack *s, size_t n, bool first_exact, uint32_t when)
{
	stack_when[s - r->stacks] = when;
	s->truncated = n > REPORT_FRAMES;
	s->nr_frames = (uint32_t)MIN(n, (size_t)REPORT_FRAMES);
	for (uint32_t i = 0; i < s->nr_frames; i++) {
		struct report_frame *f = &s->frames[i];
		f->pc = scratch_pcs[i];
		f->exact = i == 0 && first_exact;
		f->pad = 0;
		f->module = REPORT_NO_MODULE;
	}
}

/* A return address is looked up one byte before: a call of a function that never returns may be the last instruction of
 * its function, and then the return address lies behind that function. */
static void find_modules(struct report_record *r)
{
	for (uint32_t i = 0; i < r->nr_stacks; i++) {
		struct report_stack *s = &r->stacks[i];
		uint64_t mine = 0;
		for (uint32_t j = 0; j < s->nr_frames; j++) {
			struct report_frame *f = &s->frames[j];
			f->module = module_for(r, f->exact ? f->pc : f->pc - 1, stack_when[i], &mine);
		}
	}
	if (r->data_at) {
		uint64_t mine = 0;
		r->data_module = module_for(r, r->data_at, 0, &mine);
	}
}

void report_add_regs(struct report_record *r, enum report_role role, const struct unwind_regs *regs, bool exact)
{
	struct report_stack *s = stack_add(r, role);
	size_t n, skipped;

	if (!s)
		return;
	s->tid = r->tid;
	str_copy(s->thread_name, report_str(r, r->comm), sizeof(s->thread_name));
	n = unwind_walk_ends(regs, scratch_pcs, REPORT_FRAMES, REPORT_FRAMES / 2, &skipped);
	s->skipped_at = REPORT_FRAMES / 2;
	s->skipped = (uint32_t)skipped;
	stack_fill(r, s, n, n && scratch_pcs[0] == regs->pc && (exact || !module_is_self(regs->pc)), 0);
}

void report_add_handle(struct report_record *r, enum report_role role, stack_handle h, uint32_t thread, uint32_t when)
{
	struct report_stack *s = stack_add(r, role);
	struct thread_info info;
	size_t n;

	if (!s)
		return;
	s->age_ms = when ? (uint64_t)(uint32_t)(jiffies_now() - when) * (1000 / JIFFIES_HZ) : REPORT_AGE_UNKNOWN;
	if (thread && thread_lookup(thread, &info)) {
		s->tid = (uint32_t)info.tid;
		str_copy(s->thread_name, info.name, sizeof(s->thread_name));
	}
	n = h ? depot_fetch(h, scratch_pcs, REPORT_FRAMES + 1) : 0;
	n = MIN(n, (size_t)REPORT_FRAMES + 1);
	stack_fill(r, s, n, false, when);
}

void report_add_pcs(struct report_record *r, enum report_role role, const uintptr_t *pcs, size_t n)
{
	struct report_stack *s = stack_add(r, role);

	if (!s)
		return;
	s->tid = r->tid;
	str_copy(s->thread_name, report_str(r, r->comm), sizeof(s->thread_name));
	n = MIN(n, (size_t)REPORT_FRAMES);
	mem_copy(scratch_pcs, pcs, n * sizeof(*pcs));
	stack_fill(r, s, n, false, 0);
}

void report_add_pc(struct report_record *r, enum report_role role, uintptr_t pc)
{
	struct report_stack *s = stack_add(r, role);

	if (!s)
		return;
	scratch_pcs[0] = pc;
	stack_fill(r, s, 1, true, 0);
}

void report_set_object(struct report_record *r, const struct slab_object *o)
{
	bool freed = o->state != SLAB_OBJ_LIVE;

	r->have_object = 1;
	r->obj_addr = o->addr;
	r->obj_size = o->size;
	r->obj_cache_size = o->object_size;
	r->obj_cache = report_string(r, o->cache);
	r->obj_state = o->state == SLAB_OBJ_LIVE ? 0 : o->state == SLAB_OBJ_QUARANTINED ? 1 : 2;
	r->slot_addr = o->slot;
	r->slot_size = o->slot_size;
	if (!o->tracked)
		return;
	r->obj_api = report_string(r, report_api_names[o->api].alloc);
	report_add_handle(r, STACK_ALLOC, o->alloc_stack, o->alloc_thread, freed ? 0 : o->when);
	if (freed && o->free_stack)
		report_add_handle(r, STACK_FREE, o->free_stack, o->free_thread, o->when);
}

/* Chooses the rows; record_complete reads them. */
void report_set_memory(struct report_record *r, uintptr_t around, uintptr_t lo, uintptr_t hi)
{
	uintptr_t row = ALIGN_DOWN(around, MEMORY_ROW), first, end;

	lo = ALIGN_DOWN(lo, MEMORY_ROW);
	hi = ALIGN_UP(hi, MEMORY_ROW) > hi - 1 ? ALIGN_UP(hi, MEMORY_ROW) : ALIGN_DOWN(hi, MEMORY_ROW);
	first = row - lo > MEMORY_ROWS_AROUND * MEMORY_ROW ? row - MEMORY_ROWS_AROUND * MEMORY_ROW : lo;
	if (row < lo || row >= hi)
		return;
	end = hi - row > (MEMORY_ROWS_AROUND + 1) * MEMORY_ROW ? row + (MEMORY_ROWS_AROUND + 1) * MEMORY_ROW : hi;
	r->memory_addr = first;
	r->memory_mark = around;
	r->memory_len = (uint32_t)(end - first);
}

/* The bytes are those read when the scan found the object, which may be gone by now. */
void report_set_leak(struct report_record *r, const struct report_leak *leak, uint64_t addr, uint64_t size,
                     const uint8_t *bytes, size_t len)
{
	r->leak_class = report_string(r, leak->class);
	r->leak_count = leak->count;
	r->leak_bytes = leak->bytes;
	r->leak_held_count = leak->held_count;
	r->leak_held_bytes = leak->held_bytes;
	r->addr = r->obj_addr = addr;
	r->obj_size = size;
	r->access = ACCESS_UNKNOWN;
	r->have_object = 1;
	r->memory_addr = r->memory_mark = addr;
	r->memory_len = (uint32_t)MIN(len, (size_t)REPORT_MEMORY);
	mem_copy(r->memory, bytes, r->memory_len);
	mem_set(r->memory_valid, 0xff, (r->memory_len + 7) / 8);
}

/* Row by row, so that a guard page hides only its own rows. */
static void read_memory(struct report_record *r)
{
	bool readable = false;

	/* the detector has copied the shadow bytes already */
	if (r->memory_scale)
		return;
	mem_set(r->memory_valid, 0, sizeof(r->memory_valid));
	for (uint32_t i = 0; i < r->memory_len; i += MEMORY_ROW) {
		size_t got = os_safe_read(r->memory + i, (const void *)(uintptr_t)(r->memory_addr + i), MEMORY_ROW);
		readable |= got > 0;
		for (size_t k = i; k < i + got; k++)
			r->memory_valid[k / 8] |= (uint8_t)(1u << (k % 8));
	}
	if (!readable)
		r->memory_len = 0;
}

static void read_exe(struct report_record *r)
{
	static __large_bss char exe[PATH_MAX]; /* under the report lock */
	long n = os_exe_path(exe, sizeof(exe));

	exe[n > 0 ? n : 0] = 0;
	r->exe = report_string(r, exe);
}

void record_complete(struct report_record *r)
{
	find_modules(r);
	if (!r->leak_class)
		read_memory(r);
	read_exe(r);
}
