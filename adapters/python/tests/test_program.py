"""A program as the node starts it: environment, SIGTERM, exit code."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from bridge_adapter import Unreachable, connect

PROGRAM = """
import sys, threading
from bridge_adapter import Adapter, Limits
app = Adapter("trial", limits=Limits(drain_seconds=float(sys.argv[1])))
leave = threading.Event()

@app.get("/slow")
def slow(call):
    sys.stdout.write("entered\\n"); sys.stdout.flush()
    leave.wait(0.3 if sys.argv[2] == "ends" else 3600)
    return {"whole": True}

app.run()
"""


class Program(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "a.sock")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], env=dict(os.environ) | environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(program.communicate)
        self.addCleanup(program.kill)
        return program

    def ask(self) -> socket.socket:
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(30)
        self.addCleanup(stream.close)
        stream.connect(self.path)
        stream.sendall(b"GET /call/slow HTTP/1.1\r\n\r\n")
        return stream

    def begin(self, drain: str, how: str) -> tuple[subprocess.Popen[str], socket.socket]:
        program = self.start(drain, how, BRIDGE_ADAPTER_SOCKET=self.path, BRIDGE_ADAPTER_NAME="trial")
        assert program.stderr is not None and program.stdout is not None
        self.assertIn('"event":"started"', program.stderr.readline())
        stream = self.ask()
        self.assertEqual(program.stdout.readline(), "entered\n")
        return program, stream

    def test_sigterm_lets_a_call_end_and_takes_no_more(self) -> None:
        program, stream = self.begin("30", "ends")
        program.send_signal(signal.SIGTERM)
        self.assertTrue(stream.recv(65536).endswith(b'{"whole":true}'))
        self.assertEqual(program.wait(30), 0)
        self.assertFalse(Path(self.path).exists())
        with self.assertRaises(OSError):
            self.ask()

    def test_a_call_that_does_not_end_is_left_after_the_drain_time(self) -> None:
        program, stream = self.begin("0.2", "hangs")
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(30), 1)
        self.assertEqual(stream.recv(65536), b"")

    def test_without_the_node_it_says_how_to_be_tried(self) -> None:
        program = self.start("1", "ends", BRIDGE_ADAPTER_SOCKET="")
        _, told = program.communicate(timeout=30)
        self.assertEqual(program.returncode, 64)
        self.assertIn("hint: try it with `bridge-node adapter check FOLDER`", told)

    def test_another_packages_program_does_not_start(self) -> None:
        program = self.start("1", "ends", BRIDGE_ADAPTER_SOCKET=self.path, BRIDGE_ADAPTER_NAME="other")
        _, told = program.communicate(timeout=30)
        self.assertEqual(program.returncode, 64)
        self.assertIn("the package is other, the program says Adapter('trial')", told)


class Registry(unittest.TestCase):
    def tearDown(self) -> None:
        os.environ.pop("BRIDGE_REGISTRY_SOCKET", None)

    def test_the_registrys_socket_is_connected(self) -> None:
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = os.environ["BRIDGE_REGISTRY_SOCKET"] = os.path.join(folder, "registry.sock")
            with self.assertRaises(Unreachable):
                connect()
            listener.bind(path)
            listener.listen()

            def answer() -> None:
                stream, _ = listener.accept()
                with stream:
                    stream.sendall(stream.recv(10).upper())

            thread = threading.Thread(target=answer)
            thread.start()
            with connect() as stream:
                stream.sendall(b"question")
                self.assertEqual(stream.recv(10), b"QUESTION")
            thread.join()

    def test_without_a_registry_it_is_unreachable(self) -> None:
        with self.assertRaises(Unreachable):
            connect()


if __name__ == "__main__":
    unittest.main()
