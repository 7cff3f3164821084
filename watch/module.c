/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/module.c - a module that is to be watched: its segments, its functions, and where control may enter them.
 *
 * All of it is read from memory as the loader has mapped it: program headers, .eh_frame_hdr with .eh_frame (the bounds
 * of functions), the dynamic section (targets.c). Nothing is believed that lies outside of the module's segments: a
 * hostile or truncated file costs its own watching, and no more.
 *
 * Functions that overlap, lie outside of the code or have no size are left out. A PLT has call frame information too;
 * it is recognized by its first instruction. */
#include <elf.h>
#include <link.h>

#include "watch/watch_internal.h"

#define FUNCTION_MAX (64u << 20)
#define START_CODE_MAX 512u /* what the start files and the linker bring into every module (.init, .plt, .fini) */

const char module_without_functions[] = "it has no functions of its own";

/* ---- segments -------------------------------------------------------------------------------- */

static bool range_add(struct copy_range *ranges, unsigned *nr, uintptr_t start, uintptr_t end)
{
	if (*nr == MODULE_SEGMENTS)
		return false;
	ranges[(*nr)++] = (struct copy_range){ start, end };
	return true;
}

static const struct copy_range *range_of(const struct copy_range *ranges, unsigned nr, uintptr_t at)
{
	for (unsigned i = 0; i < nr; i++)
		if (at >= ranges[i].start && at < ranges[i].end)
			return &ranges[i];
	return NULL;
}

struct headers {
	const void *eh_frame_hdr, *dynamic;
};

/* What lies behind the file's bytes in a segment (.bss) holds neither code nor tables. */
static const char *read_segments(struct watch_module *m, const ElfW(Phdr) *phdr, unsigned nr, struct headers *h)
{
	m->start = UINTPTR_MAX;
	for (unsigned i = 0; i < nr; i++) {
		const ElfW(Phdr) *p = &phdr[i];
		uintptr_t start = m->bias + p->p_vaddr, end = start + p->p_filesz;

		if (p->p_type == PT_GNU_EH_FRAME)
			h->eh_frame_hdr = (const void *)start;
		else if (p->p_type == PT_DYNAMIC)
			h->dynamic = (const void *)start;
		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		if (end < start || start + p->p_memsz < start)
			return "its program headers are malformed";
		m->start = MIN(m->start, start);
		m->end = MAX(m->end, start + p->p_memsz);
		if (p->p_filesz == 0 || !(p->p_flags & PF_R))
			continue;
		if ((p->p_flags & PF_X) && (p->p_flags & PF_W))
			return "its code is writable, and may change itself";
		if (!range_add(m->data, &m->nr_data, start, end) ||
		    ((p->p_flags & PF_X) && !range_add(m->code, &m->nr_code, start, end)))
			return "it has too many segments";
	}
	if (!m->nr_code)
		return "it has no code that can be read";
	if (m->end - m->start > UINT32_MAX)
		return "it is larger than 4 GB";
	m->text = (struct copy_range){ m->code[0].start, m->code[m->nr_code - 1].end };
	return NULL;
}

/* ---- functions ------------------------------------------------------------------------------- */

struct listing {
	struct watch_module *m;
	struct watch_function *into; /* NULL: they are only counted */
	uint32_t nr;
	uintptr_t last_end;
};

static bool list_function(void *ctx, uintptr_t start, size_t size)
{
	struct listing *l = ctx;
	const struct copy_range *code = range_of(l->m->code, l->m->nr_code, start);

	if (!code || size > FUNCTION_MAX || size > code->end - start || start < l->last_end)
		return true;
	l->last_end = start + size;
	if (l->into)
		l->into[l->nr] = (struct watch_function){
			.at = (uint32_t)(start - l->m->start),
			.size = (uint32_t)size,
		};
	l->nr++;
	return true;
}

/* The end of the nops, of any length, and int3s that begin at p. */
static const uint8_t *padding_end(const uint8_t *p, const uint8_t *end)
{
	struct insn x;

	while (p < end && x86_decode(&x, p, (size_t)(end - p), (uintptr_t)p)) {
		bool nop = (x.map == INSN_MAP_1 && (x.opcode == 0x90 || x.opcode == INT3) && !x.rep) ||
		           (x.map == INSN_MAP_0F && x.opcode == 0x1f);

		if (!nop || x.encoding != INSN_LEGACY)
			break;
		p += x.length;
	}
	return p;
}

