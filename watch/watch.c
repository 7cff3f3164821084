/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/watch.c - the start; modules that come and go; what --watch=explain says.
 *
 * At the start memsan's constructor runs before all others, when the loader has mapped and relocated every module,
 * and no code of them has run but the resolvers of IFUNCs. Later the loader calls an empty function of its own when
 * its list of modules has changed, for debuggers (r_brk): a jump there leads to loader_changed. For a dlopen this
 * comes when all new modules are mapped, before they are relocated and before their constructors; for a dlclose,
 * when they are gone. The loader's lock is held. Modules in other name spaces (dlmopen) have a C library of their own,
 * whose malloc memsan does not serve: they are left alone. */
#include "config.h"

#include <link.h>

#include "shadow/shadow.h"
#include "watch/watch_internal.h"

#define SEEN_MODULES 2048u
#define MUCH_CODE 4096u

extern struct r_debug _r_debug __attribute__((weak));

/* The modules that were looked at, watched or not; under watch_lock. */
static struct seen_module {
	uintptr_t start; /* 0: free */
	struct watch_module *watched;
	bool here;
} seen[SEEN_MODULES] __large_bss;
static bool watching;

/* ---- a module that came ---------------------------------------------------------------------- */

static struct watch_module *module_new(void)
{
	struct watch_module *m = NULL;
	size_t size = ALIGN_UP(sizeof(*m), PAGE_SIZE);

	m = os_reserve(size, PAGE_SIZE);
	if (!m || !os_commit(m, size, false))
		return NULL;
	mem_set(m, 0, sizeof(*m));
	return m;
}

static void module_delete(struct watch_module *m)
{
	module_release(m);
	os_release(m, ALIGN_UP(sizeof(*m), PAGE_SIZE));
}

static bool publish(struct watch_module *m)
{
	for (unsigned i = 0; i < WATCH_MODULES; i++)
		if (!watch_modules[i]) {
			STORE_RELEASE(watch_modules[i], m);
			return true;
		}
	return false;
}

/* Has the loader mapped these bytes of the file? It does not look at notes: their addresses may be nonsense. */
static bool is_mapped(const struct dl_phdr_info *info, ElfW(Addr) vaddr, size_t size)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && (p->p_flags & PF_R) && vaddr >= p->p_vaddr && p->p_filesz >= size &&
		    vaddr - p->p_vaddr <= p->p_filesz - size)
			return true;
	}
	return false;
}

/* Go's linker leaves the note "Go" in what it makes. Go's stacks are tiny, and its runtime finds functions by return
 * addresses of its own making. */
static bool is_go(const struct dl_phdr_info *info)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(info->dlpi_addr + p->p_vaddr);

		if (p->p_type == PT_NOTE && is_mapped(info, p->p_vaddr, sizeof(*note) + 4) && note->n_namesz == 4 &&
		    mem_compare(note + 1, "Go\0", 4) == 0)
			return true;
	}
	return false;
}

/* The loader takes the last one. */
static const ElfW(Dyn) *dynamic_of(const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *dynamic = NULL;

	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return dynamic;
}

/* In words: why the module is left alone; NULL: it is watched. */
static const char *watch_module(struct watch_module *m, const struct dl_phdr_info *info)
{
	const char *wrong;

	if (is_go(info))
		return "it was made by Go's linker";
	if (shadow_is_instrumented(info->dlpi_addr, dynamic_of(info)))
		return "it is instrumented, and so checks its accesses by itself";
	m->bias = info->dlpi_addr;
	wrong = module_read(m, info->dlpi_phdr, info->dlpi_phnum);
	if (!wrong && (uintptr_t)watch_start - m->start < m->end - m->start)
		wrong = "memsan is linked into it";
	if (!wrong && options.watch_only[0])
		wrong = module_filter(m, options.watch_only);
	if (!wrong)
		wrong = entry_place(m);
	if (!wrong && !publish(m))
		wrong = "too many modules are watched";
	return wrong;
}

static struct watch_module *module_came(const struct dl_phdr_info *info, bool program)
{
	static char path[MODULE_PATH_MAX]; /* under watch_lock */
	struct watch_module *m;
	const char *wrong;
	bool tells;
	long n;

