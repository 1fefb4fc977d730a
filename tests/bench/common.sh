# Sourced by the benches: the programs, a world with upstream, proxies and nodes on free ports, and the proof that work was done.
# After `world` there are $folder, $bench, $node and the addresses of bench.env; all servers are stopped and the folder is
# removed when the script ends.

export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
proxies=$root/tests/bench/proxies
clock_hz=$(getconf CLK_TCK)
declare -A pids=()

fail() { echo "void: $*" >&2; exit 1; }

# installed COMMAND: Debian's package of that name, installed if it is missing.
installed() {
    local as_root=() install
    command -v "$1" >/dev/null && return
    echo "installing $1" >&2
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    # RUNLEVEL=1: the package shall not start a server of its own.
    install=("${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install
        --yes --quiet --no-install-recommends "$1")
    "${install[@]}" >&2 || { "${as_root[@]}" apt-get update --quiet >&2 && "${install[@]}" >&2; } ||
        fail "$1 cannot be installed"
}

# world NAME [OPTION]: builds the programs and makes everything that lies on the disk.
world() {
    local binaries=${CARGO_TARGET_DIR:-$root/target}/release
    (cd "$root" && cargo build --quiet --release --locked --package bridge-node --package bridge-tests \
        --bin bridge-node --bin bridge-bench)
    node=$binaries/bridge-node bench=$binaries/bridge-bench
    # Each connection is a file at both of its ends.
    ulimit -n "$(ulimit -H -n)"
    folder=$(mktemp -d -p "${TMPDIR:-/var/tmp}" "bridge-$1.XXXXXX")
    trap stop_all EXIT
    trap 'exit 1' INT TERM HUP
    case $(stat --file-system --format %T "$folder") in
        tmpfs | ramfs) fail "$folder is in memory, where a journal costs nothing: set TMPDIR to a folder on a disk" ;;
    esac
    "$bench" setup "$folder" "${@:2}"
    # shellcheck source=/dev/null
    . "$folder/bench.env"
    as_caller=(--field "X-Road-Client:$CLIENT" --field "Bridge-Api-Key:$API_KEY"
        --field "Bridge-Purpose:$PURPOSE" --field "Bridge-Legal-Basis:$LEGAL_BASIS")
}
stop_all() {
    if [ ${#pids[@]} != 0 ]; then
        kill "${pids[@]}" 2>/dev/null || true
        wait "${pids[@]}" 2>/dev/null || true
    fi
    rm -rf "$folder"
}

# start NAME COMMAND...: starts a server; its output is kept, and shown if the run fails.
start() {
    local name=$1; shift
    # What a shell may have set for its own use shall not tune the servers.
    env -u RUST_LOG -u TOKIO_WORKER_THREADS "$@" >"$folder/$name.log" 2>&1 &
    pids[$name]=$!
}
# ready NAME ADDRESS [TARGET]: waits until it answers.
ready() {
    "$bench" wait "${@:2}" || { tail -n 20 "$folder/$1"*.log >&2; fail "$1 does not start"; }
}
# addresses PAIR: sets $consumer and $provider.
addresses() {
    local c=${1^^}_CONSUMER p=${1^^}_PROVIDER
    consumer=${!c} provider=${!p:-}
}
# proxy PAIR: starts the two ends of a pair of proxies.
proxy() {
    local end file
    installed "$1"
    addresses "$1"
    for end in web caller; do
        cat "$folder/proxies/$end.pem" "$folder/proxies/$end.key" >"$folder/proxies/$end-both.pem"
    done
    for end in provider consumer; do
        file=$folder/$1-$end.conf
        sed -e "s|@FOLDER@|$folder|g; s|@UPSTREAM@|$UPSTREAM|; s|@CONSUMER@|$consumer|; s|@PROVIDER@|$provider|" \
            -e "s|@PROVIDER_PORT@|${provider##*:}|" "$proxies/$1-$end.conf" >"$file"
        case $1 in
            nginx) start "nginx-$end" nginx -c "$file" -e "$folder/nginx-$end-error.log" ;;
            haproxy) start "haproxy-$end" haproxy -f "$file" ;;
            caddy) start "caddy-$end" caddy run --adapter caddyfile --config "$file" ;;
        esac
        ready "$1-$end" "${!end}"
    done
}
# nodes COMMAND [ARGUMENT]: starts both nodes by `COMMAND SETTINGS [ARGUMENT]`.
nodes() {
    local run=$1; shift
    # shellcheck disable=SC2086
    for end in provider consumer; do start "nodes-$end" $run "$folder/$end/node.toml" "$@"; done
    ready nodes-provider "$HEALTH_PROVIDER" /ready
    ready nodes-consumer "$HEALTH_CONSUMER" /ready
}
# How many requests a pair of proxies says that it passed on, at one end.
logged() {
    case $1 in
        nginx | caddy) wc -l <"$folder/$1-$2-access.log" ;;
        haproxy) grep -c ' HTTP/1.1"$' "$folder/haproxy-$2.log" ;;
    esac
}

# CPU time of processes and their children so far, clock ticks.
ticks() {
    local pid
    for pid in "$@" $(for pid in "$@"; do cat "/proc/$pid/task/$pid/children"; done); do
        cat "/proc/$pid/stat"
    done | awk '{ sum += $14 + $15 } END { print sum + 0 }'
}
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$2"; }
median() { tr ' ' '\n' <<<"$1" | sed '/^$/d' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# load PAIR OPTIONS...: one load on a pair, the same requests for all; sets $figures, $count and $cost, microseconds an exchange.
load() {
    local pair=$1 before after; shift
    local own=("${pids[$pair-consumer]}" "${pids[$pair-provider]}")
    addresses "$pair"
    before=$(ticks "${own[@]}")
    figures=$("$bench" load "$consumer" "$TARGET" "$@" "${as_caller[@]}") ||
        { tail -n 4 "$folder"/*.log >&2; fail "a wrong answer from $pair"; }
    after=$(ticks "${own[@]}")
    count=$(value answers "$figures")
    [ "$count" -gt 0 ] || fail "no answer from $pair"
    cost=$(((after - before) * 1000000 / clock_hz / count))
}

# stop_nodes: ends both as an operator does, and has both journals verified; says what the verifier says.
stop_nodes() {
    local end vkey
    for end in consumer provider; do
        kill "${pids[nodes-$end]}"
        wait "${pids[nodes-$end]}" || fail "a node did not stop well: $(tail -n 3 "$folder/nodes-$end.log")"
        unset "pids[nodes-$end]"
        vkey=VKEY_${end^^}
        "$node" audit verify "$folder/$end/data/journal" --key "${!vkey}" \
            --evidence-key "$folder/$end/keys/evidence.key" || fail "the journal of the $end does not verify"
    done
}
