/** The facade of traces, and the SDK behind it against a collector. */
// own process: it measures the heap, and traces are off until somebody turns them on
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import path from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../node/errors.ts'
import { createLog } from '../node/log.ts'
import {
  contextOfHeader,
  inSpan,
  isContext,
  isTracing,
  startSpan,
  TRACE_CONTEXT_BYTES,
  withinSpan,
} from '../node/tracing.ts'
import { samplerOf } from '../node/tracing-otel.ts'
import { createTracing, isHttpUrl, tracesEndpoint } from '../node/tracing-service.ts'
import { nodeBinary } from '../scripts/run.js'
import { startOtlpCollector } from './helpers/otlp-collector.ts'

const log = createLog({ level: 'silent' })
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** The exporter reads the process's own environment. */
async function withTracing(environment: Record<string, string>, work: () => Promise<void>): Promise<void> {
  const before = { ...process.env }
  Object.assign(process.env, environment)
  const tracing = createTracing({ log }, { version: '1.2.3', instance: 'me', environment: process.env })
  try {
    await tracing.start(new AbortController().signal)
    await work()
  } finally {
    await tracing.stop()
    process.env = before
  }
}

test('the standard variables say whether and where', () => {
  assert.is(tracesEndpoint({}), null)
  assert.is(tracesEndpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }), null)
  assert.is(tracesEndpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }), 'http://c:4318/v1/traces')
  assert.is(tracesEndpoint({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' }), 'http://c:4318/v1/traces')
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c' }
  assert.is(tracesEndpoint(own), 'http://t/x')
  assert.is(tracesEndpoint({ ...own, OTEL_SDK_DISABLED: 'TRUE' }), null)
  assert.is(tracesEndpoint({ ...own, OTEL_TRACES_EXPORTER: 'none' }), null)
  assert.ok(isHttpUrl('https://c/v1/traces'))
  assert.not.ok(isHttpUrl('grpc://c'))
  assert.not.ok(isHttpUrl('somewhere'))
})

test('samplers go by their names', () => {
  for (const name of ['always_on', 'always_off', 'traceidratio', 'parentbased_traceidratio'])
    assert.ok(samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: '0.25' }))
  assert.match(
    String(samplerOf({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' })),
    /0\.25/,
  )
  assert.is(samplerOf({ OTEL_TRACES_SAMPLER: 'nothing' }), null)
})

test('traceparent is taken only where it is valid', () => {
  assert.is(contextOfHeader(PARENT)?.byteLength, TRACE_CONTEXT_BYTES)
  for (const bad of [
    undefined,
    '',
    PARENT.toUpperCase(),
    PARENT.replace('00-', 'ff-'),
    `${PARENT}-more`,
    PARENT.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)),
    PARENT.replace('b7ad6b7169203331', '0'.repeat(16)),
    [PARENT],
  ])
    assert.is(contextOfHeader(bad), null)
  assert.ok(contextOfHeader(`${PARENT.replace('00-', '01-')}-more`))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const said = isContext(bytes)
      assert.is(said && bytes.byteLength !== TRACE_CONTEXT_BYTES, false)
    }),
  )
})

test('without a collector nothing is loaded, and work goes on as it is', async () => {
  assert.not.ok(isTracing())
  const span = startSpan('x')
  assert.is(span.context, null)
  assert.is(
    withinSpan(span, () => 7),
    7,
  )
  assert.is(await inSpan('x', {}, async () => 8), 8)
  const facade = path.resolve(import.meta.dirname, '../node/tracing-service.ts')
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    const { createTracing } = await import(${JSON.stringify(facade)})
    const log = { child: () => ({}) }
    await createTracing({ log }, { version: '', instance: '', environment: {} }).start()
    await import(${JSON.stringify(facade.replace('tracing-service', 'tracing'))})
    process.stdout.write(String(loaded.filter((url) => url.includes('opentelemetry')).length))`
  const { stdout, stderr } = spawnSync(nodeBinary(), ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  assert.is(stdout, '0', stderr)
})

test('spans arrive as a tree, with codes and no text', async () => {
  const collector = await startOtlpCollector()
  try {
    await withTracing(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-team=village',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      },
      async () => {
        const outer = startSpan('outer', { kind: 'server', parent: contextOfHeader(PARENT) })
        await withinSpan(outer, () =>
          inSpan('inner', { attributes: { n: 1, list: ['a'] } }, async (span) => {
            span.event('happened', { yes: true })
            await new Promise(setImmediate)
            await inSpan('deepest', { parent: null }, async () => {})
          }),
        )
        const failing = inSpan('failing', { parent: outer }, async () => {
          throw new VillageError('DISK_FULL', 'the secret of /home/me')
        })
        await failing.catch(() => {})
        await inSpan('wire', { parent: outer.context }, async () => {})
        outer.end()
      },
    )
    const { spans, faults, headers, bodies } = collector
    assert.equal(faults, [])
    assert.is(headers[0]?.['x-team'], 'village')
    const named = (name: string) => spans.find((span) => span.name === name)!
    assert.is(named('outer').trace, '0af7651916cd43dd8448eb211c80319c')
    assert.is(named('outer').parent, 'b7ad6b7169203331')
    assert.is(named('outer').kind, 2)
    assert.is(named('inner').parent, named('outer').id)
    assert.equal(named('inner').attributes, { n: 1, list: ['a'] })
    assert.equal(named('inner').events, [{ name: 'happened', attributes: { yes: true } }])
    assert.is(named('deepest').parent, null)
    assert.is(named('wire').parent, named('outer').id)
    assert.is(named('failing').status, 2)
    assert.is(named('failing').attributes['error.type'], 'DISK_FULL')
    assert.not.match(bodies.join(''), 'secret')
    assert.equal(
      ['service.name', 'service.version', 'service.instance.id', 'deployment.environment.name'].map(
        (key) => named('outer').resource[key],
      ),
      ['village', '1.2.3', 'me', 'test'],
    )
  } finally {
    await collector.close()
  }
})

test('a collector that is gone or says nothing fills no memory, and is not waited for', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  const connections = new Set<{ destroy(): void }>()
  silent.on('connection', (socket) => connections.add(socket))
  try {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_BSP_MAX_QUEUE_SIZE: '64',
    }
    await withTracing(environment, async () => {
      const count = (spans: number) => {
        for (let index = 0; index < spans; index++) startSpan('x').end()
        global.gc?.()
        return process.memoryUsage().heapUsed
      }
      const before = count(2_000)
      const after = count(20_000)
      assert.ok(after - before < 4 * 2 ** 20, `${after - before} bytes more`)
    })
  } finally {
    for (const socket of connections) socket.destroy()
    silent.close()
  }
})

test('an address that is none, and a sampler that is none, do not keep the daemon from running', async () => {
  await withTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'not a url' }, async () => assert.not.ok(isTracing()))
  const collector = await startOtlpCollector()
  try {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: 'none such' }
    await withTracing(environment, async () => {
      await inSpan('kept', {}, async () => {})
    })
    assert.is(collector.spans[0]?.name, 'kept')
    await withTracing({ ...environment, OTEL_TRACES_SAMPLER: 'always_off' }, async () => {
      await inSpan('left out', {}, async () => {})
    })
    assert.is(collector.spans.length, 1)
  } finally {
    await collector.close()
  }
})

test.run()
