/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_calls_rows.h - all rows of preload/intercept/libc.def, for tests/victims/libc_calls.h. */
#include "../../preload/intercept/calls_file.def"
#include "../../preload/intercept/calls_names.def"
#include "../../preload/intercept/calls_net.def"
#include "../../preload/intercept/calls_process.def"
#include "../../preload/intercept/calls_text.def"
#include "../../preload/intercept/calls_time.def"
#include "../../preload/intercept/calls_library.def"
