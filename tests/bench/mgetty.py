#!/usr/bin/env python3
"""mgetty.py - ours and the original side by side, on ptys with a modem played by this program.

usage: mgetty.py [OURS ORIGINAL] [--runs N] [--idle SECONDS] [--gettys N] [--json FILE]

Without names: target/release/mgetty (scripts/build) and Debian's (scripts/originals).

Must run as root. It runs itself again in a private mount namespace and mounts scratch directories
over /etc/mgetty, /run, /var/log, /var/lib: nothing of the machine's configuration is touched or
read. Only processes started here are signalled, by pid.

Per call, medians over N runs of each program, taken in turn in one run:
  start_to_idle          exec -> lock file gone, DTR not toggled
  start_to_idle_dtr      the same with toggle-dtr on (modem lines from modemlines.c, preloaded; a statically
                         linked getty cannot preload, so the same source is built dynamically for it)
  ring_to_ata            last byte of RING -> first byte of the answer command
  connect_to_prompt      last byte of CONNECT -> first byte of the getty
  ppp_to_program         last byte of an LCP frame's head at the prompt -> first byte of the program
  ppp_to_pppd            the same where the program's name is pppd: ours forks its watcher too
  early_ppp_to_program   LCP frame 5 ms after CONNECT, sent again every 3 s -> first byte of the program
  name_to_program        CR behind a name -> first byte of the program
  end_to_ready           end of the login program -> next getty idle (it is started again at once), no DTR pulse
  end_to_ready_dtr       the same with the DTR pulse
  release_to_ready       another program removes its lock -> getty idle (it ends and is started again at once), no DTR pulse
  release_to_ready_dtr   the same with the DTR pulse
  called_to_prompt       callback's CONNECT -> the getty's prompt: ours with ours, the original's with the original's
Then N gettys idle at once: private memory per line (USS), and their context switches and system
calls (strace of one) while nothing happens. Last, N sessions at once: private memory of the process that ours
has beside each of them.
"""
import argparse, json, os, re, select, shutil, signal, statistics, struct, subprocess, sys, tempfile, threading, time, tty

ANSWER_DELAY = 0.30
LCP_HEAD = b'\x7e\xff\x7d\x23\xc0\x21'
LCP = LCP_HEAD + b'\x7d\x21\x7d\x21\x7d\x20\x7d\x34\x7d\x22\x7d\x26\x7d\x20\x7d\x20\x7d\x20\x7d\x20\x15\xf2\x7e'
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
T = time.monotonic


class Modem(threading.Thread):
    """Echoes, answers OK, and CONNECT to ATA. Its own wake-up (0.05 ms) is part of each figure."""
    def __init__(self, link, first_frame=None):
        super().__init__(daemon=True)
        self.m, self.s = os.openpty()
        tty.setraw(self.s)
        self.link, self.first_frame = link, first_frame
        try: os.unlink(link)
        except OSError: pass
        os.symlink(os.ttyname(self.s), link)
        self.rx, self.log, self.line = bytearray(), [], bytearray()
        self.online, self.cmds, self.t_connect = False, [], None
        self.cv = threading.Condition()
        self.stop = False
        self.start()
    def write(self, b):
        os.write(self.m, b)
        return T()
    def run(self):
        while not self.stop:
            r, _, _ = select.select([self.m], [], [], 0.2)
            if not r: continue
            try: d = os.read(self.m, 4096)
            except OSError:
                time.sleep(0.02)
                continue
            t = T()
            with self.cv:
                self.rx += d
                self.log.append((t, len(self.rx), d))
                self.cv.notify_all()
            if self.online: continue
            self.write(d)
            self.line += d
            while b'\r' in self.line:
                i = self.line.index(b'\r')
                raw = bytes(self.line[:i])
                del self.line[:i + 1]
                i = raw.upper().find(b'AT')
                cmd = raw[i:].upper() if i >= 0 else b''
                if not cmd: continue
                if cmd == b'ATA' or cmd.startswith(b'ATD'):
                    time.sleep(ANSWER_DELAY)
                    self.online = True
                    tr = self.t_connect = self.write(b'\r\nCONNECT 33600/ARQ\r\n')
                    if self.first_frame:
                        time.sleep(0.005)
                        self.write(self.first_frame)
                else: tr = self.write(b'\r\nOK\r\n')
                with self.cv:
                    self.cmds.append((t, cmd, tr))
                    self.cv.notify_all()
    def wait(self, pat, start, timeout):
        end = T() + timeout
        with self.cv:
            while True:
                m = re.search(pat, bytes(self.rx[start:]), re.S)
                if m: return start + m.end()
                if T() >= end: return None
                self.cv.wait(end - T())
    def time_at(self, off):
        for t, n, _ in self.log:
            if n >= off: return t
    def close(self):
        self.stop = True
        self.join(1)
        for f in (self.m, self.s):
            try: os.close(f)
            except OSError: pass
        try: os.unlink(self.link)
        except OSError: pass


