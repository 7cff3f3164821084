/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/image/image.c - a process or a core file to look into: its memory, mappings, threads, modules.
 *
 * A process is read through /proc/PID/mem, which the kernel opens for those who may trace the process.  Nothing is
 * written, and nothing is stopped (freeze.c does that).  A core file is mapped; its program headers say where each
 * address is.  It is hostile input: every offset is checked against the file's size.  Bytes that were cut off read as
 * not there, and are counted, so that an answer can say that it is partial.
 */
#include "config.h"

#include "tools/image/image.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <time.h>
#include <unistd.h>

#define SEARCH_STEP (1u << 20)

/* ---- memory ---------------------------------------------------------------------------------- */

static const struct image_mapping *find_mapping(const struct image *im, uint64_t addr)
{
	size_t lo = 0, hi = im->nr_mappings;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (im->mappings[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < im->nr_mappings && im->mappings[lo].start <= addr ? &im->mappings[lo] : NULL;
}

static const void *core_at(const struct mem_view *v, uint64_t addr, size_t n)
{
	const struct image *im = v->ctx;
	const struct image_mapping *m = find_mapping(im, addr);

	if (!m || addr - m->start >= m->in_file || n > m->in_file - (addr - m->start))
		return NULL;
	return im->file + m->offset + (addr - m->start);
}

static size_t core_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	size_t done = 0;

	while (done < n) {
		const struct image *im = v->ctx;
		const struct image_mapping *m = find_mapping(im, addr + done);
		size_t piece;
		if (!m || addr + done - m->start >= m->in_file)
			break;
		piece = MIN(n - done, (size_t)(m->in_file - (addr + done - m->start)));
		memcpy((char *)dst + done, im->file + m->offset + (addr + done - m->start), piece);
		done += piece;
	}
	return done;
}

/* A hole (a guard page) ends a read, as it should. */
static size_t process_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	const struct image *im = v->ctx;
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(im->mem_fd, (char *)dst + done, n - done, (off_t)(addr + done));
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	return done;
}

