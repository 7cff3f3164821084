/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/name.c - the part of a function's name on which all compilers and tools agree.
 *
 *     foo.constprop.0, foo@plt                                    foo
 *     ns::Box<int>::at(unsigned long) const [clone .cold]         at
 *     int ns::first<int>(ns::Box const&)                          first
 *     f(int)::{lambda(char)#2}::operator()(char) const, $_0       operator()
 *     app::inner::run::{{closure}}, ::{closure#0}                 {}
 *     <app::Foo as app::Bar>::run::h0123456789abcdef              run
 *     main.(*Table).find, com.app.Main.find                       find
 *
 * gcc's AddressSanitizer prints no namespaces and classes, and Valgrind none for inlined functions, so they do not
 * count.
 */
#include "config.h"

#include <ctype.h>

#include "decode/decode_internal.h"

bool decode_is_clone_suffix(const char *dot)
{
	static const char *const words[] = { "constprop", "isra",  "cold",     "llvm",   "lto_priv", "localalias",
		                             "resolver",  "ifunc", "default",  "avx",    "sse",      "arch_",
		                             "__uniq",    "cfi",   "unlikely", "popcnt", "bmi",      "fma" };
	static const char *const numbered[] = { "part.", "clone.", "specialized.", "str.", "warm.", "hot." };

	if (dot[1] >= '0' && dot[1] <= '9')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(numbered); i++)
		if (starts(dot + 1, numbered[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *behind = after(dot + 1, words[i]);
		if (behind && (!isalpha((unsigned char)*behind) || behind[-1] == '_'))
			return true;
	}
	return false;
}

/* What stands behind the bracket that closes the one at p, or the end. */
static const char *behind_bracket(const char *p)
{
	char open = *p, close = open == '<' ? '>' : open == '(' ? ')' : open == '{' ? '}' : ']';
	int depth = 0;

	for (; *p; p++) {
		depth += *p == open;
		if (*p == close && (close != '>' || p[-1] != '-') && --depth == 0)
			return p + 1;
	}
	return p;
}

/* "operator" at p, not as a part of another name? */
static bool is_operator(const char *p, const char *start)
{
	return starts(p, "operator") && !isalnum((unsigned char)p[8]) && p[8] != '_' &&
	       (p == start || !(isalnum((unsigned char)p[-1]) || p[-1] == '_'));
}

/* A hash of Rust: "h" and 16 digits */
static bool is_rust_hash(const char *p, size_t len)
{
	return len == 17 && *p == 'h' && strspn(p + 1, "0123456789abcdef") >= 16;
}

/* The last part of a name, without arguments, template arguments, return type and what compilers add.  Returns its
 * length; *weak: many functions have that name. */
size_t decode_name_core(const char *function, char *core, size_t size, bool *weak)
{
	const char *p = function;
	size_t n = 0;

	*weak = false;
	if (*p == '<') /* Rust: "<a::B as c::D>::run" */
		p++;
	while (*p && n + 2 < size) {
		if (is_operator(p, function)) {
			*weak = true;
			for (n = 0; *p && n + 2 < size && (*p != '(' || n == 8) && !(*p == '<' && n > 9); p++)
				if (*p != ' ' || isalnum((unsigned char)p[1]))
					core[n++] = *p;
			break;
		}
		if (starts(p, "::")) {
			size_t len = strcspn(p + 2, ":<( ");
			if (!p[2 + len] && is_rust_hash(p + 2, len))
				break;
			p += 2;
			n = 0;
		} else if (*p == '{' || *p == '$') { /* "{lambda()#1}", "{{closure}}", "$_0" */
			*weak = true;
			if (*p == '$')
				p += 1 + strspn(p + 1, "_0123456789");
			else
				p = behind_bracket(p);
			n = (size_t)snprintf(core, size, "{}");
		} else if (starts(p, "(anonymous")) {
			p = behind_bracket(p);
		} else if (*p == '<') {
			p = behind_bracket(p);
		} else if (*p == '(' || *p == '@' || *p == '[') {
			const char *behind = behind_bracket(p);
			if (*p == '(' && starts(behind, "::")) { /* a local function's class: "f(int)::C::g" */
				p = behind;
				continue;
			}
			if (*p == '(' && starts(behind, " const::")) {
				p = behind + 6;
				continue;
			}
			if (*p == '(' && p[1] == '*' && *behind == '.') { /* Go's receiver */
				p = behind;
				n = 1;
				continue;
			}
			break;
		} else if (*p == '.' && n) {
			if (decode_is_clone_suffix(p))
				break; /* ".constprop.0" */
			p++;           /* Go's "main.work.func1" */
			n = 0;
			*weak = starts(p, "func") && p[4] && strspn(p + 4, "0123456789") == strlen(p + 4);
		} else if (*p == ' ') { /* what stood in front was the return type; " as " ends Rust's own type */
			if (starts(p, " as ")) {
				p += strcspn(p, ">");
				p += *p == '>';
				continue;
			}
			n = 0;
			p++;
		} else if (*p == '>' || *p == '*' || *p == '&') {
			p++;
		} else {
			core[n++] = *p++;
		}
	}
	core[n] = '\0';
	*weak |= n == 0;
	return n;
}