def ms(a, b):
    return None if a is None or b is None else (b - a) * 1000


def start(getty, dev, extra=(), preload=None):
    pid = os.fork()
    if pid == 0:
        os.setsid()
        n = os.open('/dev/null', os.O_RDWR)
        for f in (0, 1, 2): os.dup2(n, f)
        os.closerange(3, 1024)
        env = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'TERM': 'linux'}
        if preload: env.update(LD_PRELOAD=preload, MODEMLINES=os.environ['MG_BENCH'] + '/lines')
        os.execve(getty, [os.path.basename(getty), '-D', *extra, dev], env)
    return pid


def reap(pid, sig=None):
    if sig:
        try: os.kill(pid, sig)
        except ProcessLookupError: pass
    end = T() + 5
    while T() < end:
        try: p, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError: return
        if p: return
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def wait_idle(m, lock, since, seen_cmds=0, timeout=40):
    """Until the lock appeared, the chat was spoken, and the lock vanished."""
    seen, end = False, since + timeout
    while T() < end:
        e = os.path.lexists(lock)
        if e: seen = True
        elif seen and len(m.cmds) > seen_cmds: return T()
        time.sleep(0.0005)
    return None


class Line:
    count = 0
    def __init__(self, first_frame=None):
        Line.count += 1
        self.dev = 'ttyBL%d_%d' % (os.getpid() % 10000, Line.count)
        self.m = Modem('/dev/' + self.dev, first_frame)
        # modemlines.c's record of this pty: a modem that is on (CTS, DSR) and has no carrier.
        with open(os.environ['MG_BENCH'] + '/lines', 'r+b' if os.path.exists(os.environ['MG_BENCH'] + '/lines') else 'w+b') as f:
            f.truncate(16 * 4096)
            f.seek(16 * int(os.ttyname(self.m.s).rsplit('/', 1)[1]))
            f.write(struct.pack('=4I', 0, 0x20 | 0x100, 1, 0))
        # The original locks the name it was called by, ours the real device's as well.
        self.lock = '/run/lock/LCK..' + self.dev
    def close(self):
        self.m.close()
        for f in (self.lock, '/run/mgetty.pid.' + self.dev):
            try: os.unlink(f)
            except OSError: pass


def config(dtr):
    d = os.environ['MG_BENCH']
    with open('/etc/mgetty/mgetty.config', 'w') as f:
        f.write('debug 4\nissue-file %s/issue\ntoggle-dtr %s\n' % (d, 'yes' if dtr else 'no'))


def answer(line):
    m = line.m
    time.sleep(0.1)
    off = len(m.rx)
    t = m.write(b'\r\nRING\r\n')
    m.wait(rb'AT', off, 15)
    ata = ms(t, m.time_at(off + 1))
    e = m.wait(rb'ATA?[^\r]*\r', off, 15)
    end = T() + 5
    while m.t_connect is None and T() < end: time.sleep(0.0005)
    return ata, e


def call(getty, kind, dtr=False):
    """One life of a getty, and for the `end` kind the start of the next one."""
    config(dtr)
    preload = os.environ['MG_BENCH'] + '/modemlines.so' if dtr else None
    line = Line(LCP if kind == 'early' else None)
    m, r = line.m, {}
    suffix = '_dtr' if dtr else ''
    t0 = T()
    pid = start(getty, line.dev, preload=preload)
    try:
        idle = wait_idle(m, line.lock, t0)
        if idle is None: return {'error': 'never idle: %r' % bytes(m.rx)}
        r['start_to_idle' + suffix] = ms(t0, idle)
        if kind == 'start': return r
        ata, e = answer(line)
        r['ring_to_ata'] = ata
        if kind == 'early':
            # A peer sends its request again every 3 s (RFC 1661, 4.6).
            off, found = e, None
            for _ in range(3):
                found = m.wait(rb'AUTOPPP-HERE', off, 3.0)
                if found: break
                m.write(LCP)
            r['early_ppp_to_program'] = ms(m.t_connect, m.time_at(found - 11)) if found else None
            return r
        e2 = m.wait(rb'login: ', e, 20)
        if e2 is None: return {'error': 'no prompt: %r' % bytes(m.rx[e:])}
        r['connect_to_prompt'] = ms(m.t_connect, m.time_at(e + 1))
        time.sleep(0.2)
        off = len(m.rx)
        if kind in ('ppp', 'pppd'):
            t = m.write(LCP_HEAD)
            key, pat = 'ppp_to_program' if kind == 'ppp' else 'ppp_to_pppd', rb'AUTOPPP-HERE'
        else:
            t = m.write(b'joe\r')
            key, pat = 'name_to_program', rb'LOGIN-HERE'
        found = m.wait(pat, off, 15)
        r[key] = ms(t, m.time_at(found - len(pat) + 1)) if found else None
        if kind == 'end':
            # The program ends by itself; the modem goes back to command state.
            m.online, n = False, len(m.cmds)
            m.write(b'end\r')
            os.waitpid(pid, 0)
            t0 = T()
            pid = start(getty, line.dev, preload=preload)
            idle = wait_idle(m, line.lock, t0, n)
            r['end_to_ready' + suffix] = ms(t0, idle)
    finally:
        reap(pid, signal.SIGTERM)
        line.close()
    return r


