/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/messages.c - two threads that pass batches of messages to each other.  One thread frees what the other
 * allocates, so thread caches must hand objects back.  It is deterministic and prints a checksum.
 * Usage: messages [BATCHES] */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256
#define DEPTH 16

struct message {
	struct message *next;
	size_t size;
	unsigned char body[];
};

/* One direction: a ring of batches.  Its lock guards all fields. */
struct channel {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct message *ring[DEPTH];
	unsigned in, out;
};

struct side {
	struct channel *to, *from;
	uint64_t seed, sum;
	long batches;
};

static uint32_t chance(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % n);
}

static void channel_send(struct channel *c, struct message *batch)
{
	pthread_mutex_lock(&c->lock);
	while (c->in - c->out == DEPTH)
		pthread_cond_wait(&c->changed, &c->lock);
	c->ring[c->in++ % DEPTH] = batch;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static struct message *channel_receive(struct channel *c)
{
	struct message *batch;

	pthread_mutex_lock(&c->lock);
	while (c->in == c->out)
		pthread_cond_wait(&c->changed, &c->lock);
	batch = c->ring[c->out++ % DEPTH];
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return batch;
}

static struct message *batch_new(struct side *s)
{
	struct message *first = NULL;

	for (int i = 0; i < BATCH; i++) {
		size_t size = 8 + chance(&s->seed, chance(&s->seed, 8) ? 120 : 2000);
		struct message *m = malloc(sizeof(*m) + size);

		if (!m)
			abort();
		m->size = size;
		memset(m->body, (int)size, 8);
		m->next = first;
		first = m;
	}
	return first;
}

static void batch_take(struct side *s, struct message *m)
{
	for (struct message *next; m; m = next) {
		next = m->next;
		s->sum = s->sum * 31 + m->size + m->body[3];
		free(m);
	}
}

/* DEPTH / 2 batches are always on their way in each direction, so neither side waits for the other's answer. */
static void *side_main(void *arg)
{
	struct side *s = arg;

	for (long i = 0; i < s->batches; i++) {
		channel_send(s->to, batch_new(s));
		if (i >= DEPTH / 2)
			batch_take(s, channel_receive(s->from));
	}
	for (int i = 0; i < DEPTH / 2; i++)
		batch_take(s, channel_receive(s->from));
	return NULL;
}

int main(int argc, char **argv)
{
	static struct channel channels[2] = {
		{ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER },
		{ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER },
	};
	long batches = argc > 1 ? atol(argv[1]) : 24000;
	struct side a = { &channels[0], &channels[1], 1, 0, batches },
		    b = { &channels[1], &channels[0], 2, 0, batches };
	pthread_t other;

	if (batches < DEPTH)
		batches = a.batches = b.batches = DEPTH;
	if (pthread_create(&other, NULL, side_main, &b) != 0)
		abort();
	side_main(&a);
	pthread_join(other, NULL);
	printf("%llu\n", (unsigned long long)(a.sum * 31 + b.sum));
	return 0;
}
