/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/growth.c - memsan leak --growth: compares what is allocated at two moments, by the place that allocated it.
 *
 * A place has a name that survives a restart: module, build id and offset of each frame.  (Production mode has no
 * stacks; there it is the cache.)  So two moments of a process can be compared, or two core files, or a core file and a
 * census that was saved last week.  A saved census is a text file with a JSON object on each line; from "cache" on, the
 * line is the place's name.
 */
#include "config.h"

#include "decode/decode.h"
#include "tools/tools_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE_FRAMES_MAX 256
#define LINE_MAX_BYTES (64u << 10)
#define HEADER "{\"schema\":\"memsan-census/1\","

struct place {
	char *name;
	uint64_t objects, bytes, objects_before, bytes_before;
	uint32_t stack;
	char cache[32];
};
struct census {
	const struct image *im; /* NULL: the census was read from a file */
	struct place *places;
	size_t nr, room;
	uint32_t *table; /* hash table by stack and cache; holds index + 1 */
	size_t table_size;
	uint64_t objects, bytes;
};

/* ---- counting -------------------------------------------------------------------------------- */

static uint64_t hash_place(uint32_t stack, const char *cache)
{
	uint64_t h = stack;

	for (; !stack && *cache; cache++)
		h = h * 31 + (unsigned char)*cache;
	return (h + 1) * 0x9e3779b97f4a7c15u >> 20;
}

static void table_grow(struct census *c)
{
	c->table_size = c->table_size ? 2 * c->table_size : 1024;
	free(c->table);
	c->table = tool_alloc(c->table_size * sizeof(*c->table));
	memset(c->table, 0, c->table_size * sizeof(*c->table));
	for (size_t i = 0; i < c->nr; i++) {
		size_t k = hash_place(c->places[i].stack, c->places[i].cache) & (c->table_size - 1);
		while (c->table[k])
			k = (k + 1) & (c->table_size - 1);
		c->table[k] = (uint32_t)i + 1;
	}
}

static struct place *place_add(struct census *c)
{
	if (c->nr == c->room) {
		struct place *old = c->places;
		c->room = c->room ? 2 * c->room : 256;
		c->places = tool_alloc(c->room * sizeof(*old));
		if (old)
			memcpy(c->places, old, c->nr * sizeof(*old));
		free(old);
	}
	memset(&c->places[c->nr], 0, sizeof(c->places[0]));
	return &c->places[c->nr++];
}

static struct place *place_of(struct census *c, uint32_t stack, const char *cache)
{
	struct place *p;
	size_t k;

	if (2 * c->nr >= c->table_size)
		table_grow(c);
	for (k = hash_place(stack, cache) & (c->table_size - 1); c->table[k]; k = (k + 1) & (c->table_size - 1)) {
		p = &c->places[c->table[k] - 1];
		if (p->stack == stack && (stack || strcmp(p->cache, cache) == 0))
			return p;
	}
	p = place_add(c);
	p->stack = stack;
	snprintf(p->cache, sizeof(p->cache), "%s", cache);
	c->table[k] = (uint32_t)c->nr;
	return p;
}

static void count_in_place(struct census *c, const struct slab_object *o, const char *cache)
{
	struct place *p = place_of(c, o->alloc_stack, cache);

	p->objects++;
	p->bytes += o->size;
	c->objects++;
	c->bytes += o->size;
}

static void count_object(void *ctx, uint64_t addr, enum leak_class class)
{
	struct census *c = ctx;
	struct slab_object o;

	(void)class;
	if (slab_view_object(&c->im->heap, addr, &o) && o.state == SLAB_OBJ_LIVE)
		count_in_place(c, &o, o.cache);
}

/* Objects that the program cut out of a block count beside the block, since either may grow.  A fence slot's name
 * belongs to one object alone. */
static void count_outside(struct census *c)
{
	for (size_t i = 0; i < c->im->nr_outside; i++)
		count_in_place(c, &c->im->outside[i].object,
		               c->im->outside[i].registered ? c->im->outside[i].object.cache : "fence");
}

/* ---- names that last ------------------------------------------------------------------------- */

