# SPDX-License-Identifier: BSD-2-Clause
# MEMSAN_TRY_FLAG(VARIABLE, FLAG): append FLAG to VARIABLE when the compiler takes it.
AC_DEFUN([MEMSAN_TRY_FLAG], [
  AC_MSG_CHECKING([whether $CC takes $2])
  memsan_saved_cflags=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); $1="$[]$1 $2"], [AC_MSG_RESULT([no])])
  CFLAGS=$memsan_saved_cflags
])
AC_DEFUN([MEMSAN_FLAGS], [
  WARN_FLAGS="-Wall -Wextra"
  MEMSAN_TRY_FLAG([WARN_FLAGS], [-Wshadow])
  MEMSAN_TRY_FLAG([WARN_FLAGS], [-Wstrict-prototypes])
  MEMSAN_TRY_FLAG([WARN_FLAGS], [-Wmissing-prototypes])
  RUNTIME_FLAGS="-std=gnu11 -fvisibility=hidden -fno-builtin -fno-strict-aliasing -ftls-model=initial-exec"
  RUNTIME_FLAGS="$RUNTIME_FLAGS -fexceptions -fasynchronous-unwind-tables -fno-stack-protector"
  MEMSAN_TRY_FLAG([RUNTIME_FLAGS], [-fno-semantic-interposition])
  MEMSAN_TRY_FLAG([RUNTIME_FLAGS], [-fno-tree-loop-distribute-patterns])
  # A vector load of two words that were just stored waits for both stores: it costs 15 % of saving a stack (measured).
  MEMSAN_TRY_FLAG([RUNTIME_FLAGS], [-fno-tree-slp-vectorize])
  # preload/order.ld puts what each start needs side by side. gold knows no INSERT.
  AC_MSG_CHECKING([whether the linker takes an order of sections])
  memsan_saved_ldflags=$LDFLAGS
  LDFLAGS="$LDFLAGS -shared -Wl,-T,$srcdir/preload/order.ld"
  AC_LINK_IFELSE([AC_LANG_SOURCE([])],
    [AC_MSG_RESULT([yes])
     RUNTIME_FLAGS="$RUNTIME_FLAGS -ffunction-sections -fdata-sections"
     ORDER_LDFLAGS='-Wl,-T,$(top_srcdir)/preload/order.ld'],
    [AC_MSG_RESULT([no])])
  LDFLAGS=$memsan_saved_ldflags
  AC_SUBST([ORDER_LDFLAGS])
  TOOL_FLAGS="-std=gnu11 -fno-strict-aliasing"
  AC_SUBST([WARN_FLAGS])
  AC_SUBST([RUNTIME_FLAGS])
  AC_SUBST([TOOL_FLAGS])
])
# tests/unit/races is built with ThreadSanitizer where the compiler and its library have it.
AC_DEFUN([MEMSAN_TSAN], [
  AC_MSG_CHECKING([whether $CC links with -fsanitize=thread])
  memsan_saved_cflags=$CFLAGS
  CFLAGS="$CFLAGS -fsanitize=thread"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [have_tsan=yes], [have_tsan=no])
  CFLAGS=$memsan_saved_cflags
  AC_MSG_RESULT([$have_tsan])
  TSAN_FLAGS="-fsanitize=thread"
  # ThreadSanitizer does not know fences; tests/unit/races.c names the checks that it leaves out for that reason.
  MEMSAN_TRY_FLAG([TSAN_FLAGS], [-Wno-tsan])
  AC_SUBST([TSAN_FLAGS])
  AM_CONDITIONAL([HAVE_TSAN], [test "$have_tsan" = yes])
])