static struct image_mapping *add_mapping(struct image *im)
{
	struct image_mapping *grown = realloc(im->mappings, (im->nr_mappings + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	im->mappings = grown;
	memset(&grown[im->nr_mappings], 0, sizeof(*grown));
	return &grown[im->nr_mappings++];
}

static struct image_thread *add_thread(struct image *im)
{
	struct image_thread *grown = realloc(im->threads, (im->nr_threads + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	im->threads = grown;
	memset(&grown[im->nr_threads], 0, sizeof(*grown));
	return &grown[im->nr_threads++];
}

/* ---- a process ------------------------------------------------------------------------------- */

static bool read_proc_maps(struct image *im)
{
	char path[64], buffer[8192];
	struct maps_reader reader;
	struct maps_line line;

	snprintf(path, sizeof(path), "/proc/%d/maps", im->pid);
	if (maps_open(&reader, path, buffer, sizeof(buffer)) != 0)
		return false;
	while (maps_next(&reader, &line)) {
		struct image_mapping *m = add_mapping(im);

		if (!m)
			break;
		m->start = line.start;
		m->end = line.end;
		m->file_offset = line.offset;
		m->readable = line.readable;
		m->root = leak_mapping_is_root(&line);
		m->shared = !line.private;
		m->code = line.executable;
		m->main_stack = str_equal(line.path, "[stack]");
		m->heap = str_equal(line.path, "[heap]");
		m->path = line.path[0] == '/' ? strdup(line.path) : NULL;
	}
	maps_close(&reader);
	return im->nr_mappings != 0;
}

/* "NR args… SP PC" of a thread in a system call; otherwise "running". */
static void read_proc_thread(struct image *im, int tid)
{
	char path[80], text[256] = "";
	struct image_thread *t = add_thread(im);
	FILE *f;

	if (!t)
		return;
	t->tid = tid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", im->pid, tid);
	f = fopen(path, "r");
	if (f) {
		if (fgets(text, sizeof(text), f)) {
			char *pc = strrchr(text, ' '), *sp;

			if (pc) {
				t->pc = strtoull(pc, NULL, 16);
				*pc = 0;
				sp = strrchr(text, ' ');
				t->sp = sp ? strtoull(sp, NULL, 16) : 0;
			}
		}
		fclose(f);
	}
}

static void read_proc_threads(struct image *im)
{
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", im->pid);
	d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.')
			read_proc_thread(im, atoi(e->d_name));
	if (d)
		closedir(d);
}

static void read_proc_auxv(struct image *im)
{
	char path[64];
	uint64_t pair[2];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/auxv", im->pid);
	f = fopen(path, "re");
	while (f && fread(pair, sizeof(pair), 1, f) == 1)
		if (pair[0] == AT_PHDR)
			im->program_headers = pair[1];
	if (f)
		fclose(f);
}

static void read_proc_comm(struct image *im)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", im->pid);
	tool_first_line(path, im->comm, sizeof(im->comm));
}

const char *image_refusal(int pid)
{
	char path[64], scope[16] = "";
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (geteuid() == 0)
		return "the kernel or a container forbids it: memsan doctor tells more";
	if (stat(path, &st) == 0 && st.st_uid != geteuid())
		return "it is another user's, or privileged: try as root";
	tool_first_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
	return scope[0] > '0' ? "the kernel lets only root read it: see ptrace_scope in memsan doctor" : "try as root";
}

static const char *open_process(struct image *im, int pid)
{
	static char why[160];
	char path[64];

	im->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	im->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (im->mem_fd < 0) {
		if (errno == ENOENT)
			return "there is none";
		if (errno == EACCES || errno == EPERM)
			snprintf(why, sizeof(why), "it cannot be read: %s (%s)", strerror(errno), image_refusal(pid));
		else
			snprintf(why, sizeof(why), "it cannot be read: %s", strerror(errno));
		return why;
	}
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	im->pagemap_fd = open(path, O_RDONLY | O_CLOEXEC);
	im->view = (struct mem_view){ .read = process_read, .at = NULL, .ctx = im };
	if (!read_proc_maps(im))
		return "its mappings cannot be read";
	read_proc_threads(im);
	read_proc_comm(im);
	read_proc_auxv(im);
	return NULL;
}

/* ---- a core file ----------------------------------------------------------------------------- */

static bool in_file(const struct image *im, uint64_t offset, uint64_t size)
{
	return offset <= im->file_size && size <= im->file_size - offset;
}

/* The kernel writes them behind the thread's other registers. */
static void core_vectors(struct image *im, const uint8_t *desc, size_t size)
{
	struct image_thread *t = im->nr_threads ? &im->threads[im->nr_threads - 1] : NULL;

	if (!t || t->nr_regs != IMAGE_REGISTERS)
		return;
	size = MIN(size, sizeof(t->regs) - IMAGE_REGISTERS * sizeof(t->regs[0]));
	memcpy(t->regs + IMAGE_REGISTERS, desc, size);
	t->nr_regs += size / sizeof(t->regs[0]);
}

static void core_thread(struct image *im, const uint8_t *desc, size_t size)
{
	struct elf_prstatus st;
	struct user_regs_struct regs;
	struct image_thread *t;

	if (size < sizeof(st))
		return;
	memcpy(&st, desc, sizeof(st));
	memcpy(&regs, &st.pr_reg, sizeof(regs));
	t = add_thread(im);
	if (!t)
		return;
	t->tid = st.pr_pid;
	t->sp = regs.rsp;
	t->pc = regs.rip;
	t->tp = regs.fs_base;
	memcpy(t->regs, &regs, sizeof(regs));
	t->nr_regs = IMAGE_REGISTERS;
	if (!im->pid)
		im->pid = st.pr_pid;
}

/* count, page size; triples of start, end, offset in pages; then the names. */
static void core_files(struct image *im, const uint8_t *desc, size_t size)
{
	uint64_t count, page, triple[3];
	const char *name, *end = (const char *)desc + size;

	if (size < 16)
		return;
	memcpy(&count, desc, 8);
	memcpy(&page, desc + 8, 8);
	if (count > (size - 16) / 24 || page == 0 || page > 1 << 21)
		return;
	name = (const char *)desc + 16 + count * 24;
	for (uint64_t i = 0; i < count && name < end; i++) {
		size_t len = strnlen(name, (size_t)(end - name));
		struct image_mapping *m;

		memcpy(triple, desc + 16 + i * 24, 24);
		m = (struct image_mapping *)find_mapping(im, triple[0]);
		if (m && !m->path && name + len < end) {
			m->path = strdup(name);
			m->file_offset = triple[2] * page;
			m->root &= leak_path_is_memory(m->path);
		}
		name += len + 1;
	}
}

/* AT_RANDOM's bytes lie on the main thread's stack. */
static void core_auxv(struct image *im, const uint8_t *desc, size_t size)
{
	for (size_t at = 0; at + 16 <= size; at += 16) {
		struct image_mapping *m;
		uint64_t pair[2];

		memcpy(pair, desc + at, sizeof(pair));
		if (pair[0] != AT_RANDOM && pair[0] != AT_PHDR)
			continue;
		m = (struct image_mapping *)find_mapping(im, pair[1]);
		if (m && pair[0] == AT_RANDOM)
			m->main_stack = true;
		if (pair[0] == AT_PHDR)
			im->program_headers = pair[1];
	}
}

static void core_notes(struct image *im, uint64_t offset, uint64_t size, bool files)
{
	size_t at = 0;

	if (offset > im->file_size)
		return;
	size = MIN(size, im->file_size - offset);
	while (at + sizeof(Elf64_Nhdr) <= size) {
		Elf64_Nhdr nh;
		uint64_t name, desc;
		const uint8_t *d;

		memcpy(&nh, im->file + offset + at, sizeof(nh));
		name = at + sizeof(nh);
		desc = name + ALIGN_UP((uint64_t)nh.n_namesz, 4);
		if (desc > size || nh.n_descsz > size - desc)
			return;
		d = im->file + offset + desc;
		if (nh.n_type == NT_PRSTATUS && !files)
			core_thread(im, d, nh.n_descsz);
		if (nh.n_type == NT_X86_XSTATE && !files)
			core_vectors(im, d, nh.n_descsz);
		if (nh.n_type == NT_PRPSINFO && !files && nh.n_descsz >= sizeof(struct elf_prpsinfo)) {
			struct elf_prpsinfo info;
			memcpy(&info, d, sizeof(info));
			snprintf(im->comm, sizeof(im->comm), "%.15s", info.pr_fname);
			im->pid = info.pr_pid;
		}
		if (nh.n_type == NT_FILE && files)
			core_files(im, d, nh.n_descsz);
		if (nh.n_type == NT_AUXV && files)
			core_auxv(im, d, nh.n_descsz);
		at = desc + ALIGN_UP((uint64_t)nh.n_descsz, 4);
	}
}

static void core_segment(struct image *im, const Elf64_Phdr *ph)
{
	struct image_mapping *m;

	if (!ph->p_memsz || ph->p_vaddr + ph->p_memsz < ph->p_vaddr ||
	    (im->nr_mappings && ph->p_vaddr < im->mappings[im->nr_mappings - 1].end))
		return;
	m = add_mapping(im);
	if (!m)
		return;
	m->start = ph->p_vaddr;
	m->end = ph->p_vaddr + ph->p_memsz;
	m->offset = ph->p_offset;
	/* words are read in place, so a segment that is not aligned counts as missing */
	if (ph->p_offset < im->file_size && (ph->p_offset | ph->p_vaddr) % sizeof(uint64_t) == 0)
		m->in_file = MIN(MIN(ph->p_filesz, ph->p_memsz), im->file_size - ph->p_offset);
	im->by_gdb |= ph->p_align == 1;
	m->readable = (ph->p_flags & PF_R) != 0;
	m->code = (ph->p_flags & PF_X) != 0;
	m->root = m->in_file != 0;
	m->cut_off = MIN(ph->p_filesz, ph->p_memsz) - m->in_file;
	im->missing += m->cut_off;
}

/* The end of the last block that was written to this part of the file; a block that the next part shares does not
 * count. */
static uint64_t written_end(int fd, uint64_t from, uint64_t end)
{
	uint64_t last = from;

	for (off_t data = (off_t)from;
	     (data = lseek(fd, data, SEEK_DATA)) >= 0 && (uint64_t)data < ALIGN_DOWN(end, PAGE_SIZE);) {
		data = lseek(fd, data, SEEK_HOLE);
		if (data < 0)
			return end;
		last = MIN((uint64_t)data, end);
	}
	return last;
}

/* gcore copies a mapping in pieces, and stops, with a warning, at the first piece with a page that cannot be read: a
 * guard.  The rest of the segment is a hole in the file and reads as zeros that nobody wrote.  It counts as missing, as
 * if it had been cut off. */
#define GCORE_PIECE ((uint64_t)1 << 20)
static void core_left_out(struct image *im, int fd)
{
	for (size_t i = 0; i < im->nr_mappings; i++) {
		struct image_mapping *m = &im->mappings[i];
		uint64_t copied = m->in_file ? written_end(fd, m->offset, m->offset + m->in_file) - m->offset : 0;
		if (copied + PAGE_SIZE >= m->in_file || copied % GCORE_PIECE > PAGE_SIZE)
			continue;
		copied -= copied % GCORE_PIECE;
		m->cut_off += m->in_file - copied;
		im->missing += m->in_file - copied;
		im->left_out += m->in_file - copied;
		m->in_file = copied;
	}
}

static const char *read_core(struct image *im, int fd)
{
	Elf64_Ehdr eh;

	if (im->file_size < sizeof(eh))
		return memcmp(im->file, ELFMAG, MIN(im->file_size, (uint64_t)SELFMAG)) == 0
		               ? "the core file is cut off in its header"
		               : "this is no core file";
	memcpy(&eh, im->file, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_type != ET_CORE || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_machine != EM_X86_64 || eh.e_phentsize != sizeof(Elf64_Phdr))
		return "this is no core file of an x86_64 program";
	if (!in_file(im, eh.e_phoff, (uint64_t)eh.e_phnum * sizeof(Elf64_Phdr)))
		return "the core file is cut off in its headers";
	im->view = (struct mem_view){ .read = core_read, .at = core_at, .ctx = im };
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < eh.e_phnum; i++) {
			Elf64_Phdr ph;
			memcpy(&ph, im->file + eh.e_phoff + i * sizeof(ph), sizeof(ph));
			if (ph.p_type == PT_LOAD && pass == 0)
				core_segment(im, &ph);
			if (ph.p_type == PT_NOTE)
				core_notes(im, ph.p_offset, ph.p_filesz, pass == 1);
		}
	if (im->by_gdb)
		core_left_out(im, fd);
	return NULL;
}

static const char *open_core(struct image *im, const char *path)
{
	static char why[128];
	const char *wrong;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		snprintf(why, sizeof(why), "it cannot be read: %s", fd < 0 ? strerror(errno) : "it is no regular file");
		return why;
	}
	im->file_size = (uint64_t)st.st_size;
	im->file = im->file_size ? mmap(NULL, im->file_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	if (im->file == MAP_FAILED) {
		close(fd);
		return im->file_size ? "it cannot be mapped" : "the file is empty";
	}
	wrong = read_core(im, fd);
	close(fd);
	return wrong;
}

/* ---- memsan in it ---------------------------------------------------------------------------- */

/* Both directories begin with a magic of 16 bytes and their own address. */
static uint64_t search_piece(const struct image *im, const char *magic, uint64_t addr, const char *buf, size_t n)
{
	for (const char *p = buf; (p = memmem(p, (size_t)(buf + n - p), magic, 16)) != NULL; p++) {
		uint64_t at = addr + (uint64_t)(p - buf), self;
		if (view_read(&im->view, &self, at + 16, sizeof(self)) && self == at)
			return at;
	}
	return 0;
}
_Static_assert(offsetof(struct slab_directory, self) == 16 && offsetof(struct leak_directory, self) == 16,
               "search_piece");

/* A directory lies in the data of a module (libmemsan.so, or a static program): writable, and next to a file's
 * mappings. */
static uint64_t search_directory(const struct image *im, const char *magic)
{
	char *buf = tool_alloc(SEARCH_STEP);
	uint64_t found = 0;

	for (size_t i = 0; i < im->nr_mappings && !found; i++) {
		const struct image_mapping *m = &im->mappings[i];
		bool near = m->path || (i && im->mappings[i - 1].path && im->mappings[i - 1].end == m->start);
		if (!m->root || !near || m->end - m->start > (64u << 20))
			continue;
		for (uint64_t at = m->start; at < m->end && !found; at += SEARCH_STEP / 2) {
			size_t n = im->view.read(&im->view, buf, at, MIN((uint64_t)SEARCH_STEP, m->end - at));
			found = search_piece(im, magic, at, buf, n);
		}
	}
	free(buf);
	return found;
}

/* ---- modules --------------------------------------------------------------------------------- */

static void read_build_id(const struct image *im, struct image_module *mod, const Elf64_Phdr *ph)
{
	uint8_t notes[512];
	size_t n = im->view.read(&im->view, notes, mod->bias + ph->p_vaddr, MIN(ph->p_memsz, sizeof(notes)));

	for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= n;) {
		Elf64_Nhdr nh;
		size_t desc;

		memcpy(&nh, notes + at, sizeof(nh));
		desc = at + sizeof(nh) + ALIGN_UP((size_t)nh.n_namesz, 4);
		if (desc > n || nh.n_descsz > n - desc)
			return;
		if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == 4) {
			mod->build_id_len = (uint8_t)MIN(nh.n_descsz, (Elf64_Word)BUILD_ID_MAX);
			memcpy(mod->build_id, notes + desc, mod->build_id_len);
			return;
		}
		at = desc + ALIGN_UP((size_t)nh.n_descsz, 4);
	}
}

