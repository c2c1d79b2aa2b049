"""Listening sockets: bound with a clear word where that fails, closed without losing a client."""

import ctypes
import errno
import socket
import struct
import sys
from contextlib import suppress

from gateway.settings import CannotStart

BACKLOG = 2048
_SO_ATTACH_FILTER = 26
_DROP_EVERYTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)  # one classic BPF instruction: ret 0


def bind(host: str, port: int, setting: str | None = None) -> socket.socket:
    """Return a socket that listens there; port 0 takes any free one.

    Raises CannotStart, naming the setting to change, where the port is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio sends small answers at once (TCP_NODELAY) only on sockets that
    # say they are TCP, and else an answer in two writes waits 40 ms for the client's word.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except socket.gaierror as error:
        listener.close()
        raise CannotStart(f"there is no address {host} on this machine (ALMONER_HOST).") from error
    except OSError as error:
        listener.close()
        how = f" Choose another one by {setting}." if setting else ""
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} on {host} is taken by another program.{how}"
        else:
            message = f"cannot listen on {host}:{port}: {error.strerror or error}.{how}"
        raise CannotStart(message) from error
    return listener


def let_nobody_in(listener: socket.socket) -> None:
    """Keep clients from connecting from now on; those that have connected can still be accepted.

    Closing a listening socket resets every connection that waits in it to be accepted, and with it
    a request that its client has already sent. So the kernel is told first to drop what comes for
    the listening socket, then what waits is accepted, then it is closed. The clients that knocked
    meanwhile are refused when they knock again. Linux alone can do this; elsewhere the window
    between the last accept and the close stays open.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP_EVERYTHING, len(_DROP_EVERYTHING))
    pointer = struct.pack("@HL", 1, ctypes.addressof(program))
    with suppress(OSError):  # a sandbox may forbid it
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)
