# SPDX-License-Identifier: BSD-2-Clause
core_sources += fence/gate.c fence/slots.c fence/canary.c fence/pool.c fence/covered.c fence/only.c fence/report.c \
	fence/diagnose.c fence/facts.c fence/holder.c fence/explain.c fence/stacks.c fence/signals.c fence/handled.c fence/fault.c \
	fence/arch/x86_64/decode.c fence/arch/x86_64/frame.c
noinst_HEADERS += fence/fence.h fence/fence_internal.h fence/arch/x86_64/machine.h
