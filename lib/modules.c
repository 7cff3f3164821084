/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/modules.c - which ELF file held a pc, now or when a stack was taken.
 *
 * For modules that are loaded now, ld.so's lock-free _dl_find_object has the answer. memsan remembers the modules that
 * dlclose unloaded: a stack may outlive its modules, and another module may have been loaded at the same place since.
 *
 *   time ───────────────►            when = a ► A      when = b ► B      now ► C
 *   address  [ A ]····[  B  ]···[ C
 *                 ▲unload    ▲unload
 *
 * For a stack of a known time, the answer is the first module that was unloaded at or after that time, else the module
 * that is loaded now. For a stack of unknown time, the answer is the module that is loaded now, else the last one that
 * was unloaded.
 */
#include "lib/lib.h"
#include "lib/lib_internal.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

/* A program may load and unload plug-ins for ever: then the oldest entry is replaced. */
#define HISTORY_MAX 256

struct gone_module {
	uint32_t unloaded_at; /* jiffies */
	uint64_t order;       /* the order of unloading, also within one tick */
	struct module_info info;
};

/* Guards the history and the list of modules that were loaded before a dlclose. */
static struct ranked_lock modules_lock = RANKED_LOCK_INIT(LOCK_RANK_MODULES);
static struct gone_module *history; /* a ring, made at the first unloading */
static uint32_t history_next;
static uint64_t history_order;
/* this thread is taking the lock, holds it, or is releasing it */
static TLS_IE bool modules_busy;
static uint32_t history_used; /* may be read without the lock: 0 means nothing ever went away */

/* Bounds of the runtime's code in a static program (see libmemsan.a in preload/local.mk). */
extern const char __start_memsan_text[] __attribute__((weak, visibility("hidden")));
extern const char __stop_memsan_text[] __attribute__((weak, visibility("hidden")));

/* In a static program libc allocates before it knows what is loaded; a call of _dl_find_object would crash then. */
static bool loader_ready; /* written once, by the constructor */

void modules_start(void)
{
	loader_ready = true;
}

bool modules_usable(void)
{
	return loader_ready || !__start_memsan_text;
}

/* ---- reading what is mapped ------------------------------------------------------------------ */

#define HEADERS_AT_ONCE 8

/* Finds the note with this name (three characters) and type in the module's program headers. Copies up to `max` bytes
 * of its contents and returns how many; 0: none. */
static size_t note_find(const struct module_info *info, const char *name, ElfW(Word) type, void *dst, size_t max)
{
	ElfW(Phdr) some[HEADERS_AT_ONCE];
	ElfW(Ehdr) eh;
	uint8_t note[128];
	size_t have = 0;

	if (os_safe_read(&eh, (void *)info->start, sizeof(eh)) != sizeof(eh) ||
	    mem_compare(eh.e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	for (unsigned i = 0; i < eh.e_phnum && i < 64; i++) {
		uintptr_t at = info->start + eh.e_phoff + i / HEADERS_AT_ONCE * sizeof(some);
		ElfW(Phdr) ph;

		/* A read is three system calls. */
		if (i % HEADERS_AT_ONCE == 0)
			have = at < info->end ? os_safe_read(some, (void *)at, MIN(sizeof(some), info->end - at)) : 0;
		if (have < (i % HEADERS_AT_ONCE + 1) * sizeof(ph))
			return 0;
		mem_copy(&ph, &some[i % HEADERS_AT_ONCE], sizeof(ph));
		if (ph.p_type != PT_NOTE)
			continue;
		for (size_t off = 0; off + sizeof(ElfW(Nhdr)) < ph.p_memsz;) {
			ElfW(Nhdr) nh;
			size_t got = os_safe_read(note, (void *)(info->bias + ph.p_vaddr + off),
			                          MIN(sizeof(note), ph.p_memsz - off));
			if (got < sizeof(nh))
				return 0;
			mem_copy(&nh, note, sizeof(nh));
			if (nh.n_type == type && nh.n_namesz == 4 && mem_compare(note + sizeof(nh), name, 4) == 0) {
				size_t n = MIN(MIN((size_t)nh.n_descsz, max), got - sizeof(nh) - 4);
				mem_copy(dst, note + sizeof(nh) + 4, n);
				return n;
			}
			off += sizeof(nh) + ALIGN_UP((size_t)nh.n_namesz, 4) + ALIGN_UP((size_t)nh.n_descsz, 4);
		}
	}
	return 0;
}

static void read_build_id(struct module_info *info)
{
	info->build_id_len = (uint8_t)note_find(info, "GNU", NT_GNU_BUILD_ID, info->build_id, BUILD_ID_MAX);
}

/* Reads a name in ld.so's own list, which another thread's dlclose may free at this moment. */
static void read_name(char *dst, const char *name, size_t size)
{
	size_t got = os_safe_read(dst, name, size - 1);

	dst[got] = '\0';
}

/* The file that is mapped at start. */
static bool mapped_path(uintptr_t start, char *path, size_t size)
{
	char buffer[MODULE_PATH_MAX + 128];
	struct maps_line m;

	if (maps_find(start, &m, buffer, sizeof(buffer)) != 1 || m.path[0] != '/')
		return false;
	str_copy(path, m.path, size);
	return true;
}

static void main_program_path(const struct module_info *info, char *path, size_t size)
{
	uintptr_t size_mapped = info->end - info->start;
	long n;

	/* Somebody has started ld.so by its name. */
	if (!os_filter_set() && os_auxiliary(AT_PHDR) - info->start >= size_mapped &&
	    mapped_path(info->start, path, size))
		return;
	n = os_exe_path(path, size);
	path[n > 0 ? n : 0] = '\0';
	/* Without /proc: the name by which the program was started, which may be relative. */
	if (n <= 0 && getauxval(AT_EXECFN))
		str_copy(path, (const char *)getauxval(AT_EXECFN), size);
}

/* What ld.so knows of the module at pc. Another thread's dlclose may free the link map at any moment, and its page may
 * be closed then (fence=all). What was read is true if the module is still there afterwards. */
static bool live_map(uintptr_t pc, struct dl_find_object *found, struct link_map *map)
{
	struct dl_find_object after;

	return modules_usable() && _dl_find_object((void *)pc, found) == 0 &&
	       os_safe_read(map, found->dlfo_link_map, sizeof(*map)) == sizeof(*map) &&
	       _dl_find_object((void *)pc, &after) == 0 && after.dlfo_link_map == found->dlfo_link_map;
}

static bool find_live(uintptr_t pc, struct module_info *info)
{
	struct dl_find_object found;
	struct link_map map;

	if (!live_map(pc, &found, &map))
		return false;
	mem_set(info, 0, sizeof(*info));
	info->start = (uintptr_t)found.dlfo_map_start;
	info->end = (uintptr_t)found.dlfo_map_end;
	info->bias = map.l_addr;
	if (map.l_name)
		read_name(info->path, map.l_name, sizeof(info->path));
	if (!info->path[0])
		main_program_path(info, info->path, sizeof(info->path));
	read_build_id(info);
	return true;
}

/* Go's linker gives each program and library the note "Go", type 4. */
#define NT_GO_BUILD_ID 4

bool module_is_go(uintptr_t pc)
{
	struct module_info info;
	char id[8];

	return find_live(pc, &info) && note_find(&info, "Go\0", NT_GO_BUILD_ID, id, sizeof(id)) != 0;
}

/* ---- finding --------------------------------------------------------------------------------- */

/* modules_busy is set before the lock is taken and cleared after it is released. So a signal handler can rely on it at
 * every instruction. */
static void modules_enter(void)
{
	static bool registered;

	modules_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&registered, __ATOMIC_RELAXED)) {
		lock_register_for_fork(&modules_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
	lock_acquire(&modules_lock);
}

static void modules_leave(void)
{
	lock_release(&modules_lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	modules_busy = false;
}

static bool find_gone(uintptr_t pc, uint32_t when, struct module_info *info)
{
	const struct gone_module *best = NULL;

	if (!__atomic_load_n(&history_used, __ATOMIC_ACQUIRE) || modules_busy)
		return false;
	modules_enter();
	for (uint32_t i = 0; i < history_used; i++) {
		const struct gone_module *g = &history[i];
		if (pc - g->info.start >= g->info.end - g->info.start || (when && (int32_t)(g->unloaded_at - when) < 0))
			continue;
		/* With a time, the first module unloaded after it; without, the last one unloaded. */
		if (!best || (when ? g->order < best->order : g->order > best->order))
			best = g;
	}
	if (best)
		mem_copy(info, &best->info, sizeof(*info));
	modules_leave();
	return best != NULL;
}

bool module_find(uintptr_t pc, uint32_t when, struct module_info *info)
{
	if (when && find_gone(pc, when, info))
		return true;
	return find_live(pc, info) || (!when && find_gone(pc, 0, info));
}

/* ---- ourselves ------------------------------------------------------------------------------- */

static struct {
	uintptr_t start, end;
	bool known;
} self;

static void self_locate(void)
{
	struct dl_find_object found;
	uintptr_t start = (uintptr_t)__start_memsan_text, end = (uintptr_t)__stop_memsan_text;

	if (!start && _dl_find_object((void *)self_locate, &found) == 0 && found.dlfo_link_map->l_name &&
	    found.dlfo_link_map->l_name[0]) {
		start = (uintptr_t)found.dlfo_map_start;
		end = (uintptr_t)found.dlfo_map_end;
	}
	/* Racing threads store the same values. */
	self.start = start;
	self.end = end;
	__atomic_store_n(&self.known, true, __ATOMIC_RELEASE);
}

bool module_is_self(uintptr_t pc)
{
	if (unlikely(!__atomic_load_n(&self.known, __ATOMIC_ACQUIRE)))
		self_locate();
	return pc - self.start < self.end - self.start;
}

bool module_self_range(uintptr_t *start, uintptr_t *end)
{
	if (!__atomic_load_n(&self.known, __ATOMIC_ACQUIRE))
		self_locate();
	*start = self.start;
	*end = self.end;
	return !__start_memsan_text && self.start;
}

const char *module_self_path(void)
{
	static char path[MODULE_PATH_MAX];
	struct module_info info;

	if (!path[0] && find_live((uintptr_t)module_self_path, &info))
		str_copy(path, info.path, sizeof(path));
	return path;
}

/* ---- dlclose --------------------------------------------------------------------------------- */

/* The modules loaded before a dlclose. A destructor of a closing library may call dlclose; each call compares its own
 * list. */
#define LOADED_MAX 1024

struct loaded_list {
	uint32_t nr;
	uintptr_t start[LOADED_MAX];
};

static int collect_loaded(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct loaded_list *list = arg;
	(void)size;

	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && list->nr < LOADED_MAX) {
			list->start[list->nr++] = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			break;
		}
	return 0;
}

/* Under modules_lock. */
static bool make_history(void)
{
	if (!history)
		history = meta_alloc(HISTORY_MAX * sizeof(*history), COST_UNWIND);
	return history != NULL;
}

static bool same_module(const struct module_info *a, const struct module_info *b)
{
	return a->start == b->start && a->bias == b->bias && str_equal(a->path, b->path) &&
	       mem_compare(a->build_id, b->build_id, BUILD_ID_MAX) == 0;
}

/* Under modules_lock. The entry of the last module at these addresses, or NULL: there is none, or it was another
 * module. The caller gives the entry a new time of unloading. */
static struct gone_module *find_earlier_end(const struct module_info *info)
{
	struct gone_module *last = NULL;

	for (uint32_t n = 0; n < history_used; n++) {
		struct gone_module *g = &history[n];
		bool overlaps = g->info.start < info->end && info->start < g->info.end;
		if (overlaps && (!last || g->order > last->order))
			last = g;
	}
	return last && same_module(&last->info, info) ? last : NULL;
}

/* Under modules_lock. */
static void remember(const struct module_info *info)
{
	struct gone_module *g = find_earlier_end(info);

	if (!g) {
		g = &history[history_next++ % HISTORY_MAX];
		mem_copy(&g->info, info, sizeof(*info));
		g->info.unloaded = true;
	}
	g->unloaded_at = jiffies_now();
	g->order = ++history_order;
	__atomic_store_n(&history_used, MIN(history_next, (uint32_t)HISTORY_MAX), __ATOMIC_RELEASE);
}

/* Before the real dlclose nobody knows which modules it will unload, so all modules are described. */
struct module_snapshot {
	struct loaded_list loaded;
	struct module_info infos[LOADED_MAX];
};
#define SNAPSHOT_BYTES ALIGN_UP(sizeof(struct module_snapshot), PAGE_SIZE)

void *modules_before_dlclose(void)
{
	struct module_snapshot *s = os_reserve(SNAPSHOT_BYTES, PAGE_SIZE);

	if (!s)
		return NULL;
	if (!os_commit(s, SNAPSHOT_BYTES, false)) {
		os_release(s, SNAPSHOT_BYTES);
		return NULL;
	}
	s->loaded.nr = 0;
	dl_iterate_phdr(collect_loaded, &s->loaded);
	for (uint32_t i = 0; i < s->loaded.nr; i++)
		if (!find_live(s->loaded.start[i], &s->infos[i]))
			s->infos[i].start = 0;
	return s;
}

/* Is the module still there? Another thread may have loaded another one at its place meanwhile. */
static bool still_loaded(const struct module_info *before)
{
	struct dl_find_object found;
	struct module_info now;
	struct link_map map;

	if (!live_map(before->start, &found, &map) || (uintptr_t)found.dlfo_map_start != before->start ||
	    (uintptr_t)found.dlfo_map_end != before->end || map.l_addr != before->bias)
		return false;
	mem_set(&now, 0, sizeof(now));
	now.start = before->start;
	now.end = before->end;
	now.bias = before->bias;
	read_build_id(&now);
	return mem_compare(now.build_id, before->build_id, BUILD_ID_MAX) == 0;
}

bool modules_after_dlclose(void *snapshot)
{
	struct module_snapshot *s = snapshot;
	bool any = false;

	if (!s) /* no list: any module may have gone away */
		return true;
	modules_enter();
	for (uint32_t i = 0; i < s->loaded.nr; i++) {
		const struct module_info *info = &s->infos[i];
		if (info->start && !still_loaded(info)) {
			any = true;
			if (make_history())
				remember(info);
		}
	}
	modules_leave();
	os_release(s, SNAPSHOT_BYTES);
	return any;
}
