/** The examples in docs/examples are what the daemon takes: each is read, its paths exist, workload and strategy know its options. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readEvolveConfig, withValueAt } from '../../node/evolve-config.ts'
import { strategyNamed } from '../../node/federated/evolve/table.ts'
import { parseRunSpec } from '../../node/federated/rounds/spec-check.ts'
import { WORKLOADS } from '../../node/federated/workloads/table.ts'
import type { JsonValue } from '../../node/json.ts'

const test = suite('examples of village evolve')

const DIRECTORY = fileURLToPath(new URL('../../docs/examples/', import.meta.url))
const EXAMPLES = readdirSync(DIRECTORY).filter((name) => /^evolve-.*\.yaml$/.test(name))
const CID = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'

test('every kind of workload has one', () => {
  const kinds = EXAMPLES.map(
    (name) =>
      (
        readEvolveConfig(readFileSync(path.join(DIRECTORY, name), 'utf8'), name).spec.workload as {
          kind: string
        }
      ).kind,
  )
  assert.equal(kinds.sort(), Object.keys(WORKLOADS).sort())
})

for (const name of EXAMPLES)
  test(`${name} is valid`, () => {
    const { spec, files } = readEvolveConfig(readFileSync(path.join(DIRECTORY, name), 'utf8'), name)
    const parsed = parseRunSpec(spec)
    let options: JsonValue = parsed.workload.options
    for (const file of files) {
      // The judged queries of the agent's example are the reader's own.
      if (parsed.workload.kind !== 'agent') assert.ok(existsSync(path.join(DIRECTORY, file.path)), file.path)
      options = withValueAt(options, file.at, CID)
    }
    WORKLOADS[parsed.workload.kind]!.parseOptions(options)
    strategyNamed(parsed.strategy.name).parseOptions(parsed.strategy.options)
    assert.ok(parsed.limits.plateau !== null, 'an example ends by itself')
  })

test.run()
