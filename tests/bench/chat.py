#!/usr/bin/env python3
"""What chat costs beside Debian's chat, both alternated in one run.

  chat.py [--runs 200] [--mb 64] [--only start,noise,ok] [--rounds 1] [--json out.json]
       [--ours PROGRAM] [--original PROGRAM]

start     start-up and exit only (the send is empty and without CR): wall, CPU (user + system); in the same
          rotation '' AT OK '' against a modem that answers at once, ours also with --pace 10, and peak RSS.
noise     --mb MiB on the line, then the string that is awaited, each with 1 and with 20 ABORT strings:
            random   random printable lines of 20..99 characters
            adverse  near-misses: the awaited string's prefix over and over
ok        the same noise awaiting OK, beside a C loop that reads two bytes at a time (csrc/two_bytes.c):
            random   as above: two bytes a read
            adverse  lines full of O: one byte a read behind each
Ends with each bar, the figure and whether it holds; exit status 1 if one does not.
Python 3.9+ standard library only.
"""
import argparse, json, os, random, re, select, signal, statistics, subprocess, sys, tempfile, termios, time

MATCH = b'CONNECTED-NOW-42'          # absent from the streams by construction
ABORTS = ['NO CARRIER', 'BUSY', 'NO DIALTONE', 'NO DIAL TONE', 'NO ANSWER', 'ERROR', 'VOICE',
          'DELAYED', 'BLACKLISTED', 'RINGING', 'Invalid Login', 'Login incorrect', '+CME ERROR',
          '+CMS ERROR', 'COMMAND NOT SUPPORT', 'Username/Password Incorrect', 'SIM PIN',
          'NO PROMPTTONE', 'FCERROR', 'SERVICE UNAVAILABLE']


def here(*parts):
    return os.path.join(os.path.dirname(os.path.realpath(__file__)), *parts)


def target():
    return os.environ.get('CARGO_TARGET_DIR', os.path.realpath(here('../../target')))


def raw(fd):
    a = termios.tcgetattr(fd)
    a[0] = 0
    a[1] = 0
    a[3] = 0
    a[6][termios.VMIN], a[6][termios.VTIME] = b'\x01', b'\x00'
    termios.tcsetattr(fd, termios.TCSANOW, a)


def stream(kind, n):
    """A block repeated until N bytes; lower case, so nothing can match."""
    rnd = random.Random(7)
    out = bytearray()
    if kind == 'many-o':
        while len(out) < 1 << 20:
            out += bytes(rnd.choice(b'OOOO okx') for _ in range(rnd.randint(20, 99))) + b'\r\n'
        return bytes(out), n
    if kind == 'random':
        al = b'abcdefghijklmnopqrstuvwxyz0123456789 .,:;/'
        while len(out) < 1 << 20:
            out += bytes(rnd.choice(al) for _ in range(rnd.randint(20, 99))) + b'\r\n'
    else:
        # long prefixes of the awaited string and of the ABORT strings, each
        # broken at its last byte, and runs ending in the strings' last letters
        parts = [MATCH[:-1] + b'3', MATCH[:-1], b'NO DIALTON', b'NO CARRIE', b'BUS', b'ERRO', b'+CME ERRO',
                 b'R2Y2E', b'-NOW-42', b'RRRRYYYYEEEE2222']
        while len(out) < 1 << 20:
            out += rnd.choice(parts)
            if rnd.random() < 0.05:
                out += b'\r\n'
    out += b'\r\n'
    assert MATCH not in bytes(out) + bytes(out)
    for s in ABORTS:
        while s.encode() in out:
            i = out.index(s.encode())
            out[i] = ord('x')
    return bytes(out), n


