/**
 * What a daemon loads before anybody asks it for anything, by the imports of its sources: each costs every start and stays in memory. What is
 * listed here is loaded when it is first used, and one careless import would bring it back.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const ROOT = path.join(import.meta.dirname, '..')
/** Imports and exports of values, over several lines too; types are gone when it runs. */
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^'"();]*?\bfrom\s*)?'([^']+)'/gm
const LATER = {
  packages: [
    '@huggingface/jinja',
    '@huggingface/tokenizers',
    'linkedom',
    'mammoth',
    'onnxruntime-node',
    'prom-client',
    'snowball-stemmers',
    'systeminformation',
    'unpdf',
    'usearch',
    'yaml',
  ],
  files: [
    'node/agents/chat/endpoint-model.ts',
    'node/agents/chat/local-model.ts',
    'node/agents/king/plan-goal.ts',
    'node/api/dashboard-join.ts',
    'node/compute/calibration/data.ts',
    'node/compute/hub/hub-pull.ts',
    'node/compute/jobs/compress-flow.ts',
    'node/compute/onnx/sessions.ts',
    'node/compute/training/open-trainer.ts',
  ],
}

/** Files of this project and names of packages → who imports them first. */
function reachable(entry: string): Map<string, string> {
  const found = new Map([[entry, '']])
  for (const file of found.keys()) {
    if (!file.endsWith('.ts')) continue
    for (const [, name = ''] of readFileSync(path.join(ROOT, file), 'utf8').matchAll(IMPORT)) {
      if (name.startsWith('node:')) continue
      const target = name.startsWith('.')
        ? path.join(path.dirname(file), name)
        : name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/')
      if (!found.has(target)) found.set(target, file)
    }
  }
  return found
}

test('a daemon that starts loads nothing that only some of its work needs', () => {
  const found = reachable('node/daemon.ts')
  for (const known of ['fastify', 'libp2p', 'node/agents/king/king.ts', 'node/compute/jobs/compress-job.ts'])
    assert.ok(found.has(known), `the imports were not followed to ${known}`)
  const early = [...LATER.packages, ...LATER.files].filter((name) => found.has(name))
  assert.equal(
    early.map((name) => `${name}, by ${found.get(name)}`),
    [],
  )
  for (const file of LATER.files) readFileSync(path.join(ROOT, file))
})

test.run()
