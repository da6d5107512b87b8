/** The real program as processes of its own: start, the API over the real services, signals, exit codes. */

import { type ChildProcess, spawn } from 'node:child_process'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ROUTES } from '../../node/api/routes/table.ts'
import { askHttp } from '../helpers/api-server.ts'
import { village as villageHere } from '../helpers/command-line.ts'

const test = suite('village start')
const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
const HELD_OUT = fileURLToPath(new URL('../../models/village-lm/held-out', import.meta.url))
const READY = /^\{.*\}\n/

interface Running {
  child: ChildProcess
  output(): { out: string; err: string }
  /** The line that `start --json` prints when the daemon is ready. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever was printed
  ready: Promise<any>
  ended: Promise<number>
}

function village(directory: string, ...args: string[]): Running {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', MAIN, ...args, '--data.dir', directory],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE ?? '' },
    },
  )
  let out = ''
  let err = ''
  const ready = Promise.withResolvers<unknown>()
  child.stdout!.on('data', (chunk) => {
    out += chunk
    const line = READY.exec(out)
    if (line !== null) ready.resolve(JSON.parse(line[0]))
  })
  child.stderr!.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<number>((resolve) =>
    child.on('close', (code, signal) => {
      ready.reject(new Error(`ended with ${code ?? signal}: ${err}${out}`))
      resolve(code ?? -1)
    }),
  )
  ready.promise.catch(() => {})
  return { child, output: () => ({ out, err }), ready: ready.promise, ended }
}

async function withDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-start-'))
  const before = children.length
  try {
    return await run(directory)
  } finally {
    for (const running of children.splice(before)) {
      running.child.kill('SIGKILL')
      await running.ended
    }
    await rm(directory, { recursive: true, force: true })
  }
}
const children: Running[] = []
function start(directory: string, ...args: string[]): Running {
  const running = village(
    directory,
    'start',
    '--json',
    '--mesh.mdns',
    'false',
    '--log.level',
    'warn',
    ...args,
  )
  children.push(running)
  return running
}

test('a daemon starts, answers every reading route by its schema, works, and stops cleanly', () =>
  withDirectory(async (directory) => {
    const daemon = start(directory, '--api.port', '0')
    const ready = await daemon.ready
    assert.match(ready.dashboard, /^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/)
    const token = new URL(ready.dashboard).hash.slice('#token='.length)
    const ajv = new Ajv2020({ allErrors: true })
    const created = village(directory, 'create', 'Test Street', '--json')
    assert.is(await created.ended, 0, created.output().out + created.output().err)
    assert.is(JSON.parse(created.output().out).name, 'Test Street')
    // The other commands are clients of the same daemon, in this process: what a process of its own adds was seen above.
    const cli = async (...args: string[]) => {
      const { code, out, err, json } = await villageHere(directory, ...args, '--json')
      assert.is(code, 0, out + err)
      return json
    }
    assert.match((await cli('invite')).invite, /^village1/)
    const model = await cli('model', 'add', '--embedded', 'encoder')
    const job = await cli('compress', model.id, '--codec', 'int4', '--no-calibrate', '--wait')
    assert.is(job.state, 'done', JSON.stringify(job))
    const compressed = await cli('model', 'inspect', job.result.id)
    assert.ok(compressed.model.sizeBytes < model.sizeBytes / 2)
    const run = await withDirectory(async (folder) => {
      await writeFile(path.join(folder, 'valve.md'), '# Water\n\nThe main valve is in the cellar.\n')
      return cli('index', folder, '--collection', 'notes')
    })
    const [hit] = (await cli('search', 'valve', '--collection', 'notes')).hits
    // Nothing listens there: it goes on trying, or has failed; it is known either way.
    const pull = await askHttp(ready.url, '/api/v1/pulls', {
      token,
      method: 'POST',
      body: { source: 'nobody/nothing', hub: 'http://127.0.0.1:9' },
    })
    const federation = await askHttp(ready.url, '/api/v1/federations', {
      token,
      method: 'POST',
      body: {
        config: { name: 'digits', strategy: 'fedavg', rounds: 1, clients: { minimum: 2 } },
        simulate: true,
      },
    })
    const languageModel = await cli('model', 'add', '--embedded', 'village-lm')
    const items = await cli('artifact', 'add', path.join(HELD_OUT, 'facts.jsonl'))
    // It waits for a second member, so that nothing of it is computed.
    const announced = await askHttp(ready.url, '/api/v1/runs', {
      token,
      method: 'POST',
      body: {
        spec: {
          name: 'steps',
          workload: {
            kind: 'perturbation',
            options: { model: languageModel.id, tasks: [{ data: items.cid }], directions: 2, choose: 1 },
          },
          strategy: { name: 'tournament', options: {} },
          population: 2,
          minimum: 2,
          limits: { generations: 1 },
        },
      },
    })
    assert.is(announced.status, 201, announced.bytes.toString())
    // What goals and what people said answer is tried where there are some (network/self-evolution, twin-erasure, openai, train).
    const readings = ROUTES.filter(
      ({ method, response, path: at }) =>
        method === 'GET' &&
        response.kind === 'json' &&
        !/:goal|\/(responses|conversations|decisions|twin|approvals)\/:|\/curve$/.test(at),
    )
    for (const row of readings) {
      const target = row.path
        .replace('/artifacts/:cid', `/artifacts/${model.cid}`)
        .replace('/models/:id', `/models/${compressed.model.id}`)
        .replace('/jobs/:id', `/jobs/${job.id}`)
        .replace('/federations/:id', `/federations/${federation.json.id}`)
        .replace('/runs/:run', `/runs/${announced.json.run.run}`)
        .replace('/pulls/:id', `/pulls/${pull.json.id}`)
        .replace('/collections/:id', '/collections/notes')
        .replace('/documents/:document', `/documents/${hit.document}`)
        .replace('/index-runs/:id', `/index-runs/${run.id}`)
        .replace('/passages/:segment/:chunk', `/passages/${hit.segment}/${hit.chunk}`)
        .replace(':code', 'PORT_BUSY')
        .replace('/v1/models/:model', '/v1/models/king')
        .replace('/a2a/:agent', '/a2a/king')
      const answer = await askHttp(ready.url, target, { token })
      const validate = ajv.compile((row.response as { schema: object }).schema)
      assert.is(answer.status, 200, `${target}: ${answer.bytes}`)
      assert.ok(validate(answer.json), `${target}: ${ajv.errorsText(validate.errors)}`)
    }
    const evaluated = await cli('evaluate', model.id, job.result.id, '--wait')
    assert.ok(evaluated.result.models[1].scores.spearman.value > 0.9, JSON.stringify(evaluated.result))
    assert.is((await cli('status')).village.name, 'Test Street')
    daemon.child.kill('SIGTERM')
    assert.is(await daemon.ended, 0, daemon.output().err)
    assert.is(daemon.output().out.trim().split('\n').length, 1, 'one JSON document')
    await access(path.join(directory, 'api.json')).then(
      () => assert.unreachable('api.json is still there'),
      () => {},
    )
    const status = village(directory, 'status')
    assert.is(await status.ended, 3)
  }))

test('a second daemon on the same data directory is refused, and the first goes on until SIGINT, which ends it as cleanly as SIGTERM', () =>
  withDirectory(async (directory) => {
    const first = start(directory, '--api.port', '0')
    const { url } = await first.ready
    const second = start(directory, '--api.port', '0')
    assert.is(await second.ended, 1)
    assert.is(JSON.parse(second.output().out).error.code, 'DATA_DIR_LOCKED')
    assert.is((await askHttp(url, '/healthz', { token: null })).status, 200)
    first.child.kill('SIGINT')
    assert.is(await first.ended, 0)
  }))

test('a busy port is refused with the key that sets another', () =>
  withDirectory(async (directory) => {
    const blocker = createServer()
    const port = await new Promise<number>((resolve) =>
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port)),
    )
    const daemon = start(directory, '--api.port', String(port))
    assert.is(await daemon.ended, 1)
    const { error } = JSON.parse(daemon.output().out)
    assert.is(error.code, 'PORT_BUSY')
    assert.match(error.message, /api\.port/)
    await new Promise((resolve) => blocker.close(resolve))
  }))

test('a data directory that is a file, and a wrong value, are told in one sentence', () =>
  withDirectory(async (directory) => {
    const file = path.join(directory, 'file')
    await writeFile(file, '')
    const notDirectory = village(file, 'start')
    assert.is(await notDirectory.ended, 1)
    assert.match(notDirectory.output().err, /^error DATA_DIR_READ_ONLY: .*\nfix: /m)
    const wrong = village(directory, 'start', '--api.port', 'many')
    assert.is(await wrong.ended, 2)
    assert.match(wrong.output().err, /^error CONFIG_INVALID_VALUE: .*api\.port.*\nfix: /m)
    assert.not.match(wrong.output().err, /at .*\.ts:/)
  }))

test.run()
