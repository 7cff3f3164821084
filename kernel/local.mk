# SPDX-License-Identifier: BSD-2-Clause
# The kernel half is only installed here, as source: "memsan kernel" builds it at run time, for the guest's kernel.
kerneldir = $(pkgdatadir)/kernel
dist_kernel_SCRIPTS = kernel/build
dist_kernel_DATA = kernel/gdb.py
kernelconfigsdir = $(kerneldir)/configs
dist_kernelconfigs_DATA = kernel/configs/common.config kernel/configs/x86_64.config kernel/configs/kasan.config \
	kernel/configs/light.config kernel/configs/ubsan.config kernel/configs/kmsan.config \
	kernel/configs/arm64.config kernel/configs/sw_tags.config kernel/configs/hw_tags.config \
	kernel/configs/before-5.18.config kernel/configs/since-6.2.config
kernelsubsystemdir = $(kerneldir)/configs/subsystem
dist_kernelsubsystem_DATA = kernel/configs/subsystem/9p.config kernel/configs/subsystem/bpf.config \
	kernel/configs/subsystem/ext4.config kernel/configs/subsystem/loop.config \
	kernel/configs/subsystem/memory.config kernel/configs/subsystem/namespaces.config \
	kernel/configs/subsystem/net.config kernel/configs/subsystem/usb.config
kernelfaildir = $(kerneldir)/fail
dist_kernelfail_DATA = kernel/fail/Kbuild kernel/fail/fail.c kernel/fail/fail.def kernel/fail/fail.h \
	kernel/fail/wrappers.c
kernelguestdir = $(kerneldir)/guest
dist_kernelguest_DATA = kernel/guest/init.c
kernelmoduledir = $(kerneldir)/module
dist_kernelmodule_DATA = kernel/module/Kbuild kernel/module/bugs.def kernel/module/memsan_bugs.h \
	kernel/module/main.c kernel/module/kmalloc.c kernel/module/cache.c kernel/module/pages.c \
	kernel/module/access.c kernel/module/lifetime.c kernel/module/fence.c kernel/module/leaks.c \
	kernel/module/switches.c kernel/module/undefined.c kernel/module/limits.c kernel/module/demos.c

# A memsan command that is not installed finds the files through this link beside it.
all-local: kernel-data
kernel-data:
	$(AM_V_GEN)ln -sfn $(srcdir)/kernel $@
CLEANFILES += kernel-data
