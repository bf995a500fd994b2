#!/usr/bin/env python3
"""Differential conformance harness for chat(8)-compatible programs.

  conformance.py --chat PATH cases.json [more.json ...] [--json out.json]
                 [--jobs 16] [--only REGEX] [--tag TAG] [--slack SECONDS]
                 [--record out.json] [--verbose]

Each case starts PATH on a fresh pseudo-terminal (or on pipes/files where the
case says so), plays a scripted remote end, and records what the program did.
The record is compared with the case's "expect" object, field by field.
One line per failing case, then a closing line "N passed, N failed" (with a
third figure when cases had to be skipped).  Exit status 0 only when nothing failed.

Python 3.9+ standard library only, Linux only.

Bytes in JSON: every string that stands for bytes holds one character per
byte (U+0000..U+00FF, i.e. latin-1).  "{DIR}" in args, files and env values
is replaced by the case's private directory, and in recorded text the
directory is folded back to "{DIR}" and the program path to "{CHAT}".

Case fields (all optional but name and args):
  args      list of argument strings
  files     {relative name: contents}; a trailing "/" makes a directory,
            contents null makes a FIFO
  env       extra environment (base: PATH, TZ=UTC, LC_ALL=C)
  stdin     "pty" (default) | "pipe" | "null"
  stdout    "pty" (default) | "pipe" | "brokenpipe"
  stderr    "pipe" (default) | "full" (/dev/full)
  tty       "raw" (default, as pppd leaves the line) | "cooked" (fresh pty)
  iflag     list of extra input flags set on the line first, e.g. ["ICRNL"]
  nonblock  true: O_NONBLOCK is set on the line first
  ctty      true: the line is the program's controlling terminal
  tcooff    true: output is stopped by flow control before the start
  ignsig    list of signals ignored at start, e.g. ["HUP"]
  syslog    true: the program's /dev/log is captured (private mount
            namespace; the case is skipped where that is not permitted)
  report    relative name of a file whose final contents are recorded
  remote    timeline, run in order:
              ["wait", bytes]    until these bytes have been sent to the line
              ["send", bytes]    put bytes on the line
              ["trickle", bytes, seconds]  one byte each SECONDS
              ["sleep", seconds]
              ["close"]          drop the line
              ["signal", name]   e.g. "TERM"
              ["termios"]        sample the line settings
              ["feed", file, bytes]  write to a FIFO once it has a reader
              ["tcoon"]          release flow control
              ["stderr", bytes]  until these bytes have appeared on stderr
  limit     seconds before the program is killed (default 20)
  slack     tolerance in seconds for "time" (default from --slack)
  compare   fields of "expect" to compare (default: all present)
Expect fields: tx exit signal stderr report time left termios restored
               stdout syslog timeline
"""
import argparse, ctypes, errno, fcntl, json, os, re, select, shutil, signal
import socket, stat, sys, tempfile, termios, time, traceback

STAMP = re.compile(r'[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d ')
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18


def b(s):
    return s.encode('latin-1')


def s(x):
    return x.decode('latin-1')


def set_raw(fd):
    a = termios.tcgetattr(fd)
    a[0] &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
              | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON)
    a[1] &= ~termios.OPOST
    a[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG
              | termios.IEXTEN)
    a[2] &= ~(termios.CSIZE | termios.PARENB)
    a[2] |= termios.CS8
    a[6][termios.VMIN] = b'\x01'
    a[6][termios.VTIME] = b'\x00'
    termios.tcsetattr(fd, termios.TCSANOW, a)


def one(v):
    return v if isinstance(v, int) else v[0]


def line_settings(fd):
    a = termios.tcgetattr(fd)
    names = [n for n in ('IGNBRK', 'BRKINT', 'IGNPAR', 'PARMRK', 'INPCK', 'ISTRIP',
                         'INLCR', 'IGNCR', 'ICRNL', 'IXON', 'IXOFF')
             if a[0] & getattr(termios, n)]
    return {'iflag': names, 'oflag': a[1], 'lflag': a[3],
            'vmin': one(a[6][termios.VMIN]), 'vtime': one(a[6][termios.VTIME]),
            'verase': one(a[6][termios.VERASE]), 'vkill': one(a[6][termios.VKILL])}


