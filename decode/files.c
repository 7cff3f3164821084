/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/files.c - which file is the module of that name?  The folders are searched once; symbolic links are not
 * followed. */
#include "config.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "decode/decode_internal.h"

#define FOLDERS_MAX 64
#define DEPTH_MAX 24
#define FILES_MAX 2000000u

struct found {
	char *key, *path;
};
struct decode_files {
	char *folders[FOLDERS_MAX];
	size_t nr_folders, nr_walked;
	struct found *files;
	size_t nr, room;
};

struct decode_files *decode_files_create(void)
{
	return calloc(1, sizeof(struct decode_files));
}

void decode_files_destroy(struct decode_files *f)
{
	for (size_t i = 0; i < f->nr_folders; i++)
		free(f->folders[i]);
	for (size_t i = 0; i < f->nr; i++) {
		free(f->files[i].key);
		free(f->files[i].path);
	}
	free(f->files);
	free(f);
}

void decode_files_add(struct decode_files *f, const char *folder)
{
	if (f->nr_folders < FOLDERS_MAX && (f->folders[f->nr_folders] = strdup(folder)) != NULL)
		f->nr_folders++;
}

/* "my-mod.ko.xz" becomes "my_mod", "libx.so.1" stays as it is; NULL: out of memory. */
static char *make_key(const char *name)
{
	char *key = strdup(name), *dot;

	if (!key)
		return NULL;
	dot = strstr(key, ".ko");
	if (dot && (dot[3] == '\0' || dot[3] == '.')) {
		*dot = '\0';
		for (char *p = key; *p; p++)
			*p = *p == '-' ? '_' : *p;
	}
	return key;
}

static void add_file(struct decode_files *f, const char *path, const char *name)
{
	struct found new = { make_key(name), strdup(path) };

	if (f->nr == f->room) {
		size_t room = f->room ? f->room * 2 : 1024;
		struct found *grown = realloc(f->files, room * sizeof(*grown));
		if (grown) {
			f->files = grown;
			f->room = room;
		}
	}
	if (new.key &&new.path && f->nr < f->room && f->nr < FILES_MAX) {
		f->files[f->nr++] = new;
		return;
	}
	free(new.key);
	free(new.path);
}

/* Is it a file that a build leaves beside its products? */
static bool is_of_no_use(const char *name)
{
	static const char *const ends[] = { ".o", ".c",  ".h",   ".cmd", ".d",   ".a",
		                            ".S", ".py", ".rst", ".txt", ".mod", ".order" };
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (len > strlen(ends[i]) && strcmp(name + len - strlen(ends[i]), ends[i]) == 0)
			return true;
	return name[0] == '.';
}

static void walk(struct decode_files *f, const char *folder, int depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(folder) : NULL;
	struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		char *path = NULL;
		struct stat st;
		int type = e->d_type;
		if (is_of_no_use(e->d_name) || asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			continue;
		if (type == DT_UNKNOWN && lstat(path, &st) == 0)
			type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
		if (type == DT_DIR)
			walk(f, path, depth + 1);
		else if (type == DT_REG)
			add_file(f, path, e->d_name);
		free(path);
	}
	if (dir)
		closedir(dir);
}

static int key_order(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : strcmp(x->path, y->path);
}

const char *decode_files_find(struct decode_files *f, const char *name, size_t i)
{
	size_t lo = 0, hi;

	if (f->nr_walked < f->nr_folders) {
		while (f->nr_walked < f->nr_folders)
			walk(f, f->folders[f->nr_walked++], 0);
		if (f->nr)
			qsort(f->files, f->nr, sizeof(*f->files), key_order);
	}
	for (hi = f->nr; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(f->files[mid].key, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo + i < f->nr && strcmp(f->files[lo + i].key, name) == 0 ? f->files[lo + i].path : NULL;
}
