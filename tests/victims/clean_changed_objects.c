/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_changed_objects.c - objects of a page and more are freed, and the program ends, with pages that
 * their owner closed; memsan must not fault on its own red zones, poison and canaries there
 *
 * expect: none
 * modes: check
 * ways: preload linked static
 * output: ok
 */
#include "clean_changed_objects.h"
