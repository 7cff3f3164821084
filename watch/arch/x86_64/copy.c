/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy.c - the steps by which a function is copied. */
#include "watch/arch/x86_64/copy_internal.h"

size_t copy_work_size(size_t size, size_t nr_targets)
{
	(void)nr_targets;
	/* For each byte: node_at, taken, and shares of nodes and what comes with them (at worst one node a byte). */
	return 4096 + (size + RED_ZONE) * (sizeof(uint32_t) * 3 + 1 + sizeof(struct node) + sizeof(struct group) +
	                                   sizeof(struct member) + 2 * sizeof(struct fix) + 2 * sizeof(struct spring) +
	                                   2 * sizeof(struct copy_patch) + 8);
}

size_t copy_code_size(size_t size)
{
	return 256 + size * 32;
}

static enum copy_status failed(struct copy_result *result, enum copy_status status)
{
	if (result->status == COPY_DONE)
		result->status = status;
	return result->status;
}

enum copy_status copy_function(const struct copy_request *request, struct copy_result *result)
{
	struct job job;

	mem_set(result, 0, sizeof(*result));
	mem_set(&job, 0, sizeof(job));
	job.request = request;
	job.result = result;
	if (request->end <= request->start || request->end - request->start >= (size_t)1 << SLOW_OFFSET_BITS)
		return failed(result, COPY_NO_ROOM);
	job.size = (uint32_t)(request->end - request->start);
	job.text_size = (uint32_t)(MAX(request->padding_end, request->end) - request->start);
	job.work = request->work;
	job.work_end = job.work + request->work_size;
	if (!flow_decode(&job))
		return failed(result, COPY_NO_ROOM);
	live_find(&job);
	if (!check_choose(&job) || !spring_place(&job) || !emit_copy(&job) || !map_write(&job))
		return failed(result, COPY_NO_ROOM);
	result->counts.insns = job.nr_nodes;
	result->counts.opaque = job.opaque;
	return COPY_DONE;
}
