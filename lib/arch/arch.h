/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/arch/arch.h - picks the architecture's folder. */
#ifndef MEMSAN_LIB_ARCH_H
#define MEMSAN_LIB_ARCH_H

#if defined(__x86_64__)
#include "lib/arch/x86_64/arch.h"
#else
#error "memsan: this architecture has no folder under lib/arch yet"
#endif

#endif
