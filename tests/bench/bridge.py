#!/usr/bin/env python3
"""bench.py - measure TCP<->tty bridges against a C copy loop.  Python stdlib; tests/bench/bridge builds the C parts.

  bench.py                       all built-in bridges, 3 alternating rounds, all tests
  bench.py --bridges copyloop,socat,mine --add 'mine=/path/mybridge --listen {port} --tty {tty}'
  bench.py --add-multi 'mine=/path/mserver -c {conf}::{port} {tty} 115200,8,N,1 127.0.0.1'
                                 a server that takes many ports: after '::' the config line per port
                                 (a further '::' gives a header that is written once; \\n allowed)
  --telnet NAME                  NAME speaks telnet/RFC 2217 on its port
  --waits NAME                   so does it, and its clients want to hear of modem lines (test `memory` only)
  --tests bulk,kinds,rtt,idle,paced,memory    --rounds N  --secs S  --idle 1,100,1000  --sessions 100
kinds: bulk with random bytes and with FF alone; memory: (PSS with --sessions sessions - with as many idle ports) / sessions
Results: a table on stdout and --json FILE.  Everything is on 127.0.0.1 and killed by pid at the end."""
import argparse, json, os, pty, resource, select, shutil, signal, statistics, subprocess, sys, tempfile, time, tty

HERE = os.path.dirname(os.path.abspath(__file__))
CS = os.environ.get('BRIDGE_BIN', HERE)
LOAD = os.path.join(CS, 'bridgeload')

BUILTIN = {
    # name: (kind, command, per-port line, header)   kind: one = a process per port, multi = one server
    'copyloop': ('multi', CS + '/copyloop {conf}', '{port} {tty}', ''),
    'copysplice': ('multi', CS + '/copyloop -s {conf}', '{port} {tty}', ''),
    'socat': ('one', 'socat TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,nodelay {tty},raw,echo=0,b115200', '', ''),
    'ser2net-raw': ('multi', 'ser2net -n -d -c {conf}',
        'connection: &c{i}\n  accepter: tcp(nodelay),127.0.0.1,{port}\n  connector: serialdev,{tty},115200n81,local\n', ''),
    'ser2net-raw64k': ('multi', 'ser2net -n -d -c {conf}',
        'connection: &c{i}\n  accepter: tcp(nodelay),127.0.0.1,{port}\n  connector: serialdev,{tty},115200n81,local\n'
        '  options:\n    dev-to-net-bufsize: 65536\n    net-to-dev-bufsize: 65536\n    chardelay: false\n', ''),
    'ser2net-2217': ('multi', 'ser2net -n -d -c {conf}',
        'connection: &c{i}\n  accepter: telnet(rfc2217),tcp(nodelay),127.0.0.1,{port}\n  connector: serialdev,{tty},115200n81,local\n', ''),
    'sredird': ('multi', 'inetd -E -i {conf}',
        '127.0.0.1:{port} stream tcp nowait.60000 root /usr/sbin/sredird sredird 3 {tty} {dir}/LCK..{port}', ''),
    'inetd-cu': ('multi', 'inetd -E -i {conf}',
        '127.0.0.1:{port} stream tcp nowait.60000 root /usr/bin/perl perl {modemd} {tty}', ''),
}
TELNET = {'ser2net-2217', 'sredird'}
ENV = {'sredird': {'LD_PRELOAD': os.path.join(HERE, 'lib/modemlines.so')}}

ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
ap.add_argument('--bridges', default='')
ap.add_argument('--add', action='append', default=[])
ap.add_argument('--add-multi', action='append', default=[])
ap.add_argument('--telnet', action='append', default=[])
ap.add_argument('--waits', action='append', default=[])
ap.add_argument('--tests', default='bulk,kinds,rtt,idle,paced,memory')
# The bars are medians of at least nine rounds.
ap.add_argument('--rounds', type=int, default=9)
ap.add_argument('--secs', type=float, default=1.0)
ap.add_argument('--paced-secs', type=float, default=4.0)
ap.add_argument('--idle', default='1,100,1000')
ap.add_argument('--sessions', type=int, default=100)
ap.add_argument('--json', default='')
ap.add_argument('--base-port', type=int, default=21000)
a = ap.parse_args()
for spec in a.add:
    n, cmd = spec.split('=', 1)
    BUILTIN[n] = ('one', cmd, '', '')
for spec in a.add_multi:
    n, rest = spec.split('=', 1)
    parts = (rest.split('::') + ['', ''])[:3]
    BUILTIN[n] = ('multi', parts[0], parts[1].replace('\\n', '\n'), parts[2].replace('\\n', '\n'))