/* The build id of a file on disk; 0: it has none. */
static size_t file_build_id(const char *path, uint8_t id[BUILD_ID_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = NULL;
	const void *found;
	ssize_t n = -1;

	elf_version(EV_CURRENT);
	if (fd >= 0)
		elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf)
		n = dwelf_elf_gnu_build_id(elf, &found);
	if (n > 0)
		memcpy(id, found, MIN((size_t)n, (size_t)BUILD_ID_MAX));
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return n > 0 ? MIN((size_t)n, (size_t)BUILD_ID_MAX) : 0;
}

/* The address for which the file's first segment was linked tells how far it was moved. */
static void read_elf(const struct image *im, struct image_module *mod)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	bool have = false;

	if (!view_read(&im->view, &eh, mod->start, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0)
		return;
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < eh.e_phnum && i < 64; i++) {
			if (!view_read(&im->view, &ph, mod->start + eh.e_phoff + i * sizeof(ph), sizeof(ph)))
				return;
			if (ph.p_type == PT_LOAD && !have) {
				mod->bias = mod->start - ALIGN_DOWN(ph.p_vaddr, PAGE_SIZE);
				have = true;
			}
			if (ph.p_type == PT_LOAD && pass == 1)
				mod->size = MAX(mod->size, ph.p_vaddr + ph.p_memsz);
			if (ph.p_type == PT_NOTE && pass == 1 && !mod->build_id_len)
				read_build_id(im, mod, &ph);
		}
}

