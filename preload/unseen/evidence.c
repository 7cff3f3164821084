/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/evidence.c - which system calls does the program make, as its imports tell?
 *
 * A filter that a process was started under cannot be asked which calls it lets pass, and one that kills cannot be
 * tried. But it was made for this program. So it lets those calls pass to which the functions lead that the program
 * imports. What its libraries import tells nothing: they have more functions than the program uses.
 *
 * Where memsan saw the filter being set, that process tells the program what it allows, in a variable of the
 * environment, which the program does not see. Only in the shared library. */
#include "preload/unseen/unseen.h"

#include <elf.h>

#define HANDLERS (1u << OS_CALL_SIGACTION)
#define STACKS (1u << OS_CALL_SIGALTSTACK)
#define ADVICE (1u << OS_CALL_DONTNEED | 1u << OS_CALL_GUARD | 1u << OS_CALL_ADVISE)

/* clang-format off */
static const struct {
	char name[20];
	uint32_t calls;
} imports[] = {
	{ "sigaction", HANDLERS },
	{ "signal", HANDLERS },
	{ "__sysv_signal", HANDLERS },
	{ "ssignal", HANDLERS },
	{ "sigset", HANDLERS },
	{ "sigignore", HANDLERS },
	{ "siginterrupt", HANDLERS },
	{ "system", HANDLERS },
	{ "pthread_create", HANDLERS },
	{ "thrd_create", HANDLERS },
	{ "sigaltstack", STACKS },
	{ "madvise", ADVICE },
	{ "posix_madvise", ADVICE },
};
/* clang-format on */
/* std::thread's constructor begins so. */
static const char cxx_thread[] = "_ZNSt6thread15_M_start_thread";

static uint32_t calls_of_name(const char *name)
{
	if (str_starts(name, cxx_thread))
		return HANDLERS;
	for (size_t i = 0; i < ARRAY_SIZE(imports); i++)
		if (str_equal(name, imports[i].name))
			return imports[i].calls;
	return 0;
}

static uint32_t calls_of_relocations(const struct module_symbols *s, const ElfW(Rela) *from, size_t size)
{
	uint32_t calls = 0;

	for (size_t i = 0; from && i < size / sizeof(*from); i++) {
		const ElfW(Sym) *symbol = &s->symbols[ELF64_R_SYM(from[i].r_info)];

		if (ELF64_R_SYM(from[i].r_info) && symbol->st_shndx == SHN_UNDEF)
			calls |= calls_of_name(s->strings + symbol->st_name);
	}
	return calls;
}

static uint32_t calls_of_module(const struct link_map *m)
{
	const ElfW(Rela) *data = NULL, *code = NULL;
	size_t data_size = 0, code_size = 0;
	struct module_symbols s;

	symbols_find(&s, m);
	if (!s.symbols || !s.strings)
		return 0;
	for (const ElfW(Dyn) *d = m->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELA)
			data = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_RELASZ)
			data_size = d->d_un.d_val;
		else if (d->d_tag == DT_JMPREL)
			code = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_PLTRELSZ)
			code_size = d->d_un.d_val;
	}
	return calls_of_relocations(&s, data, data_size) | calls_of_relocations(&s, code, code_size);
}

uint32_t evidence_of_calls(void)
{
	const struct link_map *program = symbols_modules(); /* it is the first one */

	return program ? calls_of_module(program) : 0;
}

/* ---- the environment ------------------------------------------------------------------------- */

#define TOLD_MAX 64

size_t evidence_environment_size(char *const envp[])
{
	char text[TOLD_MAX];
	size_t n = 0;

	if (!envp || !os_filters_tell(text, sizeof(text)) || !os_page_readable(envp))
		return 0;
	while (envp[n])
		n++;
	return (n + 2) * sizeof(*envp) + TOLD_MAX;
}

char **evidence_environment(void *room, char *const envp[])
{
	char **copy = room;
	size_t n = 0;

	while (envp[n])
		n++;
	mem_copy(copy, envp, n * sizeof(*copy));
	copy[n] = (char *)(copy + n + 2);
	os_filters_tell(copy[n], TOLD_MAX);
	copy[n + 1] = NULL;
	return copy;
}