def run(argv, block=None, total=0, reply=None, tail=b'', limit=1200, peak=True):
    """One process on a raw pty; returns wall s, cpu s, user s, rss KiB, exit.

    PEAK: its peak memory is read while it waits, which takes the modem longer to answer."""
    m, s = os.openpty()
    raw(s)
    os.set_blocking(m, False)
    t0 = time.perf_counter()
    null = os.open('/dev/null', os.O_WRONLY)
    pid = os.posix_spawn(argv[0], argv, {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C', 'TZ': 'UTC'}, setsid=True,
                         setsigdef=[signal.SIGPIPE],
                         file_actions=[(os.POSIX_SPAWN_DUP2, s, 0), (os.POSIX_SPAWN_DUP2, s, 1),
                                       (os.POSIX_SPAWN_DUP2, null, 2)])
    os.close(null)
    pfd = os.pidfd_open(pid)
    sent = 0
    seen = b''
    tail_left = tail
    answered = reply is None
    rss = 0

    def hwm():
        # ru_maxrss would show the launcher; this is the program's own peak
        try:
            with open('/proc/%d/status' % pid) as f:
                return int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1))
        except (OSError, AttributeError):
            return 0
    while True:
        want_w = (block is not None and (sent < total or tail_left))
        r, w, _ = select.select([m, pfd], [m] if want_w else [], [], limit)
        if pfd in r or not (r or w):
            break
        if m in r:
            try:
                seen += os.read(m, 4096)
            except OSError:
                pass
            if not answered and reply[0] in seen:
                rss = hwm() if peak else 0
                os.write(m, reply[1])
                answered = True
        if w:
            try:
                if sent < total:
                    off = sent % len(block)
                    sent += os.write(m, block[off:off + min(16384, total - sent)])
                elif tail_left:
                    rss = rss or hwm()
                    tail_left = tail_left[os.write(m, tail_left):]
            except BlockingIOError:
                pass
    _, status, ru = os.wait4(pid, 0)
    wall = time.perf_counter() - t0
    for fd in (m, s, pfd):
        os.close(fd)
    code = os.waitstatus_to_exitcode(status)
    return wall, ru.ru_utime + ru.ru_stime, ru.ru_utime, rss, code


BARS = []


def bar(text, figure, most):
    """A figure that must not be above MOST."""
    BARS.append((text, figure, most))


def show(label, g):
    print('%-26s wall %8.3f ms (median)  cpu %7.3f ms (mean)  rss %d KiB  (%d runs)'
          % (label, g['wall_ms'], g['cpu_ms'], g['rss_kib'], g['runs']), flush=True)


def alternate(programs, runs):
    """Each program with its words and the modem's part in turn, the order turned round each time."""
    got = {k: [] for k in programs}
    for i in range(runs):
        for k in list(programs)[::1 if i % 2 == 0 else -1]:
            argv, reply = programs[k]
            # Memory is read in the last rounds, times in the others.
            x = run(argv, reply=reply, peak=i >= runs - 5)
            if x[4] != 0:
                sys.exit('chat bench: %s: exit %d' % (argv, x[4]))
            got[k].append(x)
    return {k: {'wall_ms': 1e3 * statistics.median(x[0] for x in g[:-5]), 'cpu_ms': 1e3 * statistics.mean(x[1] for x in g[:-5]),
                'rss_kib': max(x[3] for x in g), 'runs': len(g)} for k, g in got.items()}


