# The test runner (tests/support/run.sh): what it counts and what it does not let pass.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"

# $1: name; the body comes from stdin
program()
{
    {
        echo '#!/bin/sh'
        cat
    } >"$1"
    chmod +x "$1"
}
# The rest: test programs and scripts
runner()
{
    env BUILD="$PWD/build" PROGRAM= sh "$SOURCE/tests/support/run.sh" "$@" >out 2>err </dev/null
    status=$?
}

program good <<'PROGRAM'
echo "Running suite(s): good"
echo "100%: Checks: 7, Failures: 0, Errors: 0"
PROGRAM
program bad <<'PROGRAM'
echo "Running suite(s): bad"
echo "60%: Checks: 5, Failures: 1, Errors: 1"
echo "bad.c:12:F:core:adds:0: one and one is three"
exit 1
PROGRAM
program crash <<'PROGRAM'
echo "Running suite(s): crash"
kill -SEGV $$
PROGRAM
program liar <<'PROGRAM'
echo "100%: Checks: 3, Failures: 0, Errors: 0"
exit 1
PROGRAM
program empty <<'PROGRAM'
echo "100%: Checks: 0, Failures: 0, Errors: 0"
PROGRAM
program absent <<'PROGRAM'
echo "no device of this kind"
exit 77
PROGRAM
program partly <<'PROGRAM'
echo "skip: no fp64 here"
echo "100%: Checks: 2, Failures: 0, Errors: 0"
PROGRAM
program hangs <<'PROGRAM'
sleep 60
PROGRAM
cat >mixed.sh <<'SCRIPT'
. "$SOURCE/tests/support/cli.sh"
begin a
is 1 1
begin b
is 1 2
begin c
skip "not today"
finish
SCRIPT
cat >early.sh <<'SCRIPT'
. "$SOURCE/tests/support/cli.sh"
begin a
is 1 1
exit 0
SCRIPT
mkdir -p "$PWD/build"

begin "what passes is counted and timed, and the total stands alone on the last line"
runner ./good
exits 0
out_has "7 checks"
is "$(tail -n 1 out)" "7 passed, 0 failed, 0 skipped"

begin "a failure is shown with what the program said, and the rest still runs"
runner ./bad ./good
exits 1
out_has "one and one is three"
is "$(tail -n 1 out)" "10 passed, 2 failed, 0 skipped"

begin "a crash, a bad exit after good checks, and no checks at all are failures"
runner ./crash
exits 1
is "$(tail -n 1 out)" "0 passed, 1 failed, 0 skipped"
runner ./liar
exits 1
is "$(tail -n 1 out)" "3 passed, 1 failed, 0 skipped"
runner ./empty
exits 1
is "$(tail -n 1 out)" "0 passed, 1 failed, 0 skipped"
runner ./not-there
exits 1
is "$(tail -n 1 out)" "0 passed, 1 failed, 0 skipped"

begin "skips are printed with their reason and are no passes"
runner ./absent ./partly
exits 0
out_has "no device of this kind"
out_has "no fp64 here"
is "$(tail -n 1 out)" "2 passed, 0 failed, 2 skipped"

if command -v timeout >/dev/null 2>&1; then
    begin "what hangs is stopped and fails"
    TEST_TIMEOUT=1 runner ./hangs
    exits 1
    is "$(tail -n 1 out)" "0 passed, 1 failed, 0 skipped"
fi

begin "scripts count by their tests; one that ends early fails"
cd "$SOURCE" || exit 1
work=$OLDPWD
cp "$work"/mixed.sh "$work"/early.sh "$BUILD/tests/"
relative=${BUILD#"$SOURCE"/}/tests
cd "$work" || exit 1
(
    cd "$SOURCE" && env BUILD="$work/build" PROGRAM= sh tests/support/run.sh "$relative/mixed.sh" "$relative/early.sh"
) >out 2>err </dev/null
# shellcheck disable=SC2034 # read by exits
status=$?
rm -f "$BUILD/tests/mixed.sh" "$BUILD/tests/early.sh"
exits 1
out_has "not today"
is "$(tail -n 1 out)" "1 passed, 2 failed, 1 skipped"

finish
