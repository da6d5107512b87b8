/**
 * Reading folders: 100,000 small files, a text of 500 MB, abstracts as JSON lines, and files that are made to do harm. Memory is the
 * peak of the process that reads (what a daemon would take) and of its parser processes, looked at 50 times a second.
 */
import { once } from 'node:events'
import { createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { zipSync } from 'fflate'
import { createDuplicateFinder } from '../../node/agents/rag/ingest/duplicate-finder.ts'
import { createIngest } from '../../node/agents/rag/ingest/ingest.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { createLog } from '../../node/log.ts'
import type { BenchContext } from './bench.ts'
import type { RagCase } from './rag.ts'

const SMALL_FILES = 100_000
const FILES_BY_FOLDER = 1_000
const LONG_BYTES = 500e6
const MB = 1e6
const FILES_BAR = 1_000
const MEMORY_BAR_MB = 500
/** The limit of a parser process, 768 MiB. */
const PARSER_BAR_MB = (768 * 2 ** 20) / MB
const SEED = 11

/** The commonest words of English prose make up half of it, as in English prose. */
const COMMON =
  'the of and to in is that for it was as are with by this be not or from at have which but were'.split(' ')

function createProse(seed: number): (sentences: number) => string {
  const random = seededRandom(seed)
  const pick = (count: number) => Math.floor(random() ** 2 * count)
  const word = () => (random() < 0.5 ? COMMON[pick(COMMON.length)]! : `w${pick(50_000).toString(36)}`)
  const sentence = () => `The ${Array.from({ length: 8 + pick(16) }, word).join(' ')}.`
  return (sentences) => Array.from({ length: sentences }, sentence).join(' ')
}

/** Peak of resident memory of this process, and of its children together. */
function watchMemory(): { stop(): { ownMb: number; parsersMb: number } } {
  let ownBytes = 0
  let parserBytes = 0
  const residentBytes = (pid: string): number => {
    try {
      return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024
    } catch {
      return 0 // it has just ended
    }
  }
  const look = () => {
    ownBytes = Math.max(ownBytes, process.memoryUsage.rss())
    if (!existsSync('/proc/self/task')) return
    const children = readdirSync('/proc/self/task').flatMap((task) => {
      const file = `/proc/self/task/${task}/children`
      return existsSync(file) ? readFileSync(file, 'latin1').trim().split(/\s+/).filter(Boolean) : []
    })
    parserBytes = Math.max(
      parserBytes,
      children.reduce((sum, pid) => sum + residentBytes(pid), 0),
    )
  }
  const timer = setInterval(look, 20)
  return {
    stop() {
      clearInterval(timer)
      look()
      return { ownMb: ownBytes / MB, parsersMb: parserBytes / MB }
    },
  }
}

interface Reading {
  files: number
  documents: number
  chunks: number
  bytes: number
  seconds: number
  ownMb: number
  parsersMb: number
  problems: Map<string, string>
}

async function readFolder(root: string, signal: AbortSignal): Promise<Reading> {
  const ingest = createIngest({ log: createLog({ level: 'warn' }) })
  const memory = watchMemory()
  const finder = createDuplicateFinder()
  const reading = { files: 0, documents: 0, chunks: 0, bytes: 0, problems: new Map<string, string>() }
  const started = performance.now()
  async function* files() {
    for await (const event of ingest.walk(root, { signal })) {
      if (event.kind === 'file') {
        reading.files++
        reading.bytes += event.file.sizeBytes
        yield event.file
      } else if (event.kind === 'problem') reading.problems.set(event.problem.source, event.problem.code)
    }
  }
  try {
    for await (const event of ingest.parse(files(), { signal })) {
      if (event.kind === 'document') {
        reading.documents++
        reading.chunks += event.document.chunks.length
        const { source, signature } = event.document
        if (signature !== null && finder.find(signature) === null) finder.add(source, signature)
      } else if (event.kind === 'problem') reading.problems.set(event.problem.source, event.problem.code)
    }
    return { ...reading, seconds: (performance.now() - started) / 1000, ...memory.stop() }
  } finally {
    memory.stop()
    await ingest.stop()
  }
}

function reportMemory(context: BenchContext, name: string, reading: Reading): void {
  const common = { unit: 'MB', better: 'lower' as const }
  context.report({
    case: `${name}: memory of the daemon's part`,
    value: reading.ownMb,
    bar: MEMORY_BAR_MB,
    ...common,
  })
  context.report({
    case: `${name}: memory of the parsers`,
    value: reading.parsersMb,
    bar: PARSER_BAR_MB,
    ...common,
  })
}

async function smallFiles(context: BenchContext, root: string): Promise<void> {
  const prose = createProse(SEED)
  for (let folder = 0; folder * FILES_BY_FOLDER < SMALL_FILES; folder++) {
    context.signal.throwIfAborted()
    const directory = path.join(root, String(folder))
    await mkdir(directory)
    for (let i = 0; i < FILES_BY_FOLDER; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, j) => {
          const isMarkdown = j % 2 === 0
          const text = `${isMarkdown ? '# ' : ''}Note ${i + j}\n\n${prose(5)}\n`
          return writeFile(path.join(directory, `${i + j}${isMarkdown ? '.md' : '.txt'}`), text)
        }),
      )
  }
  const reading = await readFolder(root, context.signal)
  if (reading.documents !== SMALL_FILES)
    throw new Error(`${reading.documents} of ${SMALL_FILES} files were read`)
  const value = reading.files / reading.seconds
  context.report({ case: '100,000 small files', value, unit: 'files/s', better: 'higher', bar: FILES_BAR })
  reportMemory(context, '100,000 small files', reading)
}