	str_copy(path, info->dlpi_name ? info->dlpi_name : "", sizeof(path));
	if (program && !path[0]) {
		n = os_exe_path(path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
	}
	if (choose_module(options.watch, path, program) != CHOICE_YES)
		return NULL;
	tells = choose_tells(options.watch, path, program);
	m = module_new();
	if (!m)
		return NULL;
	str_copy(m->path, path, sizeof(m->path));
	wrong = watch_module(m, info);
	if (!wrong && tells && m->nameless > m->code_size / 2 && m->nameless > MUCH_CODE)
		report_line(
			"watch: %s: most of its code (%lu bytes of %lu) is in no function that .eh_frame names, and is "
			"not watched",
			path_base(path), m->nameless, m->code_size);
	if (!wrong)
		return m;
	/* There is nothing to watch in data alone (libicudata). */
	if (tells && (wrong != module_without_functions || choose_explain(options.watch)))
		report_line("watch: %s is not watched: %s", path_base(path), wrong);
	module_delete(m);
	return NULL;
}

/* ---- what the loader has loaded -------------------------------------------------------------- */

static struct seen_module *seen_find(uintptr_t start)
{
	for (unsigned i = 0; i < SEEN_MODULES; i++)
		if (seen[i].start == start)
			return &seen[i];
	return NULL;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	bool *program = arg, first = *program;
	struct seen_module *s;
	uintptr_t start = (uintptr_t)info->dlpi_phdr;

