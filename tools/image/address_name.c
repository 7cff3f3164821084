/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/address_name.c - what an address of a process or a core file is called: functions, variables, frames,
 * thread-local storage.
 *
 * A word on a stack belongs to the function whose frame it is in.  Frames are found without unwinding, which a foreign
 * process that runs on does not allow: between the stack pointer and the word, the return address nearest to the word
 * was stored by a call out of that frame, so it lies in the function.  Only words behind a call instruction count.
 * Accepted: a return address left over from an earlier call may be nearer, and then the name is a wrong neighbour's.
 */
#include "config.h"

#include "decode/decode.h"
#include "tools/image/image.h"

#include <elf.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDLE_FRAMES_MAX 256
#define STACK_SEARCH_MAX (1u << 20)
#define CALLER_SEARCH_MAX 4096u
#define PTHREAD_SIZE 0x900u
#define NAME_SIZE 1100 /* a short name */
#define LIBRARY_FRAMES 32

/* ---- code ------------------------------------------------------------------------------------ */

static const struct report_symbol *lookup(const struct image *im, struct symbolizer *sym, uint64_t pc, size_t *nr)
{
	const struct image_module *m = image_module_at(im, pc);

	*nr = 0;
	return m ? symbolizer_lookup(sym, symbolizer_module(sym, m->path, m->build_id, m->build_id_len), pc - m->bias,
	                             nr)
	         : NULL;
}

static void put_name(const char *function, char *name, size_t size)
{
	struct fmt_buf b;

	fmt_init(&b, name, size);
	report_put_short_name(&b, function);
}

static void print_frame(const struct image *im, struct symbolizer *sym, const char *indent, uint64_t pc)
{
	const struct image_module *m = image_module_at(im, pc - 1);
	size_t n;
	const struct report_symbol *s = lookup(im, sym, pc - 1, &n);

	if (!m)
		tool_print("%s0x%" PRIx64 "\n", indent, pc);
	else if (!n)
		tool_print("%s%s+0x%" PRIx64 "\n", indent, path_base(m->path), pc - m->bias);
	for (size_t i = 0; m && i < n; i++) {
		char name[NAME_SIZE] = "?";
		if (s[i].function)
			put_name(s[i].function, name, sizeof(name));
		tool_print("%s%s", indent, name);
		if (!s[i].inlined)
			tool_print("+0x%" PRIx64 "/0x%" PRIx64 " [%s]", s[i].offset + 1, s[i].size, path_base(m->path));
		if (s[i].file)
			tool_print(" at %s:%u", s[i].file, s[i].line);
		tool_print("%s\n", s[i].inlined ? " (inlined)" : "");
	}
}

/* The same as an array of JSON: what frames of memsan-report/1 have. */
static void json_frame(const struct image *im, struct symbolizer *sym, uint64_t pc, bool first)
{
	const struct image_module *m = image_module_at(im, pc - 1);
	size_t n;
	const struct report_symbol *s = lookup(im, sym, pc - 1, &n);

	for (size_t i = 0; i < MAX(n, (size_t)1); i++) {
		printf("%s{\"pc\":\"0x%" PRIx64 "\",\"module\":", first && !i ? "" : ",", pc);
		decode_json_string(stdout, m ? m->path : NULL);
		fputs(",\"function\":", stdout);
		decode_json_string(stdout, n ? s[i].function : NULL);
		fputs(",\"file\":", stdout);
		decode_json_string(stdout, n ? s[i].file : NULL);
		if (n && s[i].file && s[i].line)
			printf(",\"line\":%u", s[i].line);
		else
			fputs(",\"line\":null", stdout);
		printf(",\"inlined\":%s}", n && s[i].inlined ? "true" : "false");
	}
}

/* All lookups are announced before the first, so each file is read once. */
static size_t read_stack(const struct image *im, struct symbolizer *sym, uint32_t handle, const uint64_t **stack)
{
	static uint64_t pcs[HANDLE_FRAMES_MAX];
	size_t n = image_stack(im, handle, pcs, HANDLE_FRAMES_MAX);

	*stack = pcs;
	for (size_t i = 0; i < n; i++) {
		const struct image_module *m = image_module_at(im, pcs[i] - 1);
		if (m)
			symbolizer_want(sym, symbolizer_module(sym, m->path, m->build_id, m->build_id_len),
			                pcs[i] - m->bias - 1);
	}
	return n;
}

void image_print_stack(const struct image *im, struct symbolizer *sym, const char *indent, uint32_t handle)
{
	const uint64_t *pcs;
	size_t n = read_stack(im, sym, handle, &pcs);

	for (size_t i = 0; i < n; i++)
		print_frame(im, sym, indent, pcs[i]);
}

