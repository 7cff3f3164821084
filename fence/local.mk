# SPDX-License-Identifier: BSD-2-Clause
# In base_sources, because leak scans and the tools read fenced objects.
base_sources += fence/layout.c
core_sources += fence/gate.c fence/slots.c fence/canary.c fence/core.c fence/covered.c fence/filter.c fence/report.c
noinst_HEADERS += fence/fence.h fence/layout.h fence/fence_internal.h
