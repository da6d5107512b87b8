/** The package as it is installed: emitted JavaScript without sources, its entries, the `village` command and the client. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { emitPackage, emittedEntries } from '../../scripts/package/emit.ts'
import { bringOnnxruntime } from '../../scripts/package/onnxruntime.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

const packaged = suite<{ folder: string }>('package')
packaged.before((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'village-package-'))
  const { folder } = context
  // Types are what `npm run check` looks at.
  emitPackage(ROOT, path.join(folder, 'dist'), { checked: false })
  bringOnnxruntime(ROOT, path.join(folder, 'dist'))
  mkdirSync(path.join(folder, 'scripts'))
  for (const file of ['package.json', 'daemon.config.json', 'scripts/village.js', 'scripts/run.js'])
    copyFileSync(path.join(ROOT, file), path.join(folder, file))
  for (const shared of ['node_modules', 'models', 'native', 'docs'])
    symlinkSync(path.join(ROOT, shared), path.join(folder, shared))
})
packaged.after(({ folder }) => rmSync(folder, { recursive: true, force: true }))

packaged('entries of threads and processes are named as they are emitted', () => {
  const { source, entries } = emittedEntries(
    "const A = new URL('./worker.ts', import.meta.url)\nconst B = new URL('../x/y.ts', import.meta.url)\nconst C = 'z.ts'",
  )
  assert.equal(entries, ['./worker.js', '../x/y.js'])
  assert.match(source, "new URL('../x/y.js', import.meta.url)")
  assert.match(source, "const C = 'z.ts'")
})

packaged(
  'the folder of the dashboard and the types of the client are there, and no other types',
  ({ folder }) => {
    const dist = path.join(folder, 'dist/node')
    for (const file of [
      'main.js',
      'compute/worker.js',
      'api/dashboard/index.html',
      'client.js',
      'client.d.ts',
    ])
      assert.ok(existsSync(path.join(dist, file)), file)
    assert.not.ok(existsSync(path.join(dist, 'daemon.d.ts')))
    assert.not.ok(existsSync(path.join(dist, 'main.ts')))
  },
)

packaged(
  'onnxruntime comes along for Linux, without a script, and is what the program finds',
  ({ folder }) => {
    const brought = path.join(folder, 'dist/node_modules/onnxruntime-node')
    const manifest = JSON.parse(readFileSync(path.join(brought, 'package.json'), 'utf8')) as {
      scripts?: object
      dependencies: Record<string, string>
    }
    assert.is(manifest.scripts, undefined)
    assert.equal(Object.keys(manifest.dependencies), ['onnxruntime-common'])
    assert.match(readFileSync(path.join(brought, 'LICENSE'), 'utf8'), /changed in packing/)
    const binaries = readdirSync(path.join(brought, 'bin'), { recursive: true }).map(String)
    const systems = binaries.flatMap((file) => /^napi-v\d+\/(\w+\/\w+)$/.exec(file)?.[1] ?? [])
    assert.equal(systems.sort(), ['linux/arm64', 'linux/x64'])
    const look =
      "const { listSupportedBackends } = require('onnxruntime-node')\nconst names = listSupportedBackends().map(({ name }) => name)\nconsole.log(JSON.stringify([require.resolve('onnxruntime-node'), names]))"
    const said = execFileSync(process.execPath, ['-e', look], {
      cwd: path.join(folder, 'dist/node'),
      encoding: 'utf8',
    })
    const [found, backends] = JSON.parse(said) as [string, string[]]
    assert.is(found, path.join(brought, 'dist/index.js'))
    assert.ok(backends.includes('cpu'))
  },
)

packaged('a program of others compiles against the client, and is told when it is wrong', ({ folder }) => {
  const consumer = path.join(folder, 'consumer')
  mkdirSync(path.join(consumer, 'node_modules'), { recursive: true })
  symlinkSync(folder, path.join(consumer, 'node_modules/aivillage'))
  symlinkSync(path.join(ROOT, 'node_modules/@types'), path.join(consumer, 'node_modules/@types'))
  writeFileSync(path.join(consumer, 'package.json'), '{"type":"module"}')
  const right = `import { connect, type Client } from 'aivillage/client'
const village: Client = await connect({ url: 'http://127.0.0.1:7480', token: 'key' })
const { peer } = await village.get<{ peer: string }>('/api/v1/status')
export const name: string = peer`
  const wrong = `import { connect } from 'aivillage/client'
export const village = await connect({ url: 1 })`
  writeFileSync(path.join(consumer, 'right.ts'), right)
  writeFileSync(path.join(consumer, 'wrong.ts'), wrong)
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  const settings = '--noEmit --strict --module nodenext --target es2024 --types node'.split(' ')
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...settings, 'right.ts', 'wrong.ts'], {
    cwd: consumer,
    encoding: 'utf8',
  })
  assert.is.not(status, 0)
  const told = stdout.match(/^\S+: error TS\d+/gm) ?? []
  assert.is(told.length, 1, stdout)
  assert.match(told[0]!, /^wrong\.ts\(2,\d+\): error TS2322$/)
})

packaged('the command runs: version, start, dashboard, status and an orderly stop', async ({ folder }) => {
  const village = path.join(folder, 'scripts/village.js')
  const data = path.join(folder, 'data')
  const version = execFileSync(process.execPath, [village, '--version'], { encoding: 'utf8' })
  assert.match(version, /^\d+\.\d+\.\d+\n$/)
  const settings = ['--data.dir', data, '--api.port', '0', '--mesh.mdns', 'false']
  const daemon = spawn(process.execPath, [village, 'start', '--json', ...settings], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    const [line] = (await once(createInterface(daemon.stdout), 'line')) as [string]
    const started = JSON.parse(line) as { url: string; native: boolean }
    const page = await fetch(started.url)
    assert.is(page.status, 200)
    assert.match(await page.text(), /<title>/)
    const status = spawnSync(process.execPath, [village, 'status', '--json', '--data.dir', data], {
      encoding: 'utf8',
    })
    assert.is(status.status, 0, status.stderr)
    assert.ok((JSON.parse(status.stdout) as { peer: string }).peer.length > 40)
  } finally {
    daemon.kill('SIGTERM')
  }
  const [code] = (await once(daemon, 'exit')) as [number | null]
  assert.is(code, 0)
})

packaged.run()
