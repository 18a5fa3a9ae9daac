#!/bin/sh
# setup.sh [--check] [NEED ...] - is all here that building and running wants? If not: install it, or say how.
#
# NEED is any of: driver (an OpenCL driver of any kind), pocl (that one, which the tests run on), check, lint,
# oclgrind, gcovr. The compiler and the libraries are always looked for. Missing packages are installed with apt-get
# where that exists and root or sudo can be had, after saying so; elsewhere they are named and the exit status is 2.
# With --check nothing is installed.
set -u

check_only=no
if [ "${1:-}" = --check ]; then
    check_only=yes
    shift
fi
CC=${CC:-cc}

have()
{
    command -v "$1" >/dev/null 2>&1
}

# $1: the body of a C file; the rest: options
compiles()
{
    body=$1
    shift
    printf '%s\n' "$body" | $CC -x c - -o /dev/null "$@" >/dev/null 2>&1
}

library()
{
    have pkg-config && pkg-config --exists "$1"
}

# Folders where an OpenCL loader looks for drivers.
vendor_folders()
{
    echo /etc/OpenCL/vendors
    if have brew; then
        echo "$(brew --prefix)/etc/OpenCL/vendors"
    fi
}

# $1: a shell pattern for the .icd file
icd()
{
    for folder in $(vendor_folders); do
        for file in "$folder"/$1; do
            [ -e "$file" ] && return 0
        done
    done
    return 1
}

driver()
{
    # A loader told to look elsewhere is taken at its word.
    if [ -n "${OCL_ICD_VENDORS:-}" ] && [ -e "${OCL_ICD_VENDORS}" ]; then
        return 0
    fi
    for folder in $(vendor_folders); do
        for file in "$folder"/*.icd; do
            case $file in
            */mesa.icd | */rusticl.icd) ;; # there on most desktops, and mostly without any device
            *) [ -e "$file" ] && return 0 ;;
            esac
        done
    done
    return 1
}

# One line a thing: name | what it is | Debian, Ubuntu | Fedora | Arch | Homebrew
things()
{
    cat <<'TABLE'
compiler|a C compiler|gcc libc6-dev|gcc|gcc|
pkg-config|pkg-config|pkg-config|pkgconf-pkg-config|pkgconf|pkgconf
opencl|OpenCL loader and headers|ocl-icd-opencl-dev|OpenCL-ICD-Loader-devel opencl-headers|ocl-icd opencl-headers|opencl-icd-loader opencl-headers
clblast|CLBlast|libclblast-dev|clblast-devel|clblast|clblast
yaml|libyaml|libyaml-dev|libyaml-devel|libyaml|libyaml
jansson|Jansson|libjansson-dev|jansson-devel|jansson|jansson
xxhash|xxHash|libxxhash-dev|xxhash-devel|xxhash|xxhash
cairo|cairo|libcairo2-dev|cairo-devel|cairo|cairo
zlib|zlib|zlib1g-dev|zlib-devel|zlib|zlib
sqlite|SQLite|libsqlite3-dev|sqlite-devel|sqlite|sqlite
driver|an OpenCL driver (PoCL runs on any CPU)|pocl-opencl-icd|pocl|pocl|pocl
pocl|the OpenCL driver PoCL, which the tests run on|pocl-opencl-icd|pocl|pocl|pocl
check|Check, the unit test library|check|check-devel|check|check
clang|clang|clang|clang|clang|llvm
clang-format|clang-format|clang-format|clang-tools-extra|clang|clang-format
cppcheck|cppcheck|cppcheck|cppcheck|cppcheck|cppcheck
shellcheck|ShellCheck|shellcheck|ShellCheck|shellcheck|shellcheck
oclgrind|Oclgrind|oclgrind|oclgrind|oclgrind|oclgrind
gcovr|gcovr|gcovr|gcovr|gcovr|gcovr
TABLE
}

