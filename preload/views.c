/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/views.c - what the program may see of its heap, as text. */
#include "preload/preload.h"
