# SPDX-License-Identifier: BSD-2-Clause
slab_core_sources = slab/arena.c slab/budget.c slab/buddy.c slab/lend.c slab/class.c slab/flags.c slab/trace_hook.c \
	slab/shadow_hook.c slab/directory.c slab/track.c slab/area.c slab/source.c slab/key.c slab/object.c \
	slab/finding.c slab/redzone.c slab/cache.c slab/failslab.c slab/harden.c slab/transfer.c slab/tcache.c \
	slab/guard_slab.c \
	slab/quarantine.c slab/debug.c slab/unwritten.c \
	slab/vmalloc.c slab/guard.c slab/changed.c slab/mempool.c slab/verify.c slab/shrinker.c slab/reclaim.c \
	slab/inside.c slab/spare.c \
	slab/stats.c slab/custom.c slab/malloc.c slab/release.c slab/pages.c slab/life.c
slab_base_sources = slab/view.c slab/view_mempools.c slab/show.c
base_sources += $(slab_base_sources)
core_sources += $(slab_core_sources)
noinst_HEADERS += slab/slab.h slab/fast.h slab/area.h slab/arena.h slab/budget.h slab/buddy.h slab/cache.h \
	slab/class.h slab/custom.h slab/debug.h slab/directory.h slab/finding.h slab/flags.h slab/guard_slab.h \
	slab/lookup.h slab/mempool.h slab/object.h slab/quarantine.h slab/reclaim.h slab/redzone.h slab/shrinker.h \
	slab/source.h slab/spare.h slab/state.h slab/harden.h slab/key.h slab/tcache.h \
	slab/lend.h slab/transfer.h slab/trace_hook.h slab/track.h slab/unwritten.h slab/vmalloc.h
