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

missing=0
echo
echo "Pictures, each also as .svg:"
# name of the file | what it shows
while IFS='|' read -r name what; do
    if [ -s "$folder/plots/$name.png" ]; then
        printf '  %-17s %s\n' "$what" "$folder/plots/$name.png"
    else
        printf '  %-17s %s\n' "$what" "was not drawn" >&2
        missing=1
    fi
done <<'PICTURES'
data|data
density|learned density
score|score field
samples|Langevin samples
loss|loss
PICTURES
[ $missing = 0 ]