void image_json_stack(const struct image *im, struct symbolizer *sym, uint32_t handle)
{
	const uint64_t *pcs;
	size_t n = read_stack(im, sym, handle, &pcs);

	putchar('[');
	for (size_t i = 0; i < n; i++)
		json_frame(im, sym, pcs[i], i == 0);
	putchar(']');
}

/* False: it is a library's code, and the name is that of its innermost function. */
static bool name_code(const struct image *im, struct symbolizer *sym, uint64_t pc, char *name, size_t size)
{
	const struct image_module *m = image_module_at(im, pc);
	char function[NAME_SIZE];
	size_t n, i = 0;
	const struct report_symbol *s = lookup(im, sym, pc, &n);

	while (i < n && report_library_symbol(&s[i]))
		i++;
	if (i < n)
		s += i;
	if (n && s->function)
		put_name(s->function, function, sizeof(function));
	if (!m)
		snprintf(name, size, "0x%" PRIx64, pc);
	else if (!n || !s->function)
		snprintf(name, size, "%s+0x%" PRIx64, path_base(m->path), pc - m->bias);
	else if (s->file)
		snprintf(name, size, "%s at %s:%u", function, path_base(s->file), s->line);
	else
		snprintf(name, size, "%s [%s]", function, path_base(m->path));
	return !n || i < n;
}

void image_name_code(const struct image *im, struct symbolizer *sym, uint64_t pc, char *name, size_t size)
{
	name_code(im, sym, pc, name, size);
}

void image_name_stack(const struct image *im, struct symbolizer *sym, uint32_t handle, char *name, size_t size)
{
	uint64_t pcs[LIBRARY_FRAMES];
	size_t n = image_stack(im, handle, pcs, LIBRARY_FRAMES);

	name[0] = 0;
	for (size_t i = 0; i < n; i++)
		if (name_code(im, sym, pcs[i] - 1, name, size))
			return;
	if (n)
		name_code(im, sym, pcs[0] - 1, name, size);
}

/* ---- variables ------------------------------------------------------------------------------- */

static Elf *open_elf(const char *path, int *fd)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return NULL;
	elf_version(EV_CURRENT);
	return elf_begin(*fd, ELF_C_READ, NULL);
}

static void name_variable(const char *symbol, char *name, size_t size)
{
	struct alloc_region region = { .used = 0 };

	put_name(demangle_symbol(&region, symbol), name, size);
	region_free(&region);
}

/* The variable that holds `addr` (as in the file), in one table of symbols. */
static bool search_table(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, int type, uint64_t addr, struct root_name *name)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data && sh->sh_entsize ? data->d_size / sh->sh_entsize : 0;

	for (size_t i = 0; i < n; i++) {
		GElf_Sym s;
		const char *text;
		if (!gelf_getsym(data, (int)i, &s) || GELF_ST_TYPE(s.st_info) != type || s.st_shndx == SHN_UNDEF ||
		    addr - s.st_value >= MAX(s.st_size, 1))
			continue;
		text = elf_strptr(elf, sh->sh_link, s.st_name);
		if (!text || !*text)
			continue;
		name_variable(text, name->symbol, sizeof(name->symbol));
		name->offset = addr - s.st_value;
		return true;
	}
	return false;
}

static bool search_file(const char *path, int type, uint64_t addr, struct root_name *name)
{
	bool found = false;
	int fd;
	Elf *elf = open_elf(path, &fd);

	for (int pass = 0; elf && pass < 2 && !found; pass++)
		for (Elf_Scn *scn = NULL; !found && (scn = elf_nextscn(elf, scn)) != NULL;) {
			GElf_Shdr sh;
			if (gelf_getshdr(scn, &sh) && sh.sh_type == (pass ? SHT_DYNSYM : SHT_SYMTAB))
				found = search_table(elf, scn, &sh, type, addr, name);
		}
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return found;
}

/* The file itself, or its debug file (Debian's dbgsym packages: by build id). */
static bool search_module(const struct image_module *m, int type, uint64_t addr, struct root_name *name)
{
	char path[128], *p = path;

	if (search_file(m->path, type, addr, name))
		return true;
	if (m->build_id_len < 2)
		return false;
	p += snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", m->build_id[0]);
	for (unsigned i = 1; i < m->build_id_len; i++)
		p += snprintf(p, 3, "%02x", m->build_id[i]);
	snprintf(p, 7, ".debug");
	return search_file(path, type, addr, name);
}

