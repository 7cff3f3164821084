# SPDX-License-Identifier: BSD-2-Clause
dist_noinst_SCRIPTS += bench/run
EXTRA_DIST += bench/README.md bench/measure.c bench/programs
