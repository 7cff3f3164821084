/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/signature.c - the signature by which a bug is known again: in the next run, in another build, by another tool.
 *
 * The signature is a hash of what kind of bug it is and of the function to blame.  All tools' words for a kind count
 * as one: Valgrind's "Invalid read" of a freed block, AddressSanitizer's heap-use-after-free and KASAN's
 * slab-use-after-free are reads after a free.  Names of functions count without what compilers and tools add to them
 * or leave out: "ns::f<int>(char*) const [clone .cold]" and "f" are one name.  The hash holds no address, offset or
 * line.
 *
 * Which frames count?  In programs only the one to blame, since an optimizing compiler drops frames of functions
 * that end with a call, and AddressSanitizer often loses an allocation's callers.  Names that say little
 * ("operator()") also count their caller.  In the kernel, which is always optimized, the caller counts too.  Functions
 * of the kernel that are inlined do not count, so that a log has the same signature before and after it was
 * symbolized.  No frame counts behind main or the function of a thread.  A frame without a name counts by module and
 * offset.  Of a leak whose stack names nothing but allocators (decision 57) the size of an object counts, too.
 *
 * Weaknesses accepted: two bugs of one kind in one function of a program have one signature.  Two functions whose
 * names differ in their class only have one, because some tools do not print the class.
 */
#include "config.h"

#include "decode/decode_internal.h"

uint64_t decode_hash_word(uint64_t h, const char *s, size_t len)
{
	return hash_bytes(hash_bytes(h, s, len), "\xff", 1);
}

/* ---- what kind of bug ------------------------------------------------------------------------ */

/* The first row whose words the kind has counts.  A star in front: the words may stand anywhere. */
static const char *const kinds[][2] = {
	{ "*stack-use-after", "use-after-scope" },
	{ "use-after-return", "use-after-scope" },
	{ "use-after-scope", "use-after-scope" },
	{ "*container-overflow", "container" },
	{ "container-out-of-bounds", "container" },
	{ "*double-free-or-invalid-free", "double-free" },
	{ "*double-free", "double-free" },
	{ "object-already-free", "double-free" },
	{ "*use-after-poison", "poisoned" },
	{ "*use-after", "use-after-free" },
	{ "poison-overwritten", "use-after-free" },
	{ "dangling-pointer", "use-after-free" },
	{ "invalid-read", "access" },
	{ "invalid-write", "access" },
	{ "*dealloc-mismatch", "mismatch" },
	{ "*delete-type-mismatch", "mismatch" },
	{ "*delete-mismatch", "mismatch" },
	{ "mismatched-", "mismatch" },
	{ "*free-on-address", "invalid-free" },
	{ "bad-free", "invalid-free" },
	{ "invalid-pointer", "invalid-free" },
	{ "*invalid-free", "invalid-free" },
	{ "invalid-object-pointer", "invalid-free" },
	{ "*stack-buffer", "stack" },
	{ "stack-out-of-bounds", "stack" },
	{ "alloca-out-of-bounds", "stack" },
	{ "dynamic-stack-buffer", "stack" },
	{ "*global-", "global" },
	{ "*stack-overflow", "stack-overflow" },
	{ "*stack-guard-page", "stack-overflow" },
	{ "*out-of-bounds", "heap" },
	{ "heap-buffer-", "heap" },
	{ "*redzone-overwritten", "heap" },
	{ "allocation-tail-overwritten", "heap" },
	{ "memory-corruption", "heap" },
	{ "memory-clobbered-", "heap" },
	{ "*null-pointer", "null" },
	{ "nil-pointer", "null" },
	{ "*null-ptr", "null" },
	{ "paging-request", "wild" },
	{ "page-fault", "wild" },
	{ "wild-memory-access", "wild" },
	{ "user-memory-access", "wild" },
	{ "segv", "wild" },
	{ "write-to-read-only", "wild" },
	{ "invalid-jump", "jump" },
	{ "bad-jump", "jump" },
	{ "integer-divide-by-zero", "fpe" },
	{ "lock-order", "lock-order" },
	{ "lock-misuse", "lock-misuse" },
	{ "unlock-of-", "lock-misuse" },
	{ "unknown-crash", "wild" },
	{ "general-protection", "wild" },
	{ "*param-overlap", "overlap" },
	{ "*overlap", "overlap" },
	{ "*uninit", "uninitialised" },
	{ "still-reachable", "reachable" },
	{ "reachable-object", "reachable" },
	{ "*leak", "leak" },
	{ "*lost", "leak" },
	{ "unreferenced-object", "leak" },
	{ "negative-size-param", "size" },
	{ "requested", "size" },
	{ "allocation-size", "size" },
	{ "impossible-size", "size" },
	{ "fishy-value", "size" },
	{ "calloc", "size" },
};

#define NULL_MAX 0x10000u

/* Accesses to memory that Valgrind and the processor's faults only know by their addresses. */
static const char *kind_of_access(const struct decode_record *r)
{
	if (r->object.present)
		return r->object.state && starts(r->object.state, "freed") ? "use-after-free" : "heap";
	return r->have_addr && r->addr < NULL_MAX ? "null" : "wild";
}

/* HWASan's tags tell no kind, but its words about the object do. */
static const char *kind_of_tags(const struct decode_record *r, const char *otherwise)
{
	const char *cause = r->detail ? after(r->detail, "Cause: ") : NULL;

	if (cause && (starts(cause, "stack") || starts(cause, "global")))
		return starts(cause, "stack") ? "stack" : "global";
	return r->object.present ? kind_of_access(r) : otherwise;
}

