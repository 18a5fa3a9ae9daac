# Help, version, schema, wrong usage, running from anywhere.
# shellcheck shell=sh
# shellcheck source=tests/support/cli.sh
. "$SOURCE/tests/support/cli.sh"
need_program

begin "version names the program and its number"
run version
exits 0
out_has "$(sed -n 's/^#define SS_VERSION "\(.*\)"$/\1/p' "$SOURCE/src/base/version.h")"
err_empty

begin "help lists every command"
run --help
exits 0
for command in run check resume loss import gradcheck evaluate score sample devices schema version; do
    out_has "$command"
done

begin "every command has a help of its own"
for command in run check resume loss import gradcheck evaluate score sample devices schema version; do
    run $command --help
    exits 0
    out_has "$command"
done

begin "no command is a usage error that shows the way"
run
exits 2
err_has "run"
out_empty

begin "a misspelt command is refused with the nearest"
run rnu
exits 2
err_has "rnu"
err_has "run"

begin "an unknown option is refused"
run version --colour
exits 2
err_has "--colour"

begin "an option without its value is refused"
run devices --device
exits 2

need_python
begin "schema is a JSON Schema that knows the blocks of a file"
run schema
exits 0
json 'all(k in it["properties"] for k in ("data", "model", "objective", "train", "engine", "evaluate", "sample"))'
err_empty

begin "the manual page is one"
run schema --man
exits 0
out_has '.TH'
out_has 'slicescore'
if command -v man >/dev/null 2>&1; then
    LC_ALL=C.UTF-8 man --warnings -l out >page 2>warnings || wrong "man: $(cat warnings)"
    [ ! -s warnings ] || wrong "man warns: $(head -n 3 warnings)"
fi

begin "the shell completions are valid"
for shell in bash zsh fish; do
    run schema --completion $shell
    exits 0
    out_has slicescore
    if command -v $shell >/dev/null 2>&1; then
        $shell -n out 2>syntax || wrong "$shell: $(cat syntax)"
    fi
done
run schema --completion tcsh
exits 2

begin "one binary runs from any folder, without the sources"
mkdir -p elsewhere/deep
cp "$SLICESCORE" elsewhere/renamed
(
    cd elsewhere/deep && ../renamed version
) >out 2>err
# shellcheck disable=SC2034 # read by exits
status=$?
exits 0

finish
