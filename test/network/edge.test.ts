/** Two edge nodes under hard caps of 512 MiB in a network namespace without a route. Needs root, unshare and ip (iproute2). */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cageRoot } from '../../scripts/edge/memory-cage.ts'
import { NODE_FLAGS, nodeBinary } from '../../scripts/run.js'

const RUN = path.resolve(import.meta.dirname, '../../scripts/edge/edge-run.ts')
const IN_NAMESPACE = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']

const root = cageRoot()
const why =
  'why' in root
    ? root.why
    : spawnSync('unshare', [...IN_NAMESPACE, 'true']).status === 0
      ? null
      : 'no network namespace can be made here'

if (why !== null) test.skip(`edge nodes under a cap of memory: skipped, ${why}`, () => {})
else
  test('edge nodes write, calibrate and compress a model and refuse a heavy document under 512 MiB each, and nobody is ended', () => {
    const phases = ['encoder', 'int4', 'heavy']
    const run = spawnSync(
      'unshare',
      [...IN_NAMESPACE, nodeBinary(), ...NODE_FLAGS, RUN, '512', '2', ...phases],
      { encoding: 'utf8' },
    )
    const lines = run.stdout
      .trim()
      .split('\n')
      .map(
        (line) => JSON.parse(line) as { phase?: string; heldBytes?: number; kills?: number; error?: string },
      )
    assert.equal(
      lines.filter(({ error }) => error !== undefined),
      [],
    )
    assert.equal(
      lines.flatMap(({ phase }) => phase ?? []),
      ['start', ...phases],
    )
    // The kernel lets nobody pass the cap: what says something is that it ended nobody.
    assert.is(lines.at(-1)!.kills, 0)
    assert.is(run.status, 0)
  })

test.run()
