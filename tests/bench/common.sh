# Sourced by the benches: the programs, a world with upstream, proxies and nodes on free ports, and the proof that work was done.
# After `world` there are $folder, $bench, $node and the addresses of bench.env; all servers are stopped and the folder is
# removed when the script ends.

export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
proxies=$root/tests/bench/proxies
clock_hz=$(getconf CLK_TCK)
# Of each pair, how many answers it has given so far in this world.
declare -A answers=()
declare -A pids=() cpu=() peak=() written=() syncs=()
disk=0
# The nodes of the world, by their folders, the consumer's last: it asks the others when it starts.
ends=(provider consumer)
# Microseconds of a round trip between the ends of each pair; 0 for none but the machine's own.
round_trip=0

fail() { echo "void: $*" >&2; exit 1; }

# installed COMMAND [PACKAGE]: Debian's package, of that name too unless it is said, installed if it is missing.
installed() {
    local as_root=() install
    command -v "$1" >/dev/null && return
    echo "installing $1" >&2
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    # RUNLEVEL=1: the package shall not start a server of its own.
    install=("${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install
        --yes --quiet --no-install-recommends "${2:-$1}")
    "${install[@]}" >&2 || { "${as_root[@]}" apt-get update --quiet >&2 && "${install[@]}" >&2; } ||
        fail "${2:-$1} cannot be installed"
}

# world NAME [OPTION]: builds the programs and makes everything that lies on the disk.
world() {
    local binaries=${CARGO_TARGET_DIR:-$root/target}/release
    (cd "$root" && cargo build --quiet --release --locked --package bridge-node --package bridge-tests \
        --bin bridge-node --bin bridge-bench)
    installed curl
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
# wire PAIR: with a round trip, starts the relay to the provider's end, and sets $provider to it for the consumer's end.
wire() {
    local to=$provider listen=RELAY_${1^^}
    [ "$round_trip" != 0 ] || return 0
    provider=${!listen}
    start "relay-$1" "$bench" relay "$provider" "$to" "$round_trip"
    ready "relay-$1" "$provider"
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
        [ $end = consumer ] || wire "$1"
    done
}
# of_node NAME END: the variable NAME of the world for the node of this folder.
of_node() {
    local end=${2^^} name
    name=$1_${end//-/_}
    echo "${!name}"
}
# nodes COMMAND [ARGUMENT]: starts all nodes by `COMMAND SETTINGS [ARGUMENT]`.
nodes() {
    local run=$1 end provider; shift
    provider=$(of_node PEER provider)
    wire nodes
    # shellcheck disable=SC2086
    for end in "${ends[@]}"; do start "nodes-$end" $run "$folder/$end/node.toml" "$@"; done
    for end in "${ends[@]}"; do ready "nodes-$end" "$(of_node HEALTH "$end")" /ready; done
}
# How many requests a pair of proxies says that it passed on, at one end.
logged() {
    case $1 in
        nginx | caddy) wc -l <"$folder/$1-$2-access.log" ;;
        haproxy) grep -c ' HTTP/1.1"$' "$folder/haproxy-$2.log" ;;
    esac
}

# Processes with their children, as folders of /proc.
folders() {
    local pid
    for pid in "$@" $(for pid in "$@"; do cat "/proc/$pid/task/$pid/children"; done); do echo "/proc/$pid"; done
}
# end_of PAIR END: the processes of one end; all providers are one end.
end_of() {
    local name
    for name in "${!pids[@]}"; do
        [[ $name != "$1-$2" && $name != "$1-$2"-* ]] || echo "${pids[$name]}"
    done
}
# told PAIR END NAME: the sum of a metric of the nodes of an end; a proxy has none. A node that does not tell it ends the run, if the caller looks:
# within `$((…))` nobody does.
told() {
    local end
    [ "$1" = nodes ] || { echo 0; return; }
    for end in "${ends[@]}"; do
        [[ $end = "$2" || $end = "$2"-* ]] || continue
        curl --silent --fail "http://$(of_node HEALTH "$end")/metrics" |
            awk -v name="$3" '$1 == name { print $2; told = 1 } END { exit !told }' || fail "the $end does not tell $3"
    done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}
