// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/mismatch_aligned.cc - an object is deleted by another form, or with another alignment, than it was
 * made by
 *
 * expect: below
 * flags: -std=c++17 -fsized-deallocation -faligned-new
 * ways: preload linked static
 */
#include <cstddef>
#include <new>

struct alignas(64) wide {
	char c[64];
};
using std::align_val_t;

static void *volatile p;

int main()
{
	p = ::operator new(100, align_val_t(64));
	::operator delete(p); /* expect: alloc-dealloc-mismatch object=100 */
	p = ::operator new(100, align_val_t(64));
	::operator delete(p, 100); /* expect: alloc-dealloc-mismatch object=100 */
	p = ::operator new(100);
	::operator delete(p, align_val_t(64)); /* expect: alloc-dealloc-mismatch object=100 */
	p = ::operator new[](100, align_val_t(32));
	::operator delete[](p); /* expect: alloc-dealloc-mismatch object=100 */
	p = ::operator new[](100);
	::operator delete[](p, align_val_t(32)); /* expect: alloc-dealloc-mismatch object=100 */
	p = ::operator new(100, align_val_t(64));
	::operator delete(p, align_val_t(32)); /* expect: sized-delete-mismatch object=100 */
	p = ::operator new(100, align_val_t(64));
	::operator delete[](p, align_val_t(64)); /* expect: alloc-dealloc-mismatch object=100 */
	p = ::operator new(100, align_val_t(64));
	::operator delete(p, 99, align_val_t(64)); /* expect: sized-delete-mismatch object=100 */
	p = ::operator new(100000, align_val_t(64));
	::operator delete(p, 100000); /* expect: alloc-dealloc-mismatch object=100000 */
	p = ::operator new(100000, align_val_t(64));
	::operator delete(p, 100000, align_val_t(128)); /* expect: sized-delete-mismatch object=100000 */
	p = new wide;
	delete static_cast<char *>(p); /* expect: alloc-dealloc-mismatch object=64 */
	p = new wide[3];
	delete static_cast<wide *>(p); /* expect: alloc-dealloc-mismatch object=192 */
	return 0;
}
