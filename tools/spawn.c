/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/spawn.c - starts the memsan command's helper programs and waits for them.
 * Programs under test are started elsewhere (supervise.c, fail_each.c), because each of these starts takes other
 * steps between fork and exec. */
#include "config.h"

#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static _Noreturn void become(char *const argv[], int in_fd, int out_fd, pid_t parent, bool shell)
{
	/* With a process group of its own for the child, ^C at the terminal reaches only memsan, which then ends
	 * that group.  A shell stays in memsan's group. */
	if (!shell)
		setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, shell ? SIG_IGN : SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (in_fd < 0)
		in_fd = open("/dev/null", O_RDONLY);
	dup2(in_fd, STDIN_FILENO);
	if (out_fd >= 0)
		dup2(out_fd, STDOUT_FILENO);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

pid_t spawn_program(char *const argv[], int in_fd, int out_fd)
{
	pid_t parent = getpid(), pid;
	bool shell = in_fd == STDIN_FILENO;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tool_say("cannot start %s: %s", argv[0], strerror(errno));
	else if (pid == 0)
		become(argv, in_fd, out_fd, parent, shell);
	else if (!shell)
		setpgid(pid, pid); /* parent and child both call setpgid, since either may be first */
	return pid;
}

int spawn_filter(char *const argv[], int in_fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int pipes[2], failed;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	failed = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (!failed)
		return pipes[0];
	close(pipes[0]);
	errno = failed;
	return -1;
}

int spawn_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -1;
	return status;
}
