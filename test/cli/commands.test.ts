/** The commands as clients of a real HTTP API over in-memory services. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { COMMANDS } from '../../node/cli/commands.ts'
import { buildProgram } from '../../node/cli/run.ts'
import type { ArtifactInfo } from '../../node/mesh/artifacts/artifacts.ts'
import { village, withApi } from '../helpers/command-line.ts'
import { FRIEND, memoryPeer, SELF } from '../helpers/memory-services.ts'

const test = suite('commands')

test('every row can be loaded and parsed, and none takes an option twice', async () => {
  for (const row of COMMANDS) {
    assert.type(await row.load(), 'function', row.name)
    assert.match(row.summary, /\.$/)
  }
  assert.is(new Set(COMMANDS.map((row) => row.name)).size, COMMANDS.length)
  buildProgram(async () => {})
})

/** What commands are called with that want more than their arguments. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  'model add': ['--embedded', 'encoder'],
  'collection tune': ['1', '--judged', 'judged'],
  evaluate: ['1'],
  geometry: ['1'],
  merge: ['--replay', '1'],
  train: ['1', '--data', 'notes.txt'],
}

// `service` would change this machine; the others work on the files of a node that does not run.
const ALONE = /^(start|doctor|completion|service .*|config (list|get|set|unset)|backup .*|restore|upgrade)$/
test('a daemon that does not run: code 3, and how to start it', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-cli-'))
  try {
    for (const row of COMMANDS.filter(({ name }) => !ALONE.test(name))) {
      const args = (row.args ?? []).map(([argument]) => (argument.startsWith('<') ? '1' : ''))
      const extra = NEEDED[row.name] ?? args.filter((arg) => arg !== '')
      const { code, err } = await village(directory, ...row.name.split(' '), ...extra)
      assert.is(code, 3, row.name)
      assert.match(err, /^error DAEMON_NOT_RUNNING: No daemon runs on .*\nfix: Start it with `village start`/)
    }
    // Left behind by a daemon that was killed: the process is gone.
    await writeFile(
      path.join(directory, 'api.json'),
      JSON.stringify({ url: 'http://127.0.0.1:9', pid: 2 ** 22 + 1 }),
    )
    assert.is((await village(directory, 'status')).code, 3)
    // The process lives, but nothing listens there any more.
    await writeFile(
      path.join(directory, 'api.json'),
      JSON.stringify({ url: 'http://127.0.0.1:9', pid: process.pid }),
    )
    await writeFile(path.join(directory, 'api.token'), 'x')
    assert.is((await village(directory, 'status')).code, 3)
    await writeFile(path.join(directory, 'api.json'), 'not json')
    assert.is((await village(directory, 'status', '--json')).json.error.code, 'DAEMON_NOT_RUNNING')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

const USAGE: [args: string[], says: RegExp][] = [
  [['stauts'], /unknown command 'stauts'.*Did you mean status/],
  [['status', '--jsno'], /unknown option '--jsno'.*Did you mean --json/],
  [['create'], /missing required argument 'name'/],
  [['create', 'a', 'b'], /too many arguments/],
  [['invite', '--expires', '7x'], /"7x" is not a duration such as/],
  [['invite', '--uses', 'many'], /--uses takes a whole number/],
  [['jobs', 'priority', 'x', 'high'], /A priority is a whole number/],
  [['model', 'add'], /either a path or --embedded/],
  [['compress', 'm', '--set', 'x'], /--set takes key=value/],
  [['start', '--api.prot', '1'], /unknown option '--api.prot'.*Did you mean --api.port/],
]
for (const [args, says] of USAGE)
  test(`village ${args.join(' ')} is a usage error`, () =>
    withApi(async (cli) => {
      const { code, err, out } = await cli(...args)
      assert.is(code, 2, err)
      assert.match(err, says)
      assert.match(err, /^error USAGE: /)
      assert.is(out, '')
      const json = await cli(...args, '--json')
      assert.is(json.json.error.code, 'USAGE')
    }))

test('rm and leave pass --force on', () =>
  withApi(async (cli, { services }) => {
    const given: unknown[] = []
    services.artifacts.info = async () => ({}) as ArtifactInfo // only looked at for being there
    services.artifacts.remove = async (_cid, options) => void given.push({ ...options })
    services.villages.leave = async (options) => void given.push({ ...options })
    const lines = ['artifact rm x', 'artifact rm x --force', 'leave', 'leave --force']
    for (const line of lines) assert.is((await cli(...line.split(' '))).code, 0, line)
    assert.equal(given, [{}, { force: true }, {}, { force: true }])
  }))

test('help is grouped, fits 80 columns and ends with the exit codes', async () => {
  const { code, out } = await village('/nowhere', '--help')
  assert.is(code, 0)
  for (const group of ['Node:', 'Village:', 'Models and jobs:', 'Artifacts:', 'Exit codes:'])
    assert.ok(out.includes(group), group)
  for (const line of out.split('\n')) assert.ok(line.length <= 80, line)
  const start = await village('/nowhere', 'start', '--help')
  assert.match(start.out, /--api\.port <value>/)
  assert.match(start.out, /VILLAGE_API_PORT/)
})

test('a configuration value that is wrong is told before anything is asked', () =>
  withApi(async (_cli, server) => {
    const file = path.join(server.directory, 'config.json')
    await writeFile(file, '{"api.prot": 1}')
    const { code, err } = await village(server.directory, 'status', '--config', file)
    assert.is(code, 2)
    assert.match(err, /CONFIG_UNKNOWN_KEY.*did you mean "api\.port"/)
  }))

test('status, peers, members', () =>
  withApi(async (cli, server) => {
    const bare = (await cli('status')).out
    assert.match(bare, /village +none: `village create NAME`/)
    assert.match(
      bare,
      /knowledge +no collections: `village index PATH .*; 2 parts held for others \(3\.0 MiB\)/,
    )
    await server.services.collections.create({ name: 'notes' })
    const content = Readable.from([Buffer.from('words')])
    await server.services.collections.upload(
      'notes',
      { source: 'a.md', content },
      new AbortController().signal,
    )
    await server.services.collections.index('notes', { paths: ['/tmp/a'] })
    const line = /knowledge +1 collection, 1 document, 1 passage, 0 B; 1 run of indexing; 2 parts held/
    assert.match((await cli('status')).out, line)
    assert.match((await cli('peers')).out, /No member is connected/)
    assert.match((await cli('members')).out, /in no village/)
    assert.match((await cli('create', 'Elm Street', '--open')).out, /The village "Elm Street" stands/)
    server.services.peerList.push(memoryPeer({ name: 'tab\tand \u001b[31mred' }))
    const peers = await cli('peers')
    assert.match(peers.out, /12D3…/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it must not be there
    assert.not.match(peers.out, /\u001b/)
    assert.is((await cli('peers', '--json')).json.peers[0].peer, FRIEND)
    const status = await cli('status', '--json')
    assert.is(status.json.village.open, true)
    assert.equal(status.json.knowledge, {
      ...{ collections: 1, documents: 1, passages: 1, sizeBytes: 0, indexing: 1, problems: 0 },
      ...{ heldSegments: 2, heldBytes: 3 * 2 ** 20 },
    })
    assert.is(status.json.peer, SELF)
    for (const line of peers.out.split('\n')) assert.ok(line.length <= 80, line)
  }))

test('invite, join, revoke, leave', () =>
  withApi(async (cli) => {
    const refused = await cli('invite')
    assert.is(refused.code, 1)
    assert.match(refused.err, /^error VILLAGE_NONE: .*\nfix: /)
    await cli('create', 'Elm Street')
    const invite = await cli('invite', '--role', 'edge', '--expires', '1d12h', '--uses', '3', '--json')
    assert.match(invite.json.invite, /^village1/)
    assert.is(invite.json.uses, 3)
    assert.is(invite.json.expiresAtMs - 1_760_000_000_000, 36 * 3_600_000)
    assert.match((await cli('invite')).out, /^village1/)
    const open = await cli('invites', '--json')
    assert.equal(
      open.json.invites.map(({ uses }: { uses: number }) => uses),
      [3, 1],
    )
    assert.match((await cli('invites')).out, new RegExp(`${invite.json.id} +edge +0 of 3`))
    await cli('withdraw', invite.json.id)
    assert.not.match((await cli('invites')).out, invite.json.id)
    assert.is((await cli('leave')).code, 0)
    assert.is((await cli('join', 'nonsense')).json, null)
    assert.match((await cli('join', 'nonsense')).err, /INVITE_MALFORMED/)
    assert.match((await cli('join', invite.json.invite)).out, /member of "other"/)
    assert.match((await cli('revoke', 'nobody')).err, /No member has the id nobody/)
    assert.is((await cli('revoke', FRIEND.slice(-8), '--reason', 'gone', '--json')).json.revoked, FRIEND)
    assert.match((await cli('members')).out, /revoked/)
  }))

test('models', () =>
  withApi(async (cli, server) => {
    assert.match((await cli('model')).out, /No models yet/)
    assert.match((await cli('model', 'add', '--embedded', 'encoder')).out, /6,980,000/)
    const file = path.join(server.directory, 'mine.onnx')
    await writeFile(file, 'onnx')
    assert.is((await cli('model', 'add', file, '--json')).json.id, 'mine')
    assert.match((await cli('model', 'list')).out, /^ID +KIND/)
    assert.is((await cli('model', 'inspect', 'encoder', '--json')).json.model.id, 'encoder')
    assert.match((await cli('model', 'inspect', 'encodre')).err, /MODEL_UNKNOWN/)
    const out = path.join(server.directory, 'unpacked')
    assert.ok((await cli('model', 'unpack', 'mine', out, '--runtime', 'int8')).out.includes(out))
    assert.is(await readFile(path.join(out, 'model.onnx'), 'utf8'), 'int8')
    assert.match((await cli('model', 'unpack', 'mine', out, '--runtime', 'int9')).err, /runtime/)
    assert.is((await cli('model', 'rm', 'mine')).code, 0)
    assert.is((await cli('model', 'list', '--json')).json.models.length, 1)
  }))

test('compress --wait follows the job to its end', () =>
  withApi(async (cli, { services }) => {
    services.events.subscribe((event) => {
      // As soon as the job is there, two peers work on it.
      if (event.type !== 'job:changed' || event.data.done !== 0) return
      setImmediate(() => {
        for (let index = 0; index < 4; index++)
          services.finishTask(event.data.job, index, index % 2 === 0 ? SELF : FRIEND)
      })
    })
    const { code, out } = await cli(
      'compress',
      'encoder',
      '--codec',
      'seedlm',
      '--bits',
      '4',
      '--set',
      'seed=7',
      '--force',
      '--wait',
    )
    assert.is(code, 0)
    assert.match(out, /done \(4 of 4 tasks\)/)
    assert.match(out, /PEER +TASKS +BUSY/)
    assert.match(out, /bitsPerWeight +4\.5/)
    const [job] = services.jobs.list()
    assert.equal(job!.params, {
      model: 'encoder',
      codec: 'seedlm',
      params: { bits: 4, seed: 7 },
      force: true,
    })
  }))

test('a job that is waited for and cancelled ends with code 4', () =>
  withApi(async (cli, { services }) => {
    const { json: job } = await cli('evaluate', 'a', 'b', '--json')
    assert.equal(job.params, { models: ['a', 'b'] }, 'the daemon chooses the suite that fits')
    const waiting = cli('jobs', 'show', job.id, '--wait', '--json')
    await new Promise<void>((resolve) => {
      const look = () => (services.events.since(0).length > 0 ? resolve() : setImmediate(look))
      look()
    })
    assert.is((await cli('jobs', 'cancel', job.id.slice(0, 6))).code, 0)
    const waited = await waiting
    assert.is(waited.code, 4)
    assert.is(waited.json.state, 'cancelled')
  }))

test('jobs: list, show, priority, rm', () =>
  withApi(async (cli, { services }) => {
    assert.match((await cli('jobs')).out, /No jobs yet/)
    const { json } = await cli('compress', 'encoder', '--priority', '5', '--json')
    assert.is(json.priority, 5)
    services.finishTask(json.id, 0, FRIEND)
    assert.match((await cli('jobs', 'list')).out, /encoder int4 +running +1\/4/)
    assert.is((await cli('jobs', 'priority', json.id, '--', '-3')).code, 0)
    assert.is(services.jobs.get(json.id)!.priority, -3)
    const shown = await cli('jobs', 'show', json.id, '--json')
    assert.is(shown.json.tasks.length, 4)
    assert.match((await cli('jobs', 'show', json.id)).out, /1 of 4 tasks/)
    assert.is((await cli('jobs', 'rm', json.id)).code, 0)
    assert.equal(services.jobs.list(), [])
    assert.match((await cli('jobs', 'show', json.id)).err, /No job has the id/)
    await cli('compress', 'encoder', '--codec', 'trellis', '--bits', '3')
    await cli('compress', 'encoder', '--codec', 'int8')
    const listed = (await cli('jobs')).out
    assert.match(
      listed,
      /encoder int8 [\s\S]+encoder trellis 3 bits /,
      'the newest first, told apart by its bits',
    )
  }))

test('doctor asks the daemon, and checks by itself where none runs', async () => {
  await withApi(async (cli) => {
    const { json } = await cli('doctor', '--json')
    assert.is(json.checks[0].name, 'daemon')
    assert.is(json.checks[0].level, 'ok')
    assert.is(json.checks.find((check: { name: string }) => check.name === 'kernels').level, 'warn')
  })
  const directory = await mkdtemp(path.join(tmpdir(), 'village-cli-'))
  try {
    const { out } = await village(directory, 'doctor')
    assert.match(out, /\n\n\d+ problems?, \d+ warnings?, \d+ fine\./)
    assert.match(out, /^warn +daemon +none runs on/)
    for (const name of ['node', 'kernels', 'data directory', 'disk', 'api port', 'mdns', 'clock'])
      assert.match(out, new RegExp(`^(ok|warn|fail) +${name} `, 'm'))
    const broken = await village(path.join(directory, 'file', 'x'), 'doctor', '--json')
    assert.is(broken.code === 0, broken.json.ok)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('config shows what differs from the defaults, from the daemon or without one', async () => {
  await withApi(async (cli) => {
    const { out } = await cli('config')
    assert.match(out, /api\.port +0/)
    assert.not.match(out, /jobs\.leaseMs/)
    assert.match((await cli('config', '--all')).out, /jobs\.leaseMs/)
  })
  const { json } = await village('/nowhere/at/all', 'config', '--json')
  assert.is(json['data.dir'], '/nowhere/at/all')
})

test.run()
