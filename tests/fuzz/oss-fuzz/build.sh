#!/bin/bash -eu
# SPDX-License-Identifier: BSD-2-Clause
# tests/fuzz/oss-fuzz/build.sh - builds the fuzz targets in OSS-Fuzz's way; tests/fuzz/run uses it too.
#
#    $SRC/memsan      the source tree (read only, but for ./configure)
#    $WORK            the build
#    $OUT             fuzz_NAME, fuzz_NAME.options, fuzz_NAME.dict, fuzz_NAME_seed_corpus.zip, and lib/ with the
#                     shared libraries that the targets need: a fuzzing machine has none of these packages
#
# $CC, $CXX, $CFLAGS, $CXXFLAGS and $LIB_FUZZING_ENGINE come from the service.  $FUZZ_TARGETS names some of the targets
# (default: all).
top=$SRC/memsan
targets=${FUZZ_TARGETS:-log json suppress elf options maps loader record heap cfi insn}
jobs=${FUZZ_JOBS:-$(nproc)}
build=$WORK/memsan-build

if [ ! -x "$top/configure" ]; then (cd "$top" && autoreconf -fi); fi
mkdir -p "$build"
cd "$build"
# The environment's flags hold for the decoder and the tool half, which are all that the targets link.
[ -f config.status ] || "$top/configure"
make -s -j"$jobs" libdecode.la

packages=(libdw libelf capstone json-c)
read -ra flags <<<"$CFLAGS $(pkg-config --cflags "${packages[@]}")"
read -ra link <<<"$CXXFLAGS $LIB_FUZZING_ENGINE"
read -ra libraries <<<"$(pkg-config --libs "${packages[@]}")"
read -ra compiler <<<"$CC"
read -ra linker <<<"$CXX"

# Copies what ldd finds outside of the C library to $OUT/lib, where the targets look first.  An rpath, unlike a runpath,
# holds for the libraries' own needs too.
copy_libraries() {
	local name path
	mkdir -p "$OUT/lib"
	while read -r name path; do
		case $name in
		libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | ld-linux*) ;;
		*) [ -e "$OUT/lib/$name" ] || cp -L "$path" "$OUT/lib/$name" ;;
		esac
	done < <(ldd "$1" | sed -nE 's/^[[:space:]]*([^ /]+) => (\/[^ ]+) .*/\1 \2/p')
}

# Makes the seeds of a target in the current folder, beside those that are kept in tests/fuzz/corpus.
make_seeds() {
	case $1 in
	log) cp "$top"/tests/logs/*.log . ;;
	elf | loader)
		printf 'int f(int x){return x+1;}\nint main(void){return f(2);}\n' >"$WORK/seed.c"
		"${compiler[@]}" -g -O1 "$WORK/seed.c" -o program
		"${compiler[@]}" -g -O1 -c "$WORK/seed.c" -o object
		;;
	insn)
		objcopy -O binary --only-section=.text "$(command -v "${compiler[0]}")" "$WORK/text"
		head -c 4096 "$WORK/text" >code
		;;
	maps) cat <(printf '\377') /proc/self/maps >own ;;
	esac
	[ ! -d "$top/tests/fuzz/corpus/$1" ] || cp "$top/tests/fuzz/corpus/$1"/* .
}

for target in $targets; do
	name=fuzz_$target
	"${compiler[@]}" "${flags[@]}" -std=gnu11 -fno-strict-aliasing -D_GNU_SOURCE -DMEMSAN_TOOL -I. -I"$top" \
		-c -o "$name.o" "$top/tests/fuzz/$name.c"
	# shellcheck disable=SC2016 # $ORIGIN is for the dynamic loader
	"${linker[@]}" "${link[@]}" "$name.o" .libs/libdecode.a "${libraries[@]}" -ldl \
		-Wl,--disable-new-dtags,-rpath,'$ORIGIN/lib' -o "$OUT/$name"
	copy_libraries "$OUT/$name"
	cp "$top/tests/fuzz/oss-fuzz/default.options" "$OUT/$name.options"
	case $target in
	options) sed -nE 's/^OPTION_[A-Z]+\([a-z_]+, "([^"]+)".*/"\1="/p' "$top/lib/options.def" >"$OUT/$name.dict" ;;
	*) [ ! -f "$top/tests/fuzz/oss-fuzz/$name.dict" ] || cp "$top/tests/fuzz/oss-fuzz/$name.dict" "$OUT" ;;
	esac
	rm -rf "$WORK/seeds-$target" "$OUT/${name}_seed_corpus.zip"
	mkdir "$WORK/seeds-$target"
	(cd "$WORK/seeds-$target" && make_seeds "$target" && zip -q "$OUT/${name}_seed_corpus.zip" ./*)
done
