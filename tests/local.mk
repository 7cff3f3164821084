# SPDX-License-Identifier: BSD-2-Clause
TEST_CFLAGS = $(AM_CFLAGS) -std=gnu11 $(CMOCKA_CFLAGS) $(LIBUNWIND_CFLAGS)
TEST_LIBS = libcore.la $(CMOCKA_LIBS) -lpthread

# Scripts that look at the sources, the documentation and what was built.
script_tests = tests/layers tests/docs tests/exports tests/command
TESTS += $(script_tests)
dist_check_SCRIPTS += $(script_tests)
EXTRA_DIST += tests/golden

noinst_HEADERS += tests/unit/unit.h

check_PROGRAMS += tests/unit/test_mem
tests_unit_test_mem_SOURCES = tests/unit/test_mem.c
tests_unit_test_mem_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_mem_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_mem

check_PROGRAMS += tests/unit/test_fmt
tests_unit_test_fmt_SOURCES = tests/unit/test_fmt.c
tests_unit_test_fmt_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_fmt_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_fmt

check_PROGRAMS += tests/unit/test_os
tests_unit_test_os_SOURCES = tests/unit/test_os.c
tests_unit_test_os_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_os_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_os

check_PROGRAMS += tests/unit/test_options
tests_unit_test_options_SOURCES = tests/unit/test_options.c
tests_unit_test_options_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_options_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_options

check_PROGRAMS += tests/unit/test_lock
tests_unit_test_lock_SOURCES = tests/unit/test_lock.c
tests_unit_test_lock_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lock_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_lock

check_PROGRAMS += tests/unit/test_thread
tests_unit_test_thread_SOURCES = tests/unit/test_thread.c
tests_unit_test_thread_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_thread_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_thread

check_PROGRAMS += tests/unit/test_report_render
tests_unit_test_report_render_SOURCES = tests/unit/test_report_render.c
tests_unit_test_report_render_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_report_render_LDADD = $(TEST_LIBS)
TESTS += tests/unit/test_report_render
