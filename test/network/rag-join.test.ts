/** Who joins late, and who cannot answer at first: a member knows what the others have soon after it is here. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { madeDocument } from '../helpers/index-documents.ts'
import { type KnowledgeNode, startKnowledgeNode, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { joinWith, stopMeshNodes, temporaryDirectory } from '../helpers/mesh.ts'

/** Well below the minute after which everybody announces again what it has. */
const DEADLINE_MS = 20_000

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function finds(node: KnowledgeNode): Promise<boolean> {
  const options = { text: 'w1 w2', mode: 'lexical' as const, deadlineMs: 2_000 }
  const answer = await node.knowledge.search(options, AbortSignal.timeout(10_000)).catch(() => null)
  return answer !== null && answer.hits.length > 0 && answer.missing.length === 0
}

test('who joins later searches what was there long before', async () => {
  const owner = await startKnowledgeNode({ name: 'owner' })
  await owner.mesh.villages.create({ name: 'village', open: false })
  const documents = Array.from({ length: 20 }, (_, index) => madeDocument({ name: `g${index}` }))
  await owner.put('good', { access: 'village', replicas: 0 }, documents)
  const first = await startKnowledgeNode({ name: 'first' })
  await joinWith(owner.mesh, first.mesh)
  await eventually('the first to find', () => finds(first))
  const late = await startKnowledgeNode({ name: 'late' })
  await joinWith(owner.mesh, late.mesh)
  await eventually('the second to find', () => finds(late))
})

test('what a crash left of the text of others is gone after a start', async () => {
  const directory = await temporaryDirectory()
  const left = path.join(directory, 'replicas', 'incoming', '0123', 'stored.bin')
  await mkdir(path.dirname(left), { recursive: true })
  await writeFile(left, 'words of somebody else')
  await startKnowledgeNode({ name: 'again', directory })
  assert.not.ok(existsSync(path.join(directory, 'replicas', 'incoming')))
})

test.after.each(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
