#!/usr/bin/env python3
"""lines.py NAME NUMBER DEVICE: what the kernel's driver does with one line, told by both ends: this program has the
tty, the exchange is the modem. Prints PASS, FAIL and TIME lines."""
import array
import errno
import fcntl
import json
import os
import select
import socket
import struct
import sys
import termios
import threading
import time

NAME, NUMBER, DEVICE = sys.argv[1:4]
ACM = NAME == "cdc_acm"
BITS = dict(dtr=2, rts=4, cts=0x20, dcd=0x40, ri=0x80, dsr=0x100)
TIOCMIWAIT = 0x545C
RAW = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK


class Exchange:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect("/lab/exchange.sock")
        self.answers = self.socket.makefile("r")

    def __call__(self, order):
        """Carries an order for the line out; gives the answer, or None if it failed."""
        verb, _, rest = order.partition(" ")
        self.socket.sendall(f"{verb} {NUMBER} {rest}\n".encode())
        answer = self.answers.readline().rstrip("\n")
        self.why = answer
        return answer[3:] if answer.startswith("ok") else None

    def state(self):
        return json.loads(self("state"))


exchange = Exchange()


def check(name, good, why=""):
    print(f"PASS {NAME}: {name}" if good else f"FAIL {NAME}: {name}: {why or exchange.why}", flush=True)


def waits(conditions):
    return exchange(f"wait {conditions} 20s") is not None


def settings(fd, speed=termios.B9600, frame=termios.CS8, clocal=True, crtscts=False, input_modes=0):
    modes = termios.tcgetattr(fd)
    modes[0], modes[1], modes[3] = input_modes, 0, 0
    modes[2] = frame | termios.CREAD | termios.HUPCL
    modes[2] |= (termios.CLOCAL if clocal else 0) | (termios.CRTSCTS if crtscts else 0)
    modes[4] = modes[5] = speed
    modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSANOW, modes)


def lines(fd):
    bits = array.array("i", [0])
    fcntl.ioctl(fd, termios.TIOCMGET, bits)
    return {name for name, bit in BITS.items() if bits[0] & bit}


def change(fd, request, *names):
    fcntl.ioctl(fd, request, struct.pack("i", sum(BITS[name] for name in names)))


def aside(work):
    """Runs it in a thread; the list holds what came of it when it is over."""
    came = []

    def run():
        try:
            came.append(work())
        except OSError as error:
            came.append(errno.errorcode[error.errno])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, came


def read(fd, seconds=5, least=1):
    data = b""
    end = time.monotonic() + seconds
    while len(data) < least and select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
        piece = os.read(fd, 65536)
        if not piece:
            break
        data += piece
    return data


exchange("lines dcd=0 dsr=1 cts=1 ri=0")
thread, came = aside(lambda: os.close(os.open(DEVICE, os.O_RDWR | os.O_NOCTTY)))
thread.join(5)
check("an open without carrier does not wait for it", came == [None], came)

fd = os.open(DEVICE, RAW)
settings(fd)
check("opening raises DTR and RTS", waits("dtr=1 rts=1 open=1"))

woken, times = [], []
for line in ("dcd", "ri", "dsr") + (() if ACM else ("cts",)):
    for on in (0, 1, 0, 1):
        level = on if line in ("dcd", "ri") else 1 - on
        held = dict(dcd=0, ri=0, dsr=1, cts=1)
        exchange("lines " + " ".join(f"{name}={value}" for name, value in {**held, line: 1 - level}.items()))
        time.sleep(0.1)
        thread, came = aside(lambda: fcntl.ioctl(fd, TIOCMIWAIT, BITS[line]))
        time.sleep(0.2)
        began = time.monotonic()
        exchange("lines " + " ".join(f"{name}={value}" for name, value in {**held, line: level}.items()))
        # cdc_acm counts rings when they begin and tells nobody that they are over.
        silent = ACM and line == "ri" and not level
        thread.join(0.2 if silent else 10)
        if not silent:
            times.append(time.monotonic() - began)
        woken.append((line, bool(came) or silent, (line in lines(fd)) == bool(level)))
check("TIOCMIWAIT wakes at each change of the lines", all(w and l for _, w, l in woken), woken)
print(f"TIME {NAME}: TIOCMIWAIT wakes after: {max(times) * 1000:.0f} ms at most")
exchange("lines dcd=0 dsr=1 cts=0 ri=0")
time.sleep(0.5)
check("CTS is always on" if ACM else "CTS is seen to fall", ("cts" in lines(fd)) == ACM or ACM, lines(fd))
exchange("lines dcd=0 dsr=1 cts=1 ri=0")

