/** install.sh on a small bundle: what it checks, an upgrade, the way back, removal, and that it writes nowhere else. */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { packBundle, sealBundle } from '../../../scripts/bundle/write-bundle.ts'

const INSTALLER = path.resolve(import.meta.dirname, '../../../scripts/bundle/install.sh')
const PLATFORM = process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64'
const isLinux = process.platform === 'linux'
const hasSandbox =
  isLinux &&
  spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], { stdio: 'ignore' }).status === 0

const install = suite<{ work: string; home: string }>('install.sh')
install.before.each((context) => {
  context.work = mkdtempSync(path.join(tmpdir(), 'village-install-'))
  context.home = path.join(context.work, 'home')
  mkdirSync(context.home)
})
install.after.each(({ work }) => rmSync(work, { recursive: true, force: true }))

/** A bundle whose Node is a shell script that says which program it was given. */
async function makeBundle(work: string, version: string): Promise<{ folder: string; sha256: string }> {
  const folder = path.join(work, `aivillage-${version}`)
  mkdirSync(path.join(folder, 'runtime/bin'), { recursive: true })
  mkdirSync(path.join(folder, 'app/dist/node'), { recursive: true })
  mkdirSync(path.join(folder, 'app/docs'), { recursive: true })
  writeFileSync(path.join(folder, 'runtime/bin/node'), `#!/bin/sh\necho "${version} $*"\n`)
  writeFileSync(path.join(folder, 'app/dist/node/main.js'), '')
  writeFileSync(path.join(folder, 'app/docs/village.1'), '.TH VILLAGE 1\n')
  sealBundle(folder, { platform: PLATFORM, version, nodeVersion: '24.0.0', installer: INSTALLER })
  const { sha256 } = await packBundle(folder, path.join(work, `${version}.tar.gz`))
  return { folder, sha256 }
}

function runWith(environment: object, folder: string, home: string, ...args: string[]) {
  return spawnSync('sh', [path.join(folder, 'install.sh'), ...args], {
    encoding: 'utf8',
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, ...environment },
  })
}
const run = (folder: string, home: string, ...args: string[]) => runWith({}, folder, home, ...args)
const village = (home: string) =>
  spawnSync(path.join(home, '.local/bin/village'), ['status'], { encoding: 'utf8', env: { HOME: home } })
    .stdout

function editFacts(folder: string, from: RegExp, to: string): void {
  const file = path.join(folder, 'bundle.env')
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to))
  // Whoever changes a bundle can also make its list anew.
  const sums = path.join(folder, 'SHA256SUMS')
  const made = spawnSync('sha256sum', ['./bundle.env'], { cwd: folder, encoding: 'utf8' }).stdout
  writeFileSync(sums, readFileSync(sums, 'utf8').replace(/^.* {2}\.\/bundle\.env\n/m, made))
}