def release(getty, dtr):
    """Another program has the line, and lets go of it."""
    config(dtr)
    preload = os.environ['MG_BENCH'] + '/modemlines.so' if dtr else None
    line = Line()
    m, t0 = line.m, T()
    pid, other = start(getty, line.dev, preload=preload), None
    try:
        if wait_idle(m, line.lock, t0) is None: return {'error': 'never idle: %r' % bytes(m.rx)}
        other = subprocess.Popen(['sleep', '100'])
        with open(line.lock + '.new', 'w') as f: f.write('%10d\n' % other.pid)
        os.rename(line.lock + '.new', line.lock)
        # What its modem says wakes the getty.
        m.write(b'\r\nOK\r\n')
        time.sleep(1.5 + (T() * 1000 % 1000) / 1000)
        n, t0 = len(m.cmds), T()
        os.unlink(line.lock)
        end = T() + 40
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if T() > end: return {'error': 'it does not end'}
            time.sleep(0.0005)
        pid = start(getty, line.dev, preload=preload)
        return {'release_to_ready' + ('_dtr' if dtr else ''): ms(t0, wait_idle(m, line.lock, t0, n))}
    finally:
        if other: other.kill(); other.wait()
        reap(pid, signal.SIGTERM)
        line.close()


def called(getty, callback):
    """callback dials and gives the call to the getty."""
    config(False)
    line = Line()
    m, t0 = line.m, T()
    pid, dials = start(getty, line.dev), None
    try:
        if wait_idle(m, line.lock, t0) is None: return {'error': 'never idle: %r' % bytes(m.rx)}
        dials = subprocess.Popen([callback, '-d', '-l', line.dev, '123456'], stdin=subprocess.DEVNULL)
        end = T() + 30
        while m.t_connect is None:
            if T() > end: return {'error': 'not dialled: %r' % bytes(m.rx)}
            time.sleep(0.0005)
        off = m.wait(rb'login: ', 0, 20)
        if off is None: return {'error': 'no prompt: %r' % bytes(m.rx)}
        return {'called_to_prompt': ms(m.t_connect, m.time_at(off))}
    finally:
        if dials: dials.kill(); dials.wait()
        reap(pid, signal.SIGTERM)
        line.close()


def uss(pid):
    total = 0
    for l in open('/proc/%d/smaps_rollup' % pid):
        if l.startswith(('Private_Clean', 'Private_Dirty')): total += int(l.split()[1])
    return total


def switches(pid):
    n = 0
    for l in open('/proc/%d/status' % pid):
        if 'ctxt_switches' in l: n += int(l.split()[1])
    return n


def idle_gettys(getty, count, seconds):
    config(False)
    lines = [Line() for _ in range(count)]
    pids = []
    try:
        t0 = T()
        for line in lines: pids.append(start(getty, line.dev))
        for line in lines: wait_idle(line.m, line.lock, t0) if not line.m.cmds or os.path.lexists(line.lock) else None
        time.sleep(3)
        memory = [uss(p) for p in pids]
        before = [switches(p) for p in pids]
        trace = os.environ['MG_BENCH'] + '/strace'
        calls = None
        if seconds > 0:
            if shutil.which('strace'):
                p = subprocess.Popen(['strace', '-f', '-qq', '-o', trace, '-p', str(pids[0])], stderr=subprocess.DEVNULL)
                time.sleep(seconds)
                p.send_signal(signal.SIGINT)
                p.wait()
                # The call it sleeps in is shown as unfinished; each other line is a call.
                calls = sum(1 for l in open(trace) if '<detached' not in l and 'resumed' not in l)
            else: time.sleep(seconds)
        # The traced one has been stopped and woken by strace itself.
        woken = sum(switches(p) - b for p, b in zip(pids[1:], before[1:]))
        return {'uss_kb': statistics.mean(memory), 'switches': woken, 'syscalls': calls}
    finally:
        for p in pids: reap(p, signal.SIGTERM)
        for line in lines: line.close()


