# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: qemu: a machine that boots a sector, user mode with threads and signals, images converted and checked
# packages: qemu-system-x86 qemu-user qemu-utils gcc

prepare() {
	cat >p.c <<-'END'
		#include <pthread.h>
		#include <setjmp.h>
		#include <signal.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/mman.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static sigjmp_buf again;
		static void on_fault(int n) { siglongjmp(again, n); }
		static void *work(void *x)
		{
			char *blocks[200] = {0};
			for (long i = 0; i < 40000; i++) {
				free(blocks[i % 200]);
				blocks[i % 200] = malloc(i % 3000 + 1);
			}
			for (int i = 0; i < 200; i++)
				free(blocks[i]);
			return x;
		}
		int main(void)
		{
			pthread_t t[4];
			int caught = 0, status;
			char *page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			for (int i = 0; i < 4; i++)
				pthread_create(&t[i], 0, work, 0);
			for (int i = 0; i < 4; i++)
				pthread_join(t[i], 0);
			signal(SIGSEGV, on_fault);
			for (int i = 0; i < 100; i++) {
				if (sigsetjmp(again, 1))
					caught++;
				else
					page[i] = 1;
			}
			if (fork() == 0)
				_exit(3);
			wait(&status);
			printf("%d %d\n", caught, WEXITSTATUS(status));
			return 6;
		}
	END
	gcc -O1 -pthread -o p p.c && gcc -O1 -static -pthread -o p-static p.c && chmod -R a+rX .
}

run() {
	# Prints 12,288 letters on the serial line (dx = 3f8h), then ends qemu by its port f4h.
	printf '\xfa\x31\xc0\x8e\xd8\xba\xf8\x03\xb9\x00\x30' >disk
	printf '\x88\xc8\x24\x1f\x04\x41\xee\xe2\xf7\xba\xf4\x00\xb0\x10\xee\xf4\xeb\xfe' >>disk
	truncate -s 510 disk
	printf '\x55\xaa' >>disk
	truncate -s 1M disk
	for machine in pc q35; do
		for smp in 1 4; do
			timeout 300 qemu-system-x86_64 -M $machine -accel tcg,thread=multi -smp $smp -m 64 \
				-display none -serial stdio -nodefaults -net none \
				-drive file=disk,format=raw,if=ide -device isa-debug-exit,iobase=0xf4,iosize=4 | md5sum
			echo "$machine $smp status ${PIPESTATUS[0]}"
		done
	done
	# The emulated program gets no memsan: qemu notes every page of a mapping, and memsan's reserve has millions.
	for program in p p-static; do
		qemu-x86_64 -U LD_PRELOAD,MEMSAN_OPTIONS "$CACHE/$program"
		echo "$program status $?"
	done
	qemu-x86_64 -U LD_PRELOAD,MEMSAN_OPTIONS /bin/sh -c \
		'seq 1000 | sort -R --random-source=/bin/sh | md5sum; kill -9 $$'
	echo "status $?"
	qemu-img create -q -f qcow2 a.qcow2 64M
	for command in 'write -P 7 0 1M' 'write -P 9 5M 3M' 'discard 6M 1M' 'read -P 9 5M 1M' \
		'aio_write -P 3 20M 512k' 'write -z 0 64k'; do
		qemu-io -c "$command" a.qcow2 | grep -v 'ops/sec'
	done
	for format in raw vmdk vdi vhdx qcow2; do
		qemu-img convert -c -O $format a.qcow2 b.$format 2>/dev/null ||
			qemu-img convert -O $format a.qcow2 b.$format
		echo "$format status $?"
		qemu-img compare a.qcow2 b.$format
	done
	qemu-img check a.qcow2
	qemu-img info --output=json a.qcow2 | grep virtual-size
}
