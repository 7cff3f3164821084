/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/sessions.c - a slab cache with a constructor: a session keeps its lock from one user to the next. */
#include <memsan.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct session {
	pthread_mutex_t lock; /* initialized once for each object, by the constructor */
	unsigned served;
	char user[20];
};

static void session_construct(void *p)
{
	struct session *s = p;

	pthread_mutex_init(&s->lock, NULL);
	s->served = 0;
}

int main(void)
{
	struct memsan_cache *sessions = memsan_cache_create("session", sizeof(struct session), 0,
	                                                    MEMSAN_CACHE_HWCACHE_ALIGN | MEMSAN_CACHE_PANIC,
	                                                    session_construct);

	for (int i = 0; i < 5; i++) {
		struct session *s = memsan_cache_alloc(sessions);
		if (!s)
			return 1;
		pthread_mutex_lock(&s->lock);
		snprintf(s->user, sizeof(s->user), "user %d", i);
		printf("%s: a session of %zu bytes that was used %u times\n", s->user, memsan_cache_size(sessions),
		       s->served);
		pthread_mutex_unlock(&s->lock);
		memsan_cache_free(sessions, s); /* unlocked, as the constructor left it */
	}
	return memsan_cache_destroy(sessions);
}
