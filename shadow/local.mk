# SPDX-License-Identifier: BSD-2-Clause
core_sources += shadow/early.c shadow/scan.c shadow/reserve.c shadow/map.c shadow/poison.c shadow/heap.c \
	shadow/classify.c shadow/bad_access.c shadow/describe.c shadow/globals.c shadow/globals_ahead.c \
	shadow/odr.c shadow/located.c shadow/stack.c shadow/stale.c shadow/fake_stack.c
runtime_sources += shadow/abi_access.c shadow/abi_kernel.c shadow/abi_asan.c shadow/interface.c shadow/container.c \
	shadow/symbolize.c shadow/pointer_pair.c shadow/arch/x86_64/entry.c
noinst_HEADERS += shadow/shadow.h shadow/shadow_internal.h shadow/abi.h \
	shadow/arch/x86_64/code.h

# Loaded through LD_AUDIT, in a namespace without libc.
lib_LTLIBRARIES += libmemsan-early.la
libmemsan_early_la_SOURCES = shadow/audit.c shadow/scan.c shadow/reserve.c lib/mem.c
libmemsan_early_la_CFLAGS = $(AM_CFLAGS) $(RUNTIME_FLAGS)
libmemsan_early_la_LDFLAGS = -module -avoid-version -shared -nostdlib -nostartfiles -Wl,-z,defs -Wl,-z,relro \
	-Wl,-Bsymbolic-functions
