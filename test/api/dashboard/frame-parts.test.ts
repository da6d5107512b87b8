/** The parts of the frame, the first page, events and settings that need no browser. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FIELDS } from '../../../node/config.ts'

const part = (name: string) => import(new URL(`../../../node/api/dashboard/${name}.js`, import.meta.url).href)
const { filterEvents, MAX_BY_KIND, seqOf, withEvents, withLatestProgress } =
  await part('pages/events/event-log')
const { attentionOf } = await part('pages/overview/attention-rows')
const { heightOf, layoutMap, roomFor } = await part('pages/overview/map-layout')
const { groupOf, isFound, readText, sortOf, written } = await part('pages/settings/setting-values')
const { EVENT_TYPES, isAnnounced, isNotable, wordsOf } = await part('parts/event-words')

const test = suite('dashboard frame')
type Logged = { seq: number; type: string }
type Row = { key: string; tone: string; href: string }
const event = (seq: number, type = 'model:added', data: Record<string, unknown> = { id: `m${seq}` }) => ({
  ...{ seq, timeMs: seq, type, data },
})
const nameOf = (peer: string) => `<${peer}>`

test('every event of the daemon has words, and no other', () => {
  const source = readFileSync(new URL('../../../node/events.ts', import.meta.url), 'utf8')
  const map = source.slice(source.indexOf('interface EventMap'), source.indexOf('export type EventName'))
  const types = [...map.matchAll(/^ {2}'([\w-]+:[\w-]+)':/gm)].map(([, type]) => type!)
  assert.ok(types.length > 30)
  assert.equal([...EVENT_TYPES].sort(), [...types].sort())
})

test('words name peers, and say what failed; a type of a newer daemon is shown by its name', () => {
  assert.is(wordsOf(event(1, 'peer:connected', { peer: 'x' }), nameOf), '<x> connected.')
  assert.is(wordsOf(event(1, 'new:thing', {}), nameOf), 'new:thing')
  const failed = event(1, 'job:changed', { job: 'j', kind: 'compress', state: 'failed' })
  assert.ok(isNotable(failed) && isAnnounced(failed))
  const running = event(1, 'job:changed', { job: 'j', kind: 'compress', state: 'running' })
  assert.not.ok(isNotable(running) || isAnnounced(running))
})

test('the log holds the newest, once each, however they come', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(700)), { maxLength: 12 }), (spans) => {
      let held: Logged[] = []
      let newest = 0
      for (const [back, length] of spans) {
        const from = Math.max(1, newest - back)
        held = withEvents(
          held,
          Array.from({ length }, (_, index) => event(from + index)),
        )
        newest = Math.max(newest, from + length - 1)
      }
      const count = Math.min(MAX_BY_KIND, newest)
      assert.equal(
        held.map(({ seq }) => seq),
        Array.from({ length: count }, (_, index) => newest - index),
      )
    }),
    { numRuns: 50 },
  )
  assert.is(seqOf('a-b.c.17'), 17)
})

test('the log keeps what comes seldom, however much comes of other kinds', () => {
  const kinds = ['task:changed', 'job:changed', 'job:changed'].map((type, index) => ({
    ...{ type, data: { state: ['done', 'running', 'done'][index]! } },
  }))
  let held: Logged[] = withEvents([], [event(1, 'member:joined')])
  for (let seq = 2; seq < 2_000; seq += 1)
    held = withEvents(held, [event(seq, kinds[seq % 2]!.type, kinds[seq % 2]!.data)])
  held = withEvents(held, [event(2_000, 'job:changed', { state: 'done' })])
  assert.equal([held[0]!.seq, held.at(-1)!.seq, held.length], [2_000, 1, 2 + 2 * MAX_BY_KIND])
})

test('of what goes on its latest progress is told, and all that it came to', () => {
  const change = (seq: number, job: string, state: string) => event(seq, 'job:changed', { job, state })
  const held = [
    ...[change(6, 'a', 'done'), change(5, 'a', 'running'), change(4, 'b', 'running'), event(3)],
    ...[change(2, 'a', 'running'), event(1)],
  ]
  assert.equal(
    withLatestProgress(held).map(({ seq }: Logged) => seq),
    [6, 5, 4, 3, 1],
  )
})

test('the log is filtered by family and by words', () => {
  const held = [event(3, 'job:changed', { job: 'j' }), event(2, 'peer:connected', { peer: 'Anna' }), event(1)]
  const seqs = (families: string[], text: string) =>
    filterEvents(held, { families: new Set(families), text }, ({ type }: Logged) => type).map(
      ({ seq }: Logged) => seq,
    )
  assert.equal(seqs([], ''), [3, 2, 1])
  assert.equal(seqs(['job', 'peer'], ''), [3, 2])
  assert.equal(seqs([], ' anna '), [2])
})

test('on the map nobody stands outside, or on somebody else', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.integer({ min: 300, max: 1400 }), (others, widthPx) => {
      const heightPx = heightOf(others, widthPx)
      const count = Math.min(others, roomFor(widthPx, heightPx))
      const { center, spots } = layoutMap(count, widthPx, heightPx)
      assert.is(spots.length, count)
      const all = [center, ...spots]
      for (const [index, { x, y }] of all.entries()) {
        assert.ok(x >= 20 && x <= widthPx - 20 && y >= 20 && y <= heightPx - 44, `${x} ${y}`)
        for (const other of all.slice(index + 1))
          assert.ok(Math.hypot(x - other.x, y - other.y) > 30, `${count} at ${widthPx}`)
      }
    }),
  )
})

test('what wants attention: the worst first, each with the way there', () => {
  const nowMs = 1e9
  const job = { id: 'j1', kind: 'compress', params: { model: 'm' }, doubt: null, error: null }
  const rows: Row[] = attentionOf(
    {
      status: { resources: { accepting: false, reason: 'battery' }, knowledge: { problems: 0 } },
      approvals: [{ id: 'a', agent: 'magi', tool: 'write_file' }],
      jobs: [
        { ...job, state: 'failed', finishedAtMs: nowMs - 1000, error: { message: 'No space.' } },
        { ...job, id: 'j2', state: 'failed', finishedAtMs: 0 },
        { ...job, id: 'j3', state: 'done', finishedAtMs: 0, doubt: { peers: ['x'], tasks: 2 } },
      ],
      models: [],
      pulls: [{ id: 'p', state: 'failed', request: { name: 'org/model' } }],
    },
    nowMs,
  )
  assert.equal(
    rows.map(({ key, tone }) => `${tone} ${key}`),
    ['bad job j1', 'bad doubt j3', 'warn approval a', 'warn pull p', 'warn paused'],
  )
  assert.is(rows[0]!.href, '#jobs/j1')
  assert.equal(attentionOf({}, nowMs), [])
})

test('what is typed for a setting becomes what its row wants', () => {
  const rowOf = (key: keyof typeof FIELDS) => {
    const { default: value, unit, doc, check } = FIELDS[key]
    return {
      ...{ key, value, nextValue: value, default: value, unit, doc, source: 'default', reload: 'live' },
      ...{
        expects: check(undefined) ?? '',
        choices: check.choices === undefined ? null : [...check.choices],
      },
    }
  }
  const port = rowOf('api.port')
  const cores = rowOf('resources.maxCpuCores')
  const bootstrap = rowOf('mesh.bootstrap')
  assert.equal(
    [port, cores, bootstrap, rowOf('mesh.mdns'), rowOf('profile'), rowOf('node.name')].map(sortOf),
    ['number', 'number', 'list', 'flag', 'choice', 'text'],
  )
  assert.is(readText(port, ' 7481 '), 7481)
  assert.is(readText(port, 'often'), 'often')
  assert.is(readText(cores, ''), null)
  assert.is(readText(port, ''), '')
  assert.equal(readText(bootstrap, '/ip4/1\n\n /ip4/2 '), ['/ip4/1', '/ip4/2'])
  const size = rowOf('log.maxBytes')
  const sizes = ['50 GiB', '2GB', '1.5 mib', '4096', '5 bananas', '2 GiB more'].map((text) =>
    readText(size, text),
  )
  assert.equal(sizes, [50 * 2 ** 30, 2e9, 1.5 * 2 ** 20, 4096, '5 bananas', '2 GiB more'])
  assert.equal(
    [50 * 2 ** 30, 1_536, 1_500, 0, 2 ** 50].map((value) => written(value, 'bytes')),
    ['50 GiB', '1536', '1500', '0', '1024 TiB'],
  )
  assert.is(readText(port, '2 GiB'), '2 GiB', 'a size is no port')
  assert.is(groupOf('mesh.listen'), 'mesh')
  assert.is(groupOf('profile'), 'general')
  assert.ok(isFound(port, 'PORT http') && !isFound(port, 'battery'))
  // Whatever the table has, an unchanged field gives back its own value.
  for (const key of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) {
    const row = rowOf(key)
    if (sortOf(row) === 'flag') continue
    assert.equal(readText(row, written(row.default, row.unit)), row.default, key)
  }
})

test.run()
