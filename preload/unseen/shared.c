/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/shared.c - tells preload/init.c which library it is in: a static one does not have this file. */
#include "preload/preload.h"

const char runtime_is_shared = 1;