TELNET |= set(a.telnet) | set(a.waits)
for n in a.waits:
    ENV[n] = {'LD_PRELOAD': os.path.join(CS, 'modemlines.so')}
everybody = [n for n in (a.bridges.split(',') if a.bridges else BUILTIN)]
names = [n for n in everybody if n not in a.waits]
tests = a.tests.split(',')
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

tmp = tempfile.mkdtemp(prefix='bridgebench.')
modemd = os.path.join(tmp, 'modemd')
with open(modemd, 'w') as f:   # the document's five lines, with the tty as argument
    f.write("select((select(STDOUT), $| = 1)[$[]);\nselect((select(STDIN), $| = 1)[$[]);\n"
            "exec 'cu', '-s', '115200', '-l', $ARGV[0];\ndie \"cannot exec cu: $!\\n\";\n")
next_port = [a.base_port]

class Ttys:
    def __init__(self, n):
        self.m, self.s, self.name = [], [], []
        for _ in range(n):
            m, s = pty.openpty()
            tty.setraw(s)
            os.chmod(os.ttyname(s), 0o666)       # cu gives up root before it opens the line
            self.m.append(m); self.s.append(s); self.name.append(os.ttyname(s))
    def close(self):
        for fd in self.m + self.s:
            os.close(fd)

def tree(pids):
    kids = {}
    for d in os.listdir('/proc'):
        if d.isdigit():
            try:
                st = open('/proc/%s/stat' % d).read()
                kids.setdefault(int(st.rsplit(')', 1)[1].split()[1]), []).append(int(d))
            except OSError:
                pass
    out, todo = [], list(pids)
    while todo:
        p = todo.pop()
        if p not in out:
            out.append(p); todo += kids.get(p, [])
    return out

def cpu_s(pids):
    """user+sys seconds of the live process tree (ns resolution where the kernel keeps it)"""
    t = 0.0
    for p in tree(pids):
        try:
            for th in os.listdir('/proc/%d/task' % p):
                t += int(open('/proc/%d/task/%s/schedstat' % (p, th)).read().split()[0]) / 1e9
        except (OSError, IndexError):
            pass
    return t

def mem(pids):
    pss = uss = n = 0
    for p in tree(pids):
        try:
            for l in open('/proc/%d/smaps_rollup' % p):
                f = l.split()
                if f[0] == 'Pss:': pss += int(f[1])
                if f[0] in ('Private_Clean:', 'Private_Dirty:', 'Private_Hugetlb:'): uss += int(f[1])
            n += 1
        except OSError:
            pass
    return pss, uss, n

class Bridge:
    def __init__(self, name, ttys):
        kind, cmd, line, head = BUILTIN[name]
        n = len(ttys.name)
        self.ports = list(range(next_port[0], next_port[0] + n)); next_port[0] += n
        if next_port[0] > 31000: next_port[0] = a.base_port
        self.procs = []; self.name = name; self.ttys = ttys
        env = dict(os.environ, MODEMLINES=os.path.join(tmp, 'lines'), **ENV.get(name, {}))
        log = open(os.path.join(tmp, 'log.' + name), 'ab')
        kw = dict(stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        fmt = dict(dir=tmp, modemd=modemd)
        if kind == 'multi':
            conf = os.path.join(tmp, name + '.yaml')   # ser2net wants this suffix
            with open(conf, 'w') as f:
                f.write(head)
                for i, (p, t) in enumerate(zip(self.ports, ttys.name)):
                    f.write(line.format(port=p, tty=t, i=i, **fmt) + '\n')
            self.procs.append(subprocess.Popen(cmd.format(conf=conf, **fmt).split(), **kw))
        else:
            for p, t in zip(self.ports, ttys.name):
                self.procs.append(subprocess.Popen(cmd.format(port=p, tty=t, **fmt).split(), **kw))
        self.pids = [p.pid for p in self.procs]
        try:
            self.wait_listen(20)
        except RuntimeError:
            self.stop()
            raise
    def wait_listen(self, lim):
        want = {'%04X' % p for p in self.ports}
        end = time.time() + lim
        while time.time() < end:
            have = set()
            for fn in ('/proc/net/tcp', '/proc/net/tcp6'):
                try:
                    for l in open(fn).read().splitlines()[1:]:
                        f = l.split()
                        if f[3] == '0A': have.add(f[1].split(':')[1])
                except OSError: pass
            if want <= have: return
            if all(p.poll() is not None for p in self.procs): break
            time.sleep(0.05)
        raise RuntimeError('%s does not listen on all ports (log in %s)' % (self.name, tmp))
    def stop(self):
        all_ = tree(self.pids)
        def alive(p):
            try: return open('/proc/%d/stat' % p).read().rsplit(')', 1)[1].split()[0] not in 'ZX'
            except OSError: return False
        for sig in (signal.SIGTERM, signal.SIGKILL):
            for p in all_:
                try: os.kill(p, sig)
                except OSError: pass
            t = time.time() + 1.5
            while time.time() < t and any(alive(p) for p in all_):
                for q in self.procs: q.poll()
                time.sleep(0.02)
            if not any(alive(p) for p in all_): break
        for p in self.procs: p.wait()
        for t in self.ttys.name:                  # locks left by children that had to be killed
            f = '/var/lock/LCK..' + os.path.basename(t)
            try:
                if not os.path.isdir('/proc/%d' % int(open(f).read())): os.unlink(f)
            except (OSError, ValueError): pass

def load(br, ttys, mode, secs, n=1, pattern='letters'):
    """run one load; returns dict with cpu (s), mem during the run"""
    args = [LOAD, mode, '2' if br.name in a.waits else '1' if br.name in TELNET else '0', str(secs)] + \
           ['%d:%d' % (br.ports[i], ttys.m[i]) for i in range(n)]
    p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=ttys.m[:n], text=True,
                         env=dict(os.environ, PATTERN=pattern))
    try:
        if p.stdout.readline().strip() != 'READY':
            return {'error': p.stderr.read().strip()[:200]}
        c0 = cpu_s(br.pids); p.stdin.write('go\n'); p.stdin.flush()
        l = p.stdout.readline()
        c1 = cpu_s(br.pids)
        if not l: return {'error': p.stderr.read().strip()[:200] or 'died'}
        r = json.loads(l); r['cpu'] = c1 - c0
        r['pss'], r['uss'], r['nproc'] = mem(br.pids)
        p.stdin.write('end\n'); p.stdin.flush(); p.wait(3)
        return r
    finally:
        if p.poll() is None: p.kill()
        p.wait()
        for f in (p.stdin, p.stdout, p.stderr):
            try: f.close()
            except OSError: pass

