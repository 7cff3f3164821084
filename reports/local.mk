# SPDX-License-Identifier: BSD-2-Clause
# Both halves share one layout: the plain report and the symbolized one differ only in the frames.
base_sources += reports/kinds.c reports/layout.c reports/short_name.c reports/fold.c reports/render_text.c \
	reports/render_fault.c reports/render_json.c reports/interpreters.c
core_sources += reports/api_names.c reports/record.c reports/next_step.c reports/abort_place.c \
	reports/emit.c reports/finding.c \
	reports/plain.c reports/pinpoint.c reports/sink.c reports/colour.c reports/helper.c
tool_sources += reports/symbolize.c reports/symbolize_dwarf.c reports/variable.c reports/function_address.c \
	reports/functions.c reports/function_match.c reports/demangle.c reports/demangle_rust.c reports/deadline.c \
	reports/insn.c reports/suppress.c reports/installed.c reports/region.c
noinst_HEADERS += reports/reports.h reports/reports_internal.h reports/kinds.def

# Rules for leaks that the distribution's own programs are known to have.  configure links the file into the
# build folder.
pkgdata_DATA = share/distribution.supp
EXTRA_DIST += share/distribution.supp
