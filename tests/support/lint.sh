#!/bin/sh
# lint.sh - what a machine can check of the house rules. Every check runs; the exit status says whether all held.
#
# From the Makefile: CC, CFLAGS_LINT (how sources are compiled), CLANG_FORMAT, BUILD (objects of a release build).
# shellcheck disable=SC2086,SC2046 # lists of words are split on purpose, all through this file
set -u

CC=${CC:-cc}
CLANG=${CLANG:-clang}
CLANG_FORMAT=${CLANG_FORMAT:-clang-format}
BUILD=${BUILD:-build/release}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
failed=0

# $1: what is checked; the rest: a command that prints what is wrong and fails if anything is
check()
{
    what=$1
    shift
    if said=$("$@" 2>&1); then
        printf '  %-7s %s\n' ok "$what"
    else
        printf '  %-7s %s\n' FAILED "$what"
        printf '%s\n' "$said" | head -n 100 | sed 's/^/    | /'
        failed=$((failed + 1))
    fi
}

# $1: folders; the rest: what names end in
files()
{
    folders=$1
    shift
    for ending in "$@"; do
        for folder in $folders; do
            if [ -e "$folder" ]; then
                find "$folder" -type f -name "*$ending"
            fi
        done
    done | sort
}

# $1: a compiler command without the file; the rest: files. Several at a time, all of them.
each()
{
    command=$1
    shift
    [ $# = 0 ] || printf '%s\n' "$@" | xargs -P "$jobs" -n 1 $command
}

sources=$(files 'src tests' .c)
headers=$(files 'include src tests' .h)
kernels=$(files cl .cl .clh)
scripts="$(files tests .sh) $(files .ci run)"

headers_alone()
{
    each "$CC $CFLAGS_LINT -Wno-pedantic -Werror -x c -fsyntax-only" $headers
}

headers_guarded()
{
    for file in $headers; do
        grep -q '^#ifndef [A-Z0-9_]*_H$' "$file" || {
            echo "$file: no include guard"
            bad=1
        }
    done
    [ -z "${bad:-}" ]
}

clang_silent()
{
    each "$CLANG $CFLAGS_LINT -Werror -fsyntax-only" $sources
}

# Without cl_khr_fp64, as on many GPUs: a double or a bare 0.5 is an error.
kernels_alone()
{
    each "$CLANG -x cl -cl-std=CL1.2 -target spir64 -Xclang -finclude-default-header -Xclang -cl-ext=-cl_khr_fp64
        -fsyntax-only -Wall -Wextra -Wshadow -Wdouble-promotion -Wundef -Wno-unused-function -Wno-unused-parameter -Werror -Icl" $(files cl .cl)
}

kernel_lines()
{
    # The compilers of drivers differ in what they take beyond OpenCL C 1.2.
    ! grep -nE '\b(double[0-9]*|atomic_(fetch|load|store)[a-z_]*|native_exp|native_log)\b' $kernels /dev/null |
        grep -vE ':[0-9]+: *(//|\*|/\*)'
}

layout()
{
    printf '%s\n' $sources $headers $kernels | xargs -P "$jobs" -n 40 "$CLANG_FORMAT" --dry-run -Werror
}

analysis()
{
    mkdir -p build/cppcheck
    cppcheck --std=c11 --language=c --enable=warning,performance,portability --error-exitcode=1 --inline-suppr --quiet \
        --suppressions-list=tests/support/cppcheck.txt --cppcheck-build-dir=build/cppcheck -j "$jobs" \
        -Isrc -Iinclude -I. -Icl $(files src .c)
}

shells()
{
    printf '%s\n' $scripts | xargs -P "$jobs" -n 8 shellcheck -x
}

# A room includes only itself and the rooms below it; OpenCL and CLBlast are seen by device/ alone.
rooms()
{
    awk '
    BEGIN {
        n = split("base random config device data jet model objective sampler train report run library cmd", order, " ")
        for (i = 1; i <= n; i++)
            floor[order[i]] = i
    }
    /^#[ \t]*include/ {
        split(FILENAME, part, "/")
        room = part[2]
        if (!(room in floor)) {
            printf "%s: room %s is not in the plan of src/README.md\n", FILENAME, room
            bad = 1
            nextfile
        }
        if ($0 ~ /<CL\/|clblast/ && room != "device") {
            printf "%s:%d: only device/ may see OpenCL and CLBlast\n", FILENAME, FNR
            bad = 1
        }
        if (match($0, /"[^"]*"/)) {
            file = substr($0, RSTART + 1, RLENGTH - 2)
            split(file, of, "/")
            if (!(of[1] in floor) || file !~ /\//) {
                if (of[1] != "slicescore.h" && file !~ /^cl\//) {
                    printf "%s:%d: \"%s\" does not name a room\n", FILENAME, FNR, file
                    bad = 1
                }
            } else if (floor[of[1]] > floor[room]) {
                printf "%s:%d: %s is below %s and may not include it\n", FILENAME, FNR, room, of[1]
                bad = 1
            }
        }
    }
    END { exit bad }' $(files src .c .h)
}

