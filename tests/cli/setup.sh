# The set-up check of the Makefile (tests/support/setup.sh), on machines that are made up: a folder of commands that
# is all of PATH.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"

# $1: folder to fill with what every system has
bare()
{
    mkdir -p "$1"
    for tool in sh awk sed tr cat sort grep env; do
        ln -s "$(command -v $tool)" "$1/$tool"
    done
}
# $1: path of a command to make; its body comes from stdin
fake()
{
    {
        echo '#!/bin/sh'
        cat
    } >"$1"
    chmod +x "$1"
}
# $1: folder of commands; the rest: arguments
setup()
{
    commands=$PWD/$1
    shift
    env -i PATH="$commands" CC=cc /bin/sh "$SOURCE/tests/support/setup.sh" "$@" >out 2>err </dev/null
    status=$?
}

begin "without apt-get the packages are named for every system, and it stops with exit 2"
bare other
setup other pocl check
exits 2
out_empty
err_has "Debian, Ubuntu:    sudo apt-get install gcc libc6-dev pkg-config ocl-icd-opencl-dev libclblast-dev libyaml-dev \
libjansson-dev libxxhash-dev libcairo2-dev zlib1g-dev libsqlite3-dev"
err_has "Fedora:            sudo dnf install gcc pkgconf-pkg-config"
err_has "Arch:              sudo pacman -S gcc pkgconf ocl-icd opencl-headers clblast libyaml jansson xxhash cairo zlib sqlite"
err_has "macOS:             xcode-select --install && brew install pkgconf opencl-icd-loader opencl-headers clblast"

begin "what is there is not asked for"
bare some
fake some/cc <<'FAKE'
exit 0
FAKE
fake some/pkg-config <<'FAKE'
case $2 in
cairo | "") exit 1 ;;
esac
exit 0
FAKE
setup some
exits 2
err_has "sudo apt-get install libcairo2-dev"
err_has "macOS (Homebrew):  brew install cairo"
err_lacks "libyaml-dev"

begin "root with apt-get: it says so, updates first, installs, and goes on"
bare root
# The libraries are there once apt-get has run.
fake root/cc <<'FAKE'
[ -e installed ]
FAKE
cp root/cc root/pkg-config
fake root/id <<'FAKE'
echo 0
FAKE
fake root/apt-get <<'FAKE'
echo "apt-get $*" >>calls
case $* in
*install*) echo >installed ;;
esac
FAKE
setup root check
exits 0
out_has "Installing packages that are missing here: gcc libc6-dev ocl-icd-opencl-dev"
is "$(sed -n 1p calls)" "apt-get -q update"
case $(sed -n 2p calls) in
*"install -y --no-install-recommends "*" libyaml-dev "*" check") ;;
*) wrong "the second call was $(sed -n 2p calls)" ;;
esac
is "$(wc -l <calls | awk '{ print $1 }')" 2

begin "nothing is missing: nothing is said or called"
setup root check
exits 0
out_empty
err_empty
is "$(wc -l <calls | awk '{ print $1 }')" 2

begin "--check never installs"
rm -f installed calls
setup root --check check
exits 2
absent calls
err_has "make setup"

begin "not root: through sudo -n where that works"
rm -f installed calls
cp -R root user
fake user/id <<'FAKE'
echo 1000
FAKE
fake user/sudo <<'FAKE'
echo "sudo $*" >>calls
[ "$1" != -n ] || shift
[ "$1" = true ] || exec "$@"
FAKE
setup user check
exits 0
file_has calls "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -q update"
out_has "sudo -n apt-get update"

begin "not root, and sudo would ask where nobody can answer: the packages are named, exit 2"
rm -f installed calls
fake user/sudo <<'FAKE'
exit 1
FAKE
setup user check
exits 2
err_has "sudo apt-get install"
absent calls

begin "apt-get that fails is exit 2, not a build that fails later"
rm -f installed calls
fake root/apt-get <<'FAKE'
exit 100
FAKE
setup root check
exits 2
err_has "apt-get could not install"

begin "apt-get that claims success is not believed"
fake root/apt-get <<'FAKE'
exit 0
FAKE
setup root check
exits 2
err_has "still not found"

begin "an unknown need is a mistake of the caller"
setup root nonsense
exits 2
err_has nonsense

finish
