#!/bin/sh
# demo.sh PROGRAM EXPERIMENT - train it into a folder of its own and say where the pictures are.
set -u

program=${1:-}
experiment=${2:-}
if [ -z "$program" ] || [ -z "$experiment" ]; then
    echo "demo: usage: demo.sh PROGRAM EXPERIMENT" >&2
    exit 2
fi

name=$(basename "$experiment" .yaml)
folder=runs/$name
n=1
while [ -e "$folder" ]; do
    n=$((n + 1))
    folder=runs/$name-$n
done

echo "$program run $experiment -o $folder"
"$program" run "$experiment" -o "$folder" || exit $?

# $1: what it shows; the rest: patterns of file names
picture()
{
    what=$1
    shift
    for pattern in "$@"; do
        for file in "$folder"/plots/$pattern.png "$folder"/samples/$pattern.png; do
            if [ -e "$file" ]; then
                printf '  %-18s %s\n' "$what" "$file"
                return
            fi
        done
    done
    printf '  %-18s %s\n' "$what" "not drawn" >&2
    missing=1
}

missing=0
echo
echo "Pictures (each also as .svg where it is drawn from lines):"
picture "data" 'data*'
picture "learned density" 'density*'
picture "score field" 'score*' 'field*'
picture "Langevin samples" 'sample*' 'langevin*'
picture "loss" 'loss*'
[ $missing = 0 ]
