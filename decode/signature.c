/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/signature.c - the signature by which a bug is known again.
 * The signature is a hash of the detector, the kind and up to four functions, beginning with the guilty one, without
 * the parts that compilers add ("foo.constprop.0", "foo.cold").  It holds no address, offset or line, so the same bug
 * has the same signature on another machine and in the next build.  Frames without a function count by module and
 * offset.
 * Weaknesses accepted: two bugs of one kind, in one function and on one path, have one signature.  A log must have
 * the same signature whether or not it was symbolized with inlined functions, so inlined frames do not count. */
#include "config.h"

#include "decode/decode_internal.h"

#define SIGNATURE_FRAMES 4

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t h, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
	return (h ^ 0xff) * 0x100000001b3u;
}

static uint64_t hash_frame(uint64_t h, const struct decode_frame *f)
{
	if (f->function) {
		char name[1100];
		decode_short_name(name, sizeof(name), f->function);
		return hash_bytes(h, name, strlen(name));
	}
	if (f->module && f->have_offset) {
		const char *slash = strrchr(f->module, '/');
		h = hash_bytes(h, slash ? slash + 1 : f->module, strlen(slash ? slash + 1 : f->module));
		return hash_bytes(h, (const char *)&f->offset, sizeof(f->offset));
	}
	return h;
}

static void set_signature(struct decode_record *r)
{
	const struct decode_stack *s = decode_blame_stack(r);
	uint64_t h = 0xcbf29ce484222325u;
	size_t taken = 0, i = s ? decode_guilty_index(r, s) : 0;

	h = hash_bytes(h, r->detector, strlen(r->detector));
	h = hash_bytes(h, r->kind, strlen(r->kind));
	if (s && i == s->nr)
		i = 0;
	/* an inlined guilty function counts as the function that it is inlined into */
	for (; s && i < s->nr && taken < SIGNATURE_FRAMES; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (f->inlined || f->unreliable)
			continue;
		h = hash_frame(h, f);
		taken++;
	}
	if (!taken && r->function)
		h = hash_bytes(h, r->function, strlen(r->function));
	r->signature = h;
}

/* Where the access was, seen from the object, for reports that do not say it. */
static void set_relation(struct decode_record *r)
{
	struct decode_object *o = &r->object;

	if (o->relation || !r->have_addr || !o->addr || !o->size)
		return;
	o->have_distance = true;
	o->relation = r->addr < o->addr             ? "to the left of"
	              : r->addr - o->addr < o->size ? "inside of"
	                                            : "to the right of";
	o->distance = r->addr < o->addr             ? o->addr - r->addr
	              : r->addr - o->addr < o->size ? r->addr - o->addr
	                                            : r->addr - o->addr - o->size;
}

void decode_record_name(struct decode_record *r)
{
	set_relation(r);
	if (!r->detector)
		r->detector = "unknown";
	if (!r->kind)
		r->kind = "unknown";
	decode_record_blame(r);
	set_signature(r);
}
