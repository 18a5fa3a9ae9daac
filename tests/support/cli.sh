# cli.sh - what the scripts of tests/cli/ are written with. Sourced, not run:  . "$SOURCE/tests/support/cli.sh"
# shellcheck shell=sh
#
#     begin "an unknown key is refused"
#     run check bad.yaml          # the program; status, ./out and ./err are what came of it
#     exits 2
#     err_has 'did you mean'
#     ...
#     finish                      # last line of every script
#
# A test fails with its first assertion that does not hold; the rest of that test's assertions still run. The script's
# folder is fresh and empty, HOME too. Nothing here uses more than a POSIX shell has.
set -u

cli_test='' cli_bad=0 cli_passed=0 cli_failed=0 cli_skipped=0
status=0

# The program is not built in every state of the source tree.
need_program()
{
    if [ -z "${SLICESCORE:-}" ] || [ ! -x "$SLICESCORE" ]; then
        echo "skip: the program is not built"
        exit 77
    fi
}

# $1: the subcommand that a script is about. A program without it is not yet the one that the script tests.
need_command()
{
    need_program
    if ! "$SLICESCORE" "$1" --help >/dev/null 2>&1; then
        echo "skip: slicescore has no '$1'"
        exit 77
    fi
}

need_python()
{
    if ! "$PYTHON" -c 'import json' >/dev/null 2>&1; then
        echo "skip: no Python ($PYTHON)"
        exit 77
    fi
}

cli_close()
{
    if [ -n "$cli_test" ]; then
        if [ $cli_bad = 0 ]; then
            cli_passed=$((cli_passed + 1))
            echo "ok: $cli_test"
        else
            cli_failed=$((cli_failed + 1))
            echo "FAILED: $cli_test"
        fi
    fi
    cli_test=
}

begin()
{
    cli_close
    cli_test=$1
    cli_bad=0
}

# Leave out the test begun last, with the reason.
skip()
{
    echo "skip: $cli_test: $1"
    cli_skipped=$((cli_skipped + 1))
    cli_test=
}

finish()
{
    cli_close
    echo "cli: $cli_passed passed, $cli_failed failed, $cli_skipped skipped"
    [ $cli_failed = 0 ]
    exit
}

# $1: what is wrong. Shows the last call of the program once for each.
wrong()
{
    cli_bad=1
    echo "  $cli_test: $1"
    if [ -s err ]; then
        sed 's/^/    err: /' err | tail -n 20
    fi
    if [ -s out ]; then
        sed 's/^/    out: /' out | tail -n 10
    fi
}

run()
{
    "$SLICESCORE" "$@" >out 2>err </dev/null
    status=$?
}

exits()
{
    [ "$status" = "$1" ] || wrong "exit $status, wanted $1"
}

exits_any()
{
    case " $* " in
    *" $status "*) ;;
    *) wrong "exit $status, wanted one of $*" ;;
    esac
}

# Fixed strings, not patterns.
out_has()
{
    grep -qF -e "$1" out || wrong "stdout lacks '$1'"
}
err_has()
{
    grep -qF -e "$1" err || wrong "stderr lacks '$1'"
}
err_lacks()
{
    ! grep -qF -e "$1" err || wrong "stderr has '$1'"
}
file_has()
{
    grep -qF -e "$2" "$1" || wrong "$1 lacks '$2'"
}
out_empty()
{
    [ ! -s out ] || wrong "stdout is not empty"
}
err_empty()
{
    [ ! -s err ] || wrong "stderr is not empty"
}
exists()
{
    for cli_file in "$@"; do
        [ -e "$cli_file" ] || wrong "$cli_file is not there"
    done
}
absent()
{
    [ ! -e "$1" ] || wrong "$1 is there"
}
same()
{
    cmp -s "$1" "$2" || wrong "$1 and $2 differ"
}
is()
{
    [ "$1" = "$2" ] || wrong "'$1' is not '$2'"
}

# $1: a Python expression over `it`, the object that stdout holds. True, or the test fails.
json()
{
    "$PYTHON" -c '
import json, sys
with open("out") as f:
    it = json.load(f)
sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" 2>json-error || {
        wrong "not so of the JSON on stdout: $1"
        tail -n 1 json-error
    }
}
# Prints the value of the expression.
json_get()
{
    "$PYTHON" -c '
import json, sys
with open("out") as f:
    it = json.load(f)
print(eval(sys.argv[1]))' "$1"
}