def scan(label, programs, block, total, tail, rounds, mb):
    """CPU of each program over the whole stream; the least of the rounds."""
    got = {k: [] for k in programs}
    for i in range(rounds):
        for k in list(programs)[::1 if i % 2 == 0 else -1]:
            x = run(programs[k], block=block, total=total, tail=tail)
            if x[4] != 0:
                sys.exit('chat bench: %s: %s: exit %d' % (label, programs[k][0], x[4]))
            got[k].append(x)
    out = {}
    for k, g in got.items():
        wall, cpu, usr = (min(x[i] for x in g) for i in (0, 1, 2))
        out[k] = {'wall_s': wall, 'cpu_s': cpu, 'user_s': usr, 'ns_per_byte': cpu * 1e9 / total, 'rss_kib': max(x[3] for x in g)}
        print('%-26s %-9s wall %8.2f s  cpu %8.2f s (user %6.2f)  %7.2f MiB/cpu-s  %7.1f ns/byte  rss %d KiB'
              % (label, k, wall, cpu, usr, mb / cpu, out[k]['ns_per_byte'], out[k]['rss_kib']), flush=True)
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--ours', default=os.path.join(target(), 'release/chat'))
    ap.add_argument('--original')
    ap.add_argument('--runs', type=int, default=200)
    ap.add_argument('--mb', type=float, default=64)
    ap.add_argument('--rounds', type=int, default=1)
    ap.add_argument('--only', default='start,noise,ok')
    ap.add_argument('--json')
    o = ap.parse_args()
    if not o.original:
        subprocess.run([here('../../scripts/originals'), 'ppp'], check=True)
        o.original = os.path.join(target(), 'originals/ppp/usr/sbin/chat')
    ours, original = os.path.abspath(o.ours), os.path.abspath(o.original)
    what, res = o.only.split(','), {}
    if 'start' in what:
        nothing, talk = ['-S', '', '\\c'], ['-S', '', 'AT', 'OK', '']
        modem = (b'AT\r', b'\r\nOK\r\n')
        g = alternate({
            'start original': ([original] + nothing, None),
            'start ours': ([ours] + nothing, None),
            'dialogue original': ([original] + talk, modem),
            'dialogue ours': ([ours] + talk, modem),
            'dialogue ours --pace 10': ([ours, '--pace', '10'] + talk, modem),
        }, o.runs)
        res['start'] = g
        for k in g:
            show(k, g[k])
        for field, unit in (('wall_ms', 'wall'), ('cpu_ms', 'CPU')):
            bar('start and exit, %s, of the original' % unit, g['start ours'][field] / g['start original'][field], 1.0)
        bar('dialogue, wall, of our own start and exit', g['dialogue ours']['wall_ms'] / g['start ours']['wall_ms'], 1.5)
        # The peak is read while the program waits for its OK; a start alone is over too soon.
        bar('peak memory, of the original', g['dialogue ours']['rss_kib'] / g['dialogue original']['rss_kib'], 1.0)
    total = int(o.mb * (1 << 20))
    if 'noise' in what:
        for kind in ('random', 'adverse'):
            block = stream(kind, total)[0]
            for n, most in ((1, 0.35), (20, 0.25)):
                words = ['-t', '0', '-S'] + [w for a in ABORTS[:n] for w in ('ABORT', a)] + [MATCH.decode().replace('-', '\\-'), '\\c']
                label = 'noise %s aborts=%d' % (kind, n)
                g = scan(label, {'original': [original] + words, 'ours': [ours] + words}, block, total, MATCH, o.rounds, o.mb)
                res[label] = g
                bar(label + ', CPU per byte, of the original', g['ours']['cpu_s'] / g['original']['cpu_s'], most)
    if 'ok' in what:
        with tempfile.TemporaryDirectory() as d:
            loop = os.path.join(d, 'two_bytes')
            subprocess.run(['cc', '-O2', '-static', '-o', loop, here('csrc/two_bytes.c')], check=True)
            words = ['-t', '0', '-S', 'OK', '\\c']
            for kind in ('random', 'many-o'):
                block = stream(kind, total)[0]
                assert b'OK' not in block + block
                label = 'OK %s' % kind
                g = scan(label, {'original': [original] + words, 'ours': [ours] + words, 'C loop': [loop]}, block, total, b'OK', o.rounds, o.mb)
                res[label] = g
                bar(label + ', CPU, of the C loop', g['ours']['cpu_s'] / g['C loop']['cpu_s'], 1.15)
    bad = 0
    for text, figure, most in BARS:
        bad += figure > most
        print('%-60s %6.3f  (at most %.2f)%s' % (text, figure, most, '' if figure <= most else '  MISSED'))
    if o.json:
        with open(o.json, 'w') as f:
            json.dump({'figures': res, 'bars': BARS}, f, indent=1)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
