/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/shared.c - its presence tells preload/init.c that this is the shared library; the static one does not
 * have this file. */
#include "preload/preload.h"

const char runtime_is_shared = 1;
