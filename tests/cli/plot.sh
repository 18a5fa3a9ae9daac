# plot: columns of tables as curves.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_command plot

printf 'n,error,spread,word\n1,1,0.1,a\n10,0.1,,b\n100,0.01,0.001,c\n' >table.csv

begin "a column against another becomes a picture, as PNG and SVG"
run plot table.csv -y error -x n --log-x --log-y --style marked --title 'error by rows' -o one.png
exits 0
exists one.png one.svg
grep -q 'error by rows' one.svg || wrong "no title"
grep -q '>table<' one.svg && wrong "one curve needs no legend"

begin "several tables and columns are told apart by a legend"
run plot first=table.csv second=table.csv -y error,spread -o two
exits 0
for name in 'first error' 'first spread' 'second error' 'second spread'; do
    grep -q ">$name<" two.svg || wrong "no '$name'"
done
run plot table.csv -y error --error spread -o band
exits 0

begin "a run stands for its metrics"
mkdir -p runs/a
cp table.csv runs/a/metrics.csv
run plot runs/a/ table.csv -y error -o three
exits 0
grep -q '>a<' three.svg || wrong "no name of the run"

begin "what cannot be drawn is said"
run plot table.csv -y eror -o four
exits 2
err_has "did you mean 'error'"
run plot table.csv -y word -o four
exits 2
err_has 'holds text'
run plot table.csv -y error
exits 2
err_has 'plot wants -o OUT'
run plot table.csv -y error --style dotted -o four
exits 2
err_has 'none of line, marked, points'
run plot nowhere.csv -y error -o four
exits 9
printf 'a,b\n1,\n,2\n' >holes.csv
run plot holes.csv -x a -y b -o four
exits 2
err_has 'no row has a number in both columns'
run plot table.csv -y error -o no/where/four
exits 9
[ ! -e four.png ] || wrong "a picture all the same"

finish
