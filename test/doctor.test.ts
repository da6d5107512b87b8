import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_CONFIG } from '../node/config.ts'
import { type DoctorInit, runDoctor } from '../node/doctor.ts'

async function rowOf(name: string, sandbox: DoctorInit['sandbox'], folders: readonly string[] = []) {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-doctor-'))
  try {
    const checks = await runDoctor({
      config: {
        ...{ ...DEFAULT_CONFIG, 'data.dir': directory, 'api.port': 0, 'mesh.mdns': false },
        'agents.folders': folders.map((grant) => grant.replace('HERE', directory)),
      },
      kernels: { native: true, reason: null, simd: 'baseline' },
      sandbox,
      daemonRunning: false,
    })
    return checks.find((check) => check.name === name)!
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test('a machine without a sandbox is told what to install; that is no failure', async () => {
  const missing = await rowOf('sandbox', async () => ({
    available: false,
    reason: 'bubblewrap is not installed',
    fix: 'Run as root: apt-get install bubblewrap',
  }))
  assert.is(missing.level, 'warn')
  assert.match(missing.message, /no code can be run here.*bubblewrap is not installed/)
  assert.is(missing.fix, 'Run as root: apt-get install bubblewrap')
  assert.is((await rowOf('sandbox', async () => ({ available: true }))).level, 'ok')
})

test('folders that agents are granted are looked at', async () => {
  const sandbox: DoctorInit['sandbox'] = async () => ({ available: true })
  assert.is((await rowOf('folders', sandbox)).level, 'ok')
  assert.is((await rowOf('folders', sandbox, ['notes=HERE', 'work=HERE:rw'])).level, 'ok')
  const missing = await rowOf('folders', sandbox, ['notes=HERE', 'work=HERE/nothing:rw'])
  assert.is(missing.level, 'warn')
  assert.match(missing.message, /nothing is granted to agents, but is no folder/)
})

test('a check that throws is a failed check', async () => {
  const broken = await rowOf('sandbox', () => Promise.reject(new Error('broken')))
  assert.is(broken.level, 'fail')
  assert.match(broken.message, /could not be checked: broken/)
})

test.run()
