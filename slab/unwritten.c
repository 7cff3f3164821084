/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/unwritten.c - bytes of objects that the program never wrote, known again by their value (option unwritten).
 *
 * A new object is filled with eight secret bytes of this process, again and again. What the program does not write
 * keeps them, and so does a copy. When eight of them, in any rotation, stand in an aligned word of what a libc call
 * hands out, nobody has written that word: a program makes these bytes by chance once in 2^53 words. Shorter runs, such
 * as padding of up to 14 bytes between members, say nothing. No store has to be seen for that. */
#include "slab/key.h"
#include "slab/slab.h"
#include "slab/unwritten.h"

static uint64_t secret; /* written once at start-up */

void unwritten_start(void)
{
	/* The upper bits keep the bytes out of text. */
	if (options.unwritten)
		secret = key_secret(0x756e7772697474ul) | 0x8080808080808080ul;
}

void unwritten_fill(uintptr_t at, size_t size)
{
	uint8_t *p = (uint8_t *)at, *end = p + size;

	for (; p < end && (uintptr_t)p % sizeof(secret); p++)
		*p = (uint8_t)(secret >> (uintptr_t)p % sizeof(secret) * 8);
	for (; (size_t)(end - p) >= sizeof(secret); p += sizeof(secret))
		*(uint64_t *)p = secret;
	for (; p < end; p++)
		*p = (uint8_t)(secret >> (uintptr_t)p % sizeof(secret) * 8);
}

static bool is_secret(uint64_t word)
{
	if ((word & 0x8080808080808080ul) != 0x8080808080808080ul)
		return false;
	for (unsigned i = 0; i < 64; i += 8)
		if ((i ? secret << i | secret >> (64 - i) : secret) == word)
			return true;
	return false;
}

uintptr_t slab_find_unwritten(const void *p, size_t n)
{
	uintptr_t at = ALIGN_UP((uintptr_t)p, sizeof(secret)), end = (uintptr_t)p + n;

	if (!secret)
		return 0;
	for (; at < end && end - at >= sizeof(secret); at += sizeof(secret))
		if (is_secret(*(const uint64_t *)at))
			return at;
	return 0;
}
