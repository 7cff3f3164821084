# SPDX-License-Identifier: BSD-2-Clause
core_sources += watch/arch/x86_64/decode.c watch/arch/x86_64/opcodes.c
noinst_HEADERS += watch/watch.h watch/watch_internal.h watch/arch/x86_64/insn.h watch/arch/x86_64/opcodes.h \
	watch/arch/x86_64/opcodes.def