there()
{
    case $1 in
    compiler) compiles '#include <stdlib.h>' -fsyntax-only ;;
    pkg-config | clang | clang-format | cppcheck | shellcheck | oclgrind | gcovr) have "$1" ;;
    opencl)
        # shellcheck disable=SC2046 # several options
        library OpenCL && compiles '#include <CL/cl.h>' -fsyntax-only $(pkg-config --cflags OpenCL)
        ;;
    clblast)
        # Not every system ships a .pc file for it.
        library clblast || compiles '#include <clblast_c.h>
            int main(void) { return (int)CLBlastClearCache(); }' -DCL_TARGET_OPENCL_VERSION=120 -lclblast
        ;;
    yaml) library yaml-0.1 ;;
    xxhash) library libxxhash ;;
    sqlite) library sqlite3 ;;
    jansson | cairo | zlib | check) library "$1" ;;
    driver) driver ;;
    pocl) icd 'pocl*.icd' ;;
    *) return 1 ;;
    esac
}

wanted="compiler pkg-config opencl clblast yaml jansson xxhash cairo zlib sqlite"
for need in "$@"; do
    case $need in
    driver | pocl | check | oclgrind | gcovr) wanted="$wanted $need" ;;
    lint) wanted="$wanted clang clang-format cppcheck shellcheck" ;;
    *)
        echo "setup: '$need' is not a need: driver, pocl, check, lint, oclgrind, gcovr" >&2
        exit 2
        ;;
    esac
done

# Prints the names of what is missing.
missing()
{
    for name in $wanted; do
        there "$name" || printf '%s ' "$name"
    done
}

# $1: names; $2: column of the table. Prints the packages, each once.
packages()
{
    for name in $1; do
        things | awk -F'|' -v name="$name" -v column="$2" '$1 == name { print $column }'
    done | tr ' ' '\n' | awk 'NF && !seen[$0]++' | tr '\n' ' ' | sed 's/ $//'
}

explain()
{
    echo "slicescore needs what is not on this machine:"
    for name in $1; do
        things | awk -F'|' -v name="$name" '$1 == name { print "  - " $2 }'
    done
    echo "To install it:"
    echo "  Debian, Ubuntu:    sudo apt-get install $(packages "$1" 3)"
    echo "  Fedora:            sudo dnf install $(packages "$1" 4)"
    echo "  Arch:              sudo pacman -S $(packages "$1" 5)"
    brews=$(packages "$1" 6)
    case " $1 " in
    *' compiler '*) echo "  macOS:             xcode-select --install${brews:+ && brew install $brews}" ;;
    *) echo "  macOS (Homebrew):  brew install $brews" ;;
    esac
}

gone=$(missing)
if [ -z "$gone" ]; then
    exit 0
fi
if [ "$check_only" = yes ]; then
    explain "$gone" >&2
    echo "(on Debian and Ubuntu, 'make setup' does it)" >&2
    exit 2
fi

if ! have apt-get; then
    explain "$gone" >&2
    exit 2
fi
if [ "$(id -u)" = 0 ]; then
    as_root=
elif have sudo && sudo -n true >/dev/null 2>&1; then
    as_root="sudo -n"
elif have sudo && [ -t 0 ]; then
    as_root=sudo # it asks for the password
else
    explain "$gone" >&2
    echo "and neither root nor sudo is at hand to do it from here" >&2
    exit 2
fi

list=$(packages "$gone" 3)
echo "Installing packages that are missing here: $list"
echo "  ${as_root:+$as_root }apt-get update && ${as_root:+$as_root }apt-get install -y --no-install-recommends $list"
# A stale or partly unreachable index may still have all that is wanted: only the installation decides.
# shellcheck disable=SC2086 # as_root and list are several words, or none
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update ||
        echo "setup: apt-get update failed; trying with the package lists that are here" >&2
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $list || {
        echo "setup: apt-get could not install them; see its messages above" >&2
        exit 2
    }
}
gone=$(missing)
if [ -n "$gone" ]; then
    echo "setup: installed, and still not found:" >&2
    explain "$gone" >&2
    exit 2
fi
echo "Set-up is complete."
