// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/limits.c - memory that runs out: reserves, the OOM killer, commit limits, limits of control groups.
 * Nothing here is a bug.  Each function fails when the kernel does not do what it should. */
#include "memsan_bugs.h"

#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kmod.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/signal.h>

/* ---- a kernel without free memory ------------------------------------------------------------ */

static unsigned long free_pages_now(void)
{
	struct sysinfo info;

	si_meminfo(&info);
	return info.freeram;
}

/* Takes blocks, large ones first, until fewer than `leave` pages are free, or none of them can be had. */
static void hoard(struct list_head *taken, unsigned long leave)
{
	int order = 10;

	while (order >= 0) {
		struct page *page = free_pages_now() >= leave + (1UL << order)
		                            ? alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, order)
		                            : NULL;

		if (page) {
			set_page_private(page, order);
			list_add(&page->lru, taken);
			cond_resched();
		} else {
			order--;
		}
	}
}

static void give_back(struct list_head *taken)
{
	while (!list_empty(taken)) {
		struct page *page = list_first_entry(taken, struct page, lru);
		unsigned int order = page_private(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, order);
	}
}

enum { RESERVE = 4 };

int bug_mempool_pressure(void)
{
	mempool_t *pool = mempool_create_page_pool(RESERVE, 0);
	struct page *all[2 * RESERVE] = { NULL }, *without;
	LIST_HEAD(taken);
	int i, nr = 0, left;

	if (!pool)
		return -ENOMEM;
	hoard(&taken, 0);
	while ((without = alloc_page(GFP_NOWAIT | __GFP_NOWARN)) != NULL) {
		set_page_private(without, 0);
		list_add(&without->lru, &taken);
	}
	while (nr < ARRAY_SIZE(all) && (all[nr] = mempool_alloc(pool, GFP_NOWAIT | __GFP_NOWARN)) != NULL)
		nr++;
	left = pool->curr_nr;
	give_back(&taken);
	for (i = 0; i < nr; i++)
		mempool_free(all[i], pool);
	pr_info("no page can be had; the pool with %d in reserve still gave %d\n", RESERVE, nr);
	i = pool->curr_nr;
	mempool_destroy(pool);
	return nr >= RESERVE && left == 0 && i == RESERVE ? 0 : -EPERM;
}

/* ---- the OOM killer -------------------------------------------------------------------------- */

/* Runs the guest's first program again, as one that takes memory.  Returns its status as wait(2) tells it. */
static int eat(char *how)
{
	char *argv[] = { "/init", how, NULL }, *envp[] = { NULL };

	return call_usermodehelper(argv[0], argv, envp, UMH_WAIT_PROC);
}

static int killed(int status)
{
	if (status < 0)
		return status;
	pr_info("the program ended by signal %d\n", status & 0x7f);
	return (status & 0x7f) == SIGKILL ? 0 : -EPERM;
}

int bug_oom_mlock(void)
{
	LIST_HEAD(taken);
	int status;

	hoard(&taken, (24 << 20) >> PAGE_SHIFT);
	status = eat("eat-locked");
	give_back(&taken);
	return killed(status);
}

int bug_memcg_limit(void)
{
	return killed(eat("eat-limited"));
}

/* ---- overcommit ------------------------------------------------------------------------------ */

static int write_text(const char *path, const char *text)
{
	struct file *file = filp_open(path, O_WRONLY, 0);
	loff_t at = 0;
	ssize_t n;

	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_write(file, text, strlen(text), &at);
	filp_close(file, NULL);
	return n < 0 ? n : 0;
}

static bool may_map(u64 bytes)
{
	unsigned long at = vm_mmap(NULL, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);

	if (IS_ERR_VALUE(at))
		return false;
	vm_munmap(at, bytes);
	return true;
}

int bug_overcommit_modes(void)
{
	static const char path[] = "/proc/sys/vm/overcommit_memory";
	/* may four times the memory be mapped, three quarters, a quarter? */
	static const bool expected[3][3] = { { false, true, true }, { true, true, true }, { false, false, true } };
	int mode, i, error = 0, wrong = 0;
	struct sysinfo info;
	u64 ram;

	si_meminfo(&info);
	ram = (u64)info.totalram << PAGE_SHIFT;
	for (mode = 0; mode < 3 && !error; mode++) {
		const u64 sizes[3] = { 4 * ram, PAGE_ALIGN(ram / 4 * 3), PAGE_ALIGN(ram / 4) };
		char text[2] = { (char)('0' + mode), '\0' };
		bool may[3];

		error = write_text(path, text);
		for (i = 0; i < 3; i++) {
			may[i] = may_map(sizes[i]);
			wrong += may[i] != expected[mode][i];
		}
		pr_info("overcommit_memory=%d: 4 times the memory %s, 3/4 of it %s, 1/4 %s\n", mode,
		        may[0] ? "may be mapped" : "is refused", may[1] ? "may be mapped" : "is refused",
		        may[2] ? "may be mapped" : "is refused");
	}
	write_text(path, "0");
	return error ? error : wrong ? -EPERM : 0;
}
