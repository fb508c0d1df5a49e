# SPDX-License-Identifier: BSD-2-Clause
# The arrows of the layers, the exported names, and what is installed.

load ../lib/common

setup()
{
	common_setup
	CC=${CC:-cc}
	read -ra LIBS_CFLAGS <<<"$(pkg-config --cflags libpcap json-c)"
	SO=$BUILD/lib/librpmsg.so
}

# headers_of SOURCE...: our headers that the sources include, directly or not, one a line.
headers_of()
{
	local f
	for f in "$@"; do
		"$CC" -std=gnu11 -D_GNU_SOURCE -DRPMSG_VERSION='"0"' -I"$TOP/lib" -I"$TOP/cmd" \
			"${LIBS_CFLAGS[@]}" -MM -MG "$f"
	done | tr -s '[:space:]' '\n' | grep '\.h$' | xargs -r realpath -m --relative-to="$TOP" | sort -u
}

# public_names: the functions that rpmsg.h declares, one a line, sorted.
public_names()
{
	"$CC" -E -P "$TOP/lib/rpmsg.h" | tr '\n' ' ' |
		grep -oE 'visibility\("default"\)\)\) [^;]*;' |
		sed -E 's/^[^ ]* //; s/\(.*//; s/.*[ *]//' | sort
}

map_names()
{
	sed -n '/global:/,/local:/s/^	\([a-z0-9_]*\);$/\1/p' "$TOP/lib/librpmsg.map" | sort
}

@test "tools know rpmsg.h and cmd's own headers alone" {
	run headers_of "$TOP"/cmd/*.c "$TOP"/cmd/rpmsg-*/*.c "$TOP"/cmd/common/*.c
	assert_success
	assert_line lib/rpmsg.h
	refute_line --regexp '^lib/(core|virtio|link|backend|record)/'
	refute_line --regexp '^cmd/rpmsgd/'
}

@test "rpmsgd knows rpmsg.h, its protocol and cmd's own headers alone" {
	run headers_of "$TOP"/cmd/rpmsgd/*.c
	assert_success
	assert_line lib/backend/protocol.h
	refute_line --regexp '^lib/(core|virtio|link|record)/'
}

@test "the library knows nothing of cmd" {
	run headers_of "$TOP"/lib/*/*.c
	assert_success
	assert_line lib/rpmsg.h
	refute_line --regexp '^cmd/'
}

@test "vring and barrier know nothing of rpmsg" {
	run headers_of "$TOP"/lib/virtio/vring.c
	assert_success
	refute_line --regexp '^lib/(core|link|backend|record)/'
	refute_line lib/rpmsg.h
	refute_line lib/virtio/wire.h
	run grep -nE '\b(rpmsg|wire|link|bus|endpoint)_[a-z]' "$TOP"/lib/virtio/vring*.[ch] \
		"$TOP/lib/virtio/barrier.h"
	assert_failure
}

@test "the core knows no ring, no link and no socket" {
	local -a core=()
	local f
	for f in "$TOP"/lib/core/*.c; do
		# the one place where a SPEC chooses its backend
		[[ $f == */spec.c ]] || core+=("$f")
	done
	run headers_of "${core[@]}"
	assert_success
	refute_line --regexp '^lib/link/|^lib/virtio/(vring|barrier)\.h|^lib/backend/protocol\.h'
}

@test "a link knows no channels and no backend" {
	run headers_of "$TOP"/lib/link/*.c
	assert_success
	refute_line --regexp '^lib/backend/'
}

@test "headers stand alone" {
	local h
	for h in $(cd "$TOP" && find lib cmd -name '*.h'); do
		echo "$h"
		echo "#include \"$TOP/$h\"" >one.c
		"$CC" -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -DRPMSG_VERSION='"0"' -I"$TOP/lib" \
			-I"$TOP/cmd" "${LIBS_CFLAGS[@]}" -fsyntax-only one.c
	done
}

@test "rpmsg.h compiles alone, as C99, C11, C++11 and C++17, without a warning" {
	local std
	printf '#include <rpmsg.h>\nint main(void) { return 0; }\n' >one.c
	cp one.c one.cc
	for std in c99 c11 gnu17; do
		"$CC" -std=$std -Wall -Wextra -pedantic -Werror -I"$TOP/lib" -fsyntax-only one.c
		"$CC" -std=$std -Wall -Wextra -pedantic -Werror -DRPMSG_KERNEL_NAMES -I"$TOP/lib" \
			-fsyntax-only one.c
	done
	for std in c++11 c++17; do
		g++ -std=$std -Wall -Wextra -pedantic -Werror -I"$TOP/lib" -fsyntax-only one.cc
	done
}

@test "exported symbols, the map and rpmsg.h say the same" {
	public_names >header
	map_names >map
	nm -D --defined-only --with-symbol-versions "$SO" | awk '$2 != "A" { print $3 }' >versioned
	sed 's/@.*//' versioned | sort >exported
	assert [ "$(wc -l <header)" -gt 40 ]
	run diff header map
	assert_success
	run diff map exported
	assert_success
	run grep -v '@@LIBRPMSG_0\.1$' versioned
	refute_output
}

