# SPDX-License-Identifier: BSD-2-Clause
# make coverage, after ./configure --enable-coverage, measures which lines the tests run; counters.c counts them.
EXTRA_DIST += tests/coverage/run tests/coverage/counters.c tests/coverage/counters.ld
.PHONY: coverage
if COVERAGE
core_sources += tests/coverage/counters.c
tool_sources += tests/coverage/counters.c
AM_CPPFLAGS += -DCOVERAGE_FOLDER='"$(abs_top_builddir)/coverage"'
counters_ldflags = -Wl,-T,$(srcdir)/tests/coverage/counters.ld -Wl,-u,__gcov_info_to_gcda \
	-Wl,--exclude-libs,libgcov.a
AM_LDFLAGS = $(counters_ldflags)
libmemsan_la_LDFLAGS += $(counters_ldflags)
# Loaded by LD_AUDIT, without libc: not measured.
libmemsan_early_la_CFLAGS += -fno-profile-arcs -fno-test-coverage
coverage: all
	$(srcdir)/tests/coverage/run
else
coverage:
	@echo "coverage is measured in a build folder of its own: ./configure --enable-coverage" >&2; exit 1
endif
