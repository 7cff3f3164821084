# SPDX-License-Identifier: BSD-2-Clause
# The engine serves both halves: it reads through a view.
base_sources += leak/tables.c leak/outside.c leak/edges.c leak/speculate.c leak/drain.c leak/mark.c leak/group.c \
	leak/notes.c leak/sources.c
core_sources += leak/registered.c leak/annotate.c leak/calls.c leak/snapshot.c leak/roots.c leak/held.c \
	leak/suspects.c leak/scan.c leak/at_exit.c leak/control.c
noinst_HEADERS += leak/leak.h leak/leak_internal.h leak/arch/x86_64/filter.h