R = {n: {} for n in everybody}
def put(n, k, v): R[n].setdefault(k, []).append(v)

def one_round(rnd):
    """test by test, bridge by bridge, so that the ratios of a round see the same machine load"""
    order = names if rnd % 2 == 0 else names[::-1]
    kinds = [m + ':' + k for k in ('random', 'ff') for m in ('n2t', 't2n')] if 'kinds' in tests else []
    modes = kinds + (['n2t', 't2n', 'both'] if 'bulk' in tests else []) + (['rtt'] if 'rtt' in tests else []) + (['paced'] if 'paced' in tests else [])
    for mode in modes:
        k = a.sessions if mode == 'paced' else 1
        for n in order:
            t = Ttys(k); br = None
            try:
                br = Bridge(n, t)
                what, _, pattern = mode.partition(':')
                r = load(br, t, what, a.paced_secs if mode == 'paced' else a.secs, k, pattern or 'letters')
            except Exception as e:
                r = {'error': str(e)}
            finally:
                if br: br.stop()
                t.close()
            put(n, mode, r)
            if 'error' in r: print('round %d %s %s: %s' % (rnd, n, mode, r['error']), file=sys.stderr, flush=True)
    print('round', rnd, 'done', file=sys.stderr, flush=True)

def idle():
    for k in [int(x) for x in a.idle.split(',') if x]:
        for n in names:
            t = Ttys(k); br = None
            try:
                t0 = time.time(); br = Bridge(n, t); up = time.time() - t0
                time.sleep(0.5)
                pss, uss, np = mem(br.pids)
                c0 = cpu_s(br.pids); time.sleep(1.0); c1 = cpu_s(br.pids)
                R[n]['idle%d' % k] = {'pss_kb': pss, 'uss_kb': uss, 'procs': np, 'start_s': up, 'idle_cpu': c1 - c0}
            except Exception as e:
                R[n]['idle%d' % k] = {'error': str(e)}
            finally:
                if br: br.stop()
                t.close()
            print('idle', k, n, R[n]['idle%d' % k], file=sys.stderr, flush=True)

def memory():
    """what a session costs over the same port idle"""
    for n in everybody:
        got = {}
        for state in ('idle', 'sessions'):
            t = Ttys(a.sessions); br = None
            try:
                br = Bridge(n, t)
                if state == 'idle':
                    time.sleep(0.5); got[state] = mem(br.pids)[0]
                else:
                    r = load(br, t, 'hold', 0.5, a.sessions)
                    if 'error' in r: raise RuntimeError(r['error'])
                    got[state] = r['pss']
            except Exception as e:
                R[n].setdefault('memory', {'error': str(e)})
            finally:
                if br: br.stop()
                t.close()
        if len(got) == 2:
            R[n]['memory'] = {'kb': (got['sessions'] - got['idle']) / a.sessions}

