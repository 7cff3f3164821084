/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/sessions.c - the session table of a small chat server, with two common bugs.
 *
 *   1. session_open copies a name into a buffer without room for the final zero byte (off by one).
 *   2. session_kick frees a session's outbox.  At shutdown, session_free frees the outbox again.
 *
 * With most allocators the first bug goes unnoticed, because the byte falls into unused space.  The second bug ends the
 * program somewhere in free(), long after the mistake.  Run it under memsan:
 *
 *     memsan run ./sessions
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outbox {
	size_t used;
	char text[200];
};

struct session {
	struct session *next;
	char *name;
	struct outbox *outbox;
	int kicked;
};

struct server {
	struct session *sessions;
	unsigned delivered;
};

static void session_open(struct server *server, const char *name)
{
	struct session *s = calloc(1, sizeof(*s));

	s->name = malloc(strlen(name)); /* bug 1: no room for the zero byte … */
	for (size_t i = 0; i <= strlen(name); i++)
		s->name[i] = name[i]; /* … which is written here */
	s->outbox = calloc(1, sizeof(*s->outbox));
	s->next = server->sessions;
	server->sessions = s;
}

static void session_send(struct server *server, struct session *s, const char *text)
{
	size_t room = sizeof(s->outbox->text) - s->outbox->used;
	int n = snprintf(s->outbox->text + s->outbox->used, room, "%s\n", text);

	if (n > 0 && (size_t)n < room)
		s->outbox->used += (size_t)n;
	server->delivered++;
}

static void session_kick(struct session *s)
{
	s->kicked = 1;
	free(s->outbox); /* bug 2: freed, but the pointer stays */
}

static void session_free(struct session *s)
{
	free(s->outbox); /* bug 2: a second time for kicked sessions */
	free(s->name);
	free(s);
}

static void server_broadcast(struct server *server, const char *text)
{
	for (struct session *s = server->sessions; s; s = s->next)
		if (!s->kicked)
			session_send(server, s, text);
}

static void server_shutdown(struct server *server)
{
	while (server->sessions) {
		struct session *s = server->sessions;

		server->sessions = s->next;
		session_free(s);
	}
}

int main(void)
{
	static const char *const names[] = { "ada", "grace", "spam-o-matic-123" };
	struct server server = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		session_open(&server, names[i]);
	server_broadcast(&server, "welcome");
	session_kick(server.sessions); /* the newest session */
	server_broadcast(&server, "the spammer is gone");
	server_shutdown(&server);
	printf("%u messages delivered\n", server.delivered);
	return 0;
}
