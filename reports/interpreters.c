/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/interpreters.c - the environment variable that lets memsan see more of a program of Python, Perl, Ruby or
 * Node. An interpreter with an allocator of its own gives memsan large blocks, and cuts the objects itself. */
#include "reports/reports.h"

/* "python", "python3.11", "perl5.36-x86_64-linux-gnu" */
static bool is_named(const char *file, const char *name)
{
	const char *rest = file + str_length(name);

	if (!str_starts(file, name))
		return false;
	if (!*rest)
		return true;
	while ((*rest >= '0' && *rest <= '9') || *rest == '.')
		rest++;
	return rest > file + str_length(name) && (!*rest || *rest == '-');
}

const char *interpreter_hint(const char *path, bool at_start, bool leaks, const char *(*get)(const char *name))
{
	static const struct {
		const char *name, *variable;
		bool at_start; /* whatever will be reported, it is better set */
		bool leaks;    /* for a scan at the end only */
		const char *hint;
	} interpreters[] = {
		{ "python", "PYTHONMALLOC", true, false,
		  "with PYTHONMALLOC=malloc in the environment, memsan sees each object of Python" },
		{ "ruby", "RUBY_FREE_AT_EXIT", true, true,
		  "with RUBY_FREE_AT_EXIT=1 in the environment, Ruby frees its objects before leaks are looked for" },
		{ "perl", "PERL_DESTRUCT_LEVEL", true, true,
		  "with PERL_DESTRUCT_LEVEL=2 in the environment, Perl frees its objects before leaks are looked for" },
		{ "node", "NODE_OPTIONS", false, false,
		  "JavaScript's objects lie in V8's own heap; memsan sees those of add-ons and of Node itself" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++)
		if (is_named(path_base(path), interpreters[i].name) && !get(interpreters[i].variable) &&
		    (!at_start || (interpreters[i].at_start && (leaks || !interpreters[i].leaks))))
			return interpreters[i].hint;
	return NULL;
}
