"""Logged-in PostgreSQL clients that do nothing, thousands in one process.

The least of a client: startup 3.0, SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677), and
then silence. PostgreSQL: "Message Flow", "SASL Authentication".
"""

import base64
import contextlib
import functools
import hashlib
import hmac
import os
import resource
import socket
import struct

AUTHENTICATION_OK = 0
SASL = 10
SASL_CONTINUE = 11
SASL_FINAL = 12


@contextlib.contextmanager
def idle_clients(port, count, user, password, database):
    """Holds this many clients, all logged in, while its block runs."""
    allow_open_files(count + 100)
    with contextlib.ExitStack() as open_sockets:
        yield [open_sockets.enter_context(log_in(port, user, password, database))
               for _ in range(count)]


def allow_open_files(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise OSError(f"{wanted} open files are needed and the limit is {hard}: "
                      "raise it (ulimit -Hn), or ask for fewer idle clients")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def log_in(port, user, password, database):
    """A socket on which ReadyForQuery has been read."""
    connection = socket.create_connection(("127.0.0.1", port))
    parameters = f"user\0{user}\0database\0{database}\0\0".encode()
    connection.sendall(struct.pack("!ii", len(parameters) + 8, 3 << 16) + parameters)
    with connection.makefile("rb") as stream:
        authenticate(connection, stream, password)
        while read_message(stream)[0] != b"Z":
            pass
    return connection


def authenticate(connection, stream, password):
    nonce = base64.b64encode(os.urandom(18)).decode()
    client_first = f"n=,r={nonce}"
    signature = None
    while True:
        code, data = read_authentication(stream)
        if code == AUTHENTICATION_OK:
            return
        if code == SASL:
            first = f"n,,{client_first}".encode()
            send_message(connection, b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
        elif code == SASL_CONTINUE:
            answer, signature = prove(password, client_first, data.decode())
            send_message(connection, answer.encode())
        elif code == SASL_FINAL and data.decode() == f"v={signature}":
            pass
        else:
            raise ConnectionError(f"the login failed at authentication message {code}")


def prove(password, client_first, server_first):
    """The client's final message, and the signature that the server must answer."""
    fields = dict(field.split("=", 1) for field in server_first.split(","))
    salted = salted_password(password, fields["s"], int(fields["i"]))
    without_proof = f"c=biws,r={fields['r']}"
    message = f"{client_first},{server_first},{without_proof}".encode()
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    mask = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, mask))
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    signature = hmac.digest(server_key, message, "sha256")
    return (f"{without_proof},p={base64.b64encode(proof).decode()}",
            base64.b64encode(signature).decode())


@functools.lru_cache
def salted_password(password, salt, iterations):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), iterations)


def send_message(connection, payload):
    connection.sendall(b"p" + struct.pack("!i", len(payload) + 4) + payload)


def read_authentication(stream):
    kind, payload = read_message(stream)
    if kind != b"R":
        raise ConnectionError(f"not an authentication message: {kind}")
    return struct.unpack("!i", payload[:4])[0], payload[4:]


def read_message(stream):
    header = stream.read(5)
    if len(header) < 5:
        raise ConnectionError("the connection was closed during the login")
    kind, length = struct.unpack("!ci", header)
    payload = stream.read(length - 4)
    if kind == b"E":
        raise ConnectionError(payload.replace(b"\0", b" ").decode(errors="replace"))
    return kind, payload
