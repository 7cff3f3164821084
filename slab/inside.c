/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/inside.c - is this thread inside the runtime (fast.h)? */
#include "slab/slab.h"

TLS_IE struct tcache_thread tcache_thread;
