/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/compress.c - a compressor: bytes, hash tables in static memory, histograms on the stack.
 *
 * compress N: packs 256 KiB of text (finds back references through a table of hashes, then counts literals), unpacks
 * and compares it, N times. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BYTES (256u << 10)
#define HASHES (1u << 14)
#define MATCH_MIN 4
#define MATCH_MAX 255

static uint32_t last_at[HASHES]; /* position + 1 */

static uint32_t hash4(const uint8_t *p)
{
	return ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24) * 2654435761u >> 18;
}

static void make_text(uint8_t *text, uint32_t seed)
{
	static const char *const words[] = { "page", "slab", "shadow", "zone", "object", "the ",
		                             "of ",  "and ", "red",    "\n",   "cache",  "free" };

	for (size_t at = 0; at < BYTES;) {
		seed = seed * 1664525u + 1013904223u;
		const char *w = words[(seed >> 20) % 12];
		while (*w && at < BYTES)
			text[at++] = (uint8_t)*w++;
		if (at < BYTES && (seed & 7) == 0)
			text[at++] = (uint8_t)(seed >> 11);
	}
}

static size_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
	size_t n = 0;

	while (b + n < end && n < MATCH_MAX && a[n] == b[n])
		n++;
	return n;
}

/* A literal is a byte 0 and the literal byte; a back reference is its length and, in three bytes, its distance. */
static size_t pack(const uint8_t *text, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < HASHES; i++)
		last_at[i] = 0;
	for (size_t at = 0; at < BYTES;) {
		size_t length = 0, from = 0;
		if (at + MATCH_MIN <= BYTES) {
			uint32_t h = hash4(text + at);
			from = last_at[h];
			last_at[h] = (uint32_t)at + 1;
			if (from)
				length = match_length(text + from - 1, text + at, text + BYTES);
		}
		if (length >= MATCH_MIN) {
			size_t distance = at - (from - 1);
			out[n++] = (uint8_t)length;
			out[n++] = (uint8_t)distance;
			out[n++] = (uint8_t)(distance >> 8);
			out[n++] = (uint8_t)(distance >> 16);
			at += length;
		} else {
			out[n++] = 0;
			out[n++] = text[at++];
		}
	}
	return n;
}

static size_t unpack(const uint8_t *in, size_t n, uint8_t *text)
{
	size_t at = 0;

	for (size_t i = 0; i < n;) {
		size_t length = in[i++];
		if (length == 0) {
			text[at++] = in[i++];
			continue;
		}
		size_t distance = in[i] | (size_t)in[i + 1] << 8 | (size_t)in[i + 2] << 16;
		i += 3;
		for (; length; length--, at++)
			text[at] = text[at - distance];
	}
	return at;
}

static unsigned histogram(const uint8_t *bytes, size_t n)
{
	unsigned count[256] = { 0 }, sum = 0;

	for (size_t i = 0; i < n; i++)
		count[bytes[i]]++;
	for (size_t i = 0; i < 256; i++)
		sum = sum * 31 + count[i];
	return sum;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 60;
	unsigned sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		uint8_t *text = malloc(BYTES), *packed = malloc(2 * BYTES), *again = malloc(BYTES);
		make_text(text, (uint32_t)i);
		size_t size = pack(text, packed), back = unpack(packed, size, again);
		for (size_t k = 0; k < back; k++)
			if (text[k] != again[k])
				abort();
		sum = sum * 7 + histogram(packed, size) + (unsigned)back;
		free(again);
		free(packed);
		free(text);
	}
	printf("%u\n", sum);
	return 0;
}
