/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/keys.c - a program that wants all keys of thread-specific data gets memsan's too (process.c). Only in
 * the shared library. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <threads.h>

typedef int key_create_fn(pthread_key_t *key, void (*destructor)(void *));

/* The name for libgcc and old binaries. */
MEMSAN_EXPORT key_create_fn __pthread_key_create;

/* memsan makes its own key by these functions, also where it comes behind libc: a plain program's library may be linked
 * with memsan. */
static void *find_real(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	return p ? p : dlsym(RTLD_DEFAULT, name);
}

static int key_create(key_create_fn **real, const char *name, pthread_key_t *key, void (*destructor)(void *))
{
	int ret;

	if (!*real)
		*real = (key_create_fn *)find_real(name);
	ret = (*real)(key, destructor);
	return ret == EAGAIN && process_give_key() ? (*real)(key, destructor) : ret;
}

static key_create_fn *real_pthread_key_create, *real___pthread_key_create;

MEMSAN_EXPORT int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	return key_create(&real_pthread_key_create, "pthread_key_create", key, destructor);
}

MEMSAN_EXPORT int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	return key_create(&real___pthread_key_create, "__pthread_key_create", key, destructor);
}

static int (*real_tss_create)(tss_t *, tss_dtor_t);

MEMSAN_EXPORT int tss_create(tss_t *key, tss_dtor_t destructor)
{
	int ret;

	if (!real_tss_create)
		real_tss_create = (int (*)(tss_t *, tss_dtor_t))find_real("tss_create");
	ret = real_tss_create(key, destructor);
	return ret != thrd_success && process_give_key() ? real_tss_create(key, destructor) : ret;
}
