/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/abi.h - every entry point that instrumented code calls, declared once for the files that define them.
 *
 * The names, the argument types and the _noabort suffix are the compilers' (gcc's sanitizer.def, LLVM's
 * AddressSanitizer.cpp).  Sizes 1, 2, 4, 8 and 16 have entry points of their own; N takes the size as an argument.
 */
#ifndef MEMSAN_SHADOW_ABI_H
#define MEMSAN_SHADOW_ABI_H

#include "shadow/shadow_internal.h"

#define ABI_SIZES(X) X(1) X(2) X(4) X(8) X(16)

#define ABI_DECLARE(n)                                                              \
	MEMSAN_EXPORT void __asan_load##n(uintptr_t addr);                          \
	MEMSAN_EXPORT void __asan_store##n(uintptr_t addr);                         \
	MEMSAN_EXPORT void __asan_load##n##_noabort(uintptr_t addr);                \
	MEMSAN_EXPORT void __asan_store##n##_noabort(uintptr_t addr);               \
	MEMSAN_EXPORT void __asan_exp_load##n(uintptr_t addr, uint32_t exp);        \
	MEMSAN_EXPORT void __asan_exp_store##n(uintptr_t addr, uint32_t exp);       \
	MEMSAN_EXPORT void __asan_report_load##n(uintptr_t addr);                   \
	MEMSAN_EXPORT void __asan_report_store##n(uintptr_t addr);                  \
	MEMSAN_EXPORT void __asan_report_load##n##_noabort(uintptr_t addr);         \
	MEMSAN_EXPORT void __asan_report_store##n##_noabort(uintptr_t addr);        \
	MEMSAN_EXPORT void __asan_report_exp_load##n(uintptr_t addr, uint32_t exp); \
	MEMSAN_EXPORT void __asan_report_exp_store##n(uintptr_t addr, uint32_t exp);
ABI_SIZES(ABI_DECLARE)

