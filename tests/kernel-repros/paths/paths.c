// SPDX-License-Identifier: BSD-2-Clause
/* tests/kernel-repros/paths/paths.c - a module that works as long as no allocation fails; its error paths do not.
 *
 *   names       FAIL LEAKS         the table is forgotten
 *   work        FAIL FINE
 *   device      FAIL USES          the table is freed, and then its length is read
 *   write       FAIL CRASHES       the result of kmalloc is not looked at
 *   read        FAIL FINE          kasprintf, whose arguments lie on the stack
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

struct table {
	int len;
	char *names[6];
};
static struct table *table;
static struct workqueue_struct *work;

static noinline ssize_t paths_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char *text = kmalloc(64, GFP_KERNEL);

	text[0] = 'x'; /* bug: there may be none */
	kfree(text);
	return len;
}

static noinline ssize_t paths_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	char *text = kasprintf(GFP_KERNEL, "%d %s %d %d %d %d %d\n", 1, "two", 3, 4, 5, 6, 7);
	ssize_t n;

	if (!text)
		return -ENOMEM;
	n = simple_read_from_buffer(to, len, pos, text, strlen(text));
	kfree(text);
	return n;
}

static const struct file_operations paths_fops = { .owner = THIS_MODULE, .read = paths_read, .write = paths_write };
static struct miscdevice paths_device = { .minor = MISC_DYNAMIC_MINOR, .name = "paths", .fops = &paths_fops };

static noinline int paths_names(void)
{
	int i;

	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < 6; i++) {
		table->names[i] = kstrdup("a name of some length", GFP_KERNEL);
		if (!table->names[i]) {
			table = NULL; /* bug: the table and the names before this one are forgotten */
			return -ENOMEM;
		}
	}
	return 0;
}

static noinline void paths_free(void)
{
	int i;

	for (i = 0; i < 6; i++)
		kfree(table->names[i]);
	kfree(table);
}

static int __init paths_init(void)
{
	int error = paths_names();

	if (error)
		return error;
	work = alloc_workqueue("paths-%d", 0, 0, 1);
	if (!work) {
		paths_free();
		return -ENOMEM;
	}
	error = misc_register(&paths_device);
	if (error) {
		paths_free();
		destroy_workqueue(work);
		pr_info("paths: %d names\n", READ_ONCE(table->len)); /* bug: it is freed */
	}
	return error;
}

static void __exit paths_exit(void)
{
	misc_deregister(&paths_device);
	destroy_workqueue(work);
	paths_free();
}

module_init(paths_init);
module_exit(paths_exit);
MODULE_DESCRIPTION("error paths that are wrong");
MODULE_LICENSE("Dual BSD/GPL");
