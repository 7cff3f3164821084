// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/main.c - the table of bugs, and the debugfs files that list and trigger them.
 *
 *   /sys/kernel/debug/memsan/trigger      read: a line for each bug with its name, its setup and what it does;
 *                                         write NAME: runs the bug NAME
 *   /sys/kernel/debug/memsan/cache_fill   write N: the demonstration cache "memsan_demo" then holds N objects
 *
 * A bug runs in the context of the task that writes, with no lock held.  When the bug kills that task, another task can
 * still use the file.  The lines "begin NAME" and "end NAME: STATUS" enclose the bug's reports in the log, so that each
 * report can be assigned to its bug.  A bug without its "end" line killed its task or the machine.
 *
 * After an oops the module can no longer be unloaded: the task that died had the file open.
 */
#include "memsan_bugs.h"

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

struct bug {
	const char *name;
	const char *setup;
	const char *what;
	int (*run)(void);
};

static const struct bug bugs[] = {
#define KBUG(name, setup, kasan, light, arm64, what, why) { #name, #setup, what, bug_##name },
#define DEMO(name, what) { "demo_" #name, "DEMO", what, demo_##name },
#include "bugs.def"
#undef KBUG
#undef DEMO
};

static struct dentry *folder;

static int trigger_show(struct seq_file *m, void *unused)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++)
		seq_printf(m, "%-22s %-6s %s\n", bugs[i].name, bugs[i].setup, bugs[i].what);
	return 0;
}

static int trigger_open(struct inode *inode, struct file *file)
{
	return single_open(file, trigger_show, NULL);
}

static const struct bug *bug_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++)
		if (strcmp(bugs[i].name, name) == 0)
			return &bugs[i];
	return NULL;
}

static ssize_t trigger_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	const struct bug *bug;
	char name[64];
	int status;

	if (len == 0 || len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, text, len))
		return -EFAULT;
	name[len] = '\0';
	bug = bug_find(strim(name));
	if (!bug)
		return -ENOENT;
	pr_info("begin %s\n", bug->name);
	check_again();
	status = bug->run();
	pr_info("end %s: %d\n", bug->name, status);
	return status < 0 ? status : (ssize_t)len;
}

static const struct file_operations trigger_fops = {
	.owner = THIS_MODULE,
	.open = trigger_open,
	.read = seq_read,
	.write = trigger_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int cache_fill_set(void *unused, u64 objects)
{
	return objects > 100000 ? -EINVAL : demo_cache_fill((unsigned int)objects);
}
DEFINE_DEBUGFS_ATTRIBUTE(cache_fill_fops, NULL, cache_fill_set, "%llu\n");

static int __init memsan_bugs_init(void)
{
	folder = debugfs_create_dir("memsan", NULL);
	if (IS_ERR(folder))
		return PTR_ERR(folder);
	debugfs_create_file("trigger", 0600, folder, NULL, &trigger_fops);
	debugfs_create_file_unsafe("cache_fill", 0200, folder, NULL, &cache_fill_fops);
	return 0;
}

static void __exit memsan_bugs_exit(void)
{
	debugfs_remove(folder);
	demo_cache_drop();
	leak_forget();
}

module_init(memsan_bugs_init);
module_exit(memsan_bugs_exit);
MODULE_DESCRIPTION("memory bugs on demand, for KASAN, KFENCE, SLUB debugging and kmemleak to find");
MODULE_LICENSE("GPL");