static void find_modules(struct image *im)
{
	for (size_t i = 0; i < im->nr_mappings; i++) {
		const struct image_mapping *m = &im->mappings[i];
		struct image_module *last = im->nr_modules ? &im->modules[im->nr_modules - 1] : NULL, *grown;
		if (!m->path)
			continue;
		if (last && strcmp(last->path, m->path) == 0 && m->file_offset) {
			last->end = m->end;
			continue;
		}
		grown = realloc(im->modules, (im->nr_modules + 1) * sizeof(*grown));
		if (!grown)
			return;
		im->modules = grown;
		grown[im->nr_modules++] = (struct image_module){
			.start = m->start, .end = m->end, .bias = m->start, .path = m->path
		};
	}
	for (size_t i = 0; i < im->nr_modules; i++) {
		read_elf(im, &im->modules[i]);
		im->modules[i].program = im->program_headers - im->modules[i].start <
		                         im->modules[i].end - im->modules[i].start;
	}
}

const struct image_module *image_module_at(const struct image *im, uint64_t pc)
{
	for (size_t i = 0; i < im->nr_modules; i++)
		if (pc - im->modules[i].start < im->modules[i].end - im->modules[i].start)
			return &im->modules[i];
	return NULL;
}

bool image_code_at(const struct image *im, uint64_t pc)
{
	const struct image_mapping *m = find_mapping(im, pc);

	return m && m->code;
}

