import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createSandbox } from '../../../node/compute/sandbox/sandbox.ts'
import type { SandboxJob, SandboxLimits, SandboxResult } from '../../../node/compute/sandbox/sandbox-job.ts'
import { VillageError } from '../../../node/errors.ts'
import { createLog } from '../../../node/log.ts'
import { sandboxHere } from '../../helpers/sandboxes.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const MIB = 2 ** 20
const LIMITS: SandboxLimits = {
  wallMs: 30_000,
  cpuSeconds: 10,
  memoryBytes: 192 * MIB,
  processes: 16,
  fileBytes: 2 * MIB,
  outputBytes: 65_536,
}
const log = createLog({ level: 'silent' })
const signal = () => new AbortController().signal

function pythonJob(source: string, over: Partial<SandboxLimits> = {}): SandboxJob {
  return {
    files: { 'program.py': source },
    command: ['python3', '-I', '-S', 'program.py'],
    limits: { ...LIMITS, ...over },
  }
}

const sandbox = await sandboxHere({ parallel: 2 })

/** Prints the error that each line of the program raises, or `done`. */
const TRY = `
def attempt(name, work):
    try:
        print(name, 'done', work())
    except BaseException as error:
        print(name, type(error).__name__)
`

if (sandbox === null) test.skip('programs in the sandbox', () => undefined)
else {
  const python = (source: string, over?: Partial<SandboxLimits>): Promise<SandboxResult> =>
    sandbox.run(pythonJob(source, over), signal())

  test('a program gets its files and its input, and tells its output and exit code', async () => {
    const result = await sandbox.run(
      {
        files: {
          'a.txt': 'first',
          'program.py':
            'import sys\nprint(open("a.txt").read(), sys.stdin.read())\nprint("e", file=sys.stderr)\nsys.exit(7)',
        },
        command: ['python3', '-I', '-S', 'program.py'],
        stdin: 'second',
        limits: LIMITS,
      },
      signal(),
    )
    assert.equal(result, {
      exitCode: 7,
      signal: null,
      stdout: 'first second\n',
      stderr: 'e\n',
      timedOut: false,
      limitHit: null,
    })
  })

  test('the environment, the processes and the open files are its own', async () => {
    process.env.VILLAGE_SANDBOX_SECRET = 'secret'
    const { stdout } = await python(`${TRY}
import os
print(sorted(os.environ))
attempt('first', lambda: open('/proc/1/environ').read())
print(len([name for name in os.listdir('/proc') if name.isdigit()]) <= 4)
for number in range(3, 1000):
    try:
        os.fstat(number)
    except OSError:
        continue
    print('open', number, os.fstat(number).st_rdev == os.stat('/dev/null').st_rdev)
`)
    delete process.env.VILLAGE_SANDBOX_SECRET
    const lines = stdout.trim().split('\n')
    assert.equal(lines.slice(0, 3), ["['HOME', 'LANG', 'PATH', 'PWD']", 'first done ', 'True'])
    // What the test itself was started with stands as the null device.
    assert.ok(
      lines.slice(3).every((line) => line.endsWith(' True')),
      stdout,
    )
  })

  test('files of the machine cannot be read, and nothing but the home directory can be written', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-sandbox-'))
    const secret = path.join(directory, 'secret.txt')
    writeFileSync(secret, 'secret', { mode: 0o644 })
    try {
      const { stdout } = await python(`${TRY}
import os
attempt('secret', lambda: open(${JSON.stringify(secret)}).read())
attempt('passwd', lambda: open('/etc/passwd').read())
attempt('root', lambda: os.listdir('/root'))
os.symlink('/etc/shadow', 'link')
attempt('link', lambda: open('link').read())
os.symlink(${JSON.stringify(secret)}, 'other')
attempt('other', lambda: open('other').read())
attempt('up', lambda: open('../../../../../../etc/hostname').read())
attempt('self', lambda: open('/proc/self/root/etc/passwd').read())
attempt('first', lambda: os.listdir('/proc/1/root/root'))
for place in ('/', '/usr', '/usr/bin', '/dev', '/proc/sys/kernel', '/etc'):
    attempt(place, lambda: open(place + '/written', 'w').write('x'))
attempt('home', lambda: open('/home/written', 'w').write('x'))
attempt('temporary', lambda: open('/tmp/written', 'w').write('x'))
print(sorted(os.listdir('/home')))
`)
      const refused = stdout
        .split('\n')
        .filter((line) => !/ (?:FileNotFoundError|OSError|PermissionError)$/.test(line))
      assert.equal(refused, [
        'home done 1',
        'temporary done 1',
        "['link', 'other', 'program.py', 'written']",
        '',
      ])
      assert.is(readFileSync(secret, 'utf8'), 'secret')
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('no network is reached, not even this machine', async () => {
    let reached = 0
    const server = createServer((socket) => {
      reached += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const { stdout } = await python(`${TRY}
import socket
attempt('internet', lambda: socket.create_connection(('127.0.0.1', ${port}), 1))
attempt('raw', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
print(open('/proc/net/dev').read().count(':'))
`)
    await new Promise((resolve) => server.close(resolve))
    assert.is(stdout, 'internet PermissionError\nraw PermissionError\nnetlink PermissionError\n1\n')
    assert.is(reached, 0)
  })

  test('calls that reach for the kernel or for other processes are refused', async () => {
    const { stdout } = await python(`
import ctypes, os
library = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    result = getattr(library, name)(*arguments)
    print(name, result, ctypes.get_errno() if result < 0 else 0)
call('ptrace', 16, 1, 0, 0)
call('unshare', 0x10000000)
call('mount', b'none', b'/home', b'tmpfs', 0, None)
call('setns', 0, 0)
call('personality', 0)
call('memfd_create', b'x', 0)
call('shmget', 0, 4096, 0o1600)
call('chroot', b'/home')
print([line for line in open('/proc/self/status') if line[:7] in ('CapEff:', 'NoNewPr', 'Seccomp')][:3])
`)
    assert.is(
      stdout.replaceAll('\\t', ' ').replaceAll('\\n', ''),
      [
        ...['ptrace', 'unshare', 'mount', 'setns', 'personality', 'memfd_create', 'shmget', 'chroot'].map(
          (name) => `${name} -1 1`,
        ),
        "['CapEff: 0000000000000000', 'NoNewPrivs: 1', 'Seccomp: 2']",
        '',
      ].join('\n'),
    )
  })

  test('a fork bomb meets its bound', async () => {
    const { stdout } = await python(`
import os, time
started = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        started += 1
except OSError as error:
    print(type(error).__name__, started)
`)
    assert.is(stdout, `BlockingIOError ${LIMITS.processes - 1}\n`)
  })

  test('memory is bounded in one process and over several', async () => {
    const one = await python(`bytearray(${LIMITS.memoryBytes})`)
    assert.is(one.exitCode, 1)
    assert.match(one.stderr, 'MemoryError')
    const several = await python(`
import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = bytearray(${LIMITS.memoryBytes / 3})
        time.sleep(60)
time.sleep(60)
`)
    assert.is(several.limitHit, 'memory')
    assert.is(several.exitCode, null)
  })

  test('there is no memory that is shared and not in the home directory', async () => {
    const { stdout } = await python(`${TRY}
import mmap, os
attempt('anonymous', lambda: mmap.mmap(-1, 4096))
attempt('zero', lambda: os.open('/dev/zero', os.O_RDWR))
attempt('directory', lambda: open('/dev/shm/x', 'w'))
attempt('home', lambda: open('x', 'w').truncate(${LIMITS.fileBytes} * 2))
`)
    assert.is(
      stdout,
      'anonymous PermissionError\nzero FileNotFoundError\ndirectory FileNotFoundError\nhome OSError\n',
    )
  })

  test('the home directory is bounded in bytes and in entries', async () => {
    const large = await python(`${TRY}
def fill():
    for number in range(1000):
        with open('f%d' % number, 'wb') as file:
            file.write(b'x' * 65536)
attempt('fill', fill)
`)
    assert.is(large.stdout, 'fill OSError\n')
    const many = await python(`
number = 0
while True:
    open('f%d' % number, 'w').close()
    number += 1
`)
    assert.is(many.limitHit, 'files')
  })

  test('output is kept up to its bound, and a flood ends the program', async () => {
    const result = await python('while True: print("x" * 1000)', { outputBytes: 5000 })
    assert.is(result.limitHit, 'output')
    assert.is(result.stdout.length, 5000)
    const errors = await python('import sys\nwhile True: sys.stderr.write("x" * 1000)', { outputBytes: 10 })
    assert.is(errors.limitHit, 'output')
    assert.is(errors.stderr, 'xxxxxxxxxx')
  })

  test('a program that computes or waits without end is ended', async () => {
    const computes = await python('while True: pass', { cpuSeconds: 1 })
    assert.is(computes.limitHit, 'cpu')
    const deaf = await python(
      'import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass',
      { cpuSeconds: 1 },
    )
    assert.is(deaf.signal, 9)
    const waits = await python('import time\ntime.sleep(600)', { wallMs: 300 })
    assert.equal([waits.timedOut, waits.limitHit, waits.exitCode], [true, 'wall', null])
  })

  test('what a program leaves behind dies with it', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-sandbox-'))
    try {
      const result = await python(`
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()
print('left')
`)
      // The streams of the sandbox close only when the last process that holds them is gone.
      assert.is(result.stdout, 'left\n')
      assert.is(result.exitCode, 0)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('signals reach no process outside', async () => {
    const { stdout, exitCode } = await python(`${TRY}
import os, signal
attempt('outer', lambda: os.kill(${process.pid}, signal.SIGTERM))
attempt('parent', lambda: os.kill(os.getppid(), signal.SIGKILL))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
attempt('group', lambda: os.kill(-1, signal.SIGTERM))
print('alive')
`)
    assert.match(stdout, /^outer ProcessLookupError\n/)
    assert.match(stdout, /alive\n$/)
    assert.is(exitCode, 0)
  })

  test('an abort ends the program and gives its reason', async () => {
    const abort = new AbortController()
    const reason = new VillageError('ABORTED')
    const running = sandbox.run(pythonJob('import time\ntime.sleep(600)'), abort.signal)
    setImmediate(() => abort.abort(reason))
    await rejectsCode(running, 'ABORTED')
    await rejectsCode(sandbox.run(pythonJob('print(1)'), AbortSignal.abort(reason)), 'ABORTED')
  })

  test('more programs than turns all run, and a stop ends them', async () => {
    const results = await Promise.all(Array.from({ length: 5 }, (_, index) => python(`print(${index})`)))
    assert.equal(
      results.map(({ stdout }) => stdout.trim()),
      ['0', '1', '2', '3', '4'],
    )
    const other = createSandbox({ log }, { parallel: 1 })
    const waiting = [1, 2].map(() => other.run(pythonJob('import time\ntime.sleep(600)'), signal()))
    const ends = Promise.all(waiting.map((each) => rejectsCode(each, 'SHUTTING_DOWN')))
    await other.stop()
    await ends
    await other.stop()
    await rejectsCode(other.run(pythonJob('print(1)'), signal()), 'SHUTTING_DOWN')
  })

  test('a program that is not installed is named', async () => {
    const error = await rejectsCode(
      sandbox.run({ files: {}, command: ['village-no-such-program'], limits: LIMITS }, signal()),
      'SANDBOX_PROGRAM_MISSING',
    )
    assert.match(error.message, 'village-no-such-program')
    await rejectsCode(sandbox.check('village-no-such-program'), 'SANDBOX_PROGRAM_MISSING')
    await sandbox.check('sh')
  })
}

test.run()
