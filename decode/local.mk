# SPDX-License-Identifier: BSD-2-Clause
# The reader of reports, for the tools and their tests; libFuzzer builds it too.
decode_sources = decode/record.c decode/prefix.c decode/reader.c decode/headline.c decode/lines.c \
	decode/lines_access.c decode/lines_object.c decode/user.c decode/valgrind.c decode/runtime.c \
	decode/crash.c decode/checkers.c decode/unread.c \
	decode/frame.c decode/blame.c decode/signature.c decode/kind.c decode/json_read.c decode/json_write.c \
	decode/symbols.c decode/files.c decode/merge.c decode/suppressed.c decode/writer.c \
	decode/document.c decode/sarif.c decode/ci.c decode/html.c decode/page.c decode/page_json.c \
	decode/page_table.c decode/legend.c decode/seen.c decode/text.c decode/source.c decode/envelope.c \
	decode/mark.c decode/shape.c decode/spelled.c decode/strings.c decode/bytes.c decode/name.c decode/base64.c \
	decode/joiner.c
noinst_LTLIBRARIES += libdecode.la
libdecode_la_SOURCES = $(decode_sources)
libdecode_la_CFLAGS = $(AM_CFLAGS) $(TOOL_FLAGS) -DMEMSAN_TOOL $(JSONC_CFLAGS)
libdecode_la_LIBADD = libtool_half.la $(JSONC_LIBS)
noinst_HEADERS += decode/decode.h decode/decode_internal.h decode/skip.def

# The page's style and script as C strings.
nodist_libdecode_la_SOURCES = decode/page_data.c
decode/page_data.c: $(srcdir)/decode/page.css $(srcdir)/decode/page.js
	$(AM_V_GEN)$(MKDIR_P) decode && { echo '#include "decode/decode_internal.h"'; for f in css js; do \
		echo "const char decode_page_$$f[] ="; \
		$(SED) -e 's/[\\"]/\\&/g' -e 's/^.*$$/"&\\n"/' $(srcdir)/decode/page.$$f; echo ";"; \
		done; } >$@.tmp && mv $@.tmp $@
CLEANFILES += decode/page_data.c
EXTRA_DIST += decode/page.css decode/page.js

# The JSON schema of the format in memsan-report(5); tables and views for PostgreSQL.
dist_pkgdata_DATA = decode/memsan-report-1.schema.json decode/report.sql
