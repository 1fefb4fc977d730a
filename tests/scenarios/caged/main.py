"""An adapter that tries what it must not be able to do, one deed a call. Standard library only.

What it shall look for comes in the environment, as an attacker would know it: paths of the node and ports of its machine."""

import ctypes
import errno
import json
import os
import signal
import socket
import threading
import time

# As many connections as it serves at a time.
THREADS = 6
LIBC = ctypes.CDLL(None, use_errno=True)
DESCRIPTION = {
    "protocol": 1,
    "name": "hostile",
    "services": [
        {"code": "deed", "endpoints": [{"method": "GET", "path": "/{name}"}]},
        {"code": "person", "endpoints": [{"method": "GET", "path": "/{fin}"}]},
    ],
}


def attempt(do):
    """Says what came of it."""
    try:
        return do() or "done"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    except MemoryError:
        return "MemoryError"


def read(path):
    with open(path, "rb") as file:
        return f"read {len(file.read())}"


def files():
    """The node's files, those of others, and what processes show of each other."""
    paths = os.environ["TARGET_FILES"].split(":") + ["/etc/shadow", "/proc/1/environ", "/proc/1/mem"]
    said = {path: attempt(lambda: read(path)) for path in paths}
    for folder in ["/etc", "/usr/bin", os.getcwd(), "/proc/sys/kernel", "/dev/shm", "/run"]:
        path = os.path.join(folder, "planted")
        said[path] = attempt(lambda: open(path, "w").close())
    said["link"] = attempt(lambda: os.symlink("/etc/passwd", os.environ["HOME"] + "/link"))
    said["own"] = attempt(lambda: open(os.environ["HOME"] + "/own", "w").close())
    return said


def network():
    """Every way out that is not the registry's socket."""
    said = {}
    for name, (family, address) in {
        "tcp": (socket.AF_INET, ("127.0.0.1", int(os.environ["TARGET_PORT"]))),
        "tcp6": (socket.AF_INET6, ("::1", int(os.environ["TARGET_PORT"]))),
        "world": (socket.AF_INET, ("1.1.1.1", 53)),
        "unix": (socket.AF_UNIX, os.environ["TARGET_SOCKET"]),
        "abstract": (socket.AF_UNIX, "\0" + os.environ["TARGET_ABSTRACT"]),
        "vsock": (socket.AF_VSOCK, (2, 1)),
    }.items():
        said[name] = attempt(lambda: socket.socket(family, socket.SOCK_STREAM).connect(address))
    said["datagram"] = attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)) and None)
    said["netlink"] = attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) and None)
    said["packet"] = attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW) and None)
    return said


def calls():
    """System calls by number (x86-64) and rights."""
    said = {}
    for name, arguments in {
        "unshare": (272, 0x10000000),
        "setns": (308, 0, 0),
        "mount": (165, 0, 0, 0, 0, 0),
        "ptrace": (101, 16, 1, 0, 0),
        "bpf": (321, 0, 0, 0),
        "io_uring_setup": (425, 1, 0),
        "userfaultfd": (323, 0),
        "keyctl": (250, 0, 0),
        "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
        "perf_event_open": (298, 0, 0, 0, 0, 0),
        "clone_newuser": (56, 0x10000000 | 17, 0, 0, 0, 0),
        "init_module": (175, 0, 0, 0),
        "reboot": (169, 0, 0, 0, 0),
        "settimeofday": (164, 0, 0),
    }.items():
        code = LIBC.syscall(*arguments)
        said[name] = "done" if code >= 0 else errno.errorcode[ctypes.get_errno()]
    said["setuid"] = attempt(lambda: os.setuid(0))
    said["kill_others"] = attempt(lambda: os.kill(int(os.environ["TARGET_PID"]), signal.SIGKILL))
    said["user"] = os.getuid()
    said["groups"] = os.getgroups()
    return said


def memory():
    """More than is allowed, touched."""
    held = []
    for _ in range(1024):
        held.append(bytearray(os.urandom(1)) * (16 << 20))
    return {"held": len(held)}


def disk():
    """More bytes and more files than are allowed."""

    def fill():
        with open(os.environ["HOME"] + "/big", "wb") as file:
            while True:
                file.write(bytes(1 << 20))

    def scatter():
        for number in range(1_000_000):
            open(f"{os.environ['HOME']}/{number}", "w").close()

    said = {"bytes": attempt(fill), "size": os.path.getsize(os.environ["HOME"] + "/big")}
    os.unlink(os.environ["HOME"] + "/big")
    said["files"] = attempt(scatter)
    for name in os.listdir(os.environ["HOME"]):
        if name != "adapter.sock":
            os.unlink(os.path.join(os.environ["HOME"], name))
    return said


def hoard():
    """More bytes on the disk than are allowed."""
    with open(os.environ["BRIDGE_ADAPTER_DATA"] + "/hoard", "wb") as file:
        for _ in range(16):
            file.write(bytes(1 << 20))
    return {}


BEGUN = []


