# SPDX-License-Identifier: BSD-2-Clause
noinst_LTLIBRARIES += libtool_half.la
libtool_half_la_SOURCES = $(base_sources) $(tool_sources)
libtool_half_la_CFLAGS = $(AM_CFLAGS) $(TOOL_FLAGS) -DMEMSAN_TOOL $(DW_CFLAGS) $(ELF_CFLAGS) $(CAPSTONE_CFLAGS)
libtool_half_la_LIBADD = $(DW_LIBS) $(ELF_LIBS) $(CAPSTONE_LIBS)

bin_PROGRAMS += memsan
memsan_SOURCES = tools/main.c tools/run.c tools/target.c tools/fail_each.c tools/pinpoint.c tools/supervise.c \
	tools/filters.c tools/arguments.c tools/options.c tools/doctor.c tools/words.c \
	tools/decode.c tools/report.c tools/input.c tools/output.c tools/complete.c tools/stat.c tools/image/image.c \
	tools/image/roots.c tools/image/address_name.c tools/image/choice.c tools/leak.c tools/why.c tools/growth.c \
	tools/image/ask.c tools/image/freeze.c tools/describe.c tools/views.c tools/screen.c tools/spawn.c \
	tools/common.c slab/flags.c
# memsan kernel
memsan_SOURCES += tools/qemu/kernel.c tools/qemu/kernel_table.c tools/qemu/kernel_cache.c tools/qemu/kernel_work.c \
	tools/qemu/kernel_initrd.c tools/qemu/kernel_guest.c tools/qemu/kernel_log.c tools/qemu/kernel_session.c \
	tools/qemu/kernel_run.c tools/qemu/kernel_test.c tools/qemu/kernel_bring.c tools/qemu/kernel_own.c \
	tools/qemu/kernel_needs.c tools/qemu/kernel_expect.c tools/qemu/kernel_repro.c tools/qemu/kernel_fail.c \
	tools/qemu/kernel_page.c tools/qemu/kernel_debian.c tools/qemu/kernel_minimize.c tools/qemu/kernel_ddmin.c \
	tools/qemu/kernel_pieces.c tools/qemu/kernel_trial.c
noinst_HEADERS += tools/qemu/kernel.h
memsan_CPPFLAGS = $(AM_CPPFLAGS) -DMEMSAN_BINDIR='"$(bindir)"'
memsan_CFLAGS = $(AM_CFLAGS) $(TOOL_FLAGS) -DMEMSAN_TOOL $(DW_CFLAGS) $(ELF_CFLAGS)
memsan_LDADD = libdecode.la libtool_half.la
noinst_HEADERS += tools/tools.h tools/tools_internal.h tools/image/image.h

pkglibexec_PROGRAMS += memsan-symbolize
memsan_symbolize_SOURCES = tools/symbolize_main.c
memsan_symbolize_CFLAGS = $(AM_CFLAGS) $(TOOL_FLAGS) -DMEMSAN_TOOL $(DW_CFLAGS)
memsan_symbolize_LDADD = libtool_half.la

# Tables of options and kinds for the manual pages.
noinst_PROGRAMS += tools/gen_docs
tools_gen_docs_SOURCES = tools/gen_docs.c
tools_gen_docs_CFLAGS = $(AM_CFLAGS) $(TOOL_FLAGS) -DMEMSAN_TOOL
tools_gen_docs_LDADD = libtool_half.la

# Completion: each shell wants a name of its own for the file.
EXTRA_DIST += tools/completion.bash tools/completion.zsh tools/completion.fish
completions = bash-completion/completions/memsan zsh/site-functions/_memsan fish/vendor_completions.d/memsan.fish
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(datadir)/bash-completion/completions $(DESTDIR)$(datadir)/zsh/site-functions \
		$(DESTDIR)$(datadir)/fish/vendor_completions.d
	$(INSTALL_DATA) $(srcdir)/tools/completion.bash $(DESTDIR)$(datadir)/bash-completion/completions/memsan
	$(INSTALL_DATA) $(srcdir)/tools/completion.zsh $(DESTDIR)$(datadir)/zsh/site-functions/_memsan
	$(INSTALL_DATA) $(srcdir)/tools/completion.fish $(DESTDIR)$(datadir)/fish/vendor_completions.d/memsan.fish
uninstall-local:
	for name in $(completions); do rm -f "$(DESTDIR)$(datadir)/$$name"; done

# The compiler wrapper, under both of its names.
bin_SCRIPTS = memsan-cc memsan-c++
memsan-c++: memsan-cc
	$(AM_V_GEN)cp memsan-cc $@
EXTRA_DIST += tools/memsan-cc.in
CLEANFILES += memsan-c++

# gdb's commands: gdb loads NAME-gdb.py with the library NAME, from the library's folder or from its auto-load folder.
# In the build folder the script lies beside the library, which libtool clears when it links.
gdb_script = libmemsan.so.1.0.0-gdb.py
gdbdir = $(datadir)/gdb/auto-load$(libdir)
nodist_gdb_DATA = $(gdb_script)
$(gdb_script): $(srcdir)/tools/memsan-gdb.py.in Makefile libmemsan.la
	$(AM_V_GEN)sed 's,@bindir[@],$(bindir),' <$(srcdir)/tools/memsan-gdb.py.in >$@.tmp && mv $@.tmp $@ && \
		$(MKDIR_P) .libs && cp $@ .libs/
EXTRA_DIST += tools/memsan-gdb.py.in
CLEANFILES += $(gdb_script)
