/** A real daemon killed while it indexes: what was committed stays, the next start does the rest, and nothing is doubled. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readManifest } from '../../node/agents/rag/index/manifest-file.ts'
import type { CollectionView, DocumentView, IndexRunView } from '../../node/cli/knowledge-views.ts'
import { type LocalNode, startNode } from '../../scripts/localnet.ts'

const test = suite('a daemon killed while it indexes')
/** Several batches of the profile `edge`, which are committed one by one. */
const FILES = 400
const TRIES = 5
/** How often the disk is looked at, and how often the daemon is asked, which counts an address's requests. */
const POLL_MS = 5
const ASK_MS = 100
const SETTINGS = { profile: 'edge', 'knowledge.commitEveryMs': 100, 'log.level': 'warn' } as const

const runsOf = async (node: LocalNode) =>
  (await node.client.get<{ runs: IndexRunView[] }>('/api/v1/index-runs')).runs

async function documentsOf(node: LocalNode): Promise<DocumentView[]> {
  const documents: DocumentView[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { documents: DocumentView[]; next: string | null } = await node.client.get(
      `/api/v1/collections/notes/documents?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`,
    )
    documents.push(...page.documents)
    cursor = page.next
  }
  return documents
}

/** How many documents an index holds, read past the daemon. */
const onDisk = (index: string): number =>
  readManifest(index).segments.reduce(
    (sum, { documents, deletedDocuments }) => sum + documents - deletedDocuments,
    0,
  )

const text = (index: number, word: string) => `# Note ${index}\n\nA ${word} of the number ${index}.\n`

test('killed in the middle, it ends with each document once, as it is in its file', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-index-kill-'))
  const folder = path.join(directory, 'notes')
  const data = path.join(directory, 'data')
  let node: LocalNode | undefined
  try {
    await mkdir(folder)
    node = await startNode({ directory: data, settings: SETTINGS })
    const { id } = await node.client.send<CollectionView>('POST', '/api/v1/collections', {
      name: 'notes',
      encoder: null,
    })
    const index = path.join(data, 'collections', id, 'index')
    let files = 0
    let committed = 0
    // The disk of the dead daemon says whether it died in the middle; where the run was faster than the kill, more is indexed.
    for (let turn = 0; committed === files; turn++) {
      assert.ok(turn < TRIES, 'it was never killed in the middle')
      node ??= await startNode({ directory: data, settings: SETTINGS })
      for (const end = files + FILES; files < end; files++)
        await writeFile(path.join(folder, `${files}.md`), text(files, 'note'))
      await node.client.send('POST', '/api/v1/collections/notes/index', { paths: [folder] })
      const before = committed
      while (onDisk(index) === before) await sleep(POLL_MS)
      await node.kill()
      node = undefined
      committed = onDisk(index)
      assert.ok(committed > before, 'nothing was committed')
    }

    // Files change while nobody looks.
    await writeFile(path.join(folder, '0.md'), text(0, 'change'))
    await rm(path.join(folder, `${files - 1}.md`))
    node = await startNode({ directory: data, settings: SETTINGS })
    assert.ok((await documentsOf(node)).length >= committed, 'a committed document was lost')
    for (;;) {
      const [run] = await runsOf(node)
      // By itself it goes on with what it was asked for.
      assert.is(run?.trigger, 'start')
      if (run?.state === 'done') break
      assert.ok(run?.state === 'waiting' || run?.state === 'running', run?.state)
      await sleep(ASK_MS)
    }
    const documents = await documentsOf(node)
    const names = (await readdir(folder)).map((name) => `notes/${name}`).sort()
    assert.equal(documents.map(({ source }) => source).sort(), names)
    const info = await node.client.get<CollectionView>('/api/v1/collections/notes')
    assert.equal([info.documents, info.chunks], [files - 1, files - 1])
    for (const index of [0, 1, files - 2]) {
      const { passages } = await node.client.get<{ passages: { text: string }[] }>(
        `/api/v1/collections/notes/documents/${encodeURIComponent(`notes/${index}.md`)}`,
      )
      assert.is(passages.length, 1)
      const file = await readFile(path.join(folder, `${index}.md`), 'utf8')
      assert.ok(file.includes(passages[0]!.text.split('\n').at(-1)!), `${index}: ${passages[0]!.text}`)
    }
  } finally {
    await node?.kill()
    await rm(directory, { recursive: true, force: true })
  }
})

test.run()