/* Valgrind's words for a signal that ended the program, and for what a system call was given. */
static const char *kind_of_valgrind(const struct decode_record *r)
{
	static const char *const signals[][2] = { { "(SIGSEGV)", "segv" }, { "(SIGBUS)", "bus" },
		                                  { "(SIGFPE)", "fpe" },   { "(SIGABRT)", "abrt" },
		                                  { "(SIGILL)", "ill" },   { "(SIGTRAP)", "trap" } };

	if (!r->headline || strcmp(r->detector, "valgrind") != 0)
		return r->kind;
	if (strcmp(r->kind, "syscall-param") == 0)
		return strstr(r->headline, "uninitialised") ? "uninitialised" : "invalid-read";
	for (size_t i = 0; i < ARRAY_SIZE(signals) && strcmp(r->kind, "fatal-signal") == 0; i++)
		if (strstr(r->headline, signals[i][0]))
			return signals[i][1];
	return r->kind;
}

/* Valgrind does not say whether the kernel was to read or to write there. */
static const char *access_of(const struct decode_record *r)
{
	static const char *const writes[] = { "read(",  "pread", "readv(",  "recv",      "getrandom(",
		                              "fstat(", "stat(", "getcwd(", "readlink(", "getdents" };
	const char *call = r->access || !r->headline ? NULL : after(r->headline, "Syscall param ");

	for (size_t i = 0; call && i < ARRAY_SIZE(writes); i++)
		if (starts(call, writes[i]))
			return "write";
	return call ? "read" : r->access;
}

const char *decode_kind_of_bug(const struct decode_record *r)
{
	const char *words = kind_of_valgrind(r), *kind = words;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *row = kinds[i][0];
		if (*row == '*' ? strstr(words, row + 1) != NULL : starts(words, row)) {
			kind = kinds[i][1];
			break;
		}
	}
	if (strcmp(kind, "access") == 0 || strcmp(kind, "wild") == 0)
		kind = kind_of_access(r);
	if (strcmp(kind, "tag-mismatch") == 0)
		kind = kind_of_tags(r, kind);
	if (strcmp(kind, "invalid-free") == 0 && r->object.state && starts(r->object.state, "freed") &&
	    (strcmp(r->detector, "valgrind") == 0 || strcmp(r->detector, "hwasan") == 0))
		kind = "double-free";
	if (strcmp(r->detector, "msan") == 0 && r->place && strstr(r->place, "heap deallocation"))
		kind = "use-after-free";
	return kind;
}

/* Is reading another bug than writing? */
static bool access_counts(const char *kind)
{
	static const char *const yes[] = { "use-after-free",  "heap",      "stack",   "global",
		                           "use-after-scope", "container", "poisoned" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		if (strcmp(kind, yes[i]) == 0)
			return true;
	return false;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static uint64_t hash_frame(uint64_t h, const struct decode_frame *f, bool *weak)
{
	char core[512];
	size_t len;

	*weak = false;
	if (f->function) {
		len = decode_name_core(f->function, core, sizeof(core), weak);
		return decode_hash_word(h, core, len);
	}
	if (f->module) {
		const char *base = path_base(f->module);
		/* Valgrind prints where the code lies in memory, which is a whole number of pages further */
		uint64_t offset = f->have_offset ? f->offset : f->pc & 0xfff;
		h = decode_hash_word(h, base, strlen(base));
		return decode_hash_word(h, (const char *)&offset, sizeof(offset));
	}
	return h;
}

static void set_signature(struct decode_record *r)
{
	const struct decode_stack *s = decode_blame_stack(r);
	const char *kind = decode_kind_of_bug(r), *access = access_of(r);
	bool kernel = decode_in_kernel(r), weak = false;
	size_t taken = 0, i = s ? decode_guilty_index(r, s) : 0, wanted = kernel ? 2 : 1;
	uint64_t h = decode_hash_word(HASH_START, kernel ? "kernel" : "program", 6);

	h = decode_hash_word(h, kind, strlen(kind));
	if (access_counts(kind) && access && strcmp(access, "free") != 0)
		h = decode_hash_word(h, access, strlen(access));
	if (s && decode_noticed_late(r, s, i))
		s = NULL;
	else if (s && i == s->nr)
		i = kernel && !r->function ? 0 : s->nr;
	else if (s && s->frames[i].unreliable) /* only its name is known: frames behind it may not be its callers */
		i = s->nr;
	/* AddressSanitizer's stack of a leak may end in the program's own allocator; then the size tells leaks apart,
	 * but not those of strings */
	if (s && i < s->nr && r->leak.class && r->leak.objects && !kernel && decode_frame_is_allocator(&s->frames[i]) &&
	    !strstr(s->frames[i].function, "str") && !strstr(s->frames[i].function, "printf")) {
		uint64_t size = r->leak.bytes / r->leak.objects;
		h = decode_hash_word(h, (const char *)&size, sizeof(size));
	}
	/* a kernel's inlined guilty function counts as the function that it is inlined into */
	for (; s && i < s->nr && taken < wanted; i++) {
		const struct decode_frame *f = &s->frames[i];
		if (f->unreliable || (kernel && f->inlined))
			continue;
		if (taken && decode_frame_is_start(r, f))
			break;
		h = hash_frame(h, f, &weak);
		taken++;
		wanted += weak && wanted < 3;
	}
	if (!taken && r->function) {
		struct decode_frame named = { .function = r->function };
		h = hash_frame(h, &named, &weak);
	}
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