if (!isLinux) {
  console.log('skipped: install.sh is for Linux')
} else {
  install('equal contents give equal bytes', async ({ work }) => {
    const [one, other] = [path.join(work, 'one'), path.join(work, 'other')]
    mkdirSync(one)
    mkdirSync(other)
    assert.is((await makeBundle(one, '1.0.0')).sha256, (await makeBundle(other, '1.0.0')).sha256)
  })

  install(
    'installs, again without a change, upgrades, goes back, and is removed; data stays',
    async ({ work, home }) => {
      const first = await makeBundle(work, '1.0.0')
      const second = await makeBundle(work, '1.1.0')
      const third = await makeBundle(work, '1.2.0')
      mkdirSync(path.join(home, '.aivillage'))
      writeFileSync(path.join(home, '.aivillage/identity.key'), 'key')
      const library = path.join(home, '.local/lib/aivillage')

      const installed = run(first.folder, home)
      assert.is(installed.status, 0, installed.stderr)
      assert.match(village(home), /^1\.0\.0 .*current\/app\/dist\/node\/main\.js status\n$/)
      const before = readlinkSync(path.join(library, 'current'))
      assert.is(run(first.folder, home).status, 0)
      assert.is(readlinkSync(path.join(library, 'current')), before)
      assert.not.ok(existsSync(path.join(library, 'previous')))
      writeFileSync(path.join(library, before, 'runtime/bin/node'), '')
      assert.is(run(first.folder, home).status, 0)
      assert.match(village(home), /^1\.0\.0 /, 'what was damaged is repaired')

      assert.is(run(second.folder, home).status, 0)
      assert.match(village(home), /^1\.1\.0 /)
      assert.is(readlinkSync(path.join(library, 'previous')), before)
      // The installed copy has the ways back and out.
      const back = run(path.join(library, 'current'), home, '--rollback')
      assert.is(back.status, 0, back.stderr)
      assert.match(village(home), /^1\.0\.0 /)
      assert.is(run(third.folder, home).status, 0)
      assert.match(village(home), /^1\.2\.0 /)
      // The one before is kept, older ones are not.
      assert.is(readdirSync(library).filter((name) => /^\d/.test(name)).length, 2)

      assert.is(run(path.join(library, 'current'), home, '--uninstall').status, 0)
      assert.not.ok(existsSync(library))
      assert.not.ok(existsSync(path.join(home, '.local/bin/village')))
      assert.is(readFileSync(path.join(home, '.aivillage/identity.key'), 'utf8'), 'key')
      assert.is(run(first.folder, home, '--uninstall').status, 1)
    },
  )

  install('a strict umask of the one who unpacked it does not lock others out', async ({ work, home }) => {
    const { folder } = await makeBundle(work, '1.0.0')
    spawnSync('chmod', ['-R', 'go=', folder])
    const prefix = path.join(home, 'shared')
    assert.is(run(folder, home, '--prefix', prefix).status, 0)
    const closed = spawnSync('find', [prefix, '!', '-type', 'l', '!', '-perm', '-u=r,g=r,o=r'], {
      encoding: 'utf8',
    })
    assert.is(closed.stdout, '')
    const program = path.join(prefix, 'lib/aivillage/current/runtime/bin/node')
    assert.is(statSync(program).mode & 0o777, 0o755)
  })

  install(
    'folders of others beside the versions stay, and alone they are no AIVillage',
    async ({ work, home }) => {
      const { folder } = await makeBundle(work, '1.0.0')
      const library = path.join(home, '.local/lib/aivillage')
      const foreign = path.join(library, 'my-notes/precious')
      mkdirSync(path.dirname(foreign), { recursive: true })
      writeFileSync(foreign, 'x')
      const refused = run(folder, home, '--uninstall')
      assert.is(refused.status, 1)
      assert.match(refused.stderr, /there is no AIVillage/)
      assert.is(run(folder, home).status, 0)
      assert.ok(existsSync(foreign))
      const removed = run(folder, home, '--uninstall')
      assert.is(removed.status, 0, removed.stderr)
      assert.match(removed.stdout, /stays: there is something in it/)
      assert.equal(readdirSync(library), ['my-notes'])
      assert.ok(existsSync(foreign))
    },
  )

  install('an older version is not put over a newer one unasked', async ({ work, home }) => {
    const older = await makeBundle(work, '1.9.0')
    const newer = await makeBundle(work, '1.10.0')
    assert.is(run(newer.folder, home).status, 0)
    const refused = run(older.folder, home)
    assert.is(refused.status, 1)
    assert.match(refused.stderr, /AIVillage 1\.10\.0 is installed, and this bundle is the older 1\.9\.0/)
    assert.match(village(home), /^1\.10\.0 /)
    const asked = run(older.folder, home, '--downgrade')
    assert.is(asked.status, 0, asked.stderr)
    assert.match(village(home), /^1\.9\.0 /)
    assert.is(run(newer.folder, home).status, 0)
    const back = run(newer.folder, home, '--rollback')
    assert.match(back.stdout, /run `.*village upgrade --roll-back`/)
  })

  install('an upgrade that is cut off between its two links is made up for', async ({ work, home }) => {
    const first = await makeBundle(work, '1.0.0')
    const second = await makeBundle(work, '1.1.0')
    const library = path.join(home, '.local/lib/aivillage')
    assert.is(run(first.folder, home).status, 0)
    const before = readlinkSync(path.join(library, 'current'))
    // In the place of the second link the installer is killed.
    const shims = path.join(work, 'shims')
    mkdirSync(shims)
    const kills = `#!/bin/sh
case $1 in -fT) n=$(cat ${shims}/n 2>/dev/null || echo 0); echo $((n + 1)) >${shims}/n; [ "$n" = 0 ] || { kill -9 $PPID; exit 1; } ;; esac
PATH=${process.env.PATH} exec mv "$@"
`
    writeFileSync(path.join(shims, 'mv'), kills, { mode: 0o755 })
    const cut = runWith({ PATH: `${shims}:${process.env.PATH}` }, second.folder, home)
    assert.is(cut.signal, 'SIGKILL')
    const leftovers = () => readdirSync(library).filter((name) => name.includes('.new.'))
    assert.is(leftovers().length, 1, 'the link that was not put in its place')
    mkdirSync(path.join(library, `.new.${process.pid}`))
    assert.is(run(second.folder, home).status, 0)
    assert.match(village(home), /^1\.1\.0 /)
    assert.is(readlinkSync(path.join(library, 'previous')), before)
    assert.ok(existsSync(path.join(library, before)))
    assert.equal(leftovers(), [`.new.${process.pid}`], 'what a living process makes stays')
  })

  const damages: [name: string, damage: (folder: string) => void, says: RegExp][] = [
    [
      'a changed file',
      (folder) => appendFileSync(path.join(folder, 'app/dist/node/main.js'), 'x'),
      /damaged: \.\/app\/dist\/node\/main\.js/,
    ],
    ['a missing file', (folder) => rmSync(path.join(folder, 'app/dist/node/main.js')), /its list has/],
    ['a file more', (folder) => writeFileSync(path.join(folder, 'app/more.js'), ''), /its list has/],
    [
      'a link',
      (folder) => symlinkSync('/etc/passwd', path.join(folder, 'app/link')),
      /neither a file nor a folder/,
    ],
    ['no list', (folder) => rmSync(path.join(folder, 'SHA256SUMS')), /no bundle/],
    [
      'another processor',
      (folder) => editFacts(folder, /^PLATFORM=.*/m, 'PLATFORM=linux-riscv64'),
      /is for linux-riscv64/,
    ],
    ['a newer glibc', (folder) => editFacts(folder, /^GLIBC=.*/m, 'GLIBC=99.1'), /needs 99\.1/],
    ['no room', (folder) => editFacts(folder, /^SIZE_KIB=.*/m, 'SIZE_KIB=999999999999'), /MiB free/],
  ]
  install('a damaged or foreign bundle is refused, and nothing is written', async ({ work, home }) => {
    const { folder } = await makeBundle(work, '1.0.0')
    for (const [name, damage, says] of damages) {
      const bad = path.join(work, 'bad')
      cpSync(folder, bad, { recursive: true })
      damage(bad)
      const refused = run(bad, home)
      assert.is(refused.status, 1, `${name}: ${refused.stdout}`)
      assert.match(refused.stderr, says, name)
      assert.equal(readdirSync(home), [], name)
      rmSync(bad, { recursive: true })
    }
  })

  install('what is not ours is not overwritten, and odd prefixes are refused', async ({ work, home }) => {
    const { folder } = await makeBundle(work, '1.0.0')
    assert.is(run(folder, home, '--prefix', path.join(home, "o'clock")).status, 1)
    const spaced = path.join(home, 'a folder')
    assert.is(run(folder, home, '--prefix', spaced).status, 0)
    assert.ok(existsSync(path.join(spaced, 'bin/village')))
    mkdirSync(path.join(home, '.local/bin'), { recursive: true })
    writeFileSync(path.join(home, '.local/bin/village'), '#!/bin/sh\n')
    const refused = run(folder, home)
    assert.is(refused.status, 1)
    assert.match(refused.stderr, /not ours/)
    assert.is(readFileSync(path.join(home, '.local/bin/village'), 'utf8'), '#!/bin/sh\n')
    assert.is(run(folder, home, '--nonsense').status, 2)
  })

  if (hasSandbox)
    install('it needs no network and writes below its prefix alone', async ({ work, home }) => {
      const { folder } = await makeBundle(work, '1.0.0')
      const boxed = spawnSync(
        'bwrap',
        [
          ...['--unshare-all', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'],
          ...['--bind', path.join(home), home, '--clearenv', '--setenv', 'HOME', home],
          ...['--setenv', 'PATH', '/usr/bin:/bin', 'sh', path.join(folder, 'install.sh')],
        ],
        { encoding: 'utf8' },
      )
      assert.is(boxed.status, 0, boxed.stderr)
      assert.equal(readdirSync(home), ['.local'])
    })
  else console.log('skipped: install.sh in a sandbox: bwrap cannot be used here')
}

install.run()
