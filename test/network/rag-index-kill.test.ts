/** A real daemon killed while it indexes: what was committed stays, the next start does the rest, and nothing is doubled. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CollectionView, DocumentView, IndexRunView } from '../../node/cli/knowledge-views.ts'
import { type LocalNode, startNode } from '../../scripts/localnet.ts'

const test = suite('a daemon killed while it indexes')
const FILES = 200
const KILLS = 2
const POLL_MS = 10

async function runsOf(node: LocalNode): Promise<IndexRunView[]> {
  return (await node.client.get<{ runs: IndexRunView[] }>('/api/v1/index-runs')).runs
}

async function documentsOf(node: LocalNode): Promise<DocumentView[]> {
  const { documents } = await node.client.get<{ documents: DocumentView[] }>(
    '/api/v1/collections/notes/documents?limit=1000',
  )
  return documents
}

const text = (index: number, word: string) => `# Note ${index}\n\nA ${word} of the number ${index}.\n`

test('killed again and again, it ends with each document once, as it is in its file', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-index-kill-'))
  const folder = path.join(directory, 'notes')
  const data = path.join(directory, 'data')
  const settings = { 'knowledge.commitEveryMs': 100, 'log.level': 'warn' }
  let node: LocalNode | undefined
  try {
    await mkdir(folder)
    for (let index = 0; index < FILES; index++)
      await writeFile(path.join(folder, `${index}.md`), text(index, 'note'))
    node = await startNode({ directory: data, settings })
    await node.client.send('POST', '/api/v1/collections', { name: 'notes' })
    await node.client.send('POST', '/api/v1/collections/notes/index', { paths: [folder], watch: true })
    let committed = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const wanted = committed + 1
      for (;;) {
        const { documents } = await node.client.get<CollectionView>('/api/v1/collections/notes')
        const isOver = (await runsOf(node)).every(({ state }) => state === 'done')
        if (documents >= wanted || isOver) break
        await sleep(POLL_MS)
      }
      const before = (await documentsOf(node)).map(({ id }) => id)
      await node.kill()
      // Files change while nobody looks; the last kill leaves a removed one, too.
      await writeFile(path.join(folder, `${kill}.md`), text(kill, 'change'))
      if (kill === KILLS - 1) await rm(path.join(folder, `${FILES - 1}.md`))
      node = await startNode({ directory: data, settings })
      const after = new Set((await documentsOf(node)).map(({ id }) => id))
      assert.ok(
        before.every((id) => after.has(id)),
        'a committed document was lost',
      )
      committed = after.size
    }
    while ((await runsOf(node)).some(({ state }) => state === 'waiting' || state === 'running'))
      await sleep(POLL_MS)
    assert.ok((await runsOf(node)).every(({ state }) => state === 'done'))
    const documents = await documentsOf(node)
    const names = (await readdir(folder)).map((name) => `notes/${name}`).sort()
    assert.equal(documents.map(({ source }) => source).sort(), names)
    const info = await node.client.get<CollectionView>('/api/v1/collections/notes')
    assert.equal([info.documents, info.chunks], [FILES - 1, FILES - 1])
    for (const index of [0, 1, 2, 3]) {
      const { passages } = await node.client.get<{ passages: { text: string }[] }>(
        `/api/v1/collections/notes/documents/${encodeURIComponent(`notes/${index}.md`)}`,
      )
      assert.is(passages.length, 1)
      const file = await readFile(path.join(folder, `${index}.md`), 'utf8')
      assert.ok(file.includes(passages[0]!.text.split('\n').at(-1)!), `${index}: ${passages[0]!.text}`)
    }
  } finally {
    await node?.stop()
    await rm(directory, { recursive: true, force: true })
  }
})

test.run()
