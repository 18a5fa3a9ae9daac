#!/bin/sh
# gallery.sh [--short] [ENTRY ...]      run entries of the gallery, all unless some are named, and check their figures
# gallery.sh --page                     print the gallery's page, made of the entries and the recorded figures
#
# An entry is a folder here with
#     entry.sh       runs it. It is called in an empty folder, with SLICESCORE (the program), HERE (the entry's folder) and
#                    FORM (full or short). It prints `NAME VALUE` for each figure and leaves pictures of README.md's names.
#                    Exit 77: something that it needs is absent; the last line says what.
#     expected.tsv   a line a figure, tabs between: form (full, short or both), name, expected value, tolerance, reason.
#     README.md      a title, then a paragraph that begins with the claim; its pictures.
#     *.yaml         what it runs
# In full form a figure stands beside the one recorded in figures.tsv, and has moved if it differs by more than a tenth
# of its tolerance; then the record, the pictures and the page are written anew. Exit 1 if a figure is not as expected.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
SLICESCORE=${SLICESCORE:-$here/../build/release/slicescore}
record=$here/figures.tsv
FORM=full

page()
{
    sed '/^<!-- gallery -->$/q' "$here/README.md"
    for entry in $(entries); do
        [ -e "$here/$entry/README.md" ] || continue
        echo
        sed -n 's/^# /## /p' "$here/$entry/README.md" | head -n 1
        echo
        # the first paragraph, its links and pictures seen from here
        awk 'NR > 2 && /^$/ { exit } NR > 2' "$here/$entry/README.md"
        echo
        sed -n "s|^!\[\(.*\)\](\(.*\))\$|![\1]($entry/\2)|p" "$here/$entry/README.md"
        figures_of "$entry"
    done
}

# The recorded figures of an entry as a table, and how to have them again.
figures_of()
{
    awk -F '\t' -v entry="$1" '
        FNR == NR { if ($1 == "full" || $1 == "both") { order[++n] = $2; want[$2] = $3; within[$2] = $4 } next }
        $1 == entry { got[$2] = $3; seconds = $4; device = $5 }
        END {
            print "\n| figure | measured | expected |\n|---|---|---|"
            for (i = 1; i <= n; i++) {
                f = order[i]
                printf "| %s | %s | %s +- %s |\n", f, f in got ? got[f] : "-", want[f], within[f]
            }
            printf "\n`make gallery GALLERY=%s`", entry
            if (seconds != "") printf ": %s s (%s). ", seconds, device
            else printf ". "
            printf "[More](%s/README.md).\n", entry
        }' "$here/$1/expected.tsv" "$record"
}

entries()
{
    (cd "$here" && for file in */expected.tsv; do echo "${file%/expected.tsv}"; done)
}

# $1: entry, $2: its folder of results. One line a figure, with a verdict; 0 if all are as expected.
compare()
{
    awk -F '\t' -v entry="$1" -v form=$FORM '
        function off(a, b) { return a > b ? a - b : b - a }
        FILENAME ~ /expected.tsv$/ { if ($1 == form || $1 == "both") { order[++n] = $2; want[$2] = $3; within[$2] = $4; why[$2] = $5 } next }
        FILENAME ~ /figures.tsv$/ { if ($1 == entry) last[$2] = $3; next }
        { split($0, w, " "); got[w[1]] = w[2] }
        END {
            for (i = 1; i <= n; i++) {
                f = order[i]
                verdict = "ok"
                if (form == "full" && f in last && f in got && off(got[f], last[f]) > 0.1 * within[f]) { verdict = "MOVED"; moved++ }
                if (!(f in got) || got[f] !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ || off(got[f], want[f]) > within[f] * 1) { verdict = "OFF"; bad++ }
                printf "%-14s %-30s %12s %12s %12s +- %-9s %s\n", entry, f, f in got ? got[f] : "none", \
                       form == "full" ? f in last ? last[f] : "-" : "", want[f], within[f], verdict
                if (verdict == "OFF") printf "%-14s %s\n", "", why[f]
            }
            if (!n) { print entry ": expects no figure in this form"; bad = 1 }
            exit bad > 0
        }' "$here/$1/expected.tsv" "$record" "$2/figures"
}

# $1: entry, $2: seconds it took, $3: its folder of results
write_record()
{
    device=$("$SLICESCORE" devices --json | sed 's/.*"name": "\([^"]*\)"[^}]*"default": true.*/\1/')
    {
        awk -F '\t' -v entry="$1" '$1 != entry' "$record"
        awk -v entry="$1" -v seconds="$2" -v device="$device" -v today="$(date -u +%Y-%m-%d)" \
            '{ printf "%s\t%s\t%s\t%s\t%s\t%s\n", entry, $1, $2, seconds, device, today }' "$3/figures"
    } >"$3/record"
    { sed '/^entry\t/!d' "$3/record"; sed '/^entry\t/d' "$3/record" | LC_ALL=C sort; } >"$record"
    sed -n 's/^!\[.*\](\(.*\))$/\1/p' "$here/$1/README.md" | while read -r picture; do
        cp "$3/$picture" "$here/$1/$picture"
    done
}

while [ $# -gt 0 ]; do
    case $1 in
    --short) FORM=short ;;
    --page)
        page
        exit
        ;;
    -*)
        echo "gallery.sh: no option $1" >&2
        exit 2
        ;;
    *) break ;;
    esac
    shift
done
case $SLICESCORE in
/*) ;;
*) SLICESCORE=$PWD/$SLICESCORE ;;
esac
export SLICESCORE FORM

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[ $FORM = short ] || printf '%-14s %-30s %12s %12s %12s\n' entry figure 'this time' 'last time' expected
ran=0 off=0 absent=0
if [ $# = 0 ]; then
    # shellcheck disable=SC2046 # one word an entry
    set -- $(entries)
fi
for entry in "$@"; do
    if [ ! -e "$here/$entry/expected.tsv" ]; then
        echo "gallery.sh: no entry '$entry'; there are: $(entries | tr '\n' ' ')" >&2
        exit 2
    fi
    mkdir "$scratch/$entry"
    started=$(date +%s)
    status=0
    (cd "$scratch/$entry" && HERE=$here/$entry sh -eu "$here/$entry/entry.sh" >figures 2>log) || status=$?
    took=$(($(date +%s) - started))
    if [ $status = 77 ]; then
        echo "$entry: left out: $(tail -n 1 "$scratch/$entry/log")"
        absent=$((absent + 1))
    elif [ $status != 0 ]; then
        sed 's/^/    /' "$scratch/$entry/log"
        echo "$entry: ended with exit $status"
        off=$((off + 1))
    else
        ran=$((ran + 1))
        compare "$entry" "$scratch/$entry" || off=$((off + 1))
        [ $FORM = short ] || write_record "$entry" "$took" "$scratch/$entry"
    fi
done
if [ $FORM = full ]; then
    page >"$scratch/page"
    cp "$scratch/page" "$here/README.md"
fi
echo "gallery: $ran run, $off not as expected, $absent left out"
[ $off = 0 ] || exit 1
[ $ran -gt 0 ] || exit 77
