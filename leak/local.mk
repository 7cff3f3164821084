# SPDX-License-Identifier: BSD-2-Clause
# The engine serves both halves: it reads through a view.
base_sources += leak/mark.c leak/drain.c leak/chains.c leak/extra.c leak/follow.c leak/group.c leak/notes.c leak/elsewhere.c
core_sources += leak/roots.c leak/calls.c leak/snapshot.c leak/check.c leak/suspects.c leak/control.c leak/annotate.c leak/pools.c
noinst_HEADERS += leak/leak.h leak/leak_internal.h leak/arch/x86_64/filter.h
