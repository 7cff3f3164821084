# SPDX-License-Identifier: BSD-2-Clause
core_sources += watch/arch/x86_64/decode.c
noinst_HEADERS += watch/watch.h watch/watch_internal.h watch/copy.h watch/arch/x86_64/insn.h
