#!/usr/bin/env python3
"""sharing.py DRIVER POLICY NUMBER PORT: a client of mserver by RFC 2217, with the exchange as the modem behind a real
driver. POLICY is what `unplugged=` says: end or wait. Prints PASS, FAIL and TIME lines."""
import json
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time

DRIVER, POLICY, NUMBER, PORT = sys.argv[1:5]
ACM = DRIVER == "cdc_acm"
NAME = f"mserver on {DRIVER}"
IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
COM_PORT = 44
SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL, LINE_MASK, MODEM_MASK = 1, 2, 3, 4, 5, 10, 11
NOTIFY_LINE, NOTIFY_MODEM = 106, 107
STATE = dict(dcd=0x80, ri=0x40, dsr=0x20, cts=0x10)


class Exchange:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect("/lab/exchange.sock")
        self.answers = self.socket.makefile("r")

    def __call__(self, order):
        verb, _, rest = order.partition(" ")
        self.socket.sendall(f"{verb} {NUMBER} {rest}\n".encode())
        self.why = self.answers.readline().rstrip("\n")
        return self.why[3:] if self.why.startswith("ok") else None

    def state(self):
        return json.loads(self("state"))

    def lines(self, **held):
        self("lines " + " ".join(f"{name}={on}" for name, on in {**dict(dcd=0, ri=0, dsr=1, cts=1), **held}.items()))


exchange = Exchange()


def check(name, good, why=""):
    print(f"PASS {NAME}: {name}" if good else f"FAIL {NAME}: {name}: {why or exchange.why}", flush=True)
    return good


def waits(conditions):
    return exchange(f"wait {conditions} 10s") is not None


