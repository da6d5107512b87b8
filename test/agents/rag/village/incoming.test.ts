/** Text of others that is on its way to an index: nothing of it is left behind, whatever fails. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LiveRecord } from '../../../../node/agents/rag/village/catalogue.ts'
import type { RecordSegment } from '../../../../node/agents/rag/village/collection-record.ts'
import { clearIncoming, withIncoming } from '../../../../node/agents/rag/village/incoming.ts'
import { createReplicaFetches } from '../../../../node/agents/rag/village/replica-fetches.ts'
import { type ErrorCode, VillageError } from '../../../../node/errors.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory } from '../../../helpers/mesh.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

const below = (directory: string) => readdir(directory, { recursive: true })

async function writeText(directory: string): Promise<string> {
  const written = path.join(directory, 'bafysegment')
  await mkdir(written, { recursive: true })
  await writeFile(path.join(written, 'stored.bin'), 'words of somebody else')
  return written
}

test('the directory of a piece of work goes with it, and no other', async () => {
  const root = path.join(await temporaryDirectory(), 'incoming')
  await withIncoming(root, async (first) => {
    await writeText(first)
    await withIncoming(root, writeText)
    assert.ok((await below(first)).some((name) => name.endsWith('stored.bin')))
  })
  assert.equal(await below(root), [])
  const failing = withIncoming(root, async (directory) => {
    await writeText(directory)
    throw new VillageError('DISK_FULL')
  })
  await rejectsCode(failing, 'DISK_FULL')
  assert.equal(await below(root), [])
})

test('a start removes what a crash has left, and may find nothing', async () => {
  const root = path.join(await temporaryDirectory(), 'incoming')
  await clearIncoming(root)
  await writeText(path.join(root, 'some work'))
  await clearIncoming(root)
  assert.equal(await below(path.dirname(root)), [])
})

for (const code of ['DISK_FULL', 'INDEX_EXISTS', 'SEGMENT_CORRUPT'] satisfies ErrorCode[])
  test(`a replica that cannot be taken in (${code}) leaves nothing`, async () => {
    const incoming = path.join(await temporaryDirectory(), 'incoming')
    const segment = { id: 'a'.repeat(64), cid: 'bafysegment', sizeBytes: 100 } as RecordSegment
    const record = { id: 'b'.repeat(32), facts: { segments: [segment] } } as unknown as LiveRecord // what a fetch reads
    let seen: string[] = []
    await new Promise<void>((resolve) => {
      const fetches = createReplicaFetches(
        {
          catalogue: { byId: () => record },
          artifacts: {
            fetch: (async () => undefined) as never,
            materialize: (_cid, directory) => writeText(directory),
          },
          replicas: {
            async add() {
              seen = await below(incoming)
              throw new VillageError(code)
            },
          },
          offers: {
            add: () => undefined,
            addKept: async () => undefined,
            keeping: async () => ({}),
            of: () => new Set(),
            withdraw: async () => undefined,
          },
          onChange: () => undefined,
          onFetched: resolve,
          log: TEST_LOG,
        },
        { incoming, providersOf: () => [], now: () => 0 },
      )
      fetches.start()
      fetches.next([{ record, segment }])
    })
    assert.ok(seen.some((name) => name.endsWith('stored.bin')))
    assert.equal(await below(incoming), [])
  })

test.after(stopMeshNodes)
test.run()
