/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/lib_internal.h - shared between the files of lib/ only. */
#ifndef MEMSAN_LIB_INTERNAL_H
#define MEMSAN_LIB_INTERNAL_H

#include "lib/lib.h"

#endif
