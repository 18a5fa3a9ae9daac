# shellcheck shell=sh
# together.sh - sourced: shell functions side by side, and what they say in the order in which they were begun.
#
# The script that sources it sets `all`, a folder that it removes at its end, and defines `ended NAME STATUS`. A command
# works by a token from a pipe, one a core unless JOBS says how many.

children='' names=''
# shellcheck disable=SC2154 # set by who sources this
mkfifo "$all/tokens" || exit 1
exec 3<>"$all/tokens"
for _ in $(seq "${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}"); do
    echo >&3
done
trap 'kill $children 2>/dev/null; wait; exit 130' INT TERM

# $1: name, of its own; the rest: a command
together()
{
    name=$1
    shift
    (
        read -r _ <&3
        "$@" >"$all/$name.said" 2>&1
        code=$?
        echo >&3
        exit $code
    ) &
    children="$children $!" names="$names $name"
}

# Wait for all that were begun.
in_order()
{
    # shellcheck disable=SC2086 # list of words
    set -- $children
    for name in $names; do
        wait "$1"
        code=$?
        shift
        cat "$all/$name.said"
        ended "$name" $code
    done
}
