# The gallery's entries in their short forms: each figure is as its entry expects, with its reason. And its page.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_program

gallery()
{
    sh "$SOURCE/experiments/gallery.sh" "$@" >out 2>err </dev/null
    status=$?
}

for file in "$SOURCE"/experiments/*/expected.tsv; do
    entry=${file%/expected.tsv}
    entry=${entry##*/}
    begin "$entry comes out as expected"
    gallery --short "$entry"
    if [ $status = 77 ]; then
        skip "$(sed -n "s/^$entry: left out: //p" out)"
    else
        exits 0
        out_has 'gallery: 1 run, 0 not as expected'
    fi
done

begin "every figure has an expectation, a tolerance above 0 and a reason"
awk -F '\t' '!/^#/ && (NF != 5 || $1 !~ /^(both|full|short)$/ || $4 <= 0 || length($5) < 20) { print FILENAME ": " $0 }' \
    "$SOURCE"/experiments/*/expected.tsv >out
out_empty

begin "the gallery's page is what its entries and the recorded figures make"
gallery --page
exits 0
same out "$SOURCE/experiments/README.md"

begin "a figure outside its tolerance fails, and says why it was expected"
mkdir -p copy/one
cp "$SOURCE/experiments/gallery.sh" copy
printf 'entry\tfigure\tvalue\n' >copy/figures.tsv
printf 'short\tanswer\t42\t0.5\tknown from elsewhere\n' >copy/one/expected.tsv
echo 'echo answer 42.6' >copy/one/entry.sh
sh copy/gallery.sh --short one >out 2>err
status=$?
exits 1
out_has OFF
out_has 'known from elsewhere'

begin "so does a figure that an entry does not print, and one that is no number"
for said in 'other 42' 'answer nan' 'answer 42x'; do
    echo "echo $said" >copy/one/entry.sh
    sh copy/gallery.sh --short one >out 2>err
    status=$?
    exits 1
done

begin "an entry whose data are absent is left out with a word, one that breaks is not"
echo 'echo no such file >&2; exit 77' >copy/one/entry.sh
sh copy/gallery.sh --short one >out 2>err
status=$?
exits 77
out_has 'one: left out: no such file'
echo 'echo answer 42; false' >copy/one/entry.sh
sh copy/gallery.sh --short one >out 2>err
status=$?
exits 1

finish
