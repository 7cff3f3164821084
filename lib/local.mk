# SPDX-License-Identifier: BSD-2-Clause
# base_sources serve both halves; their only runtime state is the option table.  core_sources serve libmemsan only.
lib_base_sources = lib/mem.c lib/name_match.c lib/fmt.c lib/number.c lib/json.c lib/clean.c lib/os.c lib/bpf.c \
	lib/quiet.c lib/maps.c \
	lib/loader.c lib/clock.c lib/options.c
lib_core_sources = lib/process.c lib/deep.c lib/lock.c lib/stepped_reserve.c lib/meta.c lib/thread.c lib/fork.c \
	lib/modules.c lib/cfi.c \
	lib/cfi_static.c lib/window.c lib/unwind.c lib/unwind_save.c lib/unwind_walk.c lib/unwind_abort.c lib/depot.c
base_sources += $(lib_base_sources)
core_sources += $(lib_core_sources)
noinst_HEADERS += lib/lib.h lib/lib_internal.h lib/options.def lib/arch/arch.h lib/arch/x86_64/arch.h
