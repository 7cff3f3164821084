# SPDX-License-Identifier: BSD-2-Clause
# The engine serves both halves: it reads through a view.
base_sources += leak/mark.c leak/drain.c leak/speculate.c leak/outside.c leak/edges.c leak/group.c leak/notes.c leak/sources.c
core_sources += leak/roots.c leak/calls.c leak/snapshot.c leak/scan.c leak/suspects.c leak/control.c leak/annotate.c leak/registered.c
noinst_HEADERS += leak/leak.h leak/leak_internal.h leak/arch/x86_64/filter.h
