# SPDX-License-Identifier: BSD-2-Clause
# Built as a user would build a program: with -g and without memsan.  `make examples/sessions` or scripts/quickstart.
examples/sessions: $(srcdir)/examples/sessions.c
	$(AM_V_CC)$(MKDIR_P) examples && $(CC) -g -o $@ $(srcdir)/examples/sessions.c
EXTRA_DIST += examples/sessions.c examples/README.md examples/real
CLEANFILES += examples/sessions

# Programs with the kernel's allocators; tests/examples-caches builds and runs them.
EXTRA_DIST += examples/caches

# Three ways to build one program so that every access is checked.
EXTRA_DIST += examples/scores.c examples/pkg-config/Makefile examples/memsan-cc/Makefile examples/relink-asan/Makefile
EXTRA_DIST += examples/kernel-module/Makefile examples/kernel-module/notes.c examples/kernel-module/test.sh

# Programs with the kernel bugs of the same names; tests/kernel-real compares the reports.
EXTRA_DIST += examples/kernel-bugs