/* The module whose data this is: its files' mappings, or its bss right behind them. */
static const struct image_module *module_of_data(const struct image *im, uint64_t addr)
{
	const struct image_module *before = NULL;
	const struct image_mapping *bss = NULL;

	for (size_t i = 0; i < im->nr_modules; i++) {
		if (addr - im->modules[i].start < im->modules[i].end - im->modules[i].start)
			return &im->modules[i];
		if (im->modules[i].end <= addr)
			before = &im->modules[i];
	}
	for (size_t i = 0; i < im->nr_mappings; i++)
		if (addr - im->mappings[i].start < im->mappings[i].end - im->mappings[i].start)
			bss = &im->mappings[i];
	return before && bss && !bss->path && !bss->main_stack && bss->start == before->end &&
	                       addr < before->bias + before->size
	               ? before
	               : NULL;
}

/* ---- threads --------------------------------------------------------------------------------- */

void image_name_thread(const struct image *im, int tid, struct root_name *name)
{
	name->tid = tid;
	for (uint32_t i = im->heap.directory.lib.nr_threads; i-- > 1;) {
		int known;
		char text[THREAD_NAME_MAX];
		if (image_thread_name(im, i, &known, text) && known == tid) {
			memcpy(name->thread, text, sizeof(text));
			return;
		}
	}
}

static bool behind_call(const struct image *im, uint64_t pc)
{
	uint8_t b[8] = { 0 };
	const struct image_module *m = image_module_at(im, pc - 1);

	if (!m || !m->path)
		return false;
	if (im->view.read(&im->view, b, pc - 8, 8) != 8) { /* a core file seldom holds code */
		int fd = open(m->path, O_RDONLY | O_CLOEXEC);
		bool ok = fd >= 0 && pread(fd, b, 8, (off_t)image_file_offset(im, pc - 8)) == 8;
		if (fd >= 0)
			close(fd);
		if (!ok)
			return false;
	}
	if (b[3] == 0xe8)
		return true;
	for (int at = 0; at <= 6; at++)
		if (b[at] == 0xff && (b[at + 1] >> 3 & 7) == 2)
			return true;
	return false;
}

static bool is_return_address(const struct image *im, uint64_t at, uint64_t *pc)
{
	return view_read(&im->view, pc, at, 8) && image_code_at(im, *pc - 1) && behind_call(im, *pc);
}

static void name_frame(const struct image *im, struct symbolizer *sym, const struct image_thread *t, uint64_t addr,
                       struct root_name *name)
{
	uint64_t from = MAX(t->sp, addr > STACK_SEARCH_MAX ? addr - STACK_SEARCH_MAX : 0) & ~(uint64_t)7, word, at;

	for (at = (addr & ~(uint64_t)7) - 8; at >= from && !is_return_address(im, at, &word); at -= 8)
		;
	if (at >= from)
		image_name_code(im, sym, word - 1, name->frame, sizeof(name->frame));
	else if (t->pc)
		image_name_code(im, sym, t->pc, name->frame, sizeof(name->frame));
	/* Registers that a library's function saved say little: who called it? */
	for (at = addr & ~(uint64_t)7; at < addr + CALLER_SEARCH_MAX; at += 8)
		if (is_return_address(im, at, &word)) {
			image_name_code(im, sym, word - 1, name->caller, sizeof(name->caller));
			return;
		}
}