static void put_frame(FILE *out, const struct image *im, uint64_t pc)
{
	const struct image_module *m = image_module_at(im, pc - 1);
	char text[600];
	int n;

	if (!m) {
		snprintf(text, sizeof(text), "0x%" PRIx64, pc);
	} else {
		n = snprintf(text, sizeof(text), "%.255s+0x%" PRIx64, path_base(m->path), pc - m->bias);
		if (m->build_id_len)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " ");
		for (unsigned i = 0; i < m->build_id_len && i < 8; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", m->build_id[i]);
	}
	decode_json_string(out, text);
}

/* The name "cache":"malloc-64","stack":["prog+0x1234 0102030405060708", …]}. Objects of one stack are one place,
 * even in several caches. */
static char *place_name(const struct image *im, const struct place *p)
{
	static uint64_t pcs[HANDLE_FRAMES_MAX];
	size_t n = image_stack(im, p->stack, pcs, HANDLE_FRAMES_MAX), size;
	char *name = NULL;
	FILE *out = open_memstream(&name, &size);

	if (!out) {
		tool_say("out of memory");
		exit(EXIT_USAGE);
	}
	fprintf(out, "\"cache\":");
	decode_json_string(out, n ? "" : p->cache);
	fprintf(out, ",\"stack\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputc(',', out);
		put_frame(out, im, pcs[i]);
	}
	fprintf(out, "]}");
	fclose(out);
	return name;
}

struct census *census_take(struct image *im)
{
	const char *why = NULL;
	struct leak_scan *s = leak_scan_create(&im->view, im->directory, &why);
	struct census *c = tool_alloc(sizeof(*c));