async function longText(context: BenchContext, root: string): Promise<void> {
  const prose = createProse(SEED + 1)
  const file = createWriteStream(path.join(root, 'long.txt'))
  const paragraphs = Array.from({ length: 20_000 }, () => `${prose(6)}\n\n`)
  for (let bytes = 0, i = 0; bytes < LONG_BYTES; i++) {
    // Another order each time round.
    const text = paragraphs[(i * 7_919) % paragraphs.length]!
    bytes += text.length
    if (!file.write(text)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'close')
  const reading = await readFolder(root, context.signal)
  if (reading.problems.size > 0) throw new Error('the long text was not read to its end')
  const value = reading.bytes / MB / reading.seconds
  context.log(`500 MB of text: ${reading.documents} documents, ${reading.chunks} chunks`)
  context.report({ case: 'a text of 500 MB', value, unit: 'MB/s', better: 'higher', bar: null })
  reportMemory(context, 'a text of 500 MB', reading)
}

/** What each of these must be reported as. */
async function hostileFiles(context: BenchContext, root: string): Promise<void> {
  const expected = {
    'bomb.docx': 'ARCHIVE_BOMB',
    'nested.docx': 'FILE_TYPE_MISMATCH',
    'binary.md': 'BINARY_FILE',
    'wide.html': 'PARSE_MEMORY',
    loop: 'LINK_OUTSIDE',
  }
  const zeros = zipSync({ 'word/document.xml': new Uint8Array(500e6) })
  await writeFile(path.join(root, 'bomb.docx'), zeros)
  await writeFile(path.join(root, 'nested.docx'), zipSync({ 'inner.zip': zeros }))
  await writeFile(path.join(root, 'binary.md'), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0, 1, 2))
  await writeFile(path.join(root, 'wide.html'), `<html><body>${'<i>x</i>'.repeat(8_000_000)}</body></html>`)
  await symlink('..', path.join(root, 'loop'))
  await symlink('.', path.join(root, 'itself'))
  await writeFile(path.join(root, 'good.md'), createProse(SEED + 2)(20))
  const reading = await readFolder(root, context.signal)
  for (const [source, code] of Object.entries(expected))
    if (reading.problems.get(source) !== code)
      throw new Error(
        `${source} was reported as ${reading.problems.get(source) ?? 'nothing'} instead of ${code}`,
      )
  if (reading.documents !== 1) throw new Error('the good file beside the bad ones was not read')
  reportMemory(context, 'hostile files', reading)
}

async function abstracts(context: BenchContext): Promise<void> {
  const folder = path.resolve(import.meta.dirname, '../../../shared/data/ir/scifact')
  if (!existsSync(folder)) {
    context.log('skipped: no data')
    return
  }
  const reading = await readFolder(folder, context.signal)
  const value = reading.documents / reading.seconds
  context.report({ case: 'abstracts as JSON lines', value, unit: 'documents/s', better: 'higher', bar: null })
}

export const ingest: RagCase = {
  name: 'ingest',
  title: '100,000 small files, a text of 500 MB, abstracts, and hostile files',
  async run(context) {
    await abstracts(context)
    for (const part of [hostileFiles, smallFiles, longText]) {
      const root = await mkdtemp(path.join(tmpdir(), 'village-bench-ingest-'))
      try {
        await part(context, root)
      } finally {
        await rm(root, { recursive: true, force: true })
      }
    }
  },
}
