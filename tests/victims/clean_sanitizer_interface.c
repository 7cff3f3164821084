/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_sanitizer_interface.c - a program that asks a sanitizer's runtime about its heap
 *
 * expect: none
 * modes: check production
 * ways: linked static
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As sanitizer/allocator_interface.h and common_interface_defs.h have them; not every compiler brings all. */
size_t __sanitizer_get_estimated_allocated_size(size_t size);
int __sanitizer_get_ownership(const volatile void *p);
size_t __sanitizer_get_allocated_size(const volatile void *p);
size_t __sanitizer_get_current_allocated_bytes(void);
size_t __sanitizer_get_heap_size(void);
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t), void (*)(const volatile void *));
int __sanitizer_acquire_crash_state(void);
const void *__sanitizer_get_allocated_begin(const void *p);
int __sanitizer_get_module_and_offset_for_pc(void *pc, char *path, size_t size, void **offset);

static int wrong;

static void must(int holds, const char *what)
{
	if (holds)
		return;
	wrong++;
	puts(what);
}

int main(void)
{
	size_t before = __sanitizer_get_current_allocated_bytes();
	char *p = malloc(100), *large = malloc(3000000), local, path[300];
	void *offset = NULL;

	must(__sanitizer_get_ownership(p) == 1, "an object's start is owned");
	must(__sanitizer_get_ownership(p + 1) == 0, "its middle is not");
	must(__sanitizer_get_ownership(&local) == 0 && __sanitizer_get_ownership(NULL) == 0, "nor a local variable");
	must(__sanitizer_get_allocated_size(p) == 100, "the size of an object");
	must(__sanitizer_get_allocated_size(large) == 3000000, "of a large one");
	must(__sanitizer_get_allocated_size(NULL) == 0, "of none");
	must(__sanitizer_get_allocated_begin(p + 99) == p, "an object's start from its last byte");
	must(__sanitizer_get_allocated_begin(large + 4097) == large, "that of a large one");
	must(__sanitizer_get_allocated_begin(&local) == NULL, "a local variable is no object");
	must(__sanitizer_get_estimated_allocated_size(77) >= 77, "an estimate");
	must(__sanitizer_get_current_allocated_bytes() >= before + 3000100, "two objects more");
	must(__sanitizer_get_heap_size() >= __sanitizer_get_current_allocated_bytes(), "the heap holds its objects");
	free(p);
	free(large);
	must(__sanitizer_get_ownership(p) == 0, "a freed object is nobody's");
	must(__sanitizer_get_current_allocated_bytes() < before + 3000000, "less than before");
	must(__sanitizer_install_malloc_and_free_hooks(NULL, NULL) == 0, "no hooks");
	must(__sanitizer_get_module_and_offset_for_pc((void *)main, path, sizeof(path), &offset) &&
	             strstr(path, "clean_sanitizer_interface") && offset,
	     "the program is a module");
	must(!__sanitizer_get_module_and_offset_for_pc(&local, path, sizeof(path), &offset), "the stack is not");
	must(__sanitizer_acquire_crash_state() == 1 && __sanitizer_acquire_crash_state() == 0, "the first caller");
	puts(wrong ? "wrong" : "ok");
	return 0;
}
