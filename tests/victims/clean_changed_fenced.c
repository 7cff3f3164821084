/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_changed_fenced.c - clean_changed_objects.c with fenced objects
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * options: fence=all:fence.held_size=1
 * output: ok
 */
#include "clean_changed_objects.h"