wrong = []
for name in ("B300", "B1200", "B9600", "B57600", "B115200", "B230400"):
    settings(fd, getattr(termios, name))
    waits(f"speed={name[1:]} frame=8N1") or wrong.append((name, exchange.why))
for text, frame in (("7E2", termios.CS7 | termios.PARENB | termios.CSTOPB), ("8O1", termios.CS8 | termios.PARENB | termios.PARODD)):
    settings(fd, frame=frame)
    waits(f"frame={text}") or wrong.append((text, exchange.why))
check("speed and frame reach the modem", not wrong, wrong)

settings(fd, termios.B0)
check("B0 drops DTR" + (" and leaves RTS on" if ACM else " and RTS"), waits(f"dtr=0 rts={int(ACM)}"))
settings(fd, termios.B9600)
check("a speed raises it again", waits("dtr=1 rts=1"))
change(fd, termios.TIOCMBIC, "rts")
low = waits("rts=0 dtr=1")
change(fd, termios.TIOCMBIS, "rts")
check("RTS follows TIOCMBIC and TIOCMBIS", low and waits("rts=1"))

settings(fd, crtscts=True)
exchange("type \\x")  # nothing: but from now on what comes is kept for `heard`
exchange("heard")
exchange("lines dcd=0 dsr=1 cts=0 ri=0")
time.sleep(0.5)
os.write(fd, b"ATI0 CTS " + b"x" * 300)
time.sleep(0.3)
echo = read(fd, 0.2)
if ACM:
    check("CRTSCTS takes no notice of CTS: the class has none", b"CTS" in echo, echo)
else:
    check("CRTSCTS and CTS off: nothing is sent", echo == b"", echo)
exchange("lines dcd=0 dsr=1 cts=1 ri=0")
echo += read(fd, 5, 309 - len(echo))
check("with CTS everything comes, once", echo == b"ATI0 CTS " + b"x" * 300, f"{len(echo)} octets")
os.write(fd, b"\r")
read(fd, 1, 6)

before = exchange.state()["breaks"]
termios.tcsendbreak(fd, 0)
check("a break reaches the modem", waits(f"breaks={before + 1}"))
settings(fd, input_modes=termios.PARMRK)
read(fd, 0.1)
exchange("break")
data = read(fd, 5, 3)
check("a break of the modem's reaches the program", b"\xff\0\0" in data, data)

settings(fd, clocal=False)
exchange("lines dcd=1 dsr=1 cts=1 ri=0")
time.sleep(0.5)
began = time.monotonic()
exchange("lines dcd=0 dsr=1 cts=1 ri=0")
select.select([fd], [], [], 5)
took = time.monotonic() - began
try:
    end = os.read(fd, 100)
except OSError as error:
    end = errno.errorcode[error.errno]
try:
    os.write(fd, b"x")
    written = "a write succeeds"
except OSError as error:
    written = errno.errorcode[error.errno]
check("carrier lost without CLOCAL hangs the tty up", end == b"" and written == "EIO", (end, written))
print(f"TIME {NAME}: carrier lost to hang-up: {took * 1000:.0f} ms")
os.close(fd)
check("the last close drops DTR", waits("dtr=0 open=0"))

exchange("lines dcd=0 dsr=1 cts=1 ri=0")
fd = os.open(DEVICE, RAW)
settings(fd)
thread, came = aside(lambda: fcntl.ioctl(fd, TIOCMIWAIT, BITS["dcd"]))
time.sleep(0.5)
exchange("unplug")
thread.join(5)
check("unplugged in use: TIOCMIWAIT ends with ENODEV or EIO", came in (["ENODEV"], ["EIO"]), came)
select.select([fd], [], [], 5)
try:
    end = os.read(fd, 100)
except OSError as error:
    end = errno.errorcode[error.errno]
check("unplugged in use: a read ends", end in (b"", "EIO", "ENODEV"), end)
os.close(fd)
for _ in range(5):
    exchange("plug")
    exchange("unplug")
began = time.monotonic()
exchange("plug")
check("plugged in for the sixth time: the tty is back", waits("device=1") and exchange.state()["device"] == DEVICE, exchange.state())
print(f"TIME {NAME}: plugged in to tty: {(time.monotonic() - began) * 1000:.0f} ms")
exchange("lines")
