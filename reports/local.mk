# SPDX-License-Identifier: BSD-2-Clause
base_sources += reports/kinds.c
core_sources += reports/record.c reports/emit.c reports/plain.c
tool_sources += reports/symbolize.c reports/render_text.c reports/render_json.c
noinst_HEADERS += reports/reports.h reports/reports_internal.h reports/kinds.def
