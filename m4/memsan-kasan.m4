# SPDX-License-Identifier: BSD-2-Clause
# The flags that make a compiler emit KASAN's checks for memsan's shadow; for memsan-cc and the pkg-config files.
# gcc's parameters are joined by '=' because pkg-config drops words that seem to be repeated.
AC_DEFUN([MEMSAN_KASAN_FLAGS], [
  MEMSAN_GCC_FLAGS="-fsanitize=kernel-address -fasan-shadow-offset=0x7fff8000 -fsanitize-address-use-after-scope"
  MEMSAN_GCC_FLAGS="$MEMSAN_GCC_FLAGS --param=asan-stack=1 --param=asan-globals=1 --param=asan-instrument-allocas=1"
  MEMSAN_GCC_FLAGS="$MEMSAN_GCC_FLAGS --param=asan-use-after-return=1"
  MEMSAN_CLANG_FLAGS="-fsanitize=kernel-address -Xclang -fsanitize-address-use-after-scope"
  MEMSAN_CLANG_FLAGS="$MEMSAN_CLANG_FLAGS -mllvm -asan-mapping-offset=0x7fff8000 -mllvm -asan-stack=1"
  MEMSAN_CLANG_FLAGS="$MEMSAN_CLANG_FLAGS -mllvm -asan-globals=1 -mllvm -asan-use-after-scope=1"
  MEMSAN_CLANG_FLAGS="$MEMSAN_CLANG_FLAGS -mllvm -asan-instrument-dynamic-allocas=1"
  AC_SUBST([MEMSAN_GCC_FLAGS])
  AC_SUBST([MEMSAN_CLANG_FLAGS])
])
