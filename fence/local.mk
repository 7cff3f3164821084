# SPDX-License-Identifier: BSD-2-Clause
core_sources += fence/gate.c fence/slots.c fence/canary.c fence/pool.c fence/covered.c fence/only.c fence/report.c
noinst_HEADERS += fence/fence.h fence/fence_internal.h
