// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/access.c - bugs with the stack, globals, memory and string functions, user space and wild pointers. */
#include "memsan_bugs.h"

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

int bug_stack_oob(void)
{
	char array[10] = "";
	int i = 10;

	OPTIMIZER_HIDE_VAR(i);
	look(array[i]);
	return 0;
}

int bug_alloca_oob(void)
{
	size_t size = 10;
	char *array;

	OPTIMIZER_HIDE_VAR(size);
	array = __builtin_alloca(size);
	array[0] = '\0';
	look(hidden(array)[size]);
	return 0;
}

int bug_use_after_scope(void)
{
	char *p;

	{
		char inner[16] = "inner";

		p = hidden(&inner[0]);
	}
	look(p[0]);
	return 0;
}

static char global_array[10];

int bug_global_oob(void)
{
	int i = 10;

	OPTIMIZER_HIDE_VAR(i);
	look(hidden(&global_array[0])[i]);
	return 0;
}

int bug_memset_oob(void)
{
	size_t size = 65;
	char *p = hidden(kmalloc(64, GFP_KERNEL));

	if (!p)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(size);
	memset(p, 0, size);
	kfree(p);
	return 0;
}

int bug_memcpy_oob(void)
{
	size_t size = 65;
	char *from = hidden(kzalloc(128, GFP_KERNEL)), *to = hidden(kmalloc(64, GFP_KERNEL));

	if (from && to) {
		OPTIMIZER_HIDE_VAR(size);
		memcpy(to, from, size);
	}
	kfree(from);
	kfree(to);
	return from && to ? 0 : -ENOMEM;
}

int bug_memmove_negative(void)
{
	size_t size = -2;
	char *p;

	if (!IS_ENABLED(CONFIG_KASAN))
		return -EOPNOTSUPP;
	p = hidden(kzalloc(64, GFP_KERNEL));
	if (!p)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(size);
	memmove(p, p + 4, size);
	kfree(p);
	return 0;
}

/* The object was zeroed when it was larger, so a NUL follows its new end and strlen stops. */
int bug_strlen_oob(void)
{
	char *p = kzalloc(64, GFP_KERNEL), *shorter;

	shorter = hidden(krealloc(p, 40, GFP_KERNEL));
	if (!shorter) {
		kfree(p);
		return -ENOMEM;
	}
	memset(shorter, 'a', 40);
	pr_info("a string of %zu bytes in 40\n", strlen(shorter));
	kfree(shorter);
	return 0;
}

int bug_memcmp_oob(void)
{
	size_t size = 65;
	char *a = hidden(kzalloc(64, GFP_KERNEL)), *b = hidden(kzalloc(128, GFP_KERNEL));
	int difference = 0;

	if (a && b) {
		OPTIMIZER_HIDE_VAR(size);
		difference = memcmp(a, b, size);
		pr_info("memcmp of 65 bytes says %d\n", difference);
	}
	kfree(a);
	kfree(b);
	return a && b ? 0 : -ENOMEM;
}

/* A page of the task that wrote to the trigger file. */
static char __user *user_page(void)
{
	unsigned long addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);

	return IS_ERR_VALUE(addr) ? NULL : (char __user *)addr;
}

int bug_copy_to_user_oob(void)
{
	size_t size = 65;
	char __user *user = user_page();
	char *p = hidden(kzalloc(64, GFP_KERNEL));
	unsigned long left = 1;

	OPTIMIZER_HIDE_VAR(size);
	if (user && p)
		left = copy_to_user(user, p, size);
	kfree(p);
	return left ? -ENOMEM : 0;
}

int bug_copy_from_user_oob(void)
{
	size_t size = 65;
	char __user *user = user_page();
	char *p = hidden(kmalloc(64, GFP_KERNEL));
	unsigned long left = 1;

	OPTIMIZER_HIDE_VAR(size);
	if (user && p)
		left = copy_from_user(p, user, size);
	kfree(p);
	return left ? -ENOMEM : 0;
}

int bug_strncpy_from_user_oob(void)
{
	char __user *user = user_page();
	char *text = kmalloc(80, GFP_KERNEL), *p = hidden(kmalloc(64, GFP_KERNEL));
	long size = 72, copied = -1;

	OPTIMIZER_HIDE_VAR(size);
	if (user && text && p) {
		memset(text, 'a', 80);
		if (copy_to_user(user, text, 80) == 0)
			copied = strncpy_from_user(p, user, size);
	}
	kfree(text);
	kfree(p);
	return copied < 0 ? -ENOMEM : 0;
}

int bug_user_memory_access(void)
{
	char __user *user = user_page();

	if (!user)
		return -ENOMEM;
	if (put_user('a', user))
		return -EFAULT;
	look(hidden((__force char *)user)[0]);
	return 0;
}

int bug_wild_access(void)
{
	look(*hidden((char *)0x1234567812345678));
	return 0;
}

int bug_null_deref(void)
{
	struct list {
		struct list *prev, *next, *owner;
	} *none = hidden((struct list *)NULL);

	look(none->owner);
	return 0;
}

/* The array is used after the call, so each call needs its own stack frame. */
int bug_stack_overflow(void)
{
	static int depth;
	char frame[256];

	frame[++depth & 255] = 1;
	if (depth < 1 << 20)
		frame[0] = (char)bug_stack_overflow();
	return *hidden(&frame[depth & 255]);
}
