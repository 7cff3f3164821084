/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/qemu/kernel_work.c - memsan kernel: the folder that holds the files of this run. */
#include "config.h"

#include "tools/qemu/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char work[4096];

const char *kernel_work_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (*work)
		return work;
	snprintf(work, sizeof(work), "%s/memsan-kernel-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(work)) {
		tool_say("cannot make a folder %s: %s", work, strerror(errno));
		*work = '\0';
		return NULL;
	}
	return work;
}

void kernel_keep_log(const struct kernel_options *o, const char *name, const char *log)
{
	char *path = tool_format("%s/%s", work, name);
	FILE *out = o->keep ? fopen(path, "w") : NULL;

	free(path);
	if (!out)
		return;
	fputs(log, out);
	fclose(out);
}

void kernel_work_remove(const struct kernel_options *o)
{
	char *const argv[] = { (char *)"rm", (char *)"-rf", (char *)"--", work, NULL };
	pid_t pid;

	if (!*work)
		return;
	if (o->keep) {
		tool_say("kept: %s", work);
		return;
	}
	pid = spawn_program(argv, -1, -1);
	if (pid > 0)
		spawn_wait(pid);
	*work = '\0';
}
