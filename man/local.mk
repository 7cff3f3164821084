# SPDX-License-Identifier: BSD-2-Clause
dist_man_MANS += man/memsan.1 man/memsan-run.1 man/memsan-decode.1 man/memsan-report.1
dist_man_MANS += man/memsan-report.5 man/memsan-leak.1 man/memsan-describe.1 man/memsan-slabinfo.1
dist_man_MANS += man/memsan-stat.1 man/memsan-doctor.1 man/memsan-cc.1 man/memsan.3
nodist_man_MANS += man/memsan-options.7 man/memsan-reports.7
EXTRA_DIST += man/memsan-options.7.in man/memsan-reports.7.in
CLEANFILES += man/memsan-options.7 man/memsan-reports.7

man/memsan-options.7: $(srcdir)/man/memsan-options.7.in tools/gen_docs$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && ./tools/gen_docs <$(srcdir)/man/memsan-options.7.in >$@.tmp && mv $@.tmp $@
man/memsan-reports.7: $(srcdir)/man/memsan-reports.7.in tools/gen_docs$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && ./tools/gen_docs <$(srcdir)/man/memsan-reports.7.in >$@.tmp && mv $@.tmp $@
# The kernel half.
dist_man_MANS += man/memsan-kernel.1 man/memsan-kernel-tutorial.7
nodist_man_MANS += man/memsan-kernel-bugs.7
EXTRA_DIST += man/memsan-kernel-bugs.7.in
CLEANFILES += man/memsan-kernel-bugs.7
man/memsan-kernel-bugs.7: $(srcdir)/man/memsan-kernel-bugs.7.in tools/gen_docs$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && ./tools/gen_docs <$(srcdir)/man/memsan-kernel-bugs.7.in >$@.tmp && mv $@.tmp $@