static uint64_t tls_size(const struct image *im, const struct image_module *m, uint64_t *align)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (!view_read(&im->view, &eh, m->start, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	for (unsigned i = 0; i < eh.e_phnum && i < 64; i++)
		if (view_read(&im->view, &ph, m->start + eh.e_phoff + i * sizeof(ph), sizeof(ph)) &&
		    ph.p_type == PT_TLS) {
			*align = MAX(ph.p_align, 1);
			return ph.p_memsz;
		}
	return 0;
}

/* The size of all modules' thread-local storage, as libc lays it out.  (Modules that were dlopened have theirs in other
 * places, so the sum may be a few words too large.) */
static uint64_t tls_total(const struct image *im)
{
	static const struct image *known;
	static uint64_t total;
	uint64_t align;

	if (known == im)
		return total;
	total = 0;
	for (size_t i = 0; i < im->nr_modules; i++) {
		uint64_t size = tls_size(im, &im->modules[i], &align);
		total += size ? (size + align - 1) / align * align : 0;
	}
	known = im;
	return total;
}

bool image_on_stack(const struct image *im, uint64_t addr)
{
	for (size_t i = 0; i < im->nr_threads; i++) {
		const struct image_thread *t = &im->threads[i];
		uint64_t start, end;
		if (image_stack_bounds(im, t, &start, &end) && addr >= start && addr < end &&
		    !(t->tp > addr && t->tp - addr <= tls_total(im)) &&
		    !(t->tp && addr >= t->tp && addr < t->tp + PTHREAD_SIZE))
			return true;
	}
	return false;
}

/* Below the thread pointer: the program's own variables, then the libraries' in an order that only libc knows. */
static bool name_tls(const struct image *im, const struct image_thread *t, uint64_t addr, struct root_name *name)
{
	uint64_t align = 1, own;

	if (!t->tp || addr >= t->tp + PTHREAD_SIZE)
		return false;
	if (addr >= t->tp) {
		name->kind = ROOT_PTHREAD;
		return true;
	}
	if (t->tp - addr > tls_total(im))
		return false;
	name->kind = ROOT_TLS;
	for (size_t i = 0; i < im->nr_modules; i++) {
		if (!im->modules[i].program)
			continue;
		own = tls_size(im, &im->modules[i], &align);
		own = align ? (own + align - 1) / align * align : own;
		if (own && t->tp - addr <= own && search_module(&im->modules[i], STT_TLS, addr - (t->tp - own), name))
			snprintf(name->module, sizeof(name->module), "%.250s", path_base(im->modules[i].path));
	}
	return true;
}

static bool name_of_thread(const struct image *im, struct symbolizer *sym, uint64_t addr, struct root_name *name)
{
	for (size_t i = 0; i < im->nr_threads; i++) {
		const struct image_thread *t = &im->threads[i];
		uint64_t start, end;
		bool mine = name_tls(im, t, addr, name);
		if (!mine && image_stack_bounds(im, t, &start, &end) && addr >= start && addr < end) {
			name->kind = ROOT_STACK;
			if (t->sp)
				name_frame(im, sym, t, addr, name);
			mine = true;
		}
		if (mine) {
			image_name_thread(im, t->tid, name);
			return true;
		}
	}
	return false;
}

/* ---- roots ----------------------------------------------------------------------------------- */

void image_name_root(const struct image *im, struct symbolizer *sym, uint64_t addr, struct root_name *name)
{
	const struct image_module *m = module_of_data(im, addr);

	memset(name, 0, sizeof(*name));
	if (m) {
		name->kind = ROOT_GLOBAL;
		snprintf(name->module, sizeof(name->module), "%.250s", path_base(m->path));
		if (!search_module(m, STT_OBJECT, addr - m->bias, name))
			name->offset = addr - m->bias;
		return;
	}
	if (name_of_thread(im, sym, addr, name))
		return;
	name->kind = ROOT_MAPPING;
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *p = &im->mappings[i];
		if (addr - p->start >= p->end - p->start)
			continue;
		name->offset = addr - p->start;
		snprintf(name->module, sizeof(name->module), "%s",
		         p->path         ? path_base(p->path)
		         : p->main_stack ? "[stack]"
		         : p->heap       ? "[heap]"
		                         : "");
	}
}

void root_name_text(const struct root_name *n, uint64_t addr, char *text, size_t size)
{
	char thread[64] = "";

	if (n->tid)
		snprintf(thread, sizeof(thread), " of thread %s%s%d", n->thread, n->thread[0] ? "/" : "", n->tid);
	switch (n->kind) {
	case ROOT_GLOBAL:
		if (n->symbol[0] && n->offset)
			snprintf(text, size, "global variable %s+0x%" PRIx64 " [%s] at 0x%" PRIx64, n->symbol,
			         n->offset, n->module, addr);
		else if (n->symbol[0])
			snprintf(text, size, "global variable %s [%s] at 0x%" PRIx64, n->symbol, n->module, addr);
		else
			snprintf(text, size, "data of %s+0x%" PRIx64 " at 0x%" PRIx64, n->module, n->offset, addr);
		break;
	case ROOT_STACK:
		snprintf(text, size, "stack%s at 0x%" PRIx64 "%s%s%s%s", thread, addr,
		         n->frame[0] ? ", in the frame of " : "", n->frame, n->caller[0] ? ", called by " : "",
		         n->caller);
		break;
	case ROOT_TLS:
		if (n->symbol[0] && n->offset)
			snprintf(text, size, "thread-local variable %s+0x%" PRIx64 " [%s]%s at 0x%" PRIx64, n->symbol,
			         n->offset, n->module, thread, addr);
		else if (n->symbol[0])
			snprintf(text, size, "thread-local variable %s [%s]%s at 0x%" PRIx64, n->symbol, n->module,
			         thread, addr);
		else
			snprintf(text, size, "thread-local storage%s at 0x%" PRIx64, thread, addr);
		break;
	case ROOT_PTHREAD:
		snprintf(text, size, "pthread_setspecific data or what else libc keeps%s at 0x%" PRIx64, thread, addr);
		break;
	case ROOT_REGISTER:
		snprintf(text, size, "register %s%s", n->symbol, thread);
		break;
	case ROOT_NOT_LEAK:
		snprintf(text, size, "the program said that it is no leak (memsan_leak_not_leak)");
		break;
	default:
		snprintf(text, size, "mapping %s%s0x%" PRIx64 "+0x%" PRIx64, n->module, n->module[0] ? " " : "",
		         addr - n->offset, n->offset);
	}
}