MEMSAN_EXPORT void __asan_loadN(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_storeN(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_loadN_noabort(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_storeN_noabort(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_exp_loadN(uintptr_t addr, size_t size, uint32_t exp);
MEMSAN_EXPORT void __asan_exp_storeN(uintptr_t addr, size_t size, uint32_t exp);
MEMSAN_EXPORT void __asan_report_load_n(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_report_store_n(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_report_load_n_noabort(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_report_store_n_noabort(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_report_exp_load_n(uintptr_t addr, size_t size, uint32_t exp);
MEMSAN_EXPORT void __asan_report_exp_store_n(uintptr_t addr, size_t size, uint32_t exp);

/* Shared by both forms (abi_kernel.c). */
MEMSAN_EXPORT void __asan_register_globals(struct asan_global *g, size_t n);
MEMSAN_EXPORT void __asan_unregister_globals(struct asan_global *g, size_t n);
MEMSAN_EXPORT void __asan_handle_no_return(void);
MEMSAN_EXPORT void __asan_alloca_poison(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_allocas_unpoison(uintptr_t top, uintptr_t bottom);
MEMSAN_EXPORT void __asan_poison_stack_memory(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_unpoison_stack_memory(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_before_dynamic_init(const char *module);
MEMSAN_EXPORT void __asan_after_dynamic_init(void);
#define ABI_SET_SHADOW(X) X(00) X(01) X(02) X(03) X(04) X(05) X(06) X(07) X(f1) X(f2) X(f3) X(f5) X(f8)
#define ABI_DECLARE_SET(v) MEMSAN_EXPORT void __asan_set_shadow_##v(uintptr_t shadow, size_t size);
ABI_SET_SHADOW(ABI_DECLARE_SET)

/* -fsanitize=address only (abi_asan.c). */
MEMSAN_EXPORT extern int __asan_option_detect_stack_use_after_return;
MEMSAN_EXPORT extern uintptr_t __asan_shadow_memory_dynamic_address;
MEMSAN_EXPORT void __asan_init(void);
MEMSAN_EXPORT void __asan_version_mismatch_check_v8(void);
MEMSAN_EXPORT void __asan_register_image_globals(uintptr_t *flag);
MEMSAN_EXPORT void __asan_unregister_image_globals(uintptr_t *flag);
MEMSAN_EXPORT void __asan_register_elf_globals(uintptr_t *flag, void *start, void *stop);
MEMSAN_EXPORT void __asan_unregister_elf_globals(uintptr_t *flag, void *start, void *stop);
#define ABI_CLASSES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10)
#define ABI_DECLARE_STACK(c)                                                 \
	MEMSAN_EXPORT uintptr_t __asan_stack_malloc_##c(size_t size);        \
	MEMSAN_EXPORT uintptr_t __asan_stack_malloc_always_##c(size_t size); \
	MEMSAN_EXPORT void __asan_stack_free_##c(uintptr_t frame, size_t size);
ABI_CLASSES(ABI_DECLARE_STACK)
MEMSAN_EXPORT void *__asan_memcpy(void *dst, const void *src, size_t n);
MEMSAN_EXPORT void *__asan_memmove(void *dst, const void *src, size_t n);
MEMSAN_EXPORT void *__asan_memset(void *dst, int byte, size_t n);
MEMSAN_EXPORT void __asan_poison_cxx_array_cookie(uintptr_t addr);
MEMSAN_EXPORT uintptr_t __asan_load_cxx_array_cookie(uintptr_t *addr);
MEMSAN_EXPORT void __asan_poison_intra_object_redzone(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_unpoison_intra_object_redzone(uintptr_t addr, size_t size);
MEMSAN_EXPORT void __asan_handle_vfork(void *sp);
/* With pointer-compare and pointer-subtract besides (pointer_pair.c). */
MEMSAN_EXPORT void __sanitizer_ptr_cmp(const void *a, const void *b);
MEMSAN_EXPORT void __sanitizer_ptr_sub(const void *a, const void *b);

/* sanitizer/asan_interface.h and common_interface_defs.h (interface.c, container.c). */
MEMSAN_EXPORT void __asan_poison_memory_region(void const volatile *addr, size_t size);
MEMSAN_EXPORT void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
MEMSAN_EXPORT int __asan_address_is_poisoned(void const volatile *addr);
MEMSAN_EXPORT void *__asan_region_is_poisoned(void *beg, size_t size);
MEMSAN_EXPORT void __asan_describe_address(void *addr);
MEMSAN_EXPORT int __asan_report_present(void);
MEMSAN_EXPORT void *__asan_get_report_pc(void);
MEMSAN_EXPORT void *__asan_get_report_bp(void);
MEMSAN_EXPORT void *__asan_get_report_sp(void);
MEMSAN_EXPORT void *__asan_get_report_address(void);
MEMSAN_EXPORT int __asan_get_report_access_type(void);
MEMSAN_EXPORT size_t __asan_get_report_access_size(void);
MEMSAN_EXPORT const char *__asan_get_report_description(void);
MEMSAN_EXPORT const char *__asan_locate_address(void *addr, char *name, size_t name_size, void **region,
                                                size_t *region_size);
MEMSAN_EXPORT size_t __asan_get_alloc_stack(void *addr, void **trace, size_t size, int *thread_id);
MEMSAN_EXPORT size_t __asan_get_free_stack(void *addr, void **trace, size_t size, int *thread_id);
MEMSAN_EXPORT void __asan_get_shadow_mapping(size_t *scale, size_t *offset);
MEMSAN_EXPORT void __asan_report_error(void *pc, void *bp, void *sp, void *addr, int is_write, size_t size);
MEMSAN_EXPORT void __asan_set_death_callback(void (*callback)(void));
MEMSAN_EXPORT void __asan_set_error_report_callback(void (*callback)(const char *text));
MEMSAN_EXPORT void __asan_print_accumulated_stats(void);
MEMSAN_EXPORT int __asan_update_allocation_context(void *addr);
MEMSAN_EXPORT void *__asan_get_current_fake_stack(void);
MEMSAN_EXPORT void *__asan_addr_is_in_fake_stack(void *fake, void *addr, void **beg, void **end);
MEMSAN_EXPORT void __sanitizer_annotate_contiguous_container(const void *beg, const void *end, const void *old_mid,
                                                             const void *new_mid);
MEMSAN_EXPORT int __sanitizer_verify_contiguous_container(const void *beg, const void *mid, const void *end);
MEMSAN_EXPORT const void *__sanitizer_contiguous_container_find_bad_address(const void *beg, const void *mid,
                                                                            const void *end);
MEMSAN_EXPORT void __sanitizer_annotate_double_ended_contiguous_container(const void *beg, const void *end,
                                                                          const void *old_beg, const void *old_end,
                                                                          const void *new_beg, const void *new_end);
MEMSAN_EXPORT int __sanitizer_verify_double_ended_contiguous_container(const void *beg, const void *used_beg,
                                                                       const void *used_end, const void *end);
MEMSAN_EXPORT const void *__sanitizer_double_ended_contiguous_container_find_bad_address(const void *beg,
                                                                                         const void *used_beg,
                                                                                         const void *used_end,
                                                                                         const void *end);
MEMSAN_EXPORT void __sanitizer_copy_contiguous_container_annotations(const void *src_beg, const void *src_end,
                                                                     const void *dst_beg, const void *dst_end);
MEMSAN_EXPORT void __sanitizer_set_death_callback(void (*callback)(void));
MEMSAN_EXPORT void __sanitizer_print_stack_trace(void);
MEMSAN_EXPORT void __sanitizer_report_error_summary(const char *summary);
MEMSAN_EXPORT void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size);
MEMSAN_EXPORT void __sanitizer_symbolize_global(void *data, const char *format, char *out, size_t size);
MEMSAN_EXPORT void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
MEMSAN_EXPORT void __sanitizer_finish_switch_fiber(void *save, const void **bottom_old, size_t *size_old);
MEMSAN_EXPORT uint16_t __sanitizer_unaligned_load16(const void *p);
MEMSAN_EXPORT uint32_t __sanitizer_unaligned_load32(const void *p);
MEMSAN_EXPORT uint64_t __sanitizer_unaligned_load64(const void *p);
MEMSAN_EXPORT void __sanitizer_unaligned_store16(void *p, uint16_t v);
MEMSAN_EXPORT void __sanitizer_unaligned_store32(void *p, uint32_t v);
MEMSAN_EXPORT void __sanitizer_unaligned_store64(void *p, uint64_t v);

/* preload/ defines this.  Options, heap and shadow are ready when it returns. */
void shadow_start_runtime(void);
/* abi_access.c: checks a range that instrumented code is about to access (a mem function's argument).  False after the
 * report of a negative size: the access would only crash. */
bool abi_check_range(const void *p, size_t n, enum report_access access, const char *entry,
                     const struct unwind_regs *regs);
void abi_describe(struct report_record *r, const struct finding *f);

#endif
