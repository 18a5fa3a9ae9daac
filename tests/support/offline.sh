#!/bin/sh
# offline.sh - compile the kernels for GPUs that are not there, and say what each takes of them.
#
# Every kernel file is compiled with the constants that the program gives it on a GPU at the shapes of `slicescore
# bench`: for NVIDIA by clang, libclc, libdevice and ptxas; for AMD by clang and libclc; for Intel by ocloc. A line a
# kernel: registers, spilled registers, scratch bytes, work-items that fit at once; only the worst of a file's variants
# with --brief. Exit 1 if a kernel does not compile or spills. A tool that is missing is a printed skip.
#
# What libclc lacks on NVIDIA (exp, log, sin, ...) comes from CUDA's libdevice, or else from a plain series of the same
# kind of instructions: the drivers' own functions differ, so registers of kernels that call them are estimates.
#
# Environment: CLANG15 (clang-15), CLC (folder of libclc), PTXAS, LIBDEVICE, OCLOC, NVIDIA, AMD, INTEL (lists of chips).
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

# File and constants, as src/ gives them where the device is a GPU: own products take vectors of 4 (1 in their simple
# form), the optimizer 4 numbers an item. "cpu": a plan for CPUs alone.
variants()
{
    cat <<'TABLE'
data/batches.cl
device/gemm_own.cl -DWIDTH=4 -DVECTORS=2 -DROWS=6 -DDEPTH=256 -DUNROLL=1 -DTRANSPOSE_B=0
device/gemm_own.cl -DWIDTH=4 -DVECTORS=2 -DROWS=6 -DDEPTH=256 -DUNROLL=1 -DTRANSPOSE_B=1
device/gemm_own.cl -DWIDTH=1 -DVECTORS=4 -DROWS=6 -DDEPTH=256 -DUNROLL=0 -DTRANSPOSE_B=0
device/gemm_plain.cl
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
jet/fused_pack.cl cpu
jet/product.cl -DSECOND=1
jet/row_sum.cl
jet/scale.cl
jet/squared_distance.cl -DSECOND=1
jet/sums.cl
objective/fused.cl cpu
objective/objective.cl
objective/slices.cl -DLAW=0
objective/slices.cl -DLAW=1
random/random.cl
sampler/langevin.cl
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=0 -DMOMENTUM=0 -DAVERAGE=1
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=1 -DMOMENTUM=0 -DAVERAGE=1
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=2 -DMOMENTUM=1 -DAVERAGE=1
train/optimizer.cl -DWIDTH=4 -DOPTIMIZER=3 -DMOMENTUM=1 -DAVERAGE=1
TABLE
}

# Kernels of those files that a GPU never runs.
FOR_CPUS='batches_noise_wide random_wide slices_independent_wide'

# Chip and kernel: spills that are known and stand. Own products have work-groups of one item, for the caches of CPUs; a
# GPU runs them only where engine.gemm asks for them by name.
KNOWN='gfx1100:gemm_own_n gfx1100:gemm_own_t'

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
compiled=0 spilled=0 known=0 failed=0

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
        -Xclang "$CLC/nvptx64--nvidiacl.bc" $device -include "$scratch/functions.clh" -S -o "$scratch/k.ptx" "cl/$2" \
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
        -Xclang "$CLC/amdgcn--amdhsa.bc" -S -o "$scratch/k.s" "cl/$2" >"$scratch/log" 2>&1 || return 1
    # comments after each function tell occupancy, the metadata at the end the rest; scalar registers spill to lanes of
    # vector ones, which costs no memory
    awk '/^; -- Begin function/ || /-- Begin function/ { kernel = $NF }
         /^; Occupancy:/ { occupancy[kernel] = $3 }
         /^ +\.name: / { name = $2 }
         /^ +\.private_segment_fixed_size:/ { private = $2 }
         /^ +\.vgpr_count:/ { registers = $2 }
         /^ +\.vgpr_spill_count:/ { print name, registers, $2, private, occupancy[name] "_waves" }' "$scratch/k.s"
}

# ocloc takes one file without includes and says nothing of a kernel unless it spills; all have 128 registers.
intel()
{
    # shellcheck disable=SC2086
    "$CLANG15" -E -P -x cl -cl-std=CL1.2 -cl-no-stdinc -Icl $3 "cl/$2" >"$scratch/k.cl" 2>"$scratch/log" || return 1
    "$OCLOC" compile -file "$scratch/k.cl" -device "$1" -options "-cl-std=CL1.2" -output k -out_dir "$scratch/ocloc" \
        >"$scratch/log" 2>&1 || return 1
    grep -oE 'kernel +(__attribute__\(\([^)]*\)+ *)?void +[a-z_0-9]+' "$scratch/k.cl" | awk '{ print $NF }' |
        while read -r kernel; do
            awk -v kernel="$kernel" '$1 == "warning:" && $3 == kernel && /spilled around/ { n = $NF; simd = $5 }
                END { print kernel, 128, n + 0, "-", simd == "" ? "fits" : simd }' "$scratch/log"
        done
}

# $1: function above, $2: chips
each_chip()
{
    for chip in $2; do
        variants >"$scratch/variants"
        while read -r file defines; do
            if [ "$defines" = cpu ]; then
                continue
            fi
            if "$1" "$chip" "$file" "$defines" >"$scratch/all" && [ -s "$scratch/all" ]; then
                awk -v not=" $FOR_CPUS " '!index(not, " " $1 " ")' "$scratch/all" >"$scratch/kernels"
                tell "$chip" "$file" "$defines" <"$scratch/kernels"
                compiled=$((compiled + $(wc -l <"$scratch/kernels")))
                # shellcheck disable=SC2013 # names of kernels have no blanks
                for kernel in $(awk '$3 > 0 { print $1 }' "$scratch/kernels"); do
                    case " $KNOWN " in
                    *" $chip:$kernel "*) known=$((known + 1)) ;;
                    *) spilled=$((spilled + 1)) ;;
                    esac
                done
            else
                fail "$chip: cl/$file $defines"
                grep -v '^ #\|Stack dump' "$scratch/log" | head -n 12 | sed 's/^/    | /'
            fi
        done <"$scratch/variants"
    done
}

have()
{
    command -v "$1" >/dev/null 2>&1
}

if ! have "$CLANG15"; then
    echo "skip: NVIDIA, AMD and Intel: no $CLANG15 (Debian: clang-15 libclc-15)"
    INTEL=
elif ! [ -r "$CLC/nvptx64--nvidiacl.bc" ]; then
    echo "skip: NVIDIA and AMD: no libclc in $CLC (Debian: libclc-15)"
else
    if have "$PTXAS"; then
        [ -r "$LIBDEVICE" ] || echo "note: no libdevice.10.bc: exp, log and others are stood in for"
        nvidia_functions >"$scratch/functions.clh"
        each_chip nvidia "$NVIDIA"
    else
        echo "skip: NVIDIA: no ptxas (the CUDA toolkit's; PTXAS=... names it)"
    fi
    each_chip amd "$AMD"
fi
if ! have "$OCLOC"; then
    echo "skip: Intel: no ocloc (Debian: intel-opencl-icd; OCLOC=... names it)"
elif [ -n "$INTEL" ]; then
    each_chip intel "$INTEL"
fi
variants | awk '$2 == "cpu" { print "not for GPUs: " $1 ", of a plan for CPUs alone" }'
echo "$compiled kernels compiled, $spilled spill ($known more are known to), $failed files failed"
[ $failed = 0 ] && [ $spilled = 0 ]