uint64_t image_file_offset(const struct image *im, uint64_t addr)
{
	const struct image_mapping *m = find_mapping(im, addr);

	return m ? m->file_offset + (addr - m->start) : 0;
}

/* Takes the user's word for the program's file, if it is the one that ran. */
static const char *use_program(struct image *im, const char *exe)
{
	static char why[300];
	uint8_t id[BUILD_ID_MAX];
	size_t len = file_build_id(exe, id);
	struct image_module *program = NULL;

	if (access(exe, R_OK) != 0) {
		snprintf(why, sizeof(why), "%.200s cannot be read: %s", exe, strerror(errno));
		return why;
	}
	for (size_t i = 0; i < im->nr_modules; i++)
		if (im->modules[i].program)
			program = &im->modules[i];
	for (size_t i = 0; i < im->nr_modules; i++) /* or of any other module */
		if (len && im->modules[i].build_id_len == len && memcmp(im->modules[i].build_id, id, len) == 0)
			program = &im->modules[i];
	if (!program || (len && program->build_id_len &&
	                 (program->build_id_len != len || memcmp(program->build_id, id, len) != 0))) {
		snprintf(why, sizeof(why), "%.200s is not the program that ran: its build id is another one", exe);
		return why;
	}
	program->path = exe;
	return NULL;
}

