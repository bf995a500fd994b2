#!/usr/bin/env python3
"""modemd.py INETD MODEMD PEER [ROUNDS]: time from connect to the first byte on the line, under inetd: modemd
beside a C program of the same job (modemd_peer.c), one after the other in each round."""
import os, pty, select, signal, socket, statistics, struct, subprocess, sys, tempfile, time, tty

inetd, modemd, peer = sys.argv[1:4]
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 300
work = tempfile.mkdtemp(prefix='modemd-bench.')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


lines = {}
conf = os.path.join(work, 'inetd.conf')
with open(conf, 'w') as f:
    for name in ('C', 'modemd'):
        master, slave = pty.openpty()
        tty.setraw(slave)
        path, port = os.ttyname(slave), free_port()
        lock = '/var/lock/LCK..' + path[5:].replace('/', '_')
        lines[name] = (port, master, slave, lock)
        if name == 'C':
            server = '%s %s %s %s' % (peer, os.path.basename(peer), path, lock)
        else:
            server = '%s modemd %s --init none --dtr-down 0' % (modemd, path)
        f.write('127.0.0.1:%d stream tcp nowait.60000 root %s\n' % (port, server))
daemon = subprocess.Popen([inetd, '-i', conf], stderr=subprocess.DEVNULL)


def once(port, master, slave, lock):
    start = time.perf_counter()
    s = socket.create_connection(('127.0.0.1', port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(b'A')
    if not select.select([master], [], [], 5)[0]:
        raise SystemExit('no byte came through port %d' % port)
    took = time.perf_counter() - start
    os.read(master, 100)
    # A reset: nobody is left to be heard, so the session ends at once.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()
    end = time.time() + 10
    while os.path.exists(lock) and time.time() < end:
        time.sleep(0.002)
    time.sleep(0.005)
    return took * 1e6


try:
    time.sleep(0.3)
    times = {name: [] for name in lines}
    for n in range(rounds + 10):
        for name, line in lines.items():
            took = once(*line)
            if n >= 10:
                times[name].append(took)
finally:
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
p99 = lambda v: sorted(v)[int(len(v) * .99)]
print('| | p50 us | p99 us |\n|---|---|---|')
for name, v in times.items():
    print('| %s | %.0f | %.0f |' % (name, statistics.median(v), p99(v)))
print('ratio p50 %.3f' % statistics.median(a / b for a, b in zip(times['modemd'], times['C'])))