def begin(work):
    """Begins a process at the head of a group, by which `end` finds all that comes of it."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        work()
    try:
        os.setpgid(child, child)
    except OSError:
        # It was faster.
        pass
    BEGUN.append(child)
    return {"begun": True}


def fork_bomb():
    """Processes that make processes, and use the processor."""
    while True:
        try:
            os.fork()
        except OSError:
            pass


def burn():
    """All processors, until somebody ends it."""
    for _ in range(7):
        if os.fork() == 0:
            break
    while True:
        pass


def end():
    """All that was begun, and not this program: the pause before it is started again grows with each start."""
    while BEGUN:
        child = BEGUN.pop()
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {"ended": True}


def shout():
    """As much log as one can write, with what a terminal would obey."""
    line = ("shouting \x1b[2J " + "x" * 5000 + "\n").encode()
    for _ in range(2000):
        os.write(2, line)
    return {"written": 2000 * len(line)}


def stand_in():
    """Another socket in the place of the own: the node would speak to it with its own rights."""
    path = os.environ["BRIDGE_ADAPTER_SOCKET"]
    os.rename(path, path + ".old")
    said = attempt(lambda: os.symlink(os.environ["TARGET_SOCKET"], path))
    linked = attempt(lambda: os.link(os.environ["TARGET_SOCKET"], path))
    os.rename(path + ".old", path)
    return {"symlink": said, "link": linked}


def registry():
    """What the registry's socket leads to."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(os.environ["BRIDGE_REGISTRY_SOCKET"])
        stream.sendall(b"who is there?")
        return {"said": stream.recv(100).decode()}


SAID = {
    "files": files,
    "network": network,
    "calls": calls,
    "memory": memory,
    "disk": disk,
    "hoard": hoard,
    "fork-bomb": lambda: begin(fork_bomb),
    "burn": lambda: begin(burn),
    "end": end,
    "shout": shout,
    "stand-in": stand_in,
    "registry": registry,
    "fine": lambda: {"fine": True, "environment": sorted(os.environ)},
}
OK = b"HTTP/1.1 200 OK\r\n"
FORGED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nX-Road-Request-Id: forged\r\n"
    b"X-Road-Error: forged\r\nBridge-Receipt: forged\r\nBridge-Peer-Receipt: forged\r\nSignature: forged=:aa:\r\n"
    b"Signature-Input: forged=()\r\nConnection: X-Gone\r\nX-Gone: 1\r\nTransfer_Encoding: chunked\r\nETag: \"kept\"\r\n\r\n{}"
)
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(path):
    """Bytes that make an answer, or no answer."""
    if path == "/health":
        yield WHOLE % (0, b"")
    elif path == "/describe":
        text = json.dumps(DESCRIPTION).encode()
        yield WHOLE % (len(text), text)
    elif path.startswith("/call/person/"):
        text = json.dumps({"fin": "MBXEHTV", "name": "Invented"}).encode()
        yield WHOLE % (len(text), text)
    else:
        yield from deed(path.removeprefix("/call/deed/"))


def deed(name):
    if name == "ten-gigabytes":
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10737418240\r\n\r\n"
        while True:
            yield bytes(1 << 16)
    elif name == "endless":
        yield CHUNKED
        while True:
            yield b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    elif name == "slow":
        yield CHUNKED
        while True:
            yield b"1\r\n \r\n"
            time.sleep(0.05)
    elif name == "forged-fields":
        yield FORGED
    elif name == "split":
        yield b"HTTP/1.1 200 OK\r\nX-A: 1\r\n b\r\n\rX: y\r\nContent-Length: 2\r\n\r\n{}"
    elif name == "two-lengths":
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 200\r\n\r\n{}"
    elif name == "no-end":
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"
    elif name == "two-answers":
        yield WHOLE % (2, b"{}") + WHOLE % (13, b'{"fine":"no"}')
    elif name == "large-head":
        yield b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * (1 << 20) + b"\r\nContent-Length: 2\r\n\r\n{}"
    elif name == "exit-midway":
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        os._exit(7)
    elif name == "hang":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        text = json.dumps(SAID[name]()).encode()
        yield WHOLE % (len(text), text)


def serve(stream):
    """Requests one after the other; heads only, as no deed has a body."""
    # An answer that nobody reads ends with the connection.
    head = b""
    with stream:
        while True:
            while b"\r\n\r\n" not in head:
                read = stream.recv(65536)
                if not read:
                    return
                head += read
            first, head = head.split(b"\r\n\r\n", 1)
            path = first.split(b" ")[1].decode()
            lines = first.split(b"\r\n")
            named = [line + b"\r\n" for line in lines if line.lower().startswith(b"bridge-call-request-id:")]
            try:
                for piece in answer(path):
                    # All but this field is as hostile as it can be.
                    stream.sendall(piece.replace(OK, OK + b"".join(named)) if piece.startswith(OK) else piece)
            except OSError:
                return
            if path.endswith("no-end"):
                return


def finish(_signal, _frame):
    """Told to finish, it keeps a last word."""
    if folder := os.environ.get("BRIDGE_ADAPTER_DATA"):
        open(folder + "/last-word", "w").close()
    os._exit(0)


def main():
    signal.signal(signal.SIGTERM, finish)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.environ["BRIDGE_ADAPTER_SOCKET"])
        listener.listen(64)

        def take():
            while True:
                serve(listener.accept()[0])

        # All there will be: a fork bomb leaves no room for another.
        for _ in range(THREADS - 1):
            threading.Thread(target=take, daemon=True).start()
        take()


main()