	(void)size;
	*program = false;
	s = seen_find(start);
	if (s) {
		s->here = true;
		return 0;
	}
	s = seen_find(0);
	if (!s)
		return 0;
	*s = (struct seen_module){ .start = start, .here = true };
	s->watched = module_came(info, first);
	return 0;
}

static void module_went(struct seen_module *s)
{
	for (unsigned i = 0; s->watched && i < WATCH_MODULES; i++)
		if (watch_modules[i] == s->watched)
			STORE_RELEASE(watch_modules[i], NULL);
	if (s->watched)
		module_delete(s->watched);
	*s = (struct seen_module){ 0 };
}

static void look(void *unused)
{
	bool program = true, mine = lock_mine(&watch_lock);

	(void)unused;
	if (!mine)
		lock_acquire(&watch_lock);
	for (unsigned i = 0; i < SEEN_MODULES; i++)
		seen[i].here = false;
	dl_iterate_phdr(look_at, &program);
	for (unsigned i = 0; i < SEEN_MODULES; i++)
		if (seen[i].start && !seen[i].here)
			module_went(&seen[i]);
	near_close_gaps();
	if (!mine)
		lock_release(&watch_lock);
}

/* glibc 2.35 and later: the state of a further name space stands behind that of each (struct r_debug_extended). */
struct name_space {
	struct r_debug state;
	const struct name_space *next;
};

static bool holds_chosen(const struct r_debug *state)
{
	for (const struct link_map *l = state->r_map; l && state->r_state == RT_CONSISTENT; l = l->l_next)
		if (choose_module(options.watch, l->l_name, false) == CHOICE_YES &&
		    choose_tells(options.watch, l->l_name, false))
			return true;
	return false;
}

/* Has another name space a module that the user wants to be watched? */
static bool misses_name_space(void)
{
	const struct name_space *n = (const struct name_space *)&_r_debug;

	__asm__("" : "+r"(n)); /* the compiler knows the smaller structure */
	while (n->state.r_version >= 2 && n->next) {
		n = n->next;
		if (holds_chosen(&n->state))
			return true;
	}
	return false;
}

/* The loader calls this in place of the function that debuggers stop at. */
static void loader_changed(void)
{
	static bool said;

	if (watch_stopped)
		return;
	if (misses_name_space() && !__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		report_line("watch: modules of another name space (dlmopen) are not watched");
	if (_r_debug.r_state == RT_CONSISTENT)
		deep_run(look, NULL);
}

/* The loader's own state; NULL in a static program, if it is not position-independent. */
static struct r_debug *loader_state(void)
{
	return &_r_debug && _r_debug.r_map ? &_r_debug : NULL;
}

/* The empty function is a `ret`, perhaps behind endbr64, and padding up to its alignment. */
static bool loader_notify(void)
{
	uint8_t *code = (uint8_t *)_r_debug.r_brk, *page = (uint8_t *)ALIGN_DOWN((uintptr_t)code, PAGE_SIZE);
	struct insn x;
	size_t n = 0;

	while (code && n < STUB_FAR_JUMP) {
		if (!x86_decode(&x, code + n, 16, (uintptr_t)code + n) || (x.flow == INSN_RET) != (code[n] == 0xc3))
			return false;
		if (x.flow != INSN_RET && !x.endbr && code[n] != 0x66 && code[n] != 0x0f && code[n] != 0x90 &&
		    code[n] != 0x2e)
			return false;
		n += x.length;
	}
	if (!code || !os_protect_code(page, 2 * PAGE_SIZE))
		return false;
	stub_write_far_jump(code, (uintptr_t)loader_changed);
	os_protect_plain_code(page, 2 * PAGE_SIZE);
	return true;
}

/* ---- the start ------------------------------------------------------------------------------- */

void watch_start(void)
{
	if (!choose_any(options.watch))
		return;
	if (!shadow_on) {
		report_line("watch off: it needs check mode, with shadow=on");
		return;
	}
	if (!loader_state()) {
		report_line("watch off: a static program cannot be watched yet");
		return;
	}
	if (!shadow_want_all()) {
		report_line("watch off: the shadow at 0x%lx cannot be mapped (see ulimit -v)", SHADOW_OFFSET);
		return;
	}
	lock_register_for_fork(&watch_lock);
	stub_prepare();
	origin_start();
	report_start();
	watching = true;
	deep_run(look, NULL);
	if (!loader_notify())
		report_line("watch: modules that are loaded later stay unwatched: the loader's code cannot be changed");
}

/* ---- the end before the program's ------------------------------------------------------------ */

static void unwatch(struct watch_module *m)
{
	for (uint32_t i = 0; i < m->nr_copies; i++)
		origin_restore(m, &m->copies[i]);
	entry_remove(m);
}

/* Other threads may be in copies, where checks read shadow that goes: origin.c leads them out. */
static void stop(void *unused)
{
	bool mine = lock_mine(&watch_lock);

	(void)unused;
	if (!mine)
		lock_acquire(&watch_lock);
	for (unsigned i = 0; i < WATCH_MODULES; i++)
		if (watch_modules[i])
			unwatch(watch_modules[i]);
	entry_stop();
	near_open_gaps();
	WRITE_ONCE(watch_stopped, true);
	report_stop();
	shadow_want_less();
	if (!mine)
		lock_release(&watch_lock);
}

void watch_stop(const char *why)
{
	if (!watching || watch_stopped || !shadow_can_shrink())
		return;
	deep_run(stop, NULL);
	report_line("watch off from here on: %s", why);
}

void watch_stop_for_mapping(uintptr_t addr, size_t size)
{
	if (watching && !watch_stopped && process_is_this() && size &&
	    (shadow_spans(addr) || shadow_spans(addr + size - 1)))
		watch_stop("the program maps memory where the shadow lies");
}

/* ---- what was watched ------------------------------------------------------------------------ */

static const char *const reason_words[LEFT_REASONS] = {
	[LEFT_SMALL] = "too small for a jump at their start",
	[LEFT_ENTRY] = "control may come into the first bytes",
	[LEFT_MIDDLE] = "other functions jump into the middle",
	[LEFT_UNKNOWN] = "hold an instruction that memsan does not know",
	[LEFT_UNMOVABLE] = "hold data, or an instruction that cannot be copied",
	[LEFT_FAR] = "lead further than 2 GB",
	[LEFT_ROOM] = "no memory for a copy",
	[LEFT_FILTER] = "not named by watch.only",
	[LEFT_STOPPED] = "not called before watching ended",
	[LEFT_LINKAGE] = "the linker's (PLT)",
};

static void explain_module(const struct watch_module *m)
{
	const struct copy_counts *c = &m->counts;
	const char *name = path_base(m->path);

	report_line("watch: %s: %u functions, %u were called, %u watched", name, m->nr_functions, m->nr_ran,
	            m->nr_copies);
	report_line("watch: %s: their accesses: %u checked (by %u checks), %u on the stack or at fixed addresses, "
	            "%u by a segment, %u of uncertain extent",
	            name, c->checked, c->checks, c->stack, c->segment, c->uncertain);
	report_line("watch: %s: %u places where control comes back: %u without a jump into the copy", name, c->places,
	            c->unsprung);
	report_line("watch: %s: %lu bytes of %lu are in no function that .eh_frame names", name, m->nameless,
	            m->code_size);
	for (unsigned r = 1; r < LEFT_REASONS; r++)
		if (m->left[r])
			report_line("watch: %s: %u functions left alone: %s (the first at %s+0x%lx)", name, m->left[r],
			            reason_words[r], name, m->left_first[r]);
}

void watch_explain(void)
{
	if (!watching || !choose_explain(options.watch))
		return;
	lock_acquire(&watch_lock);
	for (unsigned i = 0; i < WATCH_MODULES; i++)
		if (watch_modules[i])
			explain_module(watch_modules[i]);
	lock_release(&watch_lock);
}
