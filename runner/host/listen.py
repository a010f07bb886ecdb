"""Addresses to listen on: bound, named as clients name them, and told when others than this machine reach them."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

import structlog

from runner.model.errors import Invalid

BACKLOG = 1024
PORT_MAX = 65_535

_log = structlog.get_logger()


class CannotListen(Invalid):
    """The address to listen on is malformed, or not ours."""


class AddressTaken(CannotListen):
    """Another process listens there."""


def split_bind(bind: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, with or without brackets around an IPv6 address; raises `CannotListen`."""
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > PORT_MAX:
        raise CannotListen(f"cannot listen on {bind}: it is no HOST:PORT", hint="an example is 127.0.0.1:0")
    return host, int(port)


def listen(bind: str, *, flag: str = "--listen") -> socket.socket:
    """Return a TCP socket that listens on *bind*, ``HOST:PORT``; port 0 takes a free one.

    Args:
        bind: The address.
        flag: Of the command line, that chooses another.

    Raises:
        CannotListen, AddressTaken.
    """
    host, port = split_bind(bind)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        is_taken = exc.errno == errno.EADDRINUSE
        raise (AddressTaken if is_taken else CannotListen)(
            f"cannot listen on {bind}: {exc.strerror}",
            hint=f"choose an address of this machine with {flag}; port 0 takes a free one",
        ) from exc
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what is accepted
    return bound


def url_of(listener: socket.socket, *, is_secure: bool = False) -> str:
    """Return the URL under which clients on this machine reach *listener*."""
    host, port = listener.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    scheme = "https" if is_secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def warn_if_exposed(listener: socket.socket, url: str, *, has_auth: bool, is_secure: bool) -> None:
    """Say what other hosts can do at a listener beyond loopback: more than they should, or see what passes."""
    if ip_address(listener.getsockname()[0]).is_loopback:
        return
    if not has_auth:
        problem = "whoever reaches it is let in: ask for credentials, or listen on loopback"
    elif not is_secure:
        problem = "whoever is on the way reads all that passes: use TLS"
    else:
        return
    _log.warning("server.exposed", endpoint=url, message=f"{url} is open to other hosts, and {problem}")
