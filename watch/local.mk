# SPDX-License-Identifier: BSD-2-Clause
core_sources += watch/watch.c watch/choose.c watch/module.c watch/targets.c watch/near.c watch/filter.c watch/entry.c \
	watch/origin.c watch/report.c watch/arch/x86_64/stub.c
core_sources += watch/arch/x86_64/decode.c watch/arch/x86_64/length.c watch/arch/x86_64/opcodes.c \
	watch/arch/x86_64/elements.c
core_sources += watch/arch/x86_64/copy.c watch/arch/x86_64/copy_job.c watch/arch/x86_64/copy_flow.c \
	watch/arch/x86_64/copy_live.c watch/arch/x86_64/copy_check.c watch/arch/x86_64/copy_spring.c \
	watch/arch/x86_64/copy_emit.c watch/arch/x86_64/copy_map.c watch/arch/x86_64/copy_slow.c
noinst_HEADERS += watch/watch.h watch/watch_internal.h watch/arch/x86_64/insn.h watch/arch/x86_64/opcodes.h \
	watch/arch/x86_64/opcodes.def
noinst_HEADERS += watch/copy.h watch/arch/x86_64/copy_internal.h watch/arch/x86_64/encode.h
noinst_HEADERS += watch/arch/x86_64/stub.h
