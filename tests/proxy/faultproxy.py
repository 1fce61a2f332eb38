"""A TCP proxy that does one fault to one run of a client, at a chosen packet.

A packet is what one recv() from the client gave; a small message is one packet. All packets of a run are counted, over
all of its connections. The faults:

    cut_before    both sides are reset; the packet never reaches the server           (request lost)
    cut_after     the packet is forwarded and answered; the answer is swallowed, then the client is reset   (answer lost)
    hole_before   nothing is forwarded any more, and the client's packets are not even acknowledged        (black hole)
    hole_after    the same, after this packet was forwarded; the server keeps the session
    gone_before   as cut_before, and nobody can connect any more
    gone_after    as cut_after, and nobody can connect any more
    call          a function is called, then the packet is forwarded  (the server ends the session, for example)
    delay         the packet is held back for a while                 (slow network)
    split         from this packet on, everything is delivered a byte at a time, both ways
"""
import ctypes
import re
import socket
import struct
import threading
import time

SO_ATTACH_FILTER = 26                 # of Linux; Python has no name for it
READY = re.compile(rb'Z\x00{3}\x05[ITE]\Z')   # PostgreSQL's ReadyForQuery, which ends every answer
CHUNK = 65536


class Fault:
    """What to do, and at which packet: the `number`-th of the run, or of those that hold `match`."""

    def __init__(self, action, number=1, match=b'', seconds=0.3, function=None):
        self.action, self.number, self.match = action, number, match
        self.seconds, self.function = seconds, function
        self.seen, self.struck = 0, False

    def strikes(self, packet):
        if self.struck or self.match not in packet:
            return False
        self.seen += 1
        self.struck = self.seen == self.number
        return self.struck


class Proxy:
    """Listens on a port of its own until the end of the `with` block."""

    def __init__(self, target, fault=None):
        self.target, self.fault = target, fault
        self.packets = []             # the client's, in order
        self.guard = threading.Lock()
        self.sockets = []
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._refuse()
        for s in self.sockets:
            reset(s)

    def _refuse(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)   # close() alone does not wake the thread in accept()
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                server = socket.create_connection(self.target)
            except OSError:
                return
            self.sockets += [client, server]
            Connection(self, client, server).start()

    def strikes(self, packet):
        with self.guard:
            self.packets.append(packet)
            return self.fault is not None and self.fault.strikes(packet)


class Connection:
    """One client and its connection to the server; a thread for each direction."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.hole = self.split = False
        self.swallowing = threading.Event()
        self.answered = threading.Event()
        for s in client, server:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self):
        threading.Thread(target=self._to_server, daemon=True).start()
        threading.Thread(target=self._to_client, daemon=True).start()

    def _to_server(self):
        while packet := receive(self.client):
            if self.hole:
                continue
            if self.proxy.strikes(packet) and not self._strike(packet):
                return
            if not self.hole and not self._send(self.server, packet):
                return
        if not self.hole:
            finish(self.server)

    def _strike(self, packet):
        """Does the fault. False: this connection is over."""
        fault = self.proxy.fault
        action, _, moment = fault.action.partition('_')
        if action == 'hole':
            if moment == 'after':
                self._send(self.server, packet)
            self.hole = True
            drop_everything(self.client)
        elif action in ('cut', 'gone'):
            if moment == 'after':
                self.swallowing.set()
                self._send(self.server, packet)
                self.answered.wait(1)
            if action == 'gone':
                self.proxy._refuse()
            reset(self.client)
            reset(self.server)
            return False
        elif action == 'call':
            fault.function()
        elif action == 'delay':
            time.sleep(fault.seconds)
        elif action == 'split':
            self.split = True
        return True

    def _to_client(self):
        while answer := receive(self.server):
            if self.swallowing.is_set():
                if READY.search(answer):
                    self.answered.set()
            elif not self.hole and not self._send(self.client, answer):
                return
        if not self.hole and not self.swallowing.is_set():
            finish(self.client)

    def _send(self, where, data):
        try:
            if self.split:
                for i in range(len(data)):
                    where.sendall(data[i:i + 1])
                    time.sleep(0.00005)
            else:
                where.sendall(data)
            return True
        except OSError:
            return False


def receive(s):
    """The next bytes; none at the end of the stream or when the connection is gone."""
    try:
        return s.recv(CHUNK)
    except OSError:
        return b''


def finish(s):
    try:
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def reset(s):
    """Ends a connection with RST. A thread that waits in recv() on it is woken first."""
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        s.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    s.close()


def drop_everything(s):
    """The kernel throws away what comes in for this socket, unacknowledged, as if the line were dead."""
    instructions = ctypes.create_string_buffer(struct.pack('HBBI', 0x06, 0, 0, 0))   # a socket filter: return 0
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HP', 1, ctypes.addressof(instructions)))
