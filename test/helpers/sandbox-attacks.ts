/**
 * Programs that try to get out of the sandbox, to take what is not theirs, or to leave something behind: a row each, with what has to come
 * of it. A program prints `ESCAPED` and what it got where it got anything.
 */
import type { LimitHit, SandboxLimits } from '../../node/compute/sandbox/sandbox-job.ts'

const MIB = 2 ** 20
export const ATTACK_LIMITS: SandboxLimits = {
  wallMs: 30_000,
  cpuSeconds: 10,
  memoryBytes: 192 * MIB,
  processes: 16,
  fileBytes: 4 * MIB,
  outputBytes: 65_536,
}

/** What of this machine the programs aim at. */
export interface Targets {
  readonly secretFile: string
  readonly secret: string
  /** Of a server on this machine: TCP, a socket file, and an abstract name. */
  readonly port: number
  readonly socketFile: string
  readonly abstractName: string
  readonly pid: number
  /** Connections that reached it. */
  reached(): number
  close(): Promise<void>
}

export interface Attack {
  readonly name: string
  readonly aims: string
  /** Python; `attempt(name, work)` prints ESCAPED where `work` returns anything that is true. */
  source(targets: Targets): string
  readonly limits?: Partial<SandboxLimits>
  /** The bound that has to end it; null: it ends by itself, refused. */
  readonly endsBy: LimitHit | null
  /** Ended by this signal of the kernel instead. */
  readonly signal?: number
  /** Names of files that may be kept; the rest must not be. */
  readonly kept?: readonly string[]
}

export const ATTACK_PRELUDE = `
import ctypes, os, signal, socket, sys, time
library = ctypes.CDLL(None, use_errno=True)
def attempt(name, work):
    try:
        got = work()
    except BaseException as error:
        print(name, type(error).__name__, flush=True)
        return
    print('ESCAPED' if got else 'refused', name, str(got)[:80] if got else '', flush=True)
def call(name, *given):
    return getattr(library, name)(*given) >= 0
def read(path):
    with open(path, 'rb') as file:
        return file.read(100)
`

