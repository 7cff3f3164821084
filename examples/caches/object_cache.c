/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/object_cache.c - kernel code in user space: a list of the ten most popular objects from a slab
 * cache.  `object_cache` runs without a bug, `object_cache BUG` with the planted bug. */
#include <kernel.h>

#include <stdlib.h>

#define OBJECTS_MAX 10

struct object {
	struct list_head list;
	int id, popularity;
	char name[32];
	char *note; /* kmalloc'ed, or NULL */
};

/* Guards the list and its objects. */
static DEFINE_MUTEX(objects_lock);
static LIST_HEAD(objects);
static int nr_objects;
static struct kmem_cache *object_cache, *other_cache;
static const char *bug = "";

/* memset through a pointer that the compiler cannot see through, so the call goes to memsan, which checks it. */
static void *(*volatile fill)(void *, int, size_t) = memset;

static bool planted(const char *name)
{
	return strcmp(bug, name) == 0;
}

static void object_release(struct object *o)
{
	kfree(o->note);
	if (planted("wrong-cache"))
		kmem_cache_free(other_cache, o);
	else if (planted("interior-free"))
		kmem_cache_free(object_cache, &o->name);
	else
		kmem_cache_free(object_cache, o);
	if (planted("double-free"))
		kmem_cache_free(object_cache, o);
	if (planted("use-after-free"))
		fill(o->name, 0, sizeof(o->name));
	if (planted("late-write"))
		((volatile struct object *)o)->popularity++;
}

/* Under objects_lock. */
static struct object *find(int id)
{
	struct object *o;

	list_for_each_entry(o, &objects, struct object, list) {
		if (o->id == id) {
			o->popularity++;
			return o;
		}
	}
	return NULL;
}

static void remove_one(struct object *o)
{
	list_del(&o->list);
	nr_objects--;
	object_release(o);
}

static void remove_least_popular(void)
{
	struct object *o, *least = NULL;

	list_for_each_entry(o, &objects, struct object, list)
		if (!least || o->popularity < least->popularity)
			least = o;
	if (least)
		remove_one(least);
}

static int objects_add(int id, const char *name)
{
	struct object *o = kmem_cache_alloc(object_cache, GFP_KERNEL);

	if (!o)
		return -1;
	o->id = id;
	o->popularity = 0;
	strscpy(o->name, name, sizeof(o->name));
	o->note = kmalloc(16, GFP_KERNEL);
	if (!o->note) {
		kmem_cache_free(object_cache, o);
		return -1;
	}
	if (planted("overflow"))
		fill(o, 0x41, sizeof(*o) + 1);
	if (planted("underflow"))
		((volatile char *)o)[-1] = 0;
	if (planted("free-by-kfree")) {
		kfree(o->note);
		kfree(o);
		return 0;
	}
	mutex_lock(&objects_lock);
	if (nr_objects == OBJECTS_MAX)
		remove_least_popular();
	list_add(&o->list, &objects);
	nr_objects++;
	mutex_unlock(&objects_lock);
	return 0;
}

static void objects_remove(int id)
{
	struct object *o;

	mutex_lock(&objects_lock);
	o = find(id);
	if (o && planted("leak")) {
		list_del(&o->list);
		nr_objects--;
	} else if (o) {
		remove_one(o);
	}
	mutex_unlock(&objects_lock);
}

static void objects_clear(void)
{
	mutex_lock(&objects_lock);
	while (!list_empty(&objects))
		remove_one(container_of(objects.next, struct object, list));
	mutex_unlock(&objects_lock);
}

static void pages_and_areas(void)
{
	char *pages = __get_free_pages(GFP_KERNEL, 2), *area = vmalloc(5000);

	if (!pages || !area)
		return;
	if (planted("vmalloc-overflow"))
		((volatile char *)area)[8192] = 1;
	if (planted("tail-page"))
		free_pages(pages + 4096, 0);
	free_pages(pages, planted("page-order") ? 1 : 2);
	if (planted("page-double-free"))
		free_pages(pages, 2);
	vfree(area);
}

int main(int argc, char **argv)
{
	char name[20];

	bug = argc > 1 ? argv[1] : "";
	object_cache = kmem_cache_create("object", sizeof(struct object), 0, SLAB_HWCACHE_ALIGN | SLAB_PANIC, NULL);
	other_cache = kmem_cache_create("other", sizeof(struct object), 0, SLAB_PANIC, NULL);
	for (int id = 0; id < 12; id++) {
		snprintf(name, sizeof(name), "object %d", id);
		if (objects_add(id, name) != 0)
			return 1;
	}
	objects_remove(11);
	pages_and_areas();
	if (planted("leak"))
		return 0;
	if (!planted("remaining"))
		objects_clear();
	if (kmem_cache_destroy(object_cache) == 0 && planted("destroyed"))
		kmem_cache_alloc(object_cache, GFP_KERNEL);
	kmem_cache_destroy(other_cache);
	return 0;
}
