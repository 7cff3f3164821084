/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/start.c - the shared library's constructor: everything that ld.so is asked for once, in the order that
 * the parts need. */
#include "preload/unseen/unseen.h"

#include <dlfcn.h>

static void wrap(void **real)
{
	wait_wrap(real);
	wait_wrap_rare(real);
	wait_wrap_io(real);
	signals_wrap(real);
	exec_wrap(real);
	stderr_wrap(real);
	sandbox_wrap(real);
}

/* A library that is instrumented or linked with memsan in a plain program: the program's malloc stays libc's, and so
 * does that library's. AddressSanitizer ends such a program. */
static void tell_of_libcs_heap(void)
{
	if (libc_before_memsan() && report_on_terminal())
		report_line(
			"only a library of this program is linked with memsan: libc serves malloc, and bugs of heap "
			"memory are not found. Start the program by memsan run, or with LD_PRELOAD=%.400s",
			module_self_path());
}

__attribute__((constructor)) static void start_constructor(void)
{
	runtime_ensure();
	if (runtime_is_off()) {
		libc_look_up();
		library_look_up_later();
		replaced_find();
		libc_gate_open();
		return;
	}
	leak_find_static_tls(dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info"));
	leak_find_libc(dlsym(RTLD_NEXT, "syscall"));
	libc_wrap = wrap;
	libc_look_up();
	library_look_up_later();
	replaced_find();
	handles_allow();
	libc_gate_open();
	tell_of_libcs_heap();
}
