# The installed library: what it shows, and a program built with nothing but pkg-config's answer.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command score

variant=${BUILD##*/}
"$MAKE" -C "$SOURCE" install VARIANT="$variant" CC="$CC" PREFIX="$PWD/usr" >out 2>err || {
    cat out err
    exit 1
}
PKG_CONFIG_PATH=$PWD/usr/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
instrument=
case $variant in
san) instrument=-fsanitize=address,undefined ;;
coverage) instrument=--coverage ;;
esac

begin "the library shows what its header declares and nothing else"
sed -n 's/^SLICESCORE_API .*[ *]\(slicescore_[a-z_]*\)(.*/\1/p' usr/include/slicescore.h | sort >declared
[ "$(wc -l <declared)" -gt 10 ] || wrong "the header declares $(cat declared)"
for file in "-D usr/lib/libslicescore.so" "-g usr/lib/libslicescore.a"; do
    # shellcheck disable=SC2086 # two words
    nm $file --defined-only | awk 'NF == 3 && $2 != "U" { print $3 }' | grep -vE '^(_init|_fini|__odr_asan.*|__asan.*|__gcov.*)$' | sort >shown
    cmp -s declared shown || wrong "$file: $(diff declared shown)"
done

begin "the shared library has a versioned name, and the links lead to it"
version=$(sed -n 's/^#define SS_VERSION "\(.*\)"$/\1/p' "$SOURCE/src/base/version.h")
is "$(readlink usr/lib/libslicescore.so)" "libslicescore.so.${version%%.*}"
is "$(readlink "usr/lib/libslicescore.so.${version%%.*}")" "libslicescore.so.$version"
objdump -p "usr/lib/libslicescore.so.$version" | grep -q "SONAME *libslicescore.so.${version%%.*}\$" || wrong "its SONAME"

cat >exp.yaml <<'YAML'
data: {source: gaussian, rows: 500, mean: [5, -3], covariance: [4, 1.2, 1.2, 1], transform: [standardize]}
model: {kind: gaussian}
objective: {kind: esm}
train: {steps: 100, batch: 100, learning_rate: 3e-2}
sample: {count: 10, sampler: mala, steps: 50, step_size: 0.3}
YAML
run run exp.yaml -o run --quiet
printf 'a,b\n6,-2.5\n' >point.csv
run score run point.csv -o wanted.csv --quiet

# $1: the program: it says of a point what the command says, and five samples.
agrees()
{
    "$1" run 6 -2.5 >got 2>err
    # shellcheck disable=SC2034 # read by exits
    status=$?
    exits 0
    is "$(grep -c '^sample ' got)" 5
    sed -n 2p wanted.csv | tr ',' '\n' >numbers
    head -n 3 got | awk '{ print $2 }' | paste - numbers |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5 * (1 + ($2 < 0 ? -$2 : $2))) exit 1 }' || wrong "$(cat got)"
    is "$(wc -c <err | tr -d ' ')" 0
}

begin "a program linked with the shared library scores and samples as the command does"
# shellcheck disable=SC2046,SC2086 # lists of words
if $CC -std=c11 -Wall -Wextra -Werror $instrument "$SOURCE/tests/example/score_points.c" -o shared \
    $(pkg-config --cflags --libs slicescore) >out 2>&1; then
    LD_LIBRARY_PATH=$PWD/usr/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    export LD_LIBRARY_PATH
    agrees ./shared
else
    wrong "$(cat out)"
fi

begin "the same program is told what is wrong, and the library prints nothing itself"
./shared nowhere >got 2>err
is $? 9
is "$(wc -c <got | tr -d ' ')" 0
is "$(grep -c 'nowhere' err)" 1

begin "a program linked with the static library needs no other file of ours"
mkdir -p alone && cp usr/lib/libslicescore.a alone
# shellcheck disable=SC2046,SC2086 # lists of words
if $CC -std=c11 -Wall -Wextra -Werror $instrument "$SOURCE/tests/example/score_points.c" -o static -Lalone \
    $(pkg-config --static --cflags --libs slicescore | sed "s|-L$PWD/usr/lib||") >out 2>&1; then
    LD_LIBRARY_PATH=''
    agrees ./static
    ! ldd static | grep slicescore >found || wrong "$(cat found)"
else
    wrong "$(cat out)"
fi

begin "the header serves C++ too"
if command -v c++ >/dev/null 2>&1; then
    printf '#include <slicescore.h>\nint main() { return slicescore_version()[0] == 0; }\n' >x.cc
    # shellcheck disable=SC2046,SC2086 # lists of words
    c++ $instrument x.cc -o cpp $(pkg-config --cflags --libs slicescore) >out 2>&1 || wrong "$(cat out)"
    LD_LIBRARY_PATH=$PWD/usr/lib ./cpp || wrong "it does not run"
else
    skip "no C++ compiler"
fi

finish
