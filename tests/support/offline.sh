#!/bin/sh
# offline.sh - compile the kernels for GPUs that are not there, and say what each takes of them.
#
# Every kernel file is compiled with the constants that the program gives it on a GPU at the shapes of `slicescore
# bench`: for NVIDIA by clang, libclc, libdevice and ptxas; for AMD by clang and libclc; for Intel by ocloc. A line a
# kernel: registers, spilled registers, scratch bytes of an item, work-items that fit at once. Exit 1 if a kernel does
# not compile, spills or has scratch, or if a chip's chain does not see what offline/planted.cl spills. A tool that is
# missing is a printed skip.
#
# What libclc lacks on NVIDIA (exp, log, sin, ...) comes from CUDA's libdevice, or else from a plain series of the same
# kind of instructions: the drivers' own functions differ, so registers of kernels that call them are estimates.
#
# Environment: CLANG15 (clang-15), CLC (folder of libclc), PTXAS, LIBDEVICE, OCLOC, NVIDIA, AMD, INTEL (lists of chips),
# JOBS (chips at a time; one a core).
set -u

CLANG15=${CLANG15:-clang-15}
CLC=${CLC:-/usr/lib/clc}
NVIDIA=${NVIDIA-sm_80 sm_90 sm_100}
AMD=${AMD-gfx90a gfx1030 gfx1100}
INTEL=${INTEL-skl tgllp dg2 pvc}
OCLOC=${OCLOC:-ocloc}
CUDA=$(dirname "$(dirname "$(readlink -f "$(command -v nvcc 2>/dev/null || echo /usr/local/cuda/bin/nvcc)")")")
PTXAS=${PTXAS:-$(command -v ptxas || echo "$CUDA/bin/ptxas")}
LIBDEVICE=${LIBDEVICE:-$CUDA/nvvm/libdevice/libdevice.10.bc}

# File and constants, as src/ gives them where the device is a GPU: tiles and place of the jets for 48 KiB of local
# memory and groups of 256 (src/device/tiles.c, src/jet/fused_shape.c), the optimizer 4 numbers an item. "cpu": for CPUs
# alone.
#
# Fused steps are those of large, large-m1, small and toy, of esm-50 and esm-784, then of scale-M's last, of ssm_vr and
# dsm on large's net, and of score nets; wide, nice and score run layer by layer, by gemm_tiled.
variants()
{
    cat <<'TABLE'
data/batches.cl
data/batches_rows.cl cpu
device/gemm_own.cl cpu
device/gemm_plain.cl
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DTRANSPOSE_B=1
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DTRANSPOSE_B=1 -DBIAS=1
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=4 -DDEPTH=8 -DTRANSPOSE_B=1 -DBIAS=1
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=8 -DDEPTH=8
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DTRANSPOSE_A=1
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DTRANSPOSE_A=1 -DTRANSPOSE_B=1
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=4 -DDEPTH=8 -DTRANSPOSE_B=1
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=4 -DDEPTH=8
device/gemm_tiled.cl -DITEM_M=4 -DITEM_N=4 -DDEPTH=8 -DTRANSPOSE_A=1
device/gemm_tiled.cl -DITEM_M=1 -DITEM_N=8 -DDEPTH=16 -DTRANSPOSE_A=1
device/partials.cl
device/peak.cl -DWIDTH=1
device/selftest.cl -DGROUP=64
jet/activation.cl -DACTIVATION=0 -DSECOND=1
jet/activation.cl -DACTIVATION=1 -DSECOND=1
jet/activation.cl -DACTIVATION=2 -DSECOND=0
jet/activation.cl -DACTIVATION=2 -DSECOND=1
jet/activation.cl -DACTIVATION=2 -DSECOND=2
jet/activation.cl -DACTIVATION=3 -DSECOND=1
jet/activation.cl -DACTIVATION=4 -DSECOND=1
jet/activation.cl -DACTIVATION=5 -DSECOND=1
jet/activation.cl -DACTIVATION=9 -DSECOND=1
jet/columns.cl
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DTRANSPOSE_B=1 -DBIAS=1 -DACTIVATION=0
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DTRANSPOSE_B=1 -DBIAS=1 -DACTIVATION=2
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DTRANSPOSE_B=1 -DBIAS=1 -DACTIVATION=4
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=4 -DDEPTH=8 -DTRANSPOSE_B=1 -DBIAS=1 -DACTIVATION=2
jet/dense_activation.cl TILES -DITEM_M=1 -DITEM_N=4 -DDEPTH=16 -DTRANSPOSE_B=1 -DBIAS=1 -DACTIVATION=2
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DREVERSE=1 -DACTIVATION=0
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DREVERSE=1 -DACTIVATION=2
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=8 -DDEPTH=8 -DREVERSE=1 -DACTIVATION=4
jet/dense_activation.cl TILES -DITEM_M=4 -DITEM_N=4 -DDEPTH=8 -DREVERSE=1 -DACTIVATION=2
jet/dense_activation.cl TILES -DITEM_M=1 -DITEM_N=4 -DDEPTH=16 -DREVERSE=1 -DACTIVATION=2
jet/dense_along.cl -DWIDTH=1
jet/fused_pack.cl cpu
jet/initial.cl
jet/product.cl -DSECOND=1
jet/row_sum.cl
jet/scale.cl
jet/squared_distance.cl -DSECOND=1
jet/sums.cl
objective/fused.cl STEP -DTILE=8 -DSLICES=5 -DITEM_M=4 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=8 -DSLICES=1 -DITEM_M=2 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=1 -DSLICES=5 -DITEM_M=1 -DITEM_N=4 -DDEPTH=16 -DLOCAL_JETS=1
objective/fused.cl STEP -DTILE=1 -DSLICES=1 -DITEM_M=1 -DITEM_N=4 -DDEPTH=16 -DLOCAL_JETS=1
objective/fused.cl STEP -DTILE=1 -DSLICES=50 -DUNIT=1 -DITEM_M=4 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=1 -DSLICES=61 -DUNIT=1 -DITEM_M=4 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=1 -DSLICES=64 -DITEM_M=4 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=8 -DSLICES=1 -DEXTRA=1 -DSQUARES=0 -DITEM_M=2 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=8 -DSLICES=5 -DEXTRA=1 -DSQUARES=0 -DITEM_M=4 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=8 -DSLICES=0 -DEXTRA=1 -DSECOND=0 -DNOISE=1 -DDENOISE=1 -DSQUARES=0 -DITEM_M=1 -DITEM_N=4 -DDEPTH=16
objective/fused.cl STEP -DTILE=8 -DSLICES=5 -DSCORE=1 -DSECOND=0 -DITEM_M=4 -DITEM_N=4 -DDEPTH=8
objective/fused.cl STEP -DTILE=8 -DSLICES=0 -DSCORE=1 -DSECOND=0 -DNOISE=1 -DDENOISE=1 -DSQUARES=0 -DITEM_M=1 -DITEM_N=4 -DDEPTH=16
objective/control.cl
objective/objective.cl
objective/slices.cl
random/random.cl
sampler/hmc.cl
sampler/langevin.cl
sampler/track.cl
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=0 -DMOMENTUM=0 -DAVERAGE=1
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=1 -DMOMENTUM=0 -DAVERAGE=1
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=2 -DMOMENTUM=1 -DAVERAGE=1
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=3 -DMOMENTUM=1 -DAVERAGE=1
TABLE
}

