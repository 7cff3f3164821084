// SPDX-License-Identifier: BSD-2-Clause
/* examples/kernel-module/notes.c - a device that keeps the last line written to it, with two planted bugs. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static char *note;
static DEFINE_MUTEX(note_lock); /* guards note */

static ssize_t notes_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char *text;

	if (!len || len > 4096)
		return -EINVAL;
	text = kmalloc(len, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	if (copy_from_user(text, from, len)) {
		kfree(text);
		return -EFAULT;
	}
	text[len] = '\0'; /* bug: one byte too far, there is room for len bytes only */
	mutex_lock(&note_lock);
	note = text; /* bug: the note before this one is not freed */
	mutex_unlock(&note_lock);
	return len;
}

static ssize_t notes_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	ssize_t n = 0;

	mutex_lock(&note_lock);
	if (note)
		n = simple_read_from_buffer(to, len, pos, note, strlen(note));
	mutex_unlock(&note_lock);
	return n;
}

static const struct file_operations notes_fops = {
	.owner = THIS_MODULE,
	.read = notes_read,
	.write = notes_write,
};
static struct miscdevice notes_device = { .minor = MISC_DYNAMIC_MINOR, .name = "notes", .fops = &notes_fops };

static int __init notes_init(void)
{
	return misc_register(&notes_device);
}

static void __exit notes_exit(void)
{
	misc_deregister(&notes_device);
	kfree(note);
}

module_init(notes_init);
module_exit(notes_exit);
MODULE_DESCRIPTION("keeps the last line written to /dev/notes");
MODULE_LICENSE("Dual BSD/GPL");
