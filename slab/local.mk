# SPDX-License-Identifier: BSD-2-Clause
slab_core_sources = slab/arena.c slab/buddy.c slab/class.c slab/flags.c slab/cache.c slab/track.c slab/redzone.c \
	slab/object.c slab/source.c slab/vmalloc.c slab/area.c slab/tcache.c slab/quarantine.c slab/guard_slab.c slab/guard.c slab/debug.c slab/malloc.c slab/custom.c slab/mempool.c slab/shrinker.c slab/failslab.c slab/pages.c slab/verify.c slab/stats.c slab/directory.c
slab_base_sources = slab/view.c slab/view_mempools.c slab/show.c
base_sources += $(slab_base_sources)
core_sources += $(slab_core_sources)
noinst_HEADERS += slab/slab.h slab/source.h slab/slab_internal.h slab/fast.h