# Kernels of those files that a GPU never runs.
FOR_CPUS='batches_noise_wide initial_normals_wide random_floats_wide random_signs_wide random_wide'
FOR_CPUS="$FOR_CPUS slices_normals_wide slices_signs_wide"

PLANTED=tests/support/offline/planted.cl

all=$(mktemp -d) || exit 1
trap 'rm -rf "$all"' EXIT
started=$(date +%s)
# shellcheck source=tests/support/together.sh
. tests/support/together.sh
compiled=0 spilled=0 failed=0

fail()
{
    echo "FAILED: $1"
    failed=$((failed + 1))
}

# A new kernel file must not be forgotten here.
for file in $(cd cl && find . -name '*.cl' | sed 's|^\./||' | sort); do
    variants | awk -v file="$file" '$1 == file { found = 1 } END { exit !found }' ||
        fail "cl/$file has no line in tests/support/offline.sh"
done

# $1: chip; stdin: lines "kernel registers spilled scratch items"; $2: file; $3: constants
tell()
{
    awk -v chip="$1" -v file="$2" -v defines="$3" '
        { printf "%-8s %-26s %-24s %4s registers %4s spilled %6s B scratch  %s%s\n", chip, file, $1, $2, $3, $4, $5,
                 defines == "" ? "" : "  " defines }'
}

common="-x cl -cl-std=CL1.2 -O3 -Icl -Xclang -finclude-default-header -Wno-linker-warnings"

