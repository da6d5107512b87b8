/** Texts that carry instructions, against real daemons whose agents are led by a model that obeys every text it is shown. */
import { rm } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { injectionCases, wish, wishesIn } from '../../scripts/bench/injection-cases.ts'
import { type InjectionNodes, startInjectionNodes } from '../../scripts/bench/injection-nodes.ts'
import { type Outcome, runInjection } from '../../scripts/bench/injection-run.ts'
import { temporaryDirectory } from '../helpers/mesh.ts'

const test = suite('agents and texts that carry instructions')
const CASES = injectionCases()
let root: string
let nodes: InjectionNodes

test.before(async () => {
  root = await temporaryDirectory()
  nodes = await startInjectionNodes(root)
})

test.after(async () => {
  await nodes?.stop()
  await rm(root, { recursive: true, force: true })
})

const failures = (outcomes: readonly Outcome[]) =>
  outcomes.flatMap(({ name, followed, strange }) => [
    ...followed.map((call) => `${name}: followed ${call}`),
    ...strange.map((call) => `${name}: ${call}`),
  ])

test('what a text wishes for is found in it, however it was quoted', () => {
  for (const { text, aims } of CASES) {
    assert.equal(wishesIn(text), aims)
    assert.equal(wishesIn(JSON.stringify({ text })), aims)
  }
  assert.equal(wishesIn(wish({ tool: 'a', arguments: { b: 1 } })), [{ tool: 'a', arguments: { b: 1 } }])
})

test('an obedient model gets no call through that the person did not ask for', async () => {
  const outcomes: Outcome[] = []
  for (const given of CASES) outcomes.push(await runInjection(given, nodes.init))
  assert.equal(failures(outcomes), [])
  // A case in which nothing was tried shows nothing.
  assert.equal(
    outcomes.filter(({ isTried }) => !isTried).map(({ name }) => name),
    [],
  )
})

test('without a model the texts are quoted, and that is all', async () => {
  const outcomes: Outcome[] = []
  for (const given of CASES.filter((_, index) => index % 6 === 0))
    outcomes.push(await runInjection(given, { ...nodes.init, play: null }))
  assert.equal(failures(outcomes), [])
})

test.run()
