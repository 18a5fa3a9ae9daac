# make install and uninstall, into a folder that stands for the system.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command schema

# $1: target
made()
{
    "$MAKE" -C "$SOURCE" "$1" VARIANT="${BUILD##*/}" CC="$CC" PREFIX=/usr DESTDIR="$PWD/stage" >out 2>err
    status=$?
}

begin "install puts everything below DESTDIR and PREFIX"
made install
exits 0
exists stage/usr/bin/slicescore stage/usr/lib/pkgconfig/slicescore.pc stage/usr/share/man/man1/slicescore.1 \
    stage/usr/share/bash-completion/completions/slicescore stage/usr/share/zsh/site-functions/_slicescore \
    stage/usr/share/fish/vendor_completions.d/slicescore.fish
is "$(find stage -type f -size 0 | wc -l | awk '{ print $1 }')" 0

begin "the installed program runs by itself"
stage/usr/bin/slicescore version >out 2>err
# shellcheck disable=SC2034 # read by exits
status=$?
exits 0

begin "pkg-config reads the file, and it names the installed place, not the stage"
version=$(sed -n 's/^#define SS_VERSION "\(.*\)"$/\1/p' "$SOURCE/src/base/version.h")
is "$(PKG_CONFIG_PATH=stage/usr/lib/pkgconfig pkg-config --modversion slicescore)" "$version"
is "$(PKG_CONFIG_PATH=stage/usr/lib/pkgconfig pkg-config --variable=prefix slicescore)" /usr
! grep -rlF "$PWD" stage/usr/lib stage/usr/share >found || wrong "the stage is named in $(cat found)"

begin "the library is there, shared and static, with its header"
exists stage/usr/include/slicescore.h stage/usr/lib/libslicescore.a stage/usr/lib/libslicescore.so

begin "uninstall takes all of it away and nothing else"
: >stage/usr/bin/other
made uninstall
exits 0
is "$(find stage -type f -o -type l)" stage/usr/bin/other

finish
