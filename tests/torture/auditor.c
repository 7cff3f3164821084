/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/auditor.c - an auditor of the dynamic loader (LD_AUDIT) that sees every binding, and allocates */
#define _GNU_SOURCE
#include <link.h>
#include <stdlib.h>
#include <string.h>

unsigned la_version(unsigned version)
{
	return version;
}

unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
	(void)space;
	*cookie = (uintptr_t)strdup(map->l_name);
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

unsigned la_objclose(uintptr_t *cookie)
{
	free((void *)*cookie);
	return 0;
}

uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned index, uintptr_t *from, uintptr_t *to, unsigned *flags,
                       const char *name)
{
	char *copy = strdup(name);

	(void)index;
	(void)from;
	(void)to;
	(void)flags;
	free(copy);
	return symbol->st_value;
}