INSERT = []             # --insert: options put before each case's own arguments


class Skip(Exception):
    pass


def private_dev(directory):
    """In the child: own mount namespace in which /dev is DIRECTORY."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            raise Skip('no private mount namespace')
    if libc.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None) != 0:
        raise Skip('cannot make mounts private')
    if libc.mount(os.fsencode(directory), b'/dev', None, MS_BIND, None) != 0:
        raise Skip('cannot bind /dev')


def run_case(case, chat):
    """Runs in a process of its own; returns the record."""
    tmp = tempfile.mkdtemp(prefix='chatconf')
    try:
        return run_in(case, chat, tmp)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def run_in(case, chat, tmp):
    def sub(x):
        return x.replace('{DIR}', tmp)

    def unsub(x):
        return STAMP.sub('<STAMP> ', x.replace(tmp, '{DIR}').replace(chat, '{CHAT}'))

    for name, body in (case.get('files') or {}).items():
        p = os.path.join(tmp, name)
        if name.endswith('/'):
            os.makedirs(p)
        elif body is None:
            os.mkfifo(p)
        else:
            with open(p, 'wb') as f:
                f.write(b(sub(body)))

    m, sl = os.openpty()
    if case.get('tty', 'raw') == 'raw':
        set_raw(sl)
    if case.get('iflag'):
        a = termios.tcgetattr(sl)
        for n in case['iflag']:
            a[0] |= getattr(termios, n)
        termios.tcsetattr(sl, termios.TCSANOW, a)
    before = termios.tcgetattr(sl)
    if case.get('tcooff'):
        termios.tcflow(sl, termios.TCOOFF)
    line_name = os.ttyname(sl)

    # The program's three descriptors.
    extra = []
    if case.get('nonblock'):
        fd_in = os.open(line_name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    else:
        fd_in = os.open(line_name, os.O_RDWR | os.O_NOCTTY)
    fd_out = fd_in
    out_r = feed_w = None
    kind = case.get('stdin', 'pty')
    if kind == 'pipe':
        r, feed_w = os.pipe()
        extra.append(r)
        c_in = r
    elif kind == 'null':
        c_in = os.open('/dev/null', os.O_RDONLY)
        extra.append(c_in)
    else:
        c_in = fd_in
    kind = case.get('stdout', 'pty')
    if kind in ('pipe', 'brokenpipe'):
        out_r, w = os.pipe()
        extra.append(w)
        c_out = w
        if kind == 'brokenpipe':
            os.close(out_r)
            out_r = None
    else:
        c_out = fd_out
    err_r, err_w = os.pipe()
    c_err = err_w
    if case.get('stderr') == 'full':
        c_err = os.open('/dev/full', os.O_WRONLY)
        extra.append(c_err)

    logsock = None
    devdir = os.path.join(tmp, 'dev.private')
    if case.get('syslog'):
        os.mkdir(devdir)
        logsock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        logsock.bind(os.path.join(devdir, 'log'))
        logsock.setblocking(False)
        os.chmod(os.path.join(devdir, 'log'), 0o777)

    env = {b'PATH': b'/usr/sbin:/usr/bin:/sbin:/bin', b'TZ': b'UTC', b'LC_ALL': b'C'}
    for k, v in (case.get('env') or {}).items():
        env[b(k)] = b(sub(v))
    argv = [os.fsencode(chat)] + [os.fsencode(x) for x in INSERT] + [b(sub(x)) for x in case['args']]

    # A timeline that opens with "send" has its bytes on the line beforehand,
    # so that what is left over does not depend on who was quicker.
    head = b''
    steps = list(case.get('remote', []))
    if steps and steps[0][0] == 'send':
        os.set_blocking(m, False)
        head = b(steps[0][1])
        head = head[os.write(m, head[:2048]):] if head else head

    st_r, st_w = os.pipe()                  # start-up failures of the child
    t0 = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(st_r)
            os.chdir(tmp)
            os.umask(0o022)
            os.setsid()
            for n in range(1, 65):
                if n in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                    continue
                try:
                    signal.signal(n, signal.SIG_DFL)
                except (OSError, ValueError):
                    pass
            for n in case.get('ignsig', []):
                signal.signal(getattr(signal, 'SIG' + n), signal.SIG_IGN)
            if case.get('ctty'):
                fcntl.ioctl(fd_in, termios.TIOCSCTTY, 0)
            if case.get('syslog'):
                private_dev(devdir)
            fds = [fcntl.fcntl(x, fcntl.F_DUPFD, 20) for x in (c_in, c_out, c_err)]
            st = fcntl.fcntl(st_w, fcntl.F_DUPFD_CLOEXEC, 30)
            for i, x in enumerate(fds):
                os.dup2(x, i, inheritable=True)
            os.closerange(3, st)
            os.closerange(st + 1, 256)
            st_w = st
            os.execve(os.fsencode(chat), argv, env)
        except Skip as e:
            os.write(st_w, b'skip ' + str(e).encode())
        except BaseException as e:
            os.write(st_w, b'fail ' + repr(e).encode())
        os._exit(127)
    os.close(st_w)
    note = os.read(st_r, 500)
    os.close(st_r)
    if note:
        os.waitpid(pid, 0)
        return {'skip' if note.startswith(b'skip') else 'error': note.decode()[5:]}
    for fd in {fd_in, err_w, *extra}:
        os.close(fd)
    hold = sl if not any(x[0] == 'close' for x in case.get('remote', [])) else None
    if hold is None:
        os.close(sl)

    for fd in (m, err_r, out_r):
        if fd is not None:
            os.set_blocking(fd, False)
    try:
        pfd = os.pidfd_open(pid)
    except (OSError, AttributeError):
        pfd = None

    tx, err, out = bytearray(), bytearray(), bytearray()
    cursor = ecursor = 0
    pending = head
    i, wake, drip = 0, None, None
    if steps and steps[0][0] == 'send':
        wake = 0
    sample = None
    deadline = t0 + case.get('limit', 20)
    status = None
    killed = False
    m_open = True

    def pull(fd, into):
        """False once the descriptor is at its end."""
        try:
            d = os.read(fd, 65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not d:
            return False
        into.extend(d)
        return True

    live = {err_r: err}
    if out_r is not None:
        live[out_r] = out
    live[m] = tx
    while True:
        now = time.monotonic()
        # advance the timeline
        progress = True
        while progress and i < len(steps):
            progress = False
            op = steps[i]
            k = op[0]
            if k == 'wait':
                at = bytes(tx).find(b(op[1]), cursor)
                if at >= 0:
                    cursor = at + len(op[1])
                    progress = True
            elif k == 'stderr':
                at = bytes(err).find(b(op[1]), ecursor)
                if at >= 0:
                    ecursor = at + len(op[1])
                    progress = True
            elif k == 'send':
                if wake is None:
                    pending = b(op[1])
                    wake = 0
                if not pending:
                    wake = None
                    progress = True
            elif k == 'trickle':
                if drip is None:
                    drip, wake = b(op[1]), now
                while drip and now >= wake:
                    try:
                        os.write(m, drip[:1])
                    except OSError:
                        pass
                    drip = drip[1:]
                    wake += op[2]
                if not drip:
                    drip = wake = None
                    progress = True
            elif k == 'sleep':
                if wake is None:
                    wake = now + op[1]
                if now >= wake:
                    wake = None
                    progress = True
            elif k == 'close':
                if m_open:
                    pull(m, tx)
                    live.pop(m, None)
                    os.close(m)
                    m_open = False
                progress = True
            elif k == 'signal':
                try:
                    os.kill(pid, getattr(signal, 'SIG' + op[1]))
                except ProcessLookupError:
                    pass
                progress = True
            elif k == 'termios':
                sample = line_settings(m)
                progress = True
            elif k == 'tcoon':
                termios.tcflow(hold, termios.TCOON)
                progress = True
            elif k == 'feed':
                try:
                    fd = os.open(os.path.join(tmp, op[1]), os.O_WRONLY | os.O_NONBLOCK)
                    os.write(fd, b(op[2]))
                    os.close(fd)
                    progress = True
                except OSError as e:
                    if e.errno != errno.ENXIO:
                        raise
            else:
                raise ValueError('unknown step %r' % (op,))
            if progress:
                i += 1
        if status is not None:
            break
        wait = deadline - now
        if wake:
            wait = min(wait, wake - now)
        if i < len(steps) and steps[i][0] == 'feed':
            wait = min(wait, 0.02)
        if pfd is None:
            wait = min(wait, 0.02)
        rl = list(live) + ([pfd] if pfd is not None else [])
        wl = [m] if pending and m_open else []
        r, w, _ = select.select(rl, wl, [], max(0, wait))
        for fd in r:
            if fd in live and not pull(fd, live[fd]):
                live.pop(fd)
        if w:
            try:
                n = os.write(m, pending)
                pending = pending[n:]
            except BlockingIOError:
                pass
            except OSError:
                pending = b''
        p, st = os.waitpid(pid, os.WNOHANG)
        if p:
            elapsed = time.monotonic() - t0
            status = st
            # whatever the program left in the pipes and on the line
            stop = time.monotonic() + 0.3
            while live and time.monotonic() < stop:
                r, _, _ = select.select(list(live), [], [], 0)
                if not r:
                    break
                for fd in r:
                    if not pull(fd, live[fd]):
                        live.pop(fd)
            break
        if time.monotonic() >= deadline and not killed:
            os.kill(pid, signal.SIGKILL)
            killed = True
            deadline += 5

    rec = {'tx': s(bytes(tx)), 'time': round(elapsed, 2), 'timeline': '%d/%d' % (i, len(steps))}
    if killed:
        rec['error'] = 'killed after %gs' % case.get('limit', 20)
    if os.WIFEXITED(status):
        rec['exit'] = os.WEXITSTATUS(status)
    else:
        rec['signal'] = signal.Signals(os.WTERMSIG(status)).name
    rec['stderr'] = unsub(s(bytes(err)))
    if case.get('stdout') == 'pipe':
        rec['stdout'] = s(bytes(out))
    if hold is not None:
        after = termios.tcgetattr(hold)
        rec['restored'] = after == before
        if case.get('tty', 'raw') == 'raw' and case.get('stdin', 'pty') == 'pty' \
                and not case.get('tcooff'):
            os.set_blocking(hold, False)
            left = bytearray()
            while True:
                try:
                    d = os.read(hold, 65536)
                except OSError:
                    break
                if not d:
                    break
                left.extend(d)
            rec['left'] = s(bytes(left))
    if sample is not None:
        rec['termios'] = sample
    if case.get('report'):
        try:
            with open(os.path.join(tmp, case['report']), 'rb') as f:
                rec['report'] = unsub(s(f.read()))
        except FileNotFoundError:
            rec['report'] = None
    if logsock is not None:
        lines = []
        while True:
            try:
                d = logsock.recv(65536)
            except OSError:
                break
            t = STAMP.sub('<STAMP> ', s(d))
            lines.append(t.replace('[%d]' % pid, '[PID]').replace(tmp, '{DIR}'))
        rec['syslog'] = lines
    return rec


def compare(case, rec, slack):
    exp = case['expect']
    if 'error' in rec:
        return ['%s (got exit=%s tx=%r)' % (rec['error'], rec.get('exit'), rec.get('tx', '')[:80])]
    bad = []
    for k in case.get('compare') or [k for k in exp]:
        if k == 'timeline':
            continue
        want, got = exp.get(k), rec.get(k)
        if k == 'time':
            tol = case.get('slack', slack)
            if got is None or abs(got - want) > tol:
                bad.append('time %ss, expected %ss +- %s' % (got, want, tol))
        elif want != got:
            bad.append('%s: got %s, expected %s' % (k, clip(got), clip(want)))
    for k in ('exit', 'signal'):
        if k in rec and k not in exp and not case.get('compare'):
            bad.append('%s: got %s, expected none' % (k, rec[k]))
    return bad


def clip(x):
    r = repr(x)
    return r if len(r) <= 160 else r[:110] + '...' + r[-45:]


def run_all(cases, chat, jobs, on_done):
    """Up to JOBS cases at once, each in a forked worker."""
    todo = list(enumerate(cases))
    todo.sort(key=lambda t: -(t[1].get('expect') or {}).get('time', t[1].get('limit', 20)))
    active = {}
    while todo or active:
        while todo and len(active) < jobs:
            n, case = todo.pop(0)
            r, w = os.pipe()
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if pid == 0:
                os.close(r)
                try:
                    rec = run_case(case, chat)
                except BaseException:
                    rec = {'error': 'harness: ' + traceback.format_exc()}
                data = json.dumps(rec).encode()
                while data:
                    data = data[os.write(w, data):]
                os._exit(0)
            os.close(w)
            active[r] = (pid, n, case, bytearray())
        ready, _, _ = select.select(list(active), [], [])
        for r in ready:
            pid, n, case, buf = active[r]
            d = os.read(r, 1 << 20)
            if d:
                buf.extend(d)
                continue
            os.close(r)
            os.waitpid(pid, 0)
            del active[r]
            try:
                rec = json.loads(buf.decode())
            except ValueError:
                rec = {'error': 'harness: worker died'}
            on_done(n, case, rec)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--chat', required=True)
    ap.add_argument('cases', nargs='+')
    ap.add_argument('--json')
    ap.add_argument('--record', help='write what was observed as expectations, compare nothing')
    ap.add_argument('--jobs', type=int, default=16)
    ap.add_argument('--only')
    ap.add_argument('--tag')
    ap.add_argument('--slack', type=float, default=0.8)
    ap.add_argument('--verbose', action='store_true')
    ap.add_argument('--insert', default='', help='options to put before those of each case, as "--pace 10"')
    ap.add_argument('--allow', help='file with names of cases that may differ; # begins a comment')
    o = ap.parse_args()
    INSERT.extend(o.insert.split())
    chat = os.path.abspath(o.chat)
    if not os.access(chat, os.X_OK) or os.path.isdir(chat):
        sys.exit('conformance: %s is not an executable file' % chat)
    cases = []
    for p in o.cases:
        with open(p) as f:
            cases += json.load(f)
    if o.only:
        cases = [c for c in cases if re.search(o.only, c['name'])]
    if o.tag:
        cases = [c for c in cases if o.tag in c.get('tags', [])]
    if not cases:
        sys.exit('conformance: no cases')
    names = [c['name'] for c in cases]
    if len(set(names)) != len(names):
        sys.exit('conformance: case names are not unique')
    results = [None] * len(cases)

    def done(n, case, rec):
        if 'skip' in rec:
            results[n] = {'name': case['name'], 'result': 'skipped', 'why': [rec['skip']]}
            print('SKIP %s: %s' % (case['name'], rec['skip']))
            return
        if o.record:
            results[n] = dict(case, expect=rec)
            return
        bad = compare(case, rec, o.slack)
        results[n] = {'name': case['name'], 'result': 'failed' if bad else 'passed', 'why': bad,
                      'got': rec}
        if bad:
            print('FAIL %s: %s' % (case['name'], '; '.join(bad)), flush=True)
        elif o.verbose:
            print('ok   %s' % case['name'])

    t0 = time.monotonic()
    run_all(cases, chat, o.jobs, done)
    if o.record:
        with open(o.record, 'w') as f:
            json.dump(results, f, indent=1)
        print('%d recorded in %.1f s' % (len(results), time.monotonic() - t0))
        return 0
    if o.json:
        with open(o.json, 'w') as f:
            json.dump(results, f, indent=1)
    n = {k: sum(r['result'] == k for r in results) for k in ('passed', 'failed', 'skipped')}
    print('%d passed, %d failed%s' % (n['passed'], n['failed'],
          ', %d skipped' % n['skipped'] if n['skipped'] else ''))
    return 1 if n['failed'] else 0


if __name__ == '__main__':
    sys.exit(main())
