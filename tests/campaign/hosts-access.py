"""hosts-access.py TCPDMATCH MSERVER [CASES [SEED]]: see hosts-access."""
import os, random, subprocess, sys, tempfile

tcpdmatch, mserver = sys.argv[1:3]
cases = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
random.seed(seed)
where = tempfile.mkdtemp(prefix='hosts-access.')
friends = os.path.join(where, 'friends')
with open(friends, 'w') as f:
    f.write('10.1. foo.\n# c\n192.168.2.1')

CLIENTS = ['10.1.2.3', '127.0.0.1', '192.168.2.1', '2001:db8::5', '::1', '1.2.3.4']
WORDS = ['10.', '10.1.2.3', '192.168.', '.1.2.3', '.3', '10.*', '1?.1.2.3', '*', 'ALL', 'all', 'KNOWN', 'UNKNOWN', 'LOCAL', 'PARANOID',
         'EXCEPT', 'except', '10.1.2.0/24', '10.0.0.0/8', '10.0.0.0/255.0.0.0', '0.0.0.0/0', '0.0.0.0/1', '10.1.2.3/32', '10.1.2.0/24.5',
         '[::1]', '[::]/0', '[2001:db8::]/32', '[2001:db8::5]/64', '[::1]/128', 'modemd', 'mod*', 'foo', 'modemd@ALL', 'ALL@ALL',
         'unknown@10.', '@net', friends, '/nonexistent', 'a', '127.1', '127.0.0.1/8', '127.0.0.0/8', '[', 'localhost', 'x[::1]',
         '010.1.2.3', '8.1.2.3', '010.1.2.0/24', '.', '..', '*.', '?', 'paranoid', '1.2.3.4/30', '1.2.3.4/31', '2001*', '*::*', '10.1.2.3.']
OPTIONS = ['allow', 'deny', 'ALLOW', 'severity info', 'severity mail.info', 'severity x', 'keepalive', 'nice 3', 'nice x', 'setenv A b',
           'spawn /bin/true', 'umask 022', 'linger 4', 'rfc931', 'banners /nonexistent', 'bogus', '', ' ', 'spawn a\\: b', 'allow ', 'deny=']


def words(count):
    return ''.join(random.choice(WORDS) + random.choice([' ', ', ', ',', '\t', '  ']) for _ in range(count))


def rule():
    kind = random.random()
    if kind < .03:
        return '#' + words(2) + '\n'
    if kind < .05:
        return words(2) + '\n'
    if kind < .07:
        return '\n'
    daemons = random.choice(['modemd', 'ALL', 'modemd', 'mserver modemd', 'modemd EXCEPT x', words(random.randint(1, 2))])
    text = daemons + random.choice([':', ': ', ' : ']) + words(random.randint(0, 5))
    for _ in range(random.choice([0, 0, 0, 1, 1, 2])):
        text += ':' + random.choice(['', ' ']) + random.choice(OPTIONS)
    if random.random() < .05:
        text = text.replace(' ', ' \\\n', 1)
    return text + random.choice(['\n'] * 30 + ['', '\r\n', ' \n', '\0\n', ' ' * 2100 + '\n'])


def write(name, text):
    with open(os.path.join(where, name), 'w', newline='') as f:
        f.write(text)


differ = 0
for n in range(cases):
    allow = ''.join(rule() for _ in range(random.randint(1, 3)))
    deny = random.choice(['ALL: ALL\n', '', rule(), rule() + 'ALL: ALL\n'])
    client = random.choice(CLIENTS)
    write('hosts.allow', allow)
    write('hosts.deny', deny)
    out = subprocess.run([tcpdmatch, '-d', 'modemd', client], cwd=where, capture_output=True, text=True).stdout
    theirs = next((line.split()[-1] for line in out.splitlines() if line.startswith('access:')), '?')
    ours = subprocess.run([mserver, '--hosts-access-check', 'hosts.allow', 'hosts.deny', 'modemd', client],
                          cwd=where, capture_output=True, text=True).stdout.strip()
    if ours != ('denied' if theirs == 'delegated' else theirs):
        differ += 1
        print('library %s, ours %s: %r %r %s' % (theirs, ours, allow, deny, client), flush=True)
print('%d passed, %d failed (seed %d)' % (cases - differ, differ, seed))
sys.exit(differ != 0)