# Only cmd/ writes to stdout, only main ends the process, nothing forks.
calls()
{
    awk '
    FNR == 1 { comment = 0 }
    {
        line = $0
        gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
        if (line ~ /\/\*/ && line !~ /\*\//)
            comment = 1
        skip = comment
        if (line ~ /\*\//)
            comment = 0
        sub(/\/[*\/].*/, "", line)
        split(FILENAME, part, "/")
        if (skip)
            next
        if (line ~ /(^|[^A-Za-z0-9_])(exit|_exit|abort|quick_exit)\(/ && FILENAME != "src/cmd/main.c") {
            printf "%s:%d: only main ends the process\n", FILENAME, FNR
            bad = 1
        }
        if (line ~ /(^|[^A-Za-z0-9_])(fork|vfork|system|popen|chdir|gets|sprintf|strtok|rand|srand|setlocale)\(/) {
            printf "%s:%d: not in this house:%s\n", FILENAME, FNR, line
            bad = 1
        }
        if (line ~ /(^|[^A-Za-z0-9_])(printf|puts|putchar)\(|[(, ]stdout[,)]/ && part[2] != "cmd") {
            printf "%s:%d: only cmd/ writes to stdout\n", FILENAME, FNR
            bad = 1
        }
    }
    END { exit bad }' $(files src .c)
}

# Writable data in an object file is a mutable global. Allowed: the report sink (thread-local, so elsewhere), the flag
# that a signal sets.
globals()
{
    found=$(for object in "$BUILD"/src/*/*.o; do
        [ -e "${object%.o}.d" ] || continue
        source=${object#"$BUILD"/}
        [ -e "${source%.o}.c" ] || continue
        objdump -t "$object" | awk -v file="${source%.o}.c" \
            '$(NF - 2) ~ /^\.(data|bss)(\.|$)/ && $(NF - 2) !~ /rel\.ro/ && $0 ~ / O / { print file ": " $NF }'
    done | grep -vE 'signal|interrupt|stop_asked')
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

sizes()
{
    for file in $sources $headers $kernels; do
        lines=$(wc -l <"$file")
        case $file in
        tests/*) most=1200 ;; # one suite a part, however many cases that has
        *) most=600 ;;
        esac
        if [ "$lines" -gt $most ]; then
            echo "$file: $lines lines"
            bad=1
        fi
    done
    [ -z "${bad:-}" ]
}

maps()
{
    for folder in . include src src/* cl cl/* tests tests/* experiments experiments/*; do
        if [ -d "$folder" ] && [ ! -e "$folder/README.md" ]; then
            echo "$folder has no README.md"
            bad=1
        fi
    done
    [ -z "${bad:-}" ]
}

# Links between the documents lead somewhere.
links()
{
    find . -name '*.md' -not -path './build/*' -not -path './runs/*' | while read -r file; do
        grep -oE '\]\([^)#]+' "$file" | sed 's/^](//' | while read -r target; do
            case $target in
            http*) ;;
            *) [ -e "$(dirname "$file")/$target" ] || echo "$file: $target is not there" ;;
            esac
        done
    done | { ! grep .; }
}

check "every header compiles alone" headers_alone
check "every header is guarded" headers_guarded
check "clang has no warning" clang_silent
if [ -n "$kernels" ]; then
    check "every kernel file compiles alone, without doubles" kernels_alone
    check "kernels keep to OpenCL C 1.2 and exact functions" kernel_lines
fi
check "layout is clang-format's" layout
check "cppcheck" analysis
check "shellcheck" shells
check "rooms include only rooms below" rooms
check "nobody ends the process, forks or prints but who may" calls
check "no mutable globals" globals
check "no file is too long" sizes
check "every folder has a map" maps
check "links between documents lead somewhere" links

if [ $failed -gt 0 ]; then
    echo "$failed checks failed"
    exit 1
fi