export const ATTACKS: readonly Attack[] = [
  {
    name: 'secret',
    aims: 'reads a file outside, by its name, by links, by other roots, and by other processes',
    endsBy: null,
    source: ({ secretFile, pid }) => `
secret = ${JSON.stringify(secretFile)}
attempt('name', lambda: read(secret))
attempt('up', lambda: read('/home/' + '../' * 20 + secret))
attempt('self', lambda: read('/proc/self/root' + secret))
attempt('first', lambda: read('/proc/1/root' + secret))
attempt('parent', lambda: read('/proc/%d/root' % os.getppid() + secret))
attempt('daemon', lambda: read('/proc/${pid}/root' + secret))
attempt('environment', lambda: read('/proc/1/environ'))
os.symlink(secret, 'link')
attempt('symlink', lambda: read('link'))
attempt('hard link', lambda: os.link(secret, 'hard') or read('hard'))
for number in range(3, 512):
    attempt('descriptor %d' % number, lambda: os.read(number, 10))
for place in ('/etc/shadow', '/etc/passwd', '/etc/hostname', '/root', '/var', '/run', '/sys', '/boot'):
    attempt(place, lambda: os.listdir(place) if os.path.isdir(place) else read(place))
`,
  },
  {
    name: 'network',
    aims: 'opens sockets of every family, and reaches servers of this machine',
    endsBy: null,
    source: ({ port, socketFile, abstractName }) => `
for family in ('AF_INET', 'AF_INET6', 'AF_NETLINK', 'AF_PACKET', 'AF_BLUETOOTH', 'AF_VSOCK', 'AF_CAN', 'AF_ALG', 'AF_TIPC', 'AF_QIPCRTR'):
    number = getattr(socket, family, None)
    if number is not None:
        attempt(family, lambda: socket.socket(number, socket.SOCK_DGRAM if family != 'AF_PACKET' else socket.SOCK_RAW))
attempt('tcp', lambda: socket.create_connection(('127.0.0.1', ${port}), 1))
attempt('name', lambda: socket.getaddrinfo('localhost', ${port}))
def unix(place):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(place)
    return connection
attempt('file', lambda: unix(${JSON.stringify(socketFile)}))
attempt('abstract', lambda: unix('\\0' + ${JSON.stringify(abstractName)}))
attempt('interfaces', lambda: [name for _, name in socket.if_nameindex() if name != 'lo'])
`,
  },
  {
    name: 'fork bomb',
    aims: 'forks without end',
    endsBy: 'processes',
    limits: { wallMs: 1500 },
    source: () => `
while True:
    try:
        os.fork()
    except OSError:
        pass
`,
  },
  {
    name: 'thread bomb',
    aims: 'starts threads without end',
    endsBy: null,
    source: () => `
import threading
started = 0
try:
    while started < 1000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        started += 1
except RuntimeError:
    pass
attempt('threads', lambda: started >= ${ATTACK_LIMITS.processes})
os._exit(0)
`,
  },
  {
    name: 'memory of one',
    aims: 'takes more memory than it may, in one process',
    endsBy: null,
    source: () => `attempt('memory', lambda: len(bytearray(${ATTACK_LIMITS.memoryBytes})))\n`,
  },
  {
    name: 'memory of many',
    aims: 'takes more memory than it may, over several processes',
    endsBy: 'memory',
    source: () => `
for _ in range(8):
    if os.fork() == 0:
        kept = bytearray(${Math.floor(ATTACK_LIMITS.memoryBytes / 3)})
        time.sleep(600)
time.sleep(600)
`,
  },
  {
    name: 'memory without a process',
    aims: 'hides memory where no process owns it',
    endsBy: null,
    source: () => `
import mmap
attempt('memfd', lambda: call('memfd_create', b'x', 0))
attempt('shared', lambda: mmap.mmap(-1, 4096))
attempt('system v', lambda: call('shmget', 0, 4096, 0o1600))
attempt('shm', lambda: open('/dev/shm/x', 'w'))
attempt('queue', lambda: call('mq_open', b'/x', os.O_CREAT | os.O_RDWR, 0o600, None))
attempt('key', lambda: library.syscall(248, b'user', b'x', b'y', 1, -2) > 0)
attempt('locked', lambda: library.mlock(ctypes.create_string_buffer(65536), 65536) == 0)
attempt('zero', lambda: os.open('/dev/zero', os.O_RDWR))
`,
  },
  {
    name: 'disk',
    aims: 'fills the disk',
    endsBy: null,
    source: () => `
def fill():
    for number in range(1000):
        with open('f%d' % number, 'wb') as file:
            file.write(b'x' * 65536)
    return True
attempt('fill', fill)
for place in ('/', '/usr', '/dev', '/etc', '/proc', '/var/tmp', '/dev/shm'):
    attempt(place, lambda: open(place + '/written', 'w').write('x'))
`,
  },
  {
    name: 'disk of entries',
    aims: 'makes files without end',
    endsBy: 'files',
    source: () => `
number = 0
while True:
    open('f%d' % number, 'w').close()
    number += 1
`,
  },
  {
    name: 'computes for ever',
    aims: 'computes without end',
    endsBy: 'cpu',
    limits: { cpuSeconds: 1 },
    source: () => 'while True: pass\n',
  },
  {
    name: 'computes deaf',
    aims: 'computes without end and ignores what asks it to stop',
    endsBy: null,
    signal: 9,
    limits: { cpuSeconds: 1 },
    source: () => `
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True: pass
`,
  },
  {
    name: 'waits for ever',
    aims: 'waits without end',
    endsBy: 'wall',
    limits: { wallMs: 500 },
    source: () => 'time.sleep(600)\n',
  },
  {
    name: 'signals',
    aims: 'sends signals to processes outside',
    endsBy: null,
    source: ({ pid }) => `
attempt('daemon', lambda: os.kill(${pid}, 0) is None)
attempt('group', lambda: os.killpg(${pid}, 0) is None)
attempt('priority', lambda: os.setpriority(os.PRIO_PROCESS, ${pid}, 19) is None)
attempt('pidfd', lambda: os.pidfd_open(${pid}))
attempt('others', lambda: [name for name in os.listdir('/proc') if name.isdigit() and int(name) > 64])
`,
  },
  {
    name: 'kernel',
    aims: 'traces, mounts, makes namespaces, gains rights',
    endsBy: null,
    source: () => `
attempt('ptrace', lambda: call('ptrace', 16, 1, 0, 0))
attempt('read memory', lambda: library.syscall(310, 1, 0, 0, 0, 0, 0) >= 0)
attempt('memory of the first', lambda: read('/proc/1/mem'))
attempt('unshare', lambda: call('unshare', 0x10000000))
attempt('mount', lambda: call('mount', b'none', b'/home', b'tmpfs', 0, None))
attempt('remount', lambda: call('mount', b'none', b'/', None, 32, None))
attempt('setns', lambda: call('setns', 0, 0))
attempt('chroot', lambda: call('chroot', b'/home'))
attempt('root', lambda: os.setuid(0) is None)
attempt('capabilities', lambda: [line for line in open('/proc/self/status') if line.startswith('CapEff') and line.split()[1].strip('0')])
attempt('bpf', lambda: library.syscall(321, 0, 0, 0) >= 0)
attempt('io_uring', lambda: library.syscall(425, 1, ctypes.create_string_buffer(120)) >= 0)
attempt('userfaultfd', lambda: library.syscall(323, 0) >= 0)
attempt('perf', lambda: library.syscall(298, ctypes.create_string_buffer(120), 0, -1, -1, 0) >= 0)
attempt('time', lambda: time.clock_settime(time.CLOCK_REALTIME, 0) is None)
attempt('host name', lambda: socket.sethostname('x') is None)
attempt('terminal', lambda: open('/dev/tty'))
`,
  },
  {
    name: 'stays',
    aims: 'leaves processes behind that belong to nobody',
    endsBy: null,
    kept: ['left'],
    source: () => `
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(3):
                os.close(number)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    os.wait()
open('left', 'w').write('x')
`,
  },
  {
    name: 'flood',
    aims: 'writes output without end',
    endsBy: 'output',
    source: () => `while True: print('x' * 1000)\n`,
  },
  {
    name: 'flood of errors',
    aims: 'writes error output without end',
    endsBy: 'output',
    source: () => `while True: sys.stderr.write('x' * 1000)\n`,
  },
  {
    name: 'files out',
    aims: 'leaves links, devices, pipes, odd names and more than it may in place of files',
    endsBy: null,
    kept: ['good'],
    source: ({ secretFile }) => `
open('good', 'w').write('kept')
os.symlink(${JSON.stringify(secretFile)}, 'link')
os.symlink('/usr/bin/python3', 'program')
os.symlink('good', 'near')
os.symlink('/proc/1/environ', '.hidden')
os.makedirs('folder/inner')
open('folder/file', 'w').write('x')
for odd in ('-n', 'a b', 'a\\nb', '..x', 'x' * 200, 'é', '*', '$(id)', '.dot'):
    open(odd, 'w').write('x')
attempt('pipe', lambda: os.mkfifo('pipe') is None)
attempt('device', lambda: os.mknod('device', 0o20666, os.makedev(1, 8)) is None)
with open('hole', 'wb') as file:
    file.truncate(${3 * MIB})
`,
  },
  {
    name: 'speaks for the sandbox',
    aims: 'writes what the sandbox would write about its files, and kills what writes it',
    endsBy: null,
    kept: ['forged', 'good'],
    source: () => `
open('good', 'w').write('x')
for number in range(3, 16):
    try:
        with open('/proc/%d/fd/%d' % (os.getppid(), number), 'wb', buffering=0) as stream:
            stream.write(b'../../escape eA==\\n/etc/passwd eA==\\nforged eA==\\nlarge ' + b'A' * 40000 + b'\\n')
    except OSError:
        pass
`,
  },
]
