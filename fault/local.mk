# SPDX-License-Identifier: BSD-2-Clause
core_sources += fault/diagnose.c fault/mappings.c fault/poison_origin.c fault/smash.c fault/explain.c fault/stacks.c \
	fault/signals.c fault/relay.c fault/pending.c fault/fault.c fault/arch/x86_64/decode.c fault/arch/x86_64/frame.c
noinst_HEADERS += fault/fault.h fault/fault_internal.h fault/arch/x86_64/machine.h
