/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_job.c - what all steps of copying a function use: scratch memory, an instruction decoded
 * anew. */
#include "watch/arch/x86_64/copy_internal.h"

void *job_alloc(struct job *job, size_t size)
{
	uint8_t *p = job->work;

	size = ALIGN_UP(size, (size_t)16);
	if (size > (size_t)(job->work_end - p))
		return NULL;
	job->work += size;
	return p;
}

bool node_decode(const struct job *job, const struct node *n, struct insn *x)
{
	const struct copy_request *request = job->request;

	return x86_decode(x, request->text + n->offset, job->size - n->offset, request->start + n->offset);
}
