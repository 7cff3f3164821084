/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/release.c - frees of the families that are not malloc's: caches, pages, vmalloc. */
#include "slab/cache.h"
#include "slab/custom.h"
#include "slab/finding.h"
#include "slab/lookup.h"
#include "slab/slab.h"

/* A pointer that is not of the family is reported, and goes back to where it came from. */
void slab_release(void *p, enum slab_api api, const struct unwind_regs *regs)
{
	struct lookup to = lookup_live(p);
	bool malloced = to.place == PLACE_FAST || (to.place == PLACE_CHECKED && !cache_is_custom(to.slab->cache));
	struct slab_finding f;

	/* An object of malloc that is not tracked does not know its family, but its cache does. */
	if (malloced && (to.place == PLACE_FAST || !(to.slab->cache->flags & SLAB_F_TRACK))) {
		finding_init(&f, SLAB_ALLOC_DEALLOC_MISMATCH, SLAB_AT_FREE, (uintptr_t)p, regs);
		f.have_object = slab_find_object((uintptr_t)p, &f.object);
		f.api_used = api;
		finding_report(&f);
		api = SLAB_API_MALLOC;
	}
	slab_free(p, api, SIZE_MAX, regs);
}

void slab_custom_free(struct slab_cache *c, void *p, const struct unwind_regs *regs)
{
	if (unlikely(!custom_free(c, p, regs)))
		slab_release(p, SLAB_API_CACHE, regs);
}
