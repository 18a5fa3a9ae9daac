# Denoising score matching as a denoising autoencoder: error of x + sigma^2 score(x) against the noise, on a gaussian whose
# best denoiser is known, on two moons and on digits.
# shellcheck shell=sh

# $1: name, $2: file, $3: sigma, the rest: KEY=VALUE. A line of $1.csv, and the loss for the identity.
denoise()
{
    name=$1 file=$2 sigma=$3
    shift 3
    "$SLICESCORE" run "$HERE/$file.yaml" "objective.sigma=$sigma" "$@" -o "$name-$sigma" --json --quiet >run.json
    "$SLICESCORE" denoise "$name-$sigma" --json --quiet >denoised.json
    [ -e "$name.csv" ] || echo sigma,noisy,denoised,share_left,twice_loss >"$name.csv"
    sed -n 's/.*"dsm": {"mean": \([^,]*\),.*/\1/p' run.json |
        sed "s|\$| $(sed 's/.*"noisy_error": {"mean": \([^,]*\),.*"denoised_error": {"mean": \([^,]*\),.*/\1 \2/' denoised.json)|" |
        awk -v sigma="$sigma" '{ print sigma "," $2 "," $3 "," $3 / $2 "," 2 * sigma ^ 4 * $1 }' >>"$name.csv"
}

column() # $1: name, $2: sigma, $3: number of the column
{
    awk -F , -v sigma="$2" -v k="$3" '$1 == sigma { printf "%.4g\n", $k }' "$1.csv"
}

if [ "$FORM" = short ]; then
    denoise gaussian gaussian 0.5 train.steps=400 data.rows=8000
    denoise moons moons 0.2 train.steps=200 data.rows=4000
else
    [ -n "$(find "${SLICESCORE_DATA:-.}" /usr/share -name 'train-images-idx3-ubyte*' -path '*mnist*' ! -path '*fashion*' 2>/dev/null)" ] || {
        echo "MNIST is not here: set SLICESCORE_DATA" >&2
        exit 77
    }
    denoise gaussian gaussian 0.5
    for sigma in 0.05 0.1 0.2 0.4 0.8; do
        denoise moons moons $sigma
    done
    for sigma in 0.25 0.5 1; do
        denoise digits digits $sigma
    done
    cp moons-0.2/plots/denoised.png moons.png
    cp digits-0.5/plots/denoised.png digits.png
    "$SLICESCORE" plot moons=moons.csv digits=digits.csv -x sigma -y share_left --style marked --log-x --x-label 'sigma' \
        --y-label 'share of the noise that is left' -o share --quiet
    echo "digits_left $(column digits 0.5 4)"
    echo "moons_left_at_0.8 $(column moons 0.8 4)"
fi
echo "gaussian_error $(column gaussian 0.5 3)"
echo "moons_left $(column moons 0.2 4)"
echo "error_over_twice_loss $(awk -F , '$1 == 0.2 { printf "%.5f", $3 / $5 }' moons.csv)"
