/**
 * A process that writes an index is killed at a moment that nobody chose, again and again, and files that it had not committed are torn:
 * the index opens and holds exactly what was committed. VILLAGE_KILLS=100 does it a hundred times.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexedDocument } from '../../../../node/agents/rag/document.ts'
import { checkIndex } from '../../../../node/agents/rag/index/check-index.ts'
import { createIndexReader } from '../../../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../../../node/agents/rag/index/index-writer.ts'
import { createIndex, readManifest } from '../../../../node/agents/rag/index/manifest-file.ts'
import { afterCommit, PLAN_SETTINGS, plannedCommit } from '../../../helpers/index-plan.ts'
import { seededRandom } from '../../../helpers/rag-documents.ts'

const test = suite('kill')
const KILLS = Number(process.env.VILLAGE_KILLS ?? 8)
const SEED = 11
const CHILD = fileURLToPath(new URL('../../../helpers/index-process.ts', import.meta.url))
let directory = ''
let child: ChildProcess | null = null
test.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-kill-'))
})
test.after.each(() => {
  child?.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

/** Runs the plan from commit `first` on, and kills after some lines and milliseconds. The last commit that was reported. */
async function runAndKill(
  first: number,
  lines: number,
  delayMs: number,
): Promise<{ last: number; inMerge: boolean }> {
  const started = spawn(process.execPath, [CHILD, directory, String(SEED), String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child = started
  const ended = new Promise<void>((resolve) => started.on('close', () => resolve()))
  let last = first - 1
  let inMerge = false
  let seen = 0
  for await (const line of createInterface({ input: started.stdout })) {
    if (line !== 'ready' && line !== '*') last = Number(line)
    inMerge = line !== '*' && line !== 'ready'
    if (seen++ === lines) setTimeout(() => started.kill('SIGKILL'), delayMs)
  }
  await ended
  assert.is(started.signalCode, 'SIGKILL', 'it ended by itself')
  return { last, inMerge }
}

/** As a disk that lost its last writes would have it: what no manifest names is cut to half. Returns how many. */
function tear(): number {
  const named = new Set(readManifest(directory).segments.flatMap(({ id, tombstones }) => [id, tombstones]))
  let torn = 0
  for (const name of readdirSync(directory)) {
    if (named.has(name) || name === 'manifest.json') continue
    const file = path.join(directory, name)
    const files = statSync(file).isDirectory()
      ? readdirSync(file).map((inner) => path.join(file, inner))
      : [file]
    for (const one of files) truncateSync(one, Math.floor(statSync(one).size / 2))
    torn += files.length
  }
  return torn
}

function contentOf(documents: Iterable<IndexedDocument>): Map<string, string> {
  return new Map([...documents].map(({ record, chunks }) => [record.id, JSON.stringify([record, chunks])]))
}

function readContent(): Map<string, string> {
  const reader = createIndexReader(directory)
  try {
    return contentOf(
      reader.documents({ limit: 10_000 }).map((record) => ({
        record,
        chunks: reader
          .documentChunks(record.id)
          .map(({ document, ordinal, title, headings, text, page, start, end }) => ({
            ...{ document, ordinal, title, headings, text, page, start, end },
          })),
        vectors: null,
      })),
    )
  } finally {
    reader.close()
  }
}

test(`after ${KILLS} kills the index holds exactly the committed documents`, async () => {
  createIndex(directory, PLAN_SETTINGS)
  const random = seededRandom(KILLS)
  let state = new Map<string, IndexedDocument>()
  let first = 0
  const seen = { kills: 0, inMerge: 0, torn: 0, unreported: 0, leftovers: 0 }
  for (let kill = 0; kill < KILLS; kill++) {
    const { last, inMerge } = await runAndKill(first, Math.floor(random() * 8), Math.floor(random() * 25))
    for (; first <= last; first++) state = afterCommit(state, plannedCommit(SEED, first))
    const left = readManifest(directory).segments
    const needed = left.length + left.filter(({ tombstones }) => tombstones !== null).length
    // Beside these the manifest and the lock of the writer.
    const leftovers = readdirSync(directory).length - needed - 2
    if (kill % 2 === 1) seen.torn += tear()
    const content = readContent()
    // The commit that was under way may be done: it was durable, and nobody could say so any more.
    const oneMore = afterCommit(state, plannedCommit(SEED, first))
    const isUnreported =
      JSON.stringify([...content].sort()) === JSON.stringify([...contentOf(oneMore.values())].sort())
    if (isUnreported) {
      state = oneMore
      first++
    } else
      assert.equal(
        [...content].sort(),
        [...contentOf(state.values())].sort(),
        `kill ${kill} after commit ${last}`,
      )

    const writer = createIndexWriter(directory)
    writer.close()
    assert.equal(checkIndex(directory), [])
    assert.equal([...readContent()].sort(), [...content].sort(), 'opening for writing changes nothing')
    const { segments } = readManifest(directory)
    const named = segments.flatMap(({ id, tombstones }) => (tombstones === null ? [id] : [id, tombstones]))
    assert.equal(readdirSync(directory).sort(), [...named, 'manifest.json'].sort(), 'leftovers are gone')
    seen.kills++
    seen.inMerge += inMerge ? 1 : 0
    seen.unreported += isUnreported ? 1 : 0
    seen.leftovers += leftovers > 0 ? 1 : 0
  }
  if (KILLS > 8) console.log(JSON.stringify({ ...seen, commits: first, documents: state.size }))
  assert.ok(first > 0 && seen.torn > 0, 'nothing was put to the test')
})

test.run()