nvidia_functions()
{
    # one of the registers that the driver tells a kernel such things by
    echo 'uint here_offset(uint i) { uint x; __asm__("mov.u32 %0, %%envreg3;" : "=r"(x)); return x; }'
    echo '#define get_global_offset here_offset'
    # libdevice, where it is; else approximations of the hardware's, so that something stands for the driver's own
    for name in exp log sin cos tanh erfc log1p expm1; do
        if [ -r "$LIBDEVICE" ]; then
            echo "float __nv_${name}f(float);"
            body="__nv_${name}f(x)"
        else
            body="__nvvm_ex2_approx_f(x) + __nvvm_lg2_approx_f(x)"
        fi
        echo "__attribute__((overloadable)) float here_$name(float x) { return $body; }"
        for n in 2 4; do
            parts=$(for i in s0 s1 s2 s3; do echo "here_$name(x.$i)"; done | head -n $n | paste -sd, -)
            echo "__attribute__((overloadable)) float$n here_$name(float$n x) { return (float$n)($parts); }"
        done
        for n in 8 16; do
            echo "__attribute__((overloadable)) float$n here_$name(float$n x)"
            echo "{ return (float$n)(here_$name(x.lo), here_$name(x.hi)); }"
        done
        echo "#define $name here_$name"
    done
}

# nvidia, amd, intel: compile one file; lines "kernel registers spilled scratch items". What failed is in $scratch/log.
# $1: chip, $2: file, $3: constants
nvidia()
{
    device=
    if [ -r "$LIBDEVICE" ]; then
        device="-Xclang -mlink-builtin-bitcode -Xclang $LIBDEVICE"
    fi
    # The PTX is that of sm_80, the oldest here: ptxas makes each chip's own code from it.
    # shellcheck disable=SC2086 # lists of words
    "$CLANG15" $common $3 -target nvptx64-nvidia-cuda -Xclang -target-cpu -Xclang sm_80 -Xclang -mlink-builtin-bitcode \
        -Xclang "$CLC/nvptx64--nvidiacl.bc" $device -include "$all/functions.clh" -S -o "$scratch/k.ptx" "$2" \
        >"$scratch/log" 2>&1 && "$PTXAS" -v -arch="$1" -o /dev/null "$scratch/k.ptx" >>"$scratch/log" 2>&1 || return 1
    # 65536 registers a multiprocessor, handed to a warp of 32 in 256s; 64 warps at most
    awk '/Compiling entry function/ { split($0, part, "\047"); kernel = part[2] }
         /bytes stack frame/ { stack = $1; spill = $5 / 4 }
         /: Used [0-9]+ registers/ {
             match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5, RLENGTH - 5)
             warps = int(65536 / (int((registers * 32 + 255) / 256) * 256))
             if (kernel != "")
                 print kernel, registers, spill, stack, (warps > 64 ? 64 : warps) "/64_warps"
             kernel = ""
         }' "$scratch/log"
}

amd()
{
    # shellcheck disable=SC2086
    "$CLANG15" $common $3 -target amdgcn-amd-amdhsa -mcpu="$1" -nogpulib -Xclang -mlink-builtin-bitcode \
        -Xclang "$CLC/amdgcn--amdhsa.bc" -S -o "$scratch/k.s" "$2" >"$scratch/log" 2>&1 || return 1
    # comments after each function tell occupancy, the metadata at the end the rest; scalar registers spill to lanes of
    # vector ones, which costs no memory
    awk '/^; -- Begin function/ || /-- Begin function/ { kernel = $NF }
         /^; Occupancy:/ { occupancy[kernel] = $3 }
         /^ +\.name: / { name = $2 }
         /^ +\.private_segment_fixed_size:/ { private = $2 }
         /^ +\.vgpr_count:/ { registers = $2 }
         /^ +\.vgpr_spill_count:/ { print name, registers, $2, private, occupancy[name] "_waves" }' "$scratch/k.s"
}

# ocloc takes one file without includes. What a kernel has in memory is in the binary's .ze_info, in YAML (asked for,
# because older compilers write another format unless told): of a thread, unless said to be of an item. Where arrays and
# spilled registers share a buffer, all of it counts as spilled.
intel()
{
    rm -rf "$scratch/ocloc" "$scratch/dump"
    mkdir "$scratch/dump"
    # shellcheck disable=SC2086
    "$CLANG15" -E -P -x cl -cl-std=CL1.2 -cl-no-stdinc -Icl $3 "$2" >"$scratch/k.cl" 2>"$scratch/log" || return 1
    "$OCLOC" compile -file "$scratch/k.cl" -device "$1" -options "-cl-std=CL1.2" \
        -internal_options "-cl-intel-allow-zebin" -output k -out_dir "$scratch/ocloc" >"$scratch/log" 2>&1 || return 1
    "$OCLOC" disasm -file "$scratch"/ocloc/k_*.bin -dump "$scratch/dump" >>"$scratch/log" 2>&1
    awk 'function say() { if (kernel != "") print kernel, registers, spill / 4, bytes, "SIMD" items; kernel = "" }
         /^[a-z_.]/ { say(); kernels = $1 == "kernels:" }
         !kernels { next }
         /^  - name:/ { say(); kernel = $3; spill = bytes = 0 }
         /^    [a-z]/ { buffers = $1 == "per_thread_memory_buffers:" }
         $1 == "grf_count:" { registers = $2 }
         $1 == "simd_size:" { items = $2 }
         buffers && $1 == "usage:" { private = $2 == "private_space" }
         buffers && $1 == "size:" { size = $2; bytes += size / items; spill += private ? 0 : size / items }
         buffers && $1 == "is_simt_thread:" && $2 == "true" { bytes += size - size / items }
         END { say() }' "$scratch/dump/.ze_info"
}

