/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/shadow_hook.c - the hooks by which shadow/ learns which memory is live, freed or red zone. */
#include "slab/slab.h"

bool slab_accesses_checked;

static void shadow_live_nothing(uintptr_t lo, uintptr_t hi, uintptr_t user, size_t size, bool large)
{
	(void)lo, (void)hi, (void)user, (void)size, (void)large;
}

static void shadow_bad_nothing(uintptr_t addr, size_t n, enum slab_mark why)
{
	(void)addr, (void)n, (void)why;
}

static const struct slab_shadow_ops shadow_nothing = { shadow_live_nothing, shadow_bad_nothing };
const struct slab_shadow_ops *slab_shadow = &shadow_nothing; /* set once, before the program's first allocation */

void slab_set_shadow_ops(const struct slab_shadow_ops *ops)
{
	slab_shadow = ops;
}
