/** Who shares a sealed store cannot push another's records out of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { opened, using } from './helpers/sealed-stores.ts'
import { rejectsCode } from './helpers/throws.ts'

const test = suite('groups of a sealed store')

const OWNERS = 12
const OTHERS = 4
const ONE = 2
const SHARED = {
  maxRecords: 16,
  durability: 'process',
  groupOf: (id: string) => (id.startsWith('owner/') ? null : id.slice(0, id.indexOf('/'))),
} as const

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-groups-'))
  try {
    await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const last = (ids: readonly string[], count: number) => ids.slice(Math.max(0, ids.length - count))

test('each keeps its newest within its share, whatever the others put; also after a restart', () =>
  inDirectory(async (directory) => {
    const speaker = fc.constantFrom('owner', 'a', 'b', 'c')
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(speaker, { maxLength: 60 }), fc.nat(59), async (speakers, restartAt) => {
        run += 1
        const folder = path.join(directory, String(run))
        const init = { ...SHARED, whenFull: 'drop-oldest' } as const
        let expected: string[] = []
        let store = await opened(folder, init)
        for (const [n, group] of speakers.entries()) {
          if (n === restartAt) {
            await store.stop()
            store = await opened(folder, init)
          }
          const id = `${group}/${n}`
          await store.put(id, n)
          expected.push(id)
          const of = (isIn: (id: string) => boolean) => expected.filter(isIn)
          const own = new Set(
            last(
              of((one) => one.startsWith(`${group}/`)),
              group === 'owner' ? OWNERS : ONE,
            ),
          )
          expected = of((one) => !one.startsWith(`${group}/`) || own.has(one))
          const others = new Set(
            last(
              of((one) => !one.startsWith('owner/')),
              OTHERS,
            ),
          )
          expected = of((one) => one.startsWith('owner/') || others.has(one))
        }
        assert.equal(
          store.list().map(({ id }) => id),
          expected,
        )
        await store.stop()
      }),
      { numRuns: 25 },
    )
  }))

test('bytes are shared out too, and a store that drops nothing refuses', () =>
  inDirectory(async (directory) => {
    const large = 'x'.repeat(3_000)
    const maxBytes = 8 * 8_192
    await using(
      path.join(directory, 'drops'),
      async (store) => {
        await store.put('owner/1', large)
        for (let n = 0; n < 8; n += 1) await store.put(`a/${n}`, large)
        const ids = store.list().map(({ id }) => id)
        assert.equal(ids, ['owner/1', 'a/6', 'a/7'])
      },
      { ...SHARED, maxRecords: 1_000, maxBytes, whenFull: 'drop-oldest' },
    )
    await using(
      path.join(directory, 'refuses'),
      async (store) => {
        for (const id of ['a/1', 'a/2']) await store.put(id, 1)
        await rejectsCode(store.put('a/3', 1), 'SEALED_STORE_FULL')
        await store.put('a/2', 2)
        await store.put('b/1', 1)
        await store.put('owner/1', 1)
      },
      { ...SHARED, whenFull: 'refuse' },
    )
  }))

test.run()