def sessions(getty, count):
    """Private memory of the watchers of as many sessions; the state files name them."""
    config(False)
    lines, pids = [Line() for _ in range(count)], []
    try:
        for line in lines:
            t0 = T()
            pids.append(start(getty, line.dev))
            if wait_idle(line.m, line.lock, t0) is None: return None
            _, e = answer(line)
            if line.m.wait(rb'login: ', e, 20) is None: return None
            line.m.write(b'joe\r')
            if line.m.wait(rb'LOGIN-HERE', e, 15) is None: return None
        time.sleep(1)
        memory = []
        for line in lines:
            with open('/run/ringback/lines/%s.json' % line.dev) as f: memory.append(uss(json.load(f)['watcher']))
        return statistics.mean(memory)
    finally:
        for p in pids: reap(p, signal.SIGKILL)
        for line in lines: line.close()


# Figure, bar in words, and whether ours (a) keeps it beside the original (b).
BARS = [
    ('start_to_idle', '<= 0.5 x original', lambda a, b: a <= 0.5 * b),
    ('start_to_idle_dtr', '<= 0.5 x original', lambda a, b: a <= 0.5 * b),
    ('ring_to_ata', '<= original + 2 ms', lambda a, b: a <= b + 2),
    ('connect_to_prompt', '<= 520 ms', lambda a, b: a <= 520),
    ('ppp_to_program', '<= 1.1 x original', lambda a, b: a <= 1.1 * b),
    ('ppp_to_pppd', '<= 1.1 x original', lambda a, b: a <= 1.1 * b),
    ('early_ppp_to_program', '<= original - 2500 ms', lambda a, b: a <= b - 2500),
    ('name_to_program', '', None),
    ('end_to_ready', '<= 800 ms', lambda a, b: a <= 800),
    ('end_to_ready_dtr', '<= 1300 ms', lambda a, b: a <= 1300),
    ('release_to_ready', '<= 800 ms', lambda a, b: a <= 800),
    ('release_to_ready_dtr', '<= 1300 ms', lambda a, b: a <= 1300),
    ('called_to_prompt', '<= 1000 ms', lambda a, b: a <= 1000),
]


def dynamic(getty, target):
    """The same program with a dynamic loader, for the runs with preloaded modem lines."""
    if 'INTERP' in subprocess.run(['readelf', '-lW', getty], capture_output=True, text=True).stdout: return getty
    print('building mgetty dynamically for the runs with modem lines', file=sys.stderr)
    subprocess.check_call(['cargo', 'build', '--quiet', '--release', '--locked', '-p', 'mgetty', '--target-dir', target + '/bench'], cwd=TOP)
    return target + '/bench/release/mgetty'


def prepare(d):
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.check_call(['cc', '-O2', '-shared', '-fPIC', '-o', d + '/modemlines.so', here + '/modemlines.c', '-ldl'])
    for sub in ('etc', 'run/lock', 'log/mgetty', 'lib'): os.makedirs(d + '/' + sub, exist_ok=True)
    os.makedirs('/etc/mgetty', exist_ok=True)
    for sub, dst in (('etc', '/etc/mgetty'), ('run', '/run'), ('log', '/var/log'), ('lib', '/var/lib')):
        subprocess.check_call(['mount', '--bind', d + '/' + sub, dst])
    with open('/etc/mgetty/callback.config', 'w') as f: f.write('delay 4\ndelay-randomize 1\n')
    with open(d + '/issue', 'w') as f: f.write('Benchmark \\P\n')
    os.makedirs(d + '/as', exist_ok=True)
    for name, says in (('LOGIN', 'LOGIN'), ('AUTOPPP', 'AUTOPPP'), ('as/pppd', 'AUTOPPP')):
        with open(d + '/' + name, 'w') as f: f.write('#!/bin/sh\necho %s-HERE "$@"\nread x\n' % says)
        os.chmod(d + '/' + name, 0o755)