/* Behind a function other code may follow that no call frame information names (.fini), so only padding counts. */
static void find_padding(struct watch_module *m)
{
	for (uint32_t i = 0; i < m->nr_functions; i++) {
		struct watch_function *f = &m->functions[i];
		const struct copy_range *code = range_of(m->code, m->nr_code, m->start + f->at);
		uintptr_t start = m->start + f->at + f->size, end = code ? MIN(code->end, start + 16) : start;

		if (i + 1 < m->nr_functions)
			end = MIN(end, m->start + m->functions[i + 1].at);
		f->padding_end = (uint32_t)((uintptr_t)padding_end((const uint8_t *)start, (const uint8_t *)end) -
		                            m->start);
	}
}

int32_t module_function_at(const struct watch_module *m, uintptr_t pc)
{
	uint32_t lo = 0, hi = m->nr_functions;
	uintptr_t at = pc - m->start;

	if (pc < m->start || pc >= m->end)
		return -1;
	/* functions[lo - 1].at <= at < functions[hi].at */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->functions[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && at - m->functions[lo - 1].at < m->functions[lo - 1].size ? (int32_t)lo - 1 : -1;
}

void module_leave(struct watch_module *m, struct watch_function *f, enum left_reason reason, uintptr_t where)
{
	f->state = FUNCTION_LEFT;
	f->reason = (uint8_t)reason;
	f->nr_entries = 0;
	if (!m->left[reason]++)
		m->left_first[reason] = where - m->bias;
}

/* ---- entries --------------------------------------------------------------------------------- */

/* push GOT+8(%rip) or jmp *GOT(%rip), perhaps behind endbr64 or with a prefix. */
static bool is_linkage(const uint8_t *p, size_t size)
{
	if (size >= 10 && p[0] == 0xf3 && p[1] == 0x0f && p[2] == 0x1e && p[3] == 0xfa) /* endbr64 */
		p += 4;
	if (size >= 6 && (*p == 0xf2 || *p == 0x3e))
		p++;
	return size >= 6 && p[0] == 0xff && (p[1] == 0x25 || p[1] == 0x35);
}

/* Are there only nops from pos up to `least` or beyond? */
static bool is_padding(const struct watch_module *m, uint32_t pos, uint32_t least, uint32_t end)
{
	struct insn x;

	for (; pos < least && pos < end; pos += x.length)
		if (!x86_decode(&x, (const uint8_t *)m->start + pos, end - pos, m->start + pos) || !insn_is_nop(&x))
			return false;
	return true;
}

/* May the bytes [at, at + STUB_JUMP) of a function be overwritten, as far as they alone tell? No call may end in
 * them, since it returns there, and no block unless padding follows, since anything may lead to what comes behind. */
static bool bytes_may_go(const struct watch_module *m, const struct watch_function *f, uint32_t at)
{
	uint32_t end = f->at + f->size, pos = at;
	unsigned length;
	struct insn x;

	if (at + STUB_JUMP > f->padding_end)
		return false;
	while (pos < at + STUB_JUMP && pos < end) {
		length = x86_length_if_goes_on((const uint8_t *)m->start + pos, end - pos);
		if (length) {
			pos += length;
			continue;
		}
		if (!x86_decode(&x, (const uint8_t *)m->start + pos, end - pos, m->start + pos))
			return false;
		pos += x.length;
		if (x.flow == INSN_STOP && x.opcode == INT3) /* a debugger's breakpoint: it will put the byte back */
			return false;
		switch (x.flow) {
		case INSN_PLAIN:
		case INSN_JCC:
		case INSN_LOOP:
		case INSN_SYSCALL:
			break;
		case INSN_JMP:
		case INSN_JMP_REG:
		case INSN_JMP_MEM:
		case INSN_RET:
		case INSN_STOP:
			return is_padding(m, pos, at + STUB_JUMP, end);
		default: /* calls: control comes back behind them */
			if (pos < at + STUB_JUMP)
				return false;
		}
	}
	return true;
}

/* How does a way lead to its target? */
enum way { WAY_JUMP, WAY_NONE /* its bytes are no jump */, WAY_UNKNOWN };

/* Functions are read from their start on: so what the bytes at `from` are is known for certain. */
static enum way way_kind(const struct watch_module *m, uint64_t way)
{
	uintptr_t from = m->start + way_from(way), pc, end;
	int32_t i = way_from(way) == WAY_SYMBOL ? -1 : module_function_at(m, from);
	unsigned length;
	struct insn x;

	if (i < 0)
		return WAY_UNKNOWN;
	pc = m->start + m->functions[i].at;
	end = pc + m->functions[i].size;
	for (; pc <= from; pc += length) {
		length = x86_length((const uint8_t *)pc, end - pc, pc);
		if (!length)
			return WAY_UNKNOWN;
		if (from >= pc + length)
			continue;
		if (!x86_decode(&x, (const uint8_t *)pc, end - pc, pc))
			return WAY_UNKNOWN;
		/* The opcode byte is at `from`, the displacement behind it. */
		if (pc + x.opcode_offset == from && (x.flow == INSN_JMP || x.flow == INSN_JCC) && x.imm_size == 4 &&
		    x.target == m->start + way_to(way))
			return pc + x.length == from + STUB_JUMP ? WAY_JUMP : WAY_UNKNOWN;
	}
	return WAY_NONE;
}

/* Can all ways that lead to this target be changed? */
static bool ways_known(const struct watch_module *m, uint32_t to)
{
	for (size_t i = ways_to(m, to); i < m->nr_ways && way_to(m->ways[i]) == to; i++)
		if (way_kind(m, m->ways[i]) == WAY_UNKNOWN)
			return false;
	return true;
}

void module_retarget(const struct watch_module *m, uint32_t to, uintptr_t new_target)
{
	for (size_t i = ways_to(m, to); i < m->nr_ways && way_to(m->ways[i]) == to; i++) {
		uint8_t *from = (uint8_t *)m->start + way_from(m->ways[i]);
		uint32_t distance = (uint32_t)(new_target - (uintptr_t)(from + STUB_JUMP));

		if (way_kind(m, m->ways[i]) == WAY_JUMP)
			mem_copy(from + 1, &distance, sizeof(distance));
	}
}

/* Is there a target in (pc, pc + STUB_JUMP) to which control may come in the original text? */
static bool target_follows(const struct watch_module *m, uintptr_t pc)
{
	const uintptr_t *pointers = m->targets + m->nr_jumps;
	uint32_t next = target_above(pointers, m->nr_pointers, pc);

	if (next < m->nr_pointers && pointers[next] < pc + STUB_JUMP)
		return true;
	for (next = target_above(m->targets, m->nr_jumps, pc); next < m->nr_jumps && m->targets[next] < pc + STUB_JUMP;
	     next++)
		if (!ways_known(m, (uint32_t)(m->targets[next] - m->start)))
			return true;
	return false;
}

static bool entry_add(struct watch_module *m, struct watch_function *f, uint32_t at)
{
	if (target_follows(m, m->start + at) || !bytes_may_go(m, f, at))
		return false;
	m->entries[m->nr_entries++] = (struct watch_entry){ .at = at, .function = (uint32_t)(f - m->functions) };
	f->nr_entries++;
	return true;
}

/* An entry without a jump of its own, where there is no room for one: the jumps that lead there are changed. */
static bool entry_add_retargeted(struct watch_module *m, struct watch_function *f, uint32_t at)
{
	if (!ways_known(m, at))
		return false;
	m->entries[m->nr_entries++] = (struct watch_entry){ .at = at,
		                                            .function = (uint32_t)(f - m->functions),
		                                            .retargeted = true };
	f->nr_entries++;
	return true;
}

/* Adds an entry for each place to which other functions jump. What looks like a jump may be data or the end of another
 * instruction; it counts if it leads to where an instruction begins. */
static enum left_reason middle_enter(struct watch_module *m, struct watch_function *f, uint32_t first, uintptr_t *where)
{
	uintptr_t pc = m->start + f->at, end = pc + f->size, taken = pc + STUB_JUMP;
	unsigned length;

	for (uint32_t i = first; i < m->nr_jumps && m->targets[i] < end; pc += length) {
		uint32_t at = (uint32_t)(pc - m->start);

		*where = pc;
		for (; i < m->nr_jumps && m->targets[i] < pc; i++)
			;
		if (pc >= end)
			break;
		if (i < m->nr_jumps && m->targets[i] == pc) {
			if (pc >= taken && entry_add(m, f, at))
				taken = pc + STUB_JUMP;
			else if (!entry_add_retargeted(m, f, at))
				return LEFT_MIDDLE;
		}
		length = x86_length((const uint8_t *)pc, end - pc, pc);
		if (!length)
			return LEFT_UNKNOWN;
	}
	return LEFT_NOT;
}

/* Every way into the function must lead to a stub: only then is no thread inside of it when it is copied. */
static void function_enter(struct watch_module *m, struct watch_function *f)
{
	uintptr_t pc = m->start + f->at, where = pc;
	uint32_t jump = target_above(m->targets, m->nr_jumps, pc);
	enum left_reason reason = LEFT_NOT;

	f->entry = m->nr_entries;
	if (is_linkage((const uint8_t *)pc, f->size))
		reason = LEFT_LINKAGE;
	else if (f->at + STUB_JUMP > f->padding_end)
		reason = LEFT_SMALL;
	else if (!entry_add(m, f, f->at))
		reason = LEFT_ENTRY;
	else if (jump < m->nr_jumps && m->targets[jump] < pc + f->size)
		reason = middle_enter(m, f, jump, &where);
	f->state = FUNCTION_WAITS;
	if (reason == LEFT_NOT)
		return;
	m->nr_entries = f->entry;
	module_leave(m, f, reason, where);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* A segment that holds .eh_frame_hdr holds all constant data: code is between the first function and the last one. */
static struct copy_range without_data(const struct watch_module *m, struct copy_range code, uintptr_t eh_frame_hdr)
{
	const struct watch_function *last = &m->functions[m->nr_functions - 1];

	if (eh_frame_hdr - code.start < code.end - code.start) {
		code.start = MAX(code.start, m->start + m->functions[0].at);
		code.end = MAX(code.start, MIN(code.end, m->start + last->padding_end));
	}
	return code;
}

/* How much code lies in no function: start files and the linker bring a little of that. */
static void measure(struct watch_module *m, uintptr_t eh_frame_hdr)
{
	uintptr_t named = 0;
	struct copy_range code;

	for (uint32_t i = 0; i < m->nr_functions; i++)
		named += m->functions[i].padding_end - m->functions[i].at;
	m->code_size = 0;
	for (unsigned i = 0; i < m->nr_code; i++) {
		code = without_data(m, m->code[i], eh_frame_hdr);
		m->code_size += code.end - code.start;
	}
	m->nameless = m->code_size - MIN(named, m->code_size);
}

static void *tables_take(struct watch_module *m, size_t size)
{
	void *p = m->tables + m->tables_used;

	m->tables_used += ALIGN_UP(size, 16);
	return p;
}

static bool make_tables(struct watch_module *m, uint32_t nr)
{
	size_t entries = (size_t)nr + m->nr_jumps;

	m->tables_size = ALIGN_UP(nr * (sizeof(struct watch_function) + sizeof(struct watch_copy)) +
	                                  entries * sizeof(struct watch_entry) + 64,
	                          PAGE_SIZE);
	m->tables = os_reserve(m->tables_size, PAGE_SIZE);
	if (!m->tables || !os_commit(m->tables, m->tables_size, false))
		return false;
	meta_account(COST_WATCH, (int64_t)m->tables_size);
	m->functions = tables_take(m, nr * sizeof(struct watch_function));
	m->entries = tables_take(m, entries * sizeof(struct watch_entry));
	m->copies = tables_take(m, nr * sizeof(struct watch_copy));
	return true;
}

const char *module_read(struct watch_module *m, const void *phdr, unsigned nr_phdr)
{
	struct headers h = { NULL, NULL };
	struct listing l = { .m = m };
	const struct copy_range *in;
	const char *wrong = read_segments(m, phdr, nr_phdr, &h);

	if (wrong)
		return wrong;
	if (!h.eh_frame_hdr && m->text.end - m->text.start <= START_CODE_MAX)
		return module_without_functions;
	if (!h.eh_frame_hdr)
		return "it has no .eh_frame_hdr, which tells where functions begin";
	in = range_of(m->data, m->nr_data, (uintptr_t)h.eh_frame_hdr);
	if (!in || !cfi_each_function(h.eh_frame_hdr, in->start, in->end, list_function, &l))
		return "its .eh_frame_hdr is malformed";
	if (!l.nr)
		return "its .eh_frame names no functions";
	m->nr_functions = l.nr;
	wrong = targets_find(m, h.eh_frame_hdr, in, h.dynamic);
	if (wrong)
		return wrong;
	if (!make_tables(m, l.nr))
		return "there is no memory for its tables";
	l = (struct listing){ .m = m, .into = m->functions };
	cfi_each_function(h.eh_frame_hdr, in->start, in->end, list_function, &l);
	find_padding(m);
	measure(m, (uintptr_t)h.eh_frame_hdr);
	for (uint32_t i = 0; i < m->nr_functions; i++)
		function_enter(m, &m->functions[i]);
	return NULL;
}

static void release(void *p, size_t size)
{
	if (!p)
		return;
	os_release(p, size);
	meta_account(COST_WATCH, -(int64_t)size);
}

void module_release(struct watch_module *m)
{
	release(m->tables, m->tables_size);
	release(m->targets, m->targets_size);
	ways_release(m);
	if (m->near_start)
		os_release(m->near_start, (size_t)(m->near_end - m->near_start));
	m->tables = m->near_start = NULL;
	m->targets = NULL;
}
