/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_elf.c - any bytes as the ELF file of a module: lookups of addresses, and of a function's name. */
#include "reports/reports.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t addresses[] = { 0, 0x1000, 0x1139, 0x1150, 0x401136, 0x100000, 0x100040, UINT64_MAX };
	int fd = memfd_create("fuzz", MFD_CLOEXEC), module;
	struct symbolizer *s = symbolizer_create(2000);
	char path[64];
	uint64_t start;
	size_t nr;

	if (write(fd, data, size) == (ssize_t)size) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		module = symbolizer_module(s, path, NULL, 0);
		for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
			symbolizer_want(s, module, addresses[i]);
		for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
			symbolizer_lookup(s, module, addresses[i], &nr);
		symbolizer_function(s, module, "main", 0, &start);
	}
	symbolizer_destroy(s);
	close(fd);
	return 0;
}