# What the disk below the world has written, bytes, with all that was still to be written to it. Not what the kernel says of each process:
# that counts the whole of a large page of which a little was changed. 0 where the kernel does not say which disk that is: overlayfs, btrfs, zfs.
disk_bytes() {
    local counters
    counters=/sys/dev/block/$(stat --format %Hd:%Ld "$folder")/stat
    sync --file-system "$folder"
    [ -r "$counters" ] || { echo 0; return; }
    awk '{ printf "%.0f\n", $7 * 512 }' "$counters"
}
# take_stock PAIR END SIGN: what an end has used so far, added to its figures or, with -1, subtracted.
take_stock() {
    local own sum bytes commits
    # shellcheck disable=SC2046
    own=$(folders $(end_of "$1" "$2"))
    # Fields 14 and 15 are user and system time in clock ticks.
    # shellcheck disable=SC2086
    sum=$(cat $(printf '%s/stat ' $own) | awk '{ sum += $14 + $15 } END { print sum }')
    cpu[$2]=$((${cpu[$2]:-0} + $3 * sum))
    bytes=$(told "$1" "$2" bridge_journal_written_bytes_total) || exit 1
    commits=$(told "$1" "$2" bridge_journal_commits_total) || exit 1
    written[$2]=$((${written[$2]:-0} + $3 * bytes))
    syncs[$2]=$((${syncs[$2]:-0} + $3 * commits))
    if [ "$3" = -1 ]; then
        # The peak counts from now on.
        for sum in $own; do echo 5 >"$sum/clear_refs"; done
    else
        # shellcheck disable=SC2086
        peak[$2]=$(cat $(printf '%s/status ' $own) | awk '/^VmHWM/ { sum += $2 } END { print sum }')
    fi
}
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$2"; }
median() { tr ' ' '\n' <<<"$1" | sed '/^$/d' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# load PAIR OPTIONS...: one load on a pair, the same requests for all: $targets if it is set, else $TARGET. Adds to $answers, sets $figures, $count,
# $cost (CPU time of both ends, microseconds an exchange) and $spent (what each end took).
load() {
    local pair=$1 end; shift
    addresses "$pair"
    cpu=() peak=() written=() syncs=()
    disk=$(disk_bytes)
    for end in consumer provider; do take_stock "$pair" $end -1; done
    figures=$("$bench" load "$consumer" "${targets:-$TARGET}" "$@" "${as_caller[@]}") ||
        { tail -n 4 "$folder"/*.log >&2; fail "a wrong answer from $pair"; }
    for end in consumer provider; do take_stock "$pair" $end 1; done
    disk=$(($(disk_bytes) - disk))
    count=$(value answers "$figures")
    [ "$count" -gt 0 ] || fail "no answer from $pair"
    answers[$pair]=$((${answers[$pair]:-0} + count))
    cost=$(((cpu[consumer] + cpu[provider]) * 1000000 / clock_hz / count))
    spent="cpu_us=$cost disk_bytes=$((disk / count))"
    for end in consumer provider; do
        spent+=" cpu_us_$end=$((cpu[$end] * 1000000 / clock_hz / count)) peak_kib_$end=${peak[$end]}"
        spent+=" journal_bytes_$end=$((written[$end] / count)) syncs_per_1000_$end=$((syncs[$end] * 1000 / count))"
    done
}

# stop_nodes: ends all that run as an operator does, and has their journals verified; says what the verifier says.
stop_nodes() {
    local end
    for end in "${ends[@]}"; do
        if [ -n "${pids[nodes-$end]-}" ]; then
            kill "${pids[nodes-$end]}"
            wait "${pids[nodes-$end]}" || fail "a node did not stop well: $(tail -n 3 "$folder/nodes-$end.log")"
            unset "pids[nodes-$end]"
        fi
        "$node" audit verify "$folder/$end/data/journal" --key "$(of_node VKEY "$end")" \
            --evidence-key "$folder/$end/keys/evidence.key" || fail "the journal of the $end does not verify"
    done
}
# Leaves that belong to no exchange: one for the index of each sealed segment, and these at most.
other_leaves=4
# nodes_did EXCHANGES: stops the nodes, and proves that the consumer's journal has two leaves for each, and those of the providers together too.
nodes_did() {
    local end side leaves others key
    local -A sums=([consumer]=0 [provider]=0)
    stop_nodes >"$folder/verified"
    for end in "${ends[@]}"; do
        key=$(of_node VKEY "$end")
        leaves=$(sed -n "s|^${key%%+*}: verified: \([0-9]*\) leaves,.*|\1|p" "$folder/verified")
        others=$(find "$folder/$end/data/journal/segments" -name '*.index' | wc -l)
        side=${end%%-*}
        sums[$side]=$((sums[$side] + leaves))
        sums[$side-most]=$((${sums[$side-most]:-0} + others + other_leaves))
    done
    for side in consumer provider; do
        others=$((sums[$side] - 2 * $1))
        ((others >= 0 && others <= sums[$side-most])) ||
            fail "the $side's journal holds ${sums[$side]} leaves for $1 exchanges"
    done
}
# proxy_did PAIR REQUESTS: proves that both ends logged each.
proxy_did() {
    local end count least=$2
    # haproxy leaves out lines that its log does not take at once.
    [ "$1" != haproxy ] || least=$((least * 99 / 100))
    for end in consumer provider; do
        count=$(logged "$1" $end)
        [ "$count" -ge "$least" ] && [ "$count" -le "$2" ] || fail "$1 $end logged $count of $2 requests"
    done
}
