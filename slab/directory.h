/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/directory.h - where everything is, for other processes. */
#ifndef MEMSAN_SLAB_DIRECTORY_H
#define MEMSAN_SLAB_DIRECTORY_H

#include "slab/slab.h"

void directory_init(void);

#endif
