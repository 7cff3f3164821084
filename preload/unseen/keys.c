/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/keys.c - a program that wants all keys of thread-specific data gets memsan's too (process.c). Only in
 * the shared library. */
#include "preload/unseen/unseen.h"

#include <errno.h>
#include <pthread.h>
#include <threads.h>

typedef int key_create_fn(pthread_key_t *key, void (*destructor)(void *));

/* The name for libgcc and old binaries. */
MEMSAN_EXPORT key_create_fn __pthread_key_create;

static int key_create(key_create_fn *real, pthread_key_t *key, void (*destructor)(void *))
{
	int ret = real(key, destructor);

	return ret == EAGAIN && process_give_key() ? real(key, destructor) : ret;
}

/* memsan makes its own key by this function. */
MEMSAN_EXPORT int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	static void *real_pthread_key_create;

	return key_create(WAIT_REAL(pthread_key_create), key, destructor);
}

MEMSAN_EXPORT int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	static void *real___pthread_key_create;

	return key_create(WAIT_REAL(__pthread_key_create), key, destructor);
}

MEMSAN_EXPORT int tss_create(tss_t *key, tss_dtor_t destructor)
{
	static void *real_tss_create;
	int ret = WAIT_REAL(tss_create)(key, destructor);

	return ret != thrd_success && process_give_key() ? WAIT_REAL(tss_create)(key, destructor) : ret;
}
