# sweep_processes.sh - the workers of a sweep, for scripts that kill them. Sourced after cli.sh.
# shellcheck shell=sh

# $1: folder, whose name no other process has among its words. Prints the workers of its sweep.
workers()
{
    grep -laF "$1" /proc/[0-9]*/cmdline 2>/dev/null | while read -r cmdline; do
        # shellcheck disable=SC2002 # a process may be gone by now, and a redirection would say so
        case $(cat "$cmdline" 2>/dev/null | tr '\0' ' ') in
        *" sweep worker $1 "*) cmdline=${cmdline%/*} && echo "${cmdline##*/}" ;;
        esac
    done
}

# $1: folder. All of them end by themselves.
nobody_is_left()
{
    tries=0
    while [ -n "$(workers "$1")" ] && [ $tries -lt 200 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    [ -z "$(workers "$1")" ] || wrong "processes of $1 are left behind"
}
