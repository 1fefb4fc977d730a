"""acme2certifier over TLS, and the name service by which it finds the nodes. Usage: serve.py FOLDER PORT DNS-ADDRESS NAME=ADDRESS..."""

import os
import runpy
import socket
import ssl
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

import dns.flags
import dns.message
import dns.rrset


def answer_names(address, names):
    """Answers for the names given, and says of all others that they do not exist."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        packet, sender = server.recvfrom(4096)
        query = dns.message.from_wire(packet)
        answer = dns.message.make_response(query)
        question = query.question[0]
        found = names.get(question.name.to_text(omit_final_dot=True))
        if found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", found))
        server.sendto(answer.to_wire(), sender)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def shutdown_request(self, request):
        """Says the end of TLS: an answer without a length would count as cut off."""
        try:
            request.unwrap()
        except OSError:
            pass
        self.close_request(request)


def main():
    folder, port, address, *names = sys.argv[1:]
    names = dict(pair.split("=") for pair in names)
    threading.Thread(target=answer_names, args=(address, names), daemon=True).start()
    os.environ["ACME_SRV_CONFIGFILE"] = f"{folder}/acme_srv.cfg"
    from acme2certifier import share

    app = runpy.run_path(os.path.join(os.path.dirname(share.__file__), "acme2certifier_wsgi.py"))
    server = make_server("127.0.0.1", int(port), app["application"], server_class=Server, handler_class=app["get_handler_cls"]())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/web.pem", f"{folder}/web.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.base_environ["HTTPS"] = "on"
    print("serving", flush=True)
    server.serve_forever()


main()
