/** onnxruntime's telemetry is off in every process before a thread can load it. */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const ROOT = path.resolve(import.meta.dirname, '..')
const NAME = 'ORT_DISABLE_TELEMETRY'

test('every module that starts threads which load onnxruntime switches it off first', () => {
  const starters = globSync('node/compute/**/*.ts', { cwd: ROOT }).filter((file) =>
    /\bnew Worker\(/.test(readFileSync(path.join(ROOT, file), 'utf8')),
  )
  assert.ok(starters.length >= 2)
  for (const file of [...starters, 'node/main.ts']) {
    const script = `await import(${JSON.stringify(path.join(ROOT, file))}); console.log('-' + process.env.${NAME})`
    const environment = { ...process.env, [NAME]: undefined }
    const source = readFileSync(path.join(ROOT, file), 'utf8')
    assert.match(source, /^import '(?:\.\.?\/)+no-telemetry\.ts'$/m, file)
    if (file === 'node/main.ts') continue // it runs the command line at once
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: environment,
    })
    assert.is(run.stdout.trim(), '-1', `${file}: ${run.stderr}`)
  }
})

test.run()
