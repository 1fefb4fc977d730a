# What both fault programs do around the driver: command line, tools, build, world, cleanup. Sourced by `kills` and `powercuts`.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

fail() { echo "void: $*" >&2; exit 1; }

# Reads the command line into count, seed and keep.
arguments() {
    seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
    count="" keep=no effects=no
    while [ $# -gt 0 ]; do
        case "$1" in
            --help | -h) usage; exit 0 ;;
            --seed) seed=${2-}; shift ;;
            --keep) keep=yes ;;
            --effects) effects=yes ;;
            *) [ -z "$count" ] || { usage >&2; exit 64; }; count=$1 ;;
        esac
        shift || true
    done
    [[ $count =~ ^[1-9][0-9]*$ && $seed =~ ^[0-9]+$ ]] || { usage >&2; exit 64; }
}

need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null && return
    echo "installing $2" >&2
    local as_root=(); [ "$(id -u)" = 0 ] || as_root=(sudo)
    local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$2")
    "${install[@]}" >&2 || { "${as_root[@]}" apt-get update --quiet >&2 && "${install[@]}" >&2; } || fail "$2 cannot be installed"
}

build() {
    echo "building" >&2
    (cd "$root" && cargo build --quiet --release --locked --package bridge-node --package bridge-tests \
        --bin bridge-node --bin bridge-bench --bin bridge-faults --bin bridge-faulty-node)
    binaries=${CARGO_TARGET_DIR:-$root/target}/release
}

# Makes the world of the benchmark: two nodes and what is behind the second.
world() {
    folder=$(mktemp -d -p "${TMPDIR:-/var/tmp}" bridge-faults.XXXXXX)
    pids=()
    trap cleanup EXIT
    trap 'exit 1' INT TERM HUP
    if [ "$effects" = yes ]; then
        # The driver is the registry.
        "$binaries/bridge-bench" setup "$folder" --awaited
        return
    fi
    "$binaries/bridge-bench" setup "$folder"
    # shellcheck source=/dev/null
    . "$folder/bench.env"
    "$binaries/bridge-bench" upstream "$UPSTREAM" >"$folder/upstream.log" 2>&1 &
    pids+=($!)
    "$binaries/bridge-bench" wait "$UPSTREAM" || fail "the upstream does not start"
}

cleanup() {
    local code=$?
    # Nodes die with the driver, and the mounts with its name space.
    if [ ${#pids[@]} != 0 ]; then
        kill "${pids[@]}" 2>/dev/null || true
        wait "${pids[@]}" 2>/dev/null || true
    fi
    if [ "$code" != 0 ] && [ "$keep" = yes ]; then
        echo "kept: $folder" >&2
    else
        # The nodes may need a moment to be gone.
        rm -rf "$folder" 2>/dev/null || { sleep 1; rm -rf "$folder"; }
    fi
}

# Runs the driver, with a program before it if one is given, so that a signal to this script reaches it.
drive() { # drive PROGRAM [COMMAND...]
    local program=$1; shift
    echo "seed $seed" >&2
    local more=(); [ "$effects" = no ] || more=(--effects)
    "$@" "$binaries/bridge-faults" "$program" "$count" --seed "$seed" --world "$folder" \
        --node "$binaries/bridge-node" --faulty "$binaries/bridge-faulty-node" "${more[@]}" &
    local driver=$!
    pids+=("$driver")
    wait "$driver"
}
