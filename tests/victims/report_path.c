/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/report_path.c - a program chooses where its reports go: to a log, to a descriptor, to standard output.
 * It counts the reports in each.
 *
 * expect: none
 * options: multi_shot=on:symbolize=off:format=text:report_file=
 * ways: linked
 * stderr: any
 * status: 99
 * output: ok
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void __sanitizer_set_report_path(const char *path);
void __sanitizer_set_report_fd(void *fd);

static void report(size_t size)
{
	char *p = malloc(size);

	free(p);
	free(p);
}

static int reports_in(const char *path)
{
	char line[1000];
	FILE *f = fopen(path, "r");
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strncmp(line, "BUG: MEMSAN: double-free", 24) == 0;
	if (f)
		fclose(f);
	return n;
}

int main(void)
{
	char folder[] = "/tmp/memsan-report-path-XXXXXX", path[100], log[100], other[100], out[100];
	int fd, kept, wrong;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(log, sizeof(log), "%s/log.%d", folder, (int)getpid());
	snprintf(other, sizeof(other), "%s/other", folder);
	snprintf(out, sizeof(out), "%s/out", folder);

	__sanitizer_set_report_path(path);
	report(10);
	report(20);
	__sanitizer_set_report_path(NULL);
	report(30);
	fd = open(other, O_WRONLY | O_CREAT | O_APPEND, 0600);
	__sanitizer_set_report_fd((void *)(long)fd);
	report(40);
	kept = dup(1);
	dup2(open(out, O_WRONLY | O_CREAT | O_APPEND, 0600), 1);
	__sanitizer_set_report_path("stdout");
	report(50);
	dup2(kept, 1);
	__sanitizer_set_report_path("stderr");

	wrong = reports_in(log) != 2 || reports_in(other) != 1 || reports_in(out) != 1;
	unlink(log);
	unlink(other);
	unlink(out);
	rmdir(folder);
	puts(wrong ? "wrong" : "ok");
	return 0;
}
