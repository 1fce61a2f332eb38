"""A TCP proxy that does one fault to one run of a client, at a chosen packet.

What a packet is, and where the server's answer to one ends, a class for each protocol knows: PostgresWire, MySqlWire. All
packets of a run are counted, over all of its connections. The faults:

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
CHUNK = 65536


class PostgresWire:
    """A packet is what one recv() from the client gave; a small message is one packet."""
    READY = re.compile(rb'Z\x00{3}\x05[ITE]\Z')   # ReadyForQuery, which ends every answer

    @staticmethod
    def packets(data):
        return [data]

    def ends_answer(self, data):
        return bool(self.READY.search(data))


class Frames:
    """Cuts a stream into MySQL's packets: three bytes of length, a sequence number, a body. One of the greatest length goes
    on in the next."""
    LONGEST = 0xffffff

    def __init__(self):
        self.stream = b''

    def take(self, data):
        """[(the packet as it came, its body)] for those that are complete now."""
        self.stream += data
        found, start, body = [], 0, b''
        while len(self.stream) >= start + 4:
            length = int.from_bytes(self.stream[start:start + 3], 'little')
            end = start + 4 + length
            if len(self.stream) < end:
                break
            body += self.stream[start + 4:end]
            start = end
            if length < self.LONGEST:
                found.append((self.stream[:end], body))
                self.stream, start, body = self.stream[end:], 0, b''
        return found


class MySqlWire:
    """The text protocol without TLS and compression. A query may hold several statements, and has as many answers; each says
    whether another one follows."""
    OK, LOCAL_INFILE, EOF, ERROR = 0x00, 0xfb, 0xfe, 0xff
    MORE_RESULTS = 0x0008
    DEPRECATE_EOF = 1 << 24
    FULL_PASSWORD_NOT_NEEDED = b'\x01\x03'        # an OK follows

    def __init__(self):
        self.from_client, self.from_server = Frames(), Frames()
        self.has_eof = None                       # behind the columns of a result; None: nobody has logged in
        self.expect = self._greeting

    def packets(self, data):
        found = self.from_client.take(data)
        if found and self.has_eof is None:
            self.has_eof = not int.from_bytes(found[0][1][:4], 'little') & self.DEPRECATE_EOF
        return [packet for packet, _ in found]

    def ends_answer(self, data):
        return any([self.expect(body) for _, body in self.from_server.take(data)][-1:])

    def _greeting(self, _):
        self.expect = self._login
        return False

    def _login(self, body):
        if body[0] == self.OK:
            self.expect = self._head
        return body != self.FULL_PASSWORD_NOT_NEEDED

    def _head(self, body):
        if body[0] == self.OK:
            return self._end(body)
        if body[0] in (self.ERROR, self.LOCAL_INFILE):
            return True
        self.left = integer(body, 0)[0] + self.has_eof
        self.expect = self._column
        return False

    def _column(self, _):
        self.left -= 1
        if self.left == 0:
            self.expect = self._row
        return False

    def _row(self, body):
        if body[0] == self.ERROR:
            self.expect = self._head
            return True
        if body[0] == self.EOF and len(body) < (9 if self.has_eof else Frames.LONGEST):
            self.expect = self._head
            return self._end(body)
        return False

    def _end(self, body):
        """An OK says in its status whether another result follows, and so does an EOF."""
        at = 3
        if body[0] == self.OK or not self.has_eof:
            at = integer(body, integer(body, 1)[1])[1]
        return not int.from_bytes(body[at:at + 2], 'little') & self.MORE_RESULTS


def integer(body, at):
    """A number of MySQL's protocol, as long as its first byte says, and where the next field begins."""
    size = {0xfc: 2, 0xfd: 3, 0xfe: 8}.get(body[at])
    return (body[at], at + 1) if size is None else (int.from_bytes(body[at + 1:at + 1 + size], 'little'), at + 1 + size)


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

    def __init__(self, target, wire, fault=None):
        self.target, self.wire, self.fault = target, wire, fault
        self.packets = []             # the client's, in order
        self.guard = threading.Lock()
        self.sockets, self.connections = [], []
        self.place, self.listener, self.port = listen()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        if not (self.fault and self.fault.struck):   # the last packet may still be on its way to us
            for connection in self.connections:
                connection.read.wait(5)
        self._refuse()
        for s in self.sockets:
            reset(s)
        self.place.close()

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
            self.connections.append(Connection(self, client, server))
            self.connections[-1].start()

    def strikes(self, packet):
        with self.guard:
            self.packets.append(packet)
            return self.fault is not None and self.fault.strikes(packet)


class Connection:
    """One client and its connection to the server; a thread for each direction."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.wire = proxy.wire()
        self.hole = self.split = False
        self.swallowing = threading.Event()
        self.answered = threading.Event()
        self.read = threading.Event()             # to the end of what the client sent
        for s in client, server:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self):
        threading.Thread(target=self._to_server, daemon=True).start()
        threading.Thread(target=self._to_client, daemon=True).start()

    def _to_server(self):
        while data := receive(self.client):
            for packet in self.wire.packets(data):
                if not self._pass_on(packet):
                    self.read.set()
                    return
        self.read.set()
        if not self.hole:
            finish(self.server)

    def _pass_on(self, packet):
        """False: this connection is over."""
        if self.hole:
            return True
        if self.proxy.strikes(packet) and not self._strike(packet):
            return False
        return self.hole or self._send(self.server, packet)

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
            is_end = self.wire.ends_answer(answer)
            if self.swallowing.is_set():
                if is_end:
                    self.answered.set()
            elif not self.hole and not self._send(self.client, answer):
                return
        self.answered.set()
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


def listen():
    """(a socket that keeps the port for us, one that listens on it, the port). When nobody listens any more, no other proxy may
    have the port, or a client that connects again would come to the wrong server."""
    place, listener = socket.socket(), socket.socket()
    for s in place, listener:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(('127.0.0.1', 0))
    listener.bind(place.getsockname())
    listener.listen(64)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return place, listener, place.getsockname()[1]


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
