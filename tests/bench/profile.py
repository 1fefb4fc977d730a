"""Reads `perf script` from standard input and prints where the processor time of the nodes went. Run by `profile`.

usage: profile.py PID,PID MICROSECONDS FUNCTIONS HALTED
HALTED is for how many microseconds of an exchange a processor stood still, which perf has no samples of.
MICROSECONDS is what an exchange takes in those processes together, by the kernel's own account: samples only divide it.
"""
import collections, re, sys

from groups import group_of

# What the kernel was asked for, by the first pattern that a function of the way there holds.
KERNEL = [
    ("kernel: messages sent", r"tcp_sendmsg|do_writev|__sys_sendto"),
    ("kernel: messages received", r"tcp_recvmsg|__sys_recvfrom"),
    ("kernel: journal made durable", r"fdatasync|fsync"),
    ("kernel: journal written", r"pwrite|ext4_|vfs_write"),
    ("kernel: threads woken and waiting", r"futex|eventfd"),
    ("kernel: sockets waited for", r"epoll"),
    ("kernel: random bytes", r"getrandom"),
    ("kernel: memory", r"page_fault|mmap|madvise|munmap|brk"),
    ("kernel: interrupted by devices, timers, others", r"irq|sysvec|schedule|sched_|entry_"),
]
KERNEL_OTHER = "kernel: everything else"


def samples(lines):
    """Yields command, process, weight and stack, innermost first, of each sample."""
    head, stack = None, []
    for line in lines:
        if not line.strip():
            if head:
                yield (*head, stack)
            head, stack = None, []
        elif head is None:
            # Of a thread that has just ended perf knows no more than -1.
            command, process, weight = re.match(r"\s*(.+?)\s+(-?\d+)/-?\d+\s+(\d+):?\s*$", line).groups()
            head = command, int(process), int(weight)
        else:
            address, _, name = line.strip().partition(" ")
            stack.append((address.startswith("ffff"), name))
    if head:
        yield (*head, stack)


def kind(stack):
    in_kernel, name = stack[0]
    if not in_kernel:
        return group_of(name)
    way = " ".join(name for in_kernel, name in stack if in_kernel)
    return next((group for group, pattern in KERNEL if re.search(pattern, way)), KERNEL_OTHER)


def main():
    nodes, microseconds = set(map(int, sys.argv[1].split(","))), float(sys.argv[2])
    functions, halted = int(sys.argv[3]), float(sys.argv[4])
    kinds, threads, names, elsewhere = (collections.Counter() for _ in range(4))
    for command, process, weight, stack in samples(sys.stdin):
        if process in nodes and stack:
            kinds[kind(stack)] += weight
            threads[command] += weight
            names[stack[0][1]] += weight
        else:
            elsewhere["going to sleep and waking" if process == 0 else "client, registry and all others"] += weight
    total = sum(kinds.values())
    if not total:
        sys.exit("void: perf has no sample of the nodes")

    def table(title, counts, most=None):
        print(title)
        for what, weight in counts.most_common(most):
            print(f"{100 * weight / total:6.1f} %  {microseconds * weight / total:6.1f} us  {what}")

    table(f"both nodes: {microseconds:.0f} us an exchange", kinds)
    table("by thread", threads)
    elsewhere["nothing to do"] = halted * total / microseconds
    table("beside them", elsewhere)
    if functions:
        table("dearest functions", names, functions)


if __name__ == "__main__":
    main()