def login_config(program):
    with open('/etc/mgetty/login.config', 'w') as f:
        f.write('/AutoPPP/ - a_ppp %s detach\n* - - %s/LOGIN @\n' % (program, os.environ['MG_BENCH']))
    os.chmod('/etc/mgetty/login.config', 0o600)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('ours', nargs='?')
    ap.add_argument('original', nargs='?')
    ap.add_argument('--runs', type=int, default=5)
    ap.add_argument('--idle', type=float, default=60)
    ap.add_argument('--gettys', type=int, default=20)
    ap.add_argument('--only', help='kinds of calls, comma separated: start,ppp,pppd,early,end,release,called')
    ap.add_argument('--json')
    a = ap.parse_args()
    target = os.environ.get('CARGO_TARGET_DIR', TOP + '/target')
    a.ours = a.ours or target + '/release/mgetty'
    if not a.original:
        subprocess.check_call([TOP + '/scripts/originals', 'mgetty'])
        a.original = target + '/originals/mgetty/sbin/mgetty'
    if 'MG_BENCH' not in os.environ:
        if not a.only or set(a.only.split(',')) & {'start', 'end', 'release'}:
            os.environ['MG_DYNAMIC'] = dynamic(os.path.abspath(a.ours), target)
        os.environ['MG_BENCH'] = tempfile.mkdtemp(prefix='mgbench-')
        try:
            sys.exit(subprocess.call(['unshare', '-m', '--propagation', 'private', sys.executable] + sys.argv))
        finally:
            shutil.rmtree(os.environ['MG_BENCH'], ignore_errors=True)
    d = os.environ['MG_BENCH']
    prepare(d)
    who = {'ours': os.path.abspath(a.ours), 'original': os.path.abspath(a.original)}
    figures = {w: {} for w in who}
    kinds = [('start', True), ('ppp', False), ('pppd', False), ('early', False), ('end', False), ('end', True),
             ('release', False), ('release', True), ('called', False)]
    callbacks = {'ours': os.path.join(os.path.dirname(os.path.abspath(a.ours)), 'callback'),
                 'original': target + '/originals/mgetty/usr/sbin/callback'}
    if a.only: kinds = [k for k in kinds if k[0] in a.only.split(',')]
    for i in range(a.runs):
        for kind, dtr in kinds:
            login_config(d + ('/as/pppd' if kind == 'pppd' else '/AUTOPPP'))
            for w, getty in who.items():
                if dtr and w == 'ours': getty = os.environ['MG_DYNAMIC']
                if kind == 'release': r = release(getty, dtr)
                elif kind == 'called': r = called(getty, callbacks[w])
                else: r = call(getty, kind, dtr)
                if 'error' in r: print('ERROR', w, kind, r['error'], file=sys.stderr)
                for k, v in r.items():
                    if isinstance(v, float): figures[w].setdefault(k, []).append(v)
    failed = 0
    print('%-22s %12s %12s %8s   %s' % ('median, ms', 'ours', 'original', 'ratio', 'bar'))
    medians = {w: {k: statistics.median(v) for k, v in f.items()} for w, f in figures.items()}
    for key, words, holds in BARS:
        x, y = medians['ours'].get(key), medians['original'].get(key)
        if x is None or y is None:
            if not a.only: print('%-22s no data' % key); failed += 1
            continue
        ok = holds is None or holds(x, y)
        failed += not ok
        print('%-22s %12.3f %12.3f %8.3f   %s%s' % (key, x, y, x / y, words, '' if ok else '   MISSED'))
    if a.gettys > 0:
        idle = {w: idle_gettys(getty, a.gettys, a.idle) for w, getty in who.items()}
        x, y = idle['ours'], idle['original']
        ok = x['uss_kb'] <= 110
        failed += not ok
        print('%-22s %12.1f %12.1f %8.3f   %s%s' % ('private kB per line', x['uss_kb'], y['uss_kb'], x['uss_kb'] / y['uss_kb'],
              '<= 110 kB, %d lines' % a.gettys, '' if ok else '   MISSED'))
        if a.idle > 0:
            for key in ('switches', 'syscalls'):
                ok = x[key] in (0, None)
                failed += not ok
                print('%-22s %12s %12s %8s   %s%s' % ('%s in %g s' % (key, a.idle), x[key], y[key], '', '0', '' if ok else '   MISSED'))
        medians['idle'] = idle
        login_config(d + '/AUTOPPP')
        beside = sessions(who['ours'], a.gettys)
        failed += beside is None
        print('%-22s %12s %12s %8s   %s' % ('kB beside a session', 'no data' if beside is None else '%.1f' % beside, '-', '',
              '%d sessions' % a.gettys))
        medians['beside'] = beside
    if a.json:
        with open(a.json, 'w') as f: json.dump({'runs': figures, 'medians': medians}, f, indent=1)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
