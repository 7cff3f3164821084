// SPDX-License-Identifier: BSD-2-Clause
/* tests/kernel-repros/module/published.c - a device with the mistakes of published kernel bugs, each as small as it can
 * be and faithful to what went wrong.  The reproducers beside this folder make them happen.
 *
 *   PARAM     CVE-2022-0185, legacy_parse_param(): "len > PAGE_SIZE - 2 - size" wraps when size is near a page, so the
 *             text is written behind its page
 *   ADD, PUT  CVE-2017-2636, n_hdlc: two threads that flush take the same buffer from a list without a lock, and free
 *             it twice
 *   FORGET    CVE-2019-19062, crypto_report(): an error path forgets to free what it has allocated
 *   GET, DROP CVE-2016-4558, bpf: a reference that is taken without a check, and given back once too often
 *   ASK       CVE-2018-1000204, sg: a request without data leads to a null pointer
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "published.h"

static char *legacy_data;
static size_t legacy_size;

static noinline long published_param(unsigned long arg)
{
	char text[256];
	long len = strncpy_from_user(text, (const char __user *)arg, sizeof(text));

	if (len < 0 || len == sizeof(text))
		return -EFAULT;
	if (!legacy_data)
		legacy_data = kzalloc(4096, GFP_KERNEL);
	if (!legacy_data)
		return -ENOMEM;
	if (len > 4096 - 2 - legacy_size) /* bug: unsigned, so that it wraps */
		return -EINVAL;
	legacy_data[legacy_size++] = ',';
	memcpy(legacy_data + legacy_size, text, len);
	legacy_size += len;
	return 0;
}

struct buffer {
	struct buffer *next;
	char bytes[56];
};
static struct buffer *transmitted;

static noinline long published_add(void)
{
	struct buffer *b = kmalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return -ENOMEM;
	b->next = transmitted;
	transmitted = b;
	return 0;
}

/* Only the debug information has its name. */
static __always_inline void published_release(struct buffer *b)
{
	kfree(b);
}

static noinline long published_put(void)
{
	struct buffer *b = transmitted; /* bug: no lock */

	if (!b)
		return 0;
	cond_resched();
	usleep_range(1, 200);
	transmitted = NULL;
	published_release(b);
	return 0;
}

static noinline long published_forget(unsigned long arg)
{
	char *reply = kmalloc(128, GFP_KERNEL);

	if (!reply)
		return -ENOMEM;
	memset(reply, 0, 128);
	if (arg > 10)
		return -EMSGSIZE; /* bug: the reply is forgotten */
	kfree(reply);
	return 0;
}

struct shared {
	int users;
	int value;
};
static struct shared *shared;

static noinline long published_get(void)
{
	if (!shared)
		shared = kzalloc(sizeof(*shared), GFP_KERNEL);
	if (!shared)
		return -ENOMEM;
	shared->users++;
	return shared->value;
}

static noinline long published_drop(void)
{
	if (shared && --shared->users == 0)
		kfree(shared); /* bug: the pointer stays */
	return 0;
}

struct request {
	char *data;
};

static noinline long published_ask(unsigned long len)
{
	struct request request = { .data = NULL };

	if (len)
		request.data = kzalloc(len & 0xfff, GFP_KERNEL);
	WRITE_ONCE(request.data[0], 1); /* bug: without data there is none */
	kfree(request.data);
	return 0;
}

static long published_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	switch (command) {
	case PUBLISHED_PARAM:
		return published_param(arg);
	case PUBLISHED_ADD:
		return published_add();
	case PUBLISHED_PUT:
		return published_put();
	case PUBLISHED_FORGET:
		return published_forget(arg);
	case PUBLISHED_GET:
		return published_get();
	case PUBLISHED_DROP:
		return published_drop();
	case PUBLISHED_ASK:
		return published_ask(arg);
	}
	return -ENOTTY;
}

static const struct file_operations published_fops = { .owner = THIS_MODULE, .unlocked_ioctl = published_ioctl };
static struct miscdevice published_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "published",
	.fops = &published_fops,
};

static int __init published_init(void)
{
	return misc_register(&published_device);
}

static void __exit published_exit(void)
{
	misc_deregister(&published_device);
	kfree(legacy_data);
}

module_init(published_init);
module_exit(published_exit);
MODULE_DESCRIPTION("mistakes of published kernel bugs");
MODULE_LICENSE("Dual BSD/GPL");
