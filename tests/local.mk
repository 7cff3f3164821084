# SPDX-License-Identifier: BSD-2-Clause
TEST_CFLAGS = $(AM_CFLAGS) -std=gnu11 $(CMOCKA_CFLAGS) $(LIBUNWIND_CFLAGS)
TEST_LIBS = libcore.la $(CMOCKA_LIBS) -lpthread