/* ---- what memsan wrote down ------------------------------------------------------------------ */

size_t image_stack(const struct image *im, uint32_t handle, uint64_t *pcs, size_t max)
{
	const struct lib_directory *r = &im->heap.directory.lib;
	uint64_t base = 0;
	uint32_t used = 0;
	size_t n = 0;

	if (!view_read(&im->view, &base, r->depot_base, sizeof(base)) ||
	    !view_read(&im->view, &used, r->depot_used, sizeof(used)))
		return 0;
	/* A caller's node is older than its callee's, so there is no loop, whatever the file says. */
	for (uint32_t last = UINT32_MAX; handle && handle < used && handle < last && n < max; n++) {
		uint64_t node = base + (uint64_t)handle * r->depot_size;
		last = handle;
		if (!view_read(&im->view, &pcs[n], node + r->depot_pc, sizeof(pcs[n])) ||
		    !view_read(&im->view, &handle, node + r->depot_parent, sizeof(handle)))
			break;
	}
	return n;
}

uint64_t image_age_ms(const struct image *im, uint32_t when)
{
	uint64_t epoch = 0, at = im->heap.directory.lib.jiffies_start, now;
	struct timespec t;

	if (im->file || !when || !at || !view_read(&im->view, &epoch, at, sizeof(epoch)) || !epoch ||
	    clock_gettime(CLOCK_MONOTONIC_COARSE, &t) != 0)
		return UINT64_MAX;
	now = ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1 - epoch) / (1000 / JIFFIES_HZ) + 1;
	return (uint64_t)((uint32_t)now - when) * (1000 / JIFFIES_HZ);
}

bool image_thread_name(const struct image *im, uint32_t index, int *tid, char name[THREAD_NAME_MAX])
{
	const struct lib_directory *r = &im->heap.directory.lib;
	uint64_t at = r->threads + (uint64_t)index * r->thread_size;

	if (!index || index >= r->nr_threads || !view_read(&im->view, tid, at + r->thread_tid, sizeof(*tid)) ||
	    !view_read(&im->view, name, at + r->thread_name, THREAD_NAME_MAX))
		return false;
	name[THREAD_NAME_MAX - 1] = 0;
	return *tid != 0;
}

static const char *open_choice(struct image *im, const struct image_choice *choice)
{
	const char *why;
	uint64_t root;

	memset(im, 0, sizeof(*im));
	im->mem_fd = im->pagemap_fd = -1;
	why = choice->core ? open_core(im, choice->core) : open_process(im, choice->pid);
	if (why)
		return why;
	if (choice->freeze)
		image_freeze_threads(choice->freeze, im);
	why = choice->registers ? image_registers(im, choice->registers) : NULL;
	if (why)
		return why;
	root = search_directory(im, SLAB_DIRECTORY_MAGIC);
	if (!root)
		return im->missing    ? "memsan's data is in the part of the core file that is missing"
		       : choice->core ? "the program did not run with memsan"
		                      : "it does not run with memsan (memsan run starts programs that do)";
	find_modules(im);
	why = choice->exe ? use_program(im, choice->exe) : NULL;
	if (why)
		return why;
	im->directory = root;
	im->leak_directory = search_directory(im, LEAK_DIRECTORY_MAGIC);
	why = slab_view_open(&im->heap, &im->view, root);
	if (why && im->missing)
		return "memsan's data is in the part of the core file that is missing";
	return why;
}

const char *image_open(struct image *im, const struct image_choice *choice)
{
	static char text[512];
	const char *why = open_choice(im, choice);

	if (!why)
		return NULL;
	if (choice->core)
		snprintf(text, sizeof(text), "%.200s: %.300s", choice->core, why);
	else
		snprintf(text, sizeof(text), "process %d: %.300s", choice->pid, why);
	return text;
}
