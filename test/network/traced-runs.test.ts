/** A run of evolution and the artifact that it needs, over two members that send their spans to one collector. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createLog } from '../../node/log.ts'
import { createTracing } from '../../node/tracing-service.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'
import { type CollectedSpan, startOtlpCollector } from '../helpers/otlp-collector.ts'
import { toySpec } from '../helpers/paper-run.ts'
import { startRoundVillage, stopRoundNodes } from '../helpers/round-nodes.ts'

const SIGNAL = new AbortController().signal
const CONTENT = 'what scoring needs'
const NAME = 'a name of mine'

test.after.each(async () => {
  await stopRoundNodes()
  await stopMeshNodes()
})

test('a run is one tree over its members, and a fetch holds what its provider did', async () => {
  const collector = await startOtlpCollector()
  const before = { ...process.env }
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '100' })
  const tracing = createTracing(
    { log: createLog({ level: 'silent' }) },
    { version: '1', instance: 'both', environment: process.env },
  )
  await tracing.start(SIGNAL)
  try {
    const [first, second] = await startRoundVillage([{}, {}])
    const { cid } = await first!.artifacts.addBytes(Buffer.from(CONTENT), {
      name: NAME,
      pin: 'mine',
      private: true,
    })
    const spec = toySpec({ minimum: 2, workload: { kind: 'toy', options: { items: 24, input: cid } } })
    const { run } = await first!.rounds.announce(spec, SIGNAL)
    const isOver = ({ rounds }: NonNullable<typeof first>) =>
      rounds.list().find((view) => view.run === run)?.phase === 'published'
    await until('the run is over everywhere', () => isOver(first!) && isOver(second!))
    await stopRoundNodes()
    await tracing.stop()

    assert.equal(collector.faults, [])
    const named = (name: string) => collector.spans.filter((span) => span.name === name)
    const [whole, ...more] = named('run toy')
    assert.is(more.length, 0, 'only who announced it speaks for the run')
    assert.is(whole!.attributes['village.run.phase'], 'published')
    const duties = collector.spans.filter(({ name }) => name.startsWith('round '))
    for (const duty of duties) {
      assert.is(duty.parent, whole!.id, duty.name)
      assert.is(duty.trace, whole!.trace)
      assert.is(duty.attributes['village.run.id'], run)
    }
    const kinds = new Set(duties.map(({ name }) => name))
    assert.equal([...kinds].sort(), ['round build', 'round commit', 'round propose', 'round reveal'])
    const first0 = (span: CollectedSpan) => span.attributes['village.run.generation'] === 0
    assert.ok(named('round propose').filter(first0).length >= 2, 'both members')
    const commits = new Set(named('round commit').map(({ id }) => id))
    assert.ok(named('score candidate').length > 0)
    for (const score of named('score candidate')) assert.ok(commits.has(score.parent!))

    const of = (name: string) =>
      named(name).filter(({ attributes }) => attributes['village.artifact.cid'] === cid)
    assert.is(of('publish artifact')[0]?.attributes['village.artifact.size_bytes'], CONTENT.length)
    const [fetched] = of('fetch artifact').filter(({ status }) => status !== 2)
    assert.is(fetched?.attributes['village.artifact.leaves'], 1)
    const below = collector.spans.filter(({ parent }) => parent === fetched!.id)
    assert.ok(below.some(({ name }) => name === 'verify artifact'))
    const served = below.find(({ name }) => name === 'serve artifact')
    assert.is(served?.attributes['village.peer'], second!.peer)
    assert.is(served?.attributes['village.artifact.sent_bytes'], CONTENT.length)
    const sent = collector.bodies.join('\n')
    for (const secret of [CONTENT, NAME]) assert.not.ok(sent.includes(secret), secret)
  } finally {
    await tracing.stop()
    process.env = before
    await collector.close()
  }
})

test.run()
