# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# scripts/lib.sh - shared by quickstart and test: messages, packages, the build.  Sourced, from bash.

# Debian's names of all packages that the scripts install; for scripts/soak, each workload names its own.
# shellcheck disable=SC2034
{
packages_build=(gcc g++ make autoconf automake libtool pkg-config binutils libelf-dev libdw-dev libcapstone-dev
	libjson-c-dev)
packages_test=(libcmocka-dev libtirpc-dev libunwind-dev libzydis-dev clang libclang-rt-14-dev python3 python3-jsonschema
	clang-format-14 codespell pyflakes3 shellcheck mandoc man-db gcovr
	gdb redis-server nginx git perl dash tar xz-utils gzip bzip2 zip zstd lz4 busybox-static bc diffutils patch
	sqlite3 nodejs openssl file findutils procps php-cli ruby apache2-bin curl apache2-utils
	libpython3.11-testsuite redis-tools musl-tools valgrind strace fakeroot faketime eatmydata libjemalloc2
	libtcmalloc-minimal4 libmimalloc2.0 cmake meson zsh fish postgresql chromium electric-fence gawk qemu-user
	yasm nasm vim giflib-tools ghostscript poppler-utils)
# For real kernels in QEMU; scripts/test --quick does not need them.
packages_arm64=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm)
packages_kernel=(linux-source-6.1 flex bison bc libssl-dev kmod xz-utils qemu-system-x86 linux-headers-amd64)
# For tests/languages/run.py; Debian's Node needs libnode-dev, another one brings its headers.
packages_languages=(rustc python3-dev nodejs)
# packages_build by the names of other distributions.
packages_dnf=(gcc gcc-c++ make autoconf automake libtool pkgconf-pkg-config binutils elfutils-libelf-devel
	elfutils-devel capstone-devel json-c-devel)
packages_zypper=(gcc gcc-c++ make autoconf automake libtool pkgconf-pkg-config binutils libelf-devel libdw-devel
	libcapstone-devel libjson-c-devel)
packages_pacman=(base-devel libelf capstone json-c)
packages_apk=(build-base autoconf automake libtool pkgconf elfutils-dev capstone-dev json-c-dev)
# For bench/run only, which names the missing ones and goes on without.
packages_bench=(libmimalloc2.0 libjemalloc2 clang libclang-rt-14-dev electric-fence duma)
}

export DEBIAN_FRONTEND=noninteractive
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS

# Prints one line about the step that begins.
say() {
	printf '[%3ds] %s\n' $((SECONDS - started)) "$*"
}

fail() {
	printf '\n%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# For a wrong command line; as memsan's own commands do.
fail_usage() {
	printf "%s: %s\nTry 'scripts/%s --help'.\n" "${0##*/}" "$*" "${0##*/}" >&2
	exit 2
}

# run_logged LOGFILE COMMAND… prints nothing, but when the command fails, the end of its output.
run_logged() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		printf '\n%s failed; the end of %s:\n' "$*" "$log" >&2
		tail -n 30 "$log" >&2
		return 1
	fi
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo DEBIAN_FRONTEND=noninteractive "$@"
	else
		return 1
	fi
}

missing_packages() {
	local p
	for p in "$@"; do
		dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || echo "$p"
	done
}

# build_is_possible succeeds when all that the build needs is there, whoever installed it.
build_is_possible() {
	local tool
	for tool in gcc g++ make pkg-config ld; do
		command -v "$tool" >/dev/null || return 1
	done
	[ -x "$top/configure" ] || command -v autoreconf >/dev/null || return 1
	pkg-config --exists libelf libdw capstone json-c
}

# other_distribution prints how the build's packages are installed where there is no apt-get, and ends the script, which
# works once they are installed. The names are those of the distributions' package lists; nobody has tried them yet.
other_distribution() {
	local how names why
	why="This script installs packages on Debian and its relatives only. Here, install them yourself, as root,"
	why+=" and run it again (the names are untried; memsan is developed on Debian):"
	if command -v dnf >/dev/null; then
		how="dnf install" names=${packages_dnf[*]}
	elif command -v zypper >/dev/null; then
		how="zypper install" names=${packages_zypper[*]}
	elif command -v pacman >/dev/null; then
		how="pacman -S --needed" names=${packages_pacman[*]}
	elif command -v apk >/dev/null; then
		how="apk add" names=${packages_apk[*]}
		why="memsan needs glibc, and this distribution has musl: run it in a container of Debian, Fedora or"
		why+=" Arch Linux. Whoever ports it needs these packages (the names are untried):"
	else
		fail "there is no package manager here that this script knows. Install these packages, by Debian's" \
			"names, and run it again: ${packages_build[*]}"
	fi
	say "$why"
	printf '\n    %s %s\n\n' "$how" "$names"
	exit 1
}

# install_packages PACKAGE… installs the missing packages, or says why it cannot.
install_packages() {
	local missing
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		build_is_possible || other_distribution
		return 0
	fi
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} = 0 ] && return 0
	say "installing packages: ${missing[*]}"
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		fail "packages are missing and I am neither root nor have sudo. As root: apt-get install ${missing[*]}"
	fi
	run_logged "$top/build/log/apt-update" as_root apt-get -qq update ||
		say "the package lists could not be brought up to date (offline?); trying with the old ones"
	run_logged "$top/build/log/apt-install" \
		as_root apt-get -qq -y --no-install-recommends install "${missing[@]}" ||
		fail "these packages could not be installed (offline?): ${missing[*]}"
}

# make_configure makes ./configure in a repository; a release tarball has it already.
make_configure() {
	[ -x "$top/configure" ] && return 0
	say "making ./configure"
	(cd "$top" && run_logged "$top/build/log/autoreconf" autoreconf -fi) || fail "autoreconf failed"
}

# build_in FOLDER CONFIGURE-OPTION… configures the folder once, and runs make.
build_in() {
	local folder=$1
	shift
	if [ -f "$top/config.status" ]; then
		fail "the source folder itself is configured, so no other build folder works." \
			"'make distclean' undoes that."
	fi
	make_configure
	mkdir -p "$folder/log"
	if [ ! -f "$folder/config.status" ]; then
		say "configuring ${folder#"$top"/} (some 10 s)"
		(cd "$folder" && run_logged "$folder/log/configure" "$top/configure" "$@") || fail "configure failed"
	fi
	say "building ${folder#"$top"/} (up to a minute the first time)"
	run_logged "$folder/log/make" make -C "$folder" -j"$(nproc)" || fail "the build failed"
}