	if (!s) {
		tool_say("%s", why);
		return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->im = im;
	leak_scan_each(s, count_object, c);
	image_find_outside(im);
	count_outside(c);
	leak_scan_destroy(s);
	for (size_t i = 0; i < c->nr; i++)
		c->places[i].name = place_name(im, &c->places[i]);
	return c;
}

/* ---- files ----------------------------------------------------------------------------------- */

bool census_save(const struct census *c, const char *path)
{
	FILE *f = fopen(path, "wxe");

	if (!f) {
		tool_say("cannot write %s: %s", path, strerror(errno));
		return false;
	}
	fprintf(f, HEADER "\"pid\":%d,\"program\":", c->im->pid);
	decode_json_string(f, c->im->comm);
	fprintf(f, ",\"objects\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", c->objects, c->bytes);
	for (size_t i = 0; i < c->nr; i++)
		fprintf(f, "{\"objects\":%" PRIu64 ",\"bytes\":%" PRIu64 ",%s\n", c->places[i].objects,
		        c->places[i].bytes, c->places[i].name);
	if (fclose(f) != 0) {
		tool_say("cannot write %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

static bool read_line(struct census *c, char *line)
{
	uint64_t objects, bytes;
	struct place *p;
	int at = 0;

	if (sscanf(line, "{\"objects\":%" SCNu64 ",\"bytes\":%" SCNu64 ",%n", &objects, &bytes, &at) != 2 || !at ||
	    strncmp(line + at, "\"cache\":", 8) != 0 || line[strlen(line) - 1] != '\n')
		return false;
	line[strlen(line) - 1] = 0;
	p = place_add(c);
	p->objects = objects;
	p->bytes = bytes;
	p->name = strdup(line + at);
	c->objects += objects;
	c->bytes += bytes;
	return p->name != NULL;
}

struct census *census_read(const char *path)
{
	struct census *c = tool_alloc(sizeof(*c));
	char *line = tool_alloc(LINE_MAX_BYTES);
	FILE *f = fopen(path, "re");
	unsigned number = 1;
	bool ok;

	memset(c, 0, sizeof(*c));
	if (!f) {
		tool_say("cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	ok = fgets(line, LINE_MAX_BYTES, f) && strncmp(line, HEADER, strlen(HEADER)) == 0;
	if (!ok)
		tool_say("%s is neither a core file nor a census that memsan leak --save wrote", path);
	while (ok && fgets(line, LINE_MAX_BYTES, f)) {
		number++;
		ok = read_line(c, line);
		if (!ok)
			tool_say("%s: line %u is damaged or cut off", path, number);
	}
	fclose(f);
	free(line);
	return ok ? c : NULL;
}

/* ---- side by side ---------------------------------------------------------------------------- */

static int compare_name(const void *a, const void *b)
{
	const struct place *x = *(struct place *const *)a, *y = *(struct place *const *)b;

	return strcmp(x->name, y->name);
}

static int64_t place_growth(const struct place *p)
{
	return (int64_t)(p->bytes - p->bytes_before);
}

static int compare_growth(const void *a, const void *b)
{
	const struct place *x = *(struct place *const *)a, *y = *(struct place *const *)b;

	if (place_growth(x) != place_growth(y))
		return place_growth(x) > place_growth(y) ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct place **sort_places(const struct census *c)
{
	struct place **p = tool_alloc((c->nr + 1) * sizeof(*p));

	for (size_t i = 0; i < c->nr; i++)
		p[i] = &c->places[i];
	qsort(p, c->nr, sizeof(*p), compare_name);
	return p;
}

/* Adds up places of the same name (a stack that the depot holds twice) in the first of them. */
static size_t merge_places(struct place **p, size_t nr)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++)
		if (n && strcmp(p[n - 1]->name, p[i]->name) == 0) {
			p[n - 1]->objects += p[i]->objects;
			p[n - 1]->bytes += p[i]->bytes;
		} else {
			p[n++] = p[i];
		}
	return n;
}

static void print_growth(const struct image *im, struct symbolizer *sym, const struct place *p,
                         enum option_format format)
{
	int64_t objects = (int64_t)(p->objects - p->objects_before);

	if (format == FORMAT_JSON) {
		printf("{\"schema\":\"memsan-growth/1\",\"bytes_grown\":%" PRId64 ",\"objects_grown\":%" PRId64
		       ",\"bytes_before\":%" PRIu64 ",\"objects_before\":%" PRIu64 ",\"bytes\":%" PRIu64
		       ",\"objects\":%" PRIu64 ",",
		       place_growth(p), objects, p->bytes_before, p->objects_before, p->bytes, p->objects);
		if (sym) {
			char where[600];
			image_name_stack(im, sym, p->stack, where, sizeof(where));
			printf("\"allocated_in\":");
			decode_json_string(stdout, where);
			printf(",");
		}
		if (p->stack) {
			/* as in memsan-report/1, for memsan decode */
			printf("\"stacks\":[{\"role\":\"alloc\",\"frames\":");
			image_json_stack(im, sym, p->stack);
			printf("}],");
		}
		printf("%s\n", p->name);
		return;
	}
	tool_print("grown by %" PRId64 " bytes, %" PRId64 " objects (%" PRIu64 " bytes in %" PRIu64
	           " objects before, %" PRIu64 " in %" PRIu64 " now)%s%s\n",
	           place_growth(p), objects, p->bytes_before, p->objects_before, p->bytes, p->objects,
	           p->stack ? ", allocated by:" : ", in the cache ", p->stack ? "" : p->cache);
	if (p->stack)
		image_print_stack(im, sym, "    ", p->stack);
}

int census_compare(const struct image *im, const struct census *before, const struct census *now,
                   enum option_format format)
{
	struct place **old = sort_places(before), **new = sort_places(now);
	size_t nr_old = merge_places(old, before->nr), nr_new = merge_places(new, now->nr), grown = 0;
	struct symbolizer *sym = symbolizer_create(0);

	for (size_t i = 0, k = 0; i < nr_new; i++) {
		while (k < nr_old && strcmp(old[k]->name, new[i]->name) < 0)
			k++;
		if (k < nr_old && strcmp(old[k]->name, new[i]->name) == 0) {
			new[i]->objects_before = old[k]->objects;
			new[i]->bytes_before = old[k]->bytes;
		}
	}
	if (nr_new)
		qsort(new, nr_new, sizeof(*new), compare_growth);
	for (; grown < nr_new && place_growth(new[grown]) > 0; grown++)
		print_growth(im, sym, new[grown], format);
	tool_say("%" PRIu64 " bytes in %" PRIu64 " objects before, %" PRIu64 " in %" PRIu64 " now; %zu place%s grew",
	         before->bytes, before->objects, now->bytes, now->objects, grown, grown == 1 ? "" : "s");
	free(old);
	free(new);
	return grown ? 1 : 0;
}