@test "librpmsg.a exports the same names and no others" {
	public_names >header
	nm -g --defined-only "$BUILD/lib/librpmsg.a" 2>/dev/null | awk 'NF == 3 { print $3 }' |
		grep -v -e '^__asan' -e '^__odr_asan' -e '^__ubsan' -e '^__tsan' | sort >exported
	run diff header exported
	assert_success
}

@test "the library needs libc alone and carries its SONAME" {
	run readelf -d "$SO"
	assert_success
	assert_line --partial 'Library soname: [librpmsg.so.0]'
	[[ -z $SAN ]] || skip 'sanitizer: its run time is linked too'
	# ld-linux is the part of libc that knows thread-local storage
	run grep -v -e '\[libc.so.6\]' -e '\[ld-linux' <<<"$(grep NEEDED <<<"$output")"
	refute_output
}

@test "the library neither prints nor exits nor makes threads" {
	[[ -z $SAN ]] || skip 'sanitizer: its run time calls these'
	nm -D --undefined-only "$SO" | awk '{ print $2 }' | sed 's/@.*//' >used
	run grep -xE '(v?d?printf|puts|putchar|perror|stdout|stderr|__v?d?printf_chk|_?exit|_Exit|quick_exit|pthread_create|thrd_create|signal|system|abort|__assert_fail|err|errx|warn|warnx)' used
	refute_output
}

@test "the tools find the library without LD_LIBRARY_PATH" {
	local tool
	for tool in rpmsg-send rpmsg-listen rpmsg-ns rpmsgd; do
		run env -u LD_LIBRARY_PATH ldd "$BUILD/bin/$tool"
		assert_line --partial "librpmsg.so.0 => $(realpath "$BUILD")/bin/../lib/librpmsg.so.0"
	done
}

@test "each source names its licence in the first lines" {
	local f
	for f in $(cd "$TOP" && git ls-files 2>/dev/null || find . -path ./build -prune -o -type f -print); do
		case $f in
		*.c | *.h | *.sh | *.bats | *.bash | *.lua | *.map | *.in | *.[1-8] | *.fish) ;;
		Makefile | .ci/run | tests/run | completions/*) ;;
		*) continue ;;
		esac
		[[ -e $TOP/$f ]] || continue
		head -n 3 "$TOP/$f" | grep -q 'SPDX-License-Identifier: \(GPL-2.0-only OR \)\?BSD-2-Clause' ||
			fail "no SPDX line: $f"
	done
}

# what_is_there DIR: files and links in DIR, sorted
what_is_there()
{
	(cd "$1" && find . -not -type d | sort)
}

@test "what is installed works from there, and uninstall takes all of it away" {
	local root=$PWD/root flags
	local -a make=(make -s -C "$TOP" BUILD="$BUILD" SAN="$SAN" CC="$CC" WERROR="${WERROR:-}"
		DESTDIR="$root" PREFIX=/opt/rpmsg)
	# its own copy of the build, whose rpmsg.pc is for another PREFIX
	cp -a "$BUILD/." build.copy
	make[4]=BUILD=$PWD/build.copy
	(umask 077 && "${make[@]}" install)
	run find "$root" -type d -not -perm -5
	refute_output
	assert_file_exist "$root/opt/rpmsg/bin/rpmsg-send"
	assert_file_exist "$root/opt/rpmsg/share/man/man1/rpmsg-send.1"
	run "$root/opt/rpmsg/bin/rpmsg-send" --version
	assert_success
	run ldd "$root/opt/rpmsg/bin/rpmsgd"
	assert_line --partial "$root/opt/rpmsg/bin/../lib/librpmsg.so.0"

	cat >five.c <<-'EOF'
		#include <rpmsg.h>
		#include <stdio.h>
		int main(void)
		{
			return puts(rpmsg_version()) < 0;
		}
	EOF
	export PKG_CONFIG_PATH=$root/opt/rpmsg/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
	flags=$(pkg-config --cflags --libs rpmsg)
	# shellcheck disable=SC2086 # flags is a list
	"$CC" ${SAN:+-fsanitize=$SAN} -o five five.c $flags
	run env LD_LIBRARY_PATH="$root/opt/rpmsg/lib" ./five
	assert_success
	assert_output "$(pkg-config --modversion rpmsg)"
	"$CC" ${SAN:+-fsanitize=$SAN} -pthread -o five five.c -I"$root/opt/rpmsg/include" \
		"$root/opt/rpmsg/lib/librpmsg.a"
	run ./five
	assert_success

	"${make[@]}" uninstall
	run what_is_there "$root"
	refute_output
}

@test "one version: the library's, the tools' and the package's" {
	local tool version
	version=$(sed -n 's/^Version: //p' "$BUILD/lib/rpmsg.pc")
	for tool in rpmsg-send rpmsg-listen rpmsg-ns rpmsgd; do
		run "$tool" --version
		assert_success
		assert_output --partial "$version"
	done
}