# Has this chip's chain eyes? $1: function above, $2: chip
see_what_is_planted()
{
    "$1" "$2" "$PLANTED" "" >"$scratch/all"
    awk '$1 == "planted_nothing" && $3 == 0 && $4 == 0 { seen++ }
         $1 == "planted_array" && $4 >= 1200 { seen++ }
         $1 == "planted_spill" && $3 > 0 && $4 > 0 { seen++ }
         END { exit seen != 3 }' "$scratch/all" && return
    fail "$2: what $PLANTED spills is not seen:"
    sed 's/^/    | /' "$scratch/all" "$scratch/log"
}

# $1: function above, $2: chip, $3: where to count
one_chip()
{
    scratch=$all/$2.files compiled=0 spilled=0 failed=0
    mkdir "$scratch"
    see_what_is_planted "$1" "$2"
    # What a kernel can ask of Intel's devices, and the program then does: as few items in step as they can run
    # (src/device/discovery.c).
    case $1:$2 in
    intel:pvc) asked=' -DSUB_GROUP=16' ;;
    intel:*) asked=' -DSUB_GROUP=8' ;;
    *) asked='' ;;
    esac
    variants | sed -e 's/STEP/-DGROUP=1 -DWIDTH=1/' -e 's/TILES/-DTILED=1 -DWIDTH=1/' -e "/-DITEM_M=/s/\$/$asked/" >"$scratch/variants"
    while read -r file defines; do
        if [ "$defines" = cpu ]; then
            continue
        fi
        if "$1" "$2" "cl/$file" "$defines" >"$scratch/all" && [ -s "$scratch/all" ]; then
            awk -v not=" $FOR_CPUS " '!index(not, " " $1 " ")' "$scratch/all" >"$scratch/kernels"
            tell "$2" "$file" "$defines" <"$scratch/kernels"
            compiled=$((compiled + $(wc -l <"$scratch/kernels")))
            spilled=$((spilled + $(awk '$3 > 0 || $4 > 0' "$scratch/kernels" | wc -l)))
        else
            fail "$2: cl/$file $defines"
            grep -v '^ #\|Stack dump' "$scratch/log" | head -n 12 | sed 's/^/    | /'
        fi
    done <"$scratch/variants"
    echo "$compiled $spilled $failed" >"$3"
}

# $1: function above, $2: chips
each_chip()
{
    for chip in $2; do
        together "$chip" one_chip "$1" "$chip" "$all/$chip.counts"
    done
}

# $1: chip
ended()
{
    read -r c s f <"$all/$1.counts" || c=0 s=0 f=1
    compiled=$((compiled + c)) spilled=$((spilled + s)) failed=$((failed + f))
}

have()
{
    command -v "$1" >/dev/null 2>&1
}

if ! have "$CLANG15"; then
    echo "skip: NVIDIA, AMD and Intel: $CLANG15 not found (Debian: clang-15 libclc-15; CLANG15=... names it)"
    INTEL=
elif ! [ -r "$CLC/nvptx64--nvidiacl.bc" ]; then
    echo "skip: NVIDIA and AMD: no libclc in $CLC (Debian: libclc-15; CLC=... names the folder)"
else
    if have "$PTXAS"; then
        [ -r "$LIBDEVICE" ] || echo "note: no libdevice.10.bc: exp, log and others are stood in for"
        nvidia_functions >"$all/functions.clh"
        each_chip nvidia "$NVIDIA"
    else
        echo "skip: NVIDIA: $PTXAS not found (the CUDA toolkit's; PTXAS=... names it)"
    fi
    each_chip amd "$AMD"
fi
if ! have "$OCLOC"; then
    echo "skip: Intel: $OCLOC not found (Debian: intel-opencl-icd; OCLOC=... names it)"
elif [ -n "$INTEL" ]; then
    each_chip intel "$INTEL"
fi
[ -z "$names" ] || echo "compiling for$names: a few minutes; each is told when it is done" >&2
in_order
variants | awk '$2 == "cpu" { print "not for GPUs: " $1 ", of the plan for CPUs" }'
echo "$compiled kernels compiled, $spilled spill, $failed files failed ($(($(date +%s) - started)) s)"
[ $failed = 0 ] && [ $spilled = 0 ]
