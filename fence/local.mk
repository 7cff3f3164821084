# SPDX-License-Identifier: BSD-2-Clause
core_sources += fence/gate.c fence/slots.c fence/canary.c fence/core.c fence/covered.c fence/filter.c fence/report.c
noinst_HEADERS += fence/fence.h fence/fence_internal.h
