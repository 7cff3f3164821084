/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/watch_internal.h - shared between the files of watch/. */
#ifndef MEMSAN_WATCH_INTERNAL_H
#define MEMSAN_WATCH_INTERNAL_H

#include "watch/arch/x86_64/insn.h"
#include "watch/watch.h"

#endif
