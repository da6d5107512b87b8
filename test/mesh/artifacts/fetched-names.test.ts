/** The name of a fetched artifact: a hint of the provider that has to be fit to be shown. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  assertHas,
  codeOf,
  damageBlock,
  patternBytes,
  within,
  withNodes,
} from '../../helpers/artifact-nodes.ts'

const test = suite('names of fetched artifacts')
const SMALL = { leafBytes: 256 }

const NAMES: readonly [given: string, kept: string | null][] = [
  ['model é.onnx', 'model é.onnx'],
  ['../etc/passwd', null],
  ['a\\b', null],
  ['a\u001b[2Jb', null],
  ['a\u0085b', null],
  ['exe.\u202egnp', null],
  ['é'.repeat(200), null], // 400 bytes
]
test('the name that a provider gives comes along when it is plain', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    for (const [index, [given, kept]] of NAMES.entries()) {
      const { cid } = await b!.artifacts.addBytes(patternBytes(600, index), { name: given })
      await a!.artifacts.fetch(cid, { signal: within() })
      assert.is((await a!.artifacts.info(cid))?.name, kept, JSON.stringify(given))
    }
  }))

test('a name that is here already stays when damage is repaired', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const { cid } = await b!.artifacts.addBytes(patternBytes(600), { name: 'theirs' })
    const bytes = patternBytes(600)
    await a!.artifacts.addBytes(bytes, { name: 'mine' })
    await damageBlock(a!.directory, bytes.subarray(0, 256))
    assert.is(await codeOf(a!.artifacts.read(cid)), 'ARTIFACT_CORRUPT')
    await a!.artifacts.fetch(cid, { signal: within() })
    await assertHas(a!, cid, bytes)
    assert.is((await a!.artifacts.info(cid))?.name, 'mine')
  }))

test.run()