class Kernel:
    """When the driver is handed what its adapter sent, by the kernel's own trace (a probe on the driver's completion
    handler): there a change of the lines is known to the machine."""

    ROOT = "/sys/kernel/tracing/"
    HANDLER = "cdc_acm:acm_ctrl_irq" if ACM else "usbserial:usb_serial_generic_read_bulk_callback"

    def __init__(self):
        if not os.path.exists(self.ROOT + "trace"):
            subprocess.run(["mount", "-t", "tracefs", "tracefs", self.ROOT], check=True)
        self.write("tracing_on", "0")
        self.write("trace_clock", "mono")
        self.write("events/enable", "0")
        self.write("kprobe_events", "p:ringback/heard " + self.HANDLER)
        self.write("events/ringback/heard/enable", "1")
        self.write("trace", "")
        self.write("tracing_on", "1")
        self.pipe = os.open(self.ROOT + "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.text = b""

    def write(self, name, text):
        with open(self.ROOT + name, "w") as file:
            file.write(text)

    def heard(self, since):
        """The first time since then, seconds of the monotonic clock; None if there was none."""
        try:
            while piece := os.read(self.pipe, 65536):
                self.text += piece
        except BlockingIOError:
            pass
        times = [float(at) for at in re.findall(rb" (\d+\.\d{6}): heard:", self.text)]
        self.text = self.text[self.text.rfind(b"\n") + 1 :]
        return next((at for at in times if at >= since - 1e-6), None)

    def close(self):
        os.close(self.pipe)
        self.write("events/ringback/heard/enable", "0")
        self.write("kprobe_events", "")


SO_TIMESTAMPNS = 35


class Client:
    """Telnet with the com port option; the rest is data."""

    def __init__(self):
        self.input, self.data, self.told, self.ended = bytearray(), bytearray(), [], False
        self.lines = None  # as last told
        self.arrived = 0.0  # when the kernel had the last piece from the network, by the monotonic clock
        self.socket = socket.create_connection(("127.0.0.1", int(PORT)), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.sendall(bytes([IAC, WILL, COM_PORT, IAC, WILL, 0, IAC, DO, 0]))

    def order(self, command, *value):
        body = bytes(value).replace(b"\xff", b"\xff\xff")
        self.socket.sendall(bytes([IAC, SB, COM_PORT, command]) + body + bytes([IAC, SE]))

    def pump(self, seconds):
        """Takes in what there is, waiting at most so long for the first of it."""
        if self.ended or not select.select([self.socket], [], [], max(0, seconds))[0]:
            return
        try:
            piece, extra, _, _ = self.socket.recvmsg(65536, 64)
            for _, kind, value in extra:
                if kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value)
                    self.arrived = seconds + nanoseconds / 1e9 - (time.time() - time.monotonic())
        except OSError:
            piece = b""
        self.ended |= not piece
        self.input += piece
        while self.input:
            at = self.input.find(IAC)
            if at:
                self.data += self.input[: at if at > 0 else len(self.input)]
                del self.input[: at if at > 0 else len(self.input)]
                continue
            if len(self.input) < 2 or (self.input[1] >= SB and self.input[1] != IAC and len(self.input) < 3):
                return
            kind = self.input[1]
            if kind == IAC:
                self.data.append(IAC)
                del self.input[:2]
            elif kind == SB:
                end = self.input.find(bytes([IAC, SE]))
                if end < 0:
                    return
                body = bytes(self.input[2:end]).replace(b"\xff\xff", b"\xff")
                del self.input[: end + 2]
                if body[:1] == bytes([COM_PORT]):
                    self.told.append((body[1], body[2:]))
                    if body[1] == NOTIFY_MODEM:
                        self.lines = body[2]
            else:
                if kind in (DO, WILL):
                    option = self.input[2]
                    answer = {DO: WILL if option in (COM_PORT, 0, 3) else WONT, WILL: DO if option in (0, 1, 3) else DONT}
                    self.socket.sendall(bytes([IAC, answer[kind], option]))
                del self.input[: 3 if kind > SB else 2]

    def until(self, true, seconds=10):
        end = time.monotonic() + seconds
        while not (found := true()):
            if self.ended or time.monotonic() > end:
                return found
            self.pump(end - time.monotonic())
        return found

    def notice(self, command, true=lambda value: True, seconds=10):
        """The first such message since the list was cleared."""
        return self.until(lambda: [value for told, value in self.told if told == command and true(value)], seconds)

    def asks(self, command, *value):
        """The answer to an order; its command number is 100 more."""
        self.told.clear()
        self.order(command, *value)
        answer = self.notice(command + 100)
        return answer[0] if answer else None

    def commands(self, line, answer=b"OK", seconds=15):
        self.data.clear()
        self.socket.sendall(line + b"\r")
        return self.until(lambda: answer in self.data, seconds)


exchange.lines()
client = Client()
check("a client gets the modem", client.commands(b"ATE0"), bytes(client.data))
check("it holds DTR", waits("dtr=1 rts=1"))
client.asks(MODEM_MASK, 255)
client.asks(LINE_MASK, 255)

# Notices. A line leaves its rest and comes back; each change follows the news of the one before, at once or a little
# later. cdc_acm has no word for CTS and does not count a ring's end.
kernel = Kernel()
missed, times, ends, driver = [], [], [], []
for turn in range(80):
    line = ("dcd", "dsr", "dcd", "ri")[turn % 4]
    time.sleep(turn % 5 * 0.003)
    for on in (line != "dsr", line == "dsr"):
        began = time.monotonic()
        exchange.lines(**{line: int(on)})
        told = client.until(lambda: client.lines is not None and bool(client.lines & STATE[line]) == on, 5)
        took = (time.monotonic() - began) * 1000
        if not told:
            missed.append((turn, line, on))
        else:
            (ends if ACM and line == "ri" and not on else times).append(took)
            heard = kernel.heard(began)
            if heard is not None and not (ACM and line == "ri" and not on):
                driver.append((client.arrived - heard) * 1000)
kernel.close()
check("each change of the lines is told", not missed, missed)
check("the driver's trace has them too", len(driver) >= len(times) * 9 // 10, f"{len(driver)} of {len(times)}")
for what, taken in (
    ("order to the exchange -> the client's program has it", times),
    ("driver has it -> in the client's socket", driver),
):
    taken.sort()
    if taken:
        p99 = taken[min(len(taken) - 1, len(taken) * 99 // 100)]
        print(
            f"TIME {NAME}: {len(taken)} modem-state notices, {what}: p50 {taken[len(taken) // 2]:.1f} ms,"
            f" p99 {p99:.1f} ms, most {taken[-1]:.1f} ms",
            flush=True,
        )
if ends:
    print(f"TIME {NAME}: {len(ends)} notices of a ring's end: most {max(ends):.1f} ms", flush=True)
exchange.lines()

wrong = []
for speed in (1200, 57600, 115200):
    answer = client.asks(SET_BAUDRATE, *struct.pack(">I", speed))
    if not answer or abs(struct.unpack(">I", answer)[0] - speed) * 50 > speed or not waits(f"speed={speed}"):
        wrong.append((speed, answer, exchange.why))
check("speeds are told to the modem and answered", not wrong, wrong)
answers = [client.asks(SET_DATASIZE, 7), client.asks(SET_PARITY, 3), client.asks(SET_STOPSIZE, 2)]
check("7E2 is told to the modem and answered", answers == [b"\7", b"\3", b"\2"] and waits("frame=7E2"), answers)
answers = [client.asks(SET_DATASIZE, 8), client.asks(SET_PARITY, 1), client.asks(SET_STOPSIZE, 1)]
check("and 8N1", answers == [b"\x08", b"\1", b"\1"] and waits("frame=8N1"), answers)

before = exchange.state()["breaks"]
client.order(SET_CONTROL, 5)
time.sleep(0.2)
client.order(SET_CONTROL, 6)
check("a break reaches the modem", waits(f"breaks={before + 1}"))
client.told.clear()
exchange("break")
check("a break of the modem's is told", client.notice(NOTIFY_LINE, lambda value: value[0] & 0x10), client.told)

client.order(SET_CONTROL, 12)
low = waits("rts=0 dtr=1")
client.order(SET_CONTROL, 11)
check("RTS follows the client", low and waits("rts=1"))
client.order(SET_CONTROL, 9)
low = waits("dtr=0")
client.order(SET_CONTROL, 8)
check("DTR follows the client", low and waits("dtr=1"))
if not ACM:
    client.asks(SET_CONTROL, 3)
    exchange.lines(cts=0)
    client.notice(NOTIFY_MODEM, lambda value: not value[0] & STATE["cts"])
    stopped = not client.commands(b"ATI0", seconds=0.7)
    client.data.clear()
    exchange.lines()
    check("without CTS nothing is sent, with it everything", stopped and client.until(lambda: b"OK" in client.data), bytes(client.data))

exchange("unplug")
if POLICY == "end":
    client.until(lambda: client.ended, 15)
    check("unplugged in use: the session ends", client.ended)
    exchange("plug")
else:
    client.pump(1)
    client.pump(1)
    check("unplugged in use: the session waits", not client.ended)
    exchange("plug")
    began = time.monotonic()
    back = waits("device=1") and waits("dtr=1 speed=115200")
    check("plugged in again: it has the modem, with its speed", back)
    print(f"TIME {NAME}: plugged in to DTR: {(time.monotonic() - began) * 1000:.0f} ms", flush=True)
    check("and goes on", client.commands(b"ATI0", seconds=20), bytes(client.data))
client.socket.close()

# The next user may have to come more than once while the device is made ready.
end, served = time.monotonic() + 30, False
while not served and time.monotonic() < end:
    try:
        client = Client()
        served = client.commands(b"ATI0", seconds=8)
        client.socket.close()
    except OSError:
        pass
    served or time.sleep(0.3)
check("the next user has the modem", served)
exchange("lines")