def vals(n, key, f):
    return [None if 'error' in x else f(x) for x in R[n].get(key, [])]

def med(n, key, f):
    v = [x for x in vals(n, key, f) if x is not None]
    return statistics.median(v) if v else None

def ratio(n, base, key, f):
    """median over the rounds of (this / base in the same round)"""
    v = [x / y for x, y in zip(vals(n, key, f), vals(base, key, f)) if x is not None and y]
    return statistics.median(v) if v else None

def report():
    base = 'copyloop'
    def cell(v, r, fmt='%.3g'):
        if v is None: return '-'
        s = fmt % v
        return s + (' (%.3gx)' % r if r else '')
    M = {'n2t MB/s': ('n2t', lambda x: x['got_tty'] / x['secs'] / 1e6),
         't2n MB/s': ('t2n', lambda x: x['got_net'] / x['secs'] / 1e6),
         'both MB/s (sum)': ('both', lambda x: (x['got_net'] + x['got_tty']) / x['secs'] / 1e6),
         'n2t CPU s/GB': ('n2t', lambda x: x['cpu'] / (x['got_tty'] / 1e9) if x['got_tty'] > 1e4 else None),
         't2n CPU s/GB': ('t2n', lambda x: x['cpu'] / (x['got_net'] / 1e9) if x['got_net'] > 1e4 else None),
         'n2t random CPU s/GB': ('n2t:random', lambda x: x['cpu'] / (x['got_tty'] / 1e9) if x['got_tty'] > 1e4 else None),
         't2n random CPU s/GB': ('t2n:random', lambda x: x['cpu'] / (x['got_net'] / 1e9) if x['got_net'] > 1e4 else None),
         'n2t FF CPU s/GB': ('n2t:ff', lambda x: x['cpu'] / (x['got_tty'] / 1e9) if x['got_tty'] > 1e4 else None),
         't2n FF CPU s/GB': ('t2n:ff', lambda x: x['cpu'] / (x['got_net'] / 1e9) if x['got_net'] > 1e4 else None),
         'RTT p50 us': ('rtt', lambda x: x['p50_us']), 'RTT p99 us': ('rtt', lambda x: x['p99_us']),
         'paced CPU %': ('paced', lambda x: 100 * x['cpu'] / x['secs']),
         'paced delivered %': ('paced', lambda x: 100 * (x['got_tty'] + x['got_net']) / max(1, x['sent_net'] + x['sent_tty'])),
         'paced PSS kB/session': ('paced', lambda x: x['pss'] / a.sessions)}
    print('| measure | ' + ' | '.join(names) + ' |'); print('|---' * (len(names) + 1) + '|')
    for k, (key, f) in M.items():
        if not any(key in R[n] for n in names): continue
        print('| %s | %s |' % (k, ' | '.join(cell(med(n, key, f), ratio(n, base, key, f) if base in names else None) for n in names)))
    for k in [x for x in ('idle%s' % i for i in a.idle.split(',')) if any(x in R[n] for n in names)]:
        for fld in ('pss_kb', 'uss_kb', 'procs', 'start_s'):
            print('| %s %s | %s |' % (k, fld, ' | '.join(
                ('%.4g' % R[n][k][fld] if k in R[n] and fld in R[n][k] else '-') for n in names)))
    for n in everybody:
        if 'kb' in R[n].get('memory', {}): print('memory per session, %s: %.2f kB' % (n, R[n]['memory']['kb']))
        if 'pss_kb' in R[n].get('idle1000', {}) and 'pss_kb' in R[n].get('idle1', {}):
            print('1000 idle ports over one, %s: %d kB' % (n, R[n]['idle1000']['pss_kb'] - R[n]['idle1']['pss_kb']))
        for k, v in R[n].items():
            for x in (v if isinstance(v, list) else [v]):
                if 'error' in x: print('error: %s %s: %s' % (n, k, x['error']))

try:
    for i in range(a.rounds if set(tests) & {'bulk', 'kinds', 'rtt', 'paced'} else 0): one_round(i)
    if 'idle' in tests: idle()
    if 'memory' in tests: memory()
finally:
    if a.json: json.dump(R, open(a.json, 'w'), indent=1)
report()
# Logs stay where something failed.
if not any('error' in x for n in everybody for v in R[n].values() for x in (v if isinstance(v, list) else [v])):
    shutil.rmtree(tmp, ignore_errors=True)
