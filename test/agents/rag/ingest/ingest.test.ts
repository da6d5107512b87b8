/** Folders through real parser processes. */
import { createHash } from 'node:crypto'
import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createIngest, type Ingest, type IngestInit } from '../../../../node/agents/rag/ingest/ingest.ts'
import type {
  IngestProblem,
  ParsedFile,
  ParseEvent,
  SourceFile,
} from '../../../../node/agents/rag/ingest/parsed-file.ts'
import { isErrorCode } from '../../../../node/errors.ts'
import { createLog } from '../../../../node/log.ts'
import { makeDocx, makeEpub, makePdf, wordParagraph } from '../../../helpers/document-files.ts'

const MIB = 2 ** 20
const log = createLog({ level: 'silent' })
const signal = new AbortController().signal
const HANGING = new URL('../../../helpers/parser-that-hangs.ts', import.meta.url)

interface Context {
  root: string
  opened: Ingest[]
}

const test = suite<Context>('ingest')

test.before.each(async (context) => {
  context.root = await mkdtemp(path.join(tmpdir(), 'village-ingest-'))
  context.opened = []
})

test.after.each(async ({ root, opened }) => {
  for (const ingest of opened) await ingest.stop()
  await rm(root, { recursive: true, force: true })
})

function start(context: Context, init: IngestInit = {}): Ingest {
  const ingest = createIngest({ log }, { parsers: 1, ...init })
  context.opened.push(ingest)
  return ingest
}

interface Result {
  documents: Map<string, ParsedFile>
  problems: Record<string, string>
  done: Map<string, { documents: number; isComplete: boolean }>
  events: ParseEvent[]
}

async function* filesOf(ingest: Ingest, root: string, problems: IngestProblem[]): AsyncGenerator<SourceFile> {
  for await (const event of ingest.walk(root, { signal })) {
    if (event.kind === 'file') yield event.file
    else if (event.kind === 'problem') problems.push(event.problem)
  }
}

async function readAll(ingest: Ingest, root: string): Promise<Result> {
  const found: IngestProblem[] = []
  const result: Result = { documents: new Map(), problems: {}, done: new Map(), events: [] }
  for await (const event of ingest.parse(filesOf(ingest, root, found), { signal })) {
    result.events.push(event)
    if (event.kind === 'document') result.documents.set(event.document.source, event.document)
    else if (event.kind === 'problem') found.push(event.problem)
    else result.done.set(event.file.source, { documents: event.documents, isComplete: event.isComplete })
  }
  for (const { source, code, message } of found) {
    assert.ok(isErrorCode(code), `${code} is in the table`)
    assert.ok(message.length > 10)
    result.problems[source] = code
  }
  return result
}

const text = (topic: string) =>
  `This is a text about ${topic}, written for the test of how the files of a folder are read and cut into pieces.`

test('every format, good and bad, in one folder: the good are read, the bad reported', async (context) => {
  const files: Record<string, Buffer | string> = {
    'good.md': `# Heading\n\n${text('markdown')}`,
    'good.txt': text('letters'),
    'good.html': `<p>${text('pages')}</p>`,
    'good.pdf': makePdf([[{ text: text('print'), size: 11 }]]),
    'good.docx': makeDocx(wordParagraph(text('offices'))),
    'good.epub': makeEpub('Book', [{ name: 'a.xhtml', body: `<p>${text('books')}</p>` }]),
    'good.jsonl': `{"id":"a","text":"${text('lines')}"}\nbroken\n{"id":"b","text":"${text('more lines')}"}\n`,
    'good.csv': 'a,b\n1,2\n',
    'good.ts': 'export const a = 1\n',
    'bad.md': Buffer.from([0, 1, 2, 3, 255, 254, 0, 0]),
    'bad.txt': makeDocx(''),
    'bad.pdf': 'not a pdf at all',
    'none.pdf': makePdf([[], []]),
    'cut.docx': makeDocx(wordParagraph('x')).subarray(0, 400),
    'bomb.docx': makeDocx('', { 'word/document.xml': new Uint8Array(30 * MIB) }),
    'bomb.epub': makeEpub('x', [{ name: 'a.xhtml', body: ' '.repeat(30 * MIB) }]),
    'empty.md': '',
    'blank.txt': ' \n\n \t',
  }
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(context.root, name), content)
  await symlink('..', path.join(context.root, 'loop'))
  const { documents, problems, done } = await readAll(start(context), context.root)
  assert.equal([...documents.keys()].sort(), [
    'good.csv',
    'good.docx',
    'good.epub',
    'good.html',
    'good.jsonl#1',
    'good.jsonl#3',
    'good.md',
    'good.pdf',
    'good.ts',
    'good.txt',
  ])
  assert.equal(problems, {
    'bad.md': 'BINARY_FILE',
    'bad.pdf': 'FILE_TYPE_MISMATCH',
    'bad.txt': 'BINARY_FILE',
    'blank.txt': 'FILE_EMPTY',
    'bomb.docx': 'ARCHIVE_BOMB',
    'bomb.epub': 'ARCHIVE_BOMB',
    'cut.docx': 'ARCHIVE_MALFORMED',
    'empty.md': 'FILE_EMPTY',
    'good.jsonl#2': 'LINE_MALFORMED',
    loop: 'LINK_OUTSIDE',
    'none.pdf': 'PDF_NO_TEXT',
  })
  assert.is(done.size, Object.keys(files).length)
  assert.equal(done.get('good.jsonl'), { documents: 2, isComplete: true })
  // What a file held before is gone when it is now empty or binary; when it is damaged nobody knows.
  for (const name of ['bomb.docx', 'bad.md', 'none.pdf', 'empty.md'])
    assert.equal(done.get(name), { documents: 0, isComplete: true }, name)
  assert.equal(done.get('cut.docx'), { documents: 0, isComplete: false })
  const markdown = documents.get('good.md')!
  const bytes = Buffer.from(files['good.md']!)
  assert.is(markdown.contentHash, createHash('sha256').update(bytes).digest('hex'))
  assert.is(markdown.sizeBytes, bytes.length)
  assert.is(markdown.language, 'en')
  assert.is(markdown.title, 'Heading')
  assert.is(documents.get('good.jsonl#3')!.file, 'good.jsonl')
  assert.equal(documents.get('good.jsonl#3')!.fields, { id: 'b' })
})

test('many small files: all of them, with few processes', async (context) => {
  const names = Array.from(
    { length: 2_000 },
    (_, i) => `${String(i).padStart(4, '0')}.${i % 2 ? 'md' : 'txt'}`,
  )
  for (const name of names) await writeFile(path.join(context.root, name), text(name))
  const { documents, problems, events } = await readAll(start(context), context.root)
  assert.equal([...documents.keys()], names)
  assert.equal(problems, {})
  // A file's events are together and end with done.
  assert.equal(
    events.map((event) => event.kind),
    names.flatMap(() => ['document', 'done']),
  )
})

test('several processes read all files as well', async (context) => {
  const names = Array.from({ length: 300 }, (_, i) => `${i}.md`)
  for (const name of names) await writeFile(path.join(context.root, name), text(name))
  const { documents } = await readAll(start(context, { parsers: 3 }), context.root)
  assert.equal([...documents.keys()].sort(), names.sort())
})

test('a text far larger than a part passes in parts; larger than the limit it is refused', async (context) => {
  const line = `${text('long books')}\n`
  const file = await open(path.join(context.root, 'long.txt'), 'w')
  const block = line.repeat(100)
  for (let i = 0; i < 400; i++) await file.write(i % 10 === 0 ? `\n${block}` : block)
  const { size } = await file.stat()
  await file.close()
  const limits = { maxUnpackedBytes: MIB, partBytes: 256 * 1024 }
  const { documents, done } = await readAll(start(context, { limits, maxFileBytes: 1024 }), context.root)
  const parts = [...documents.values()]
  assert.equal(
    parts.map((part) => part.source),
    parts.map((_, i) => `long.txt#${i + 1}`),
  )
  assert.ok(parts.length >= size / (256 * 1024))
  assert.is(
    parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    size,
  )
  assert.ok(
    parts.every(
      (part) => part.chunks.length > 10 && part.chunks.every((chunk) => chunk.text.startsWith('This')),
    ),
  )
  assert.equal(done.get('long.txt'), { documents: parts.length, isComplete: true })
  const refused = await readAll(start(context, { maxStreamedBytes: size - 1 }), context.root)
  assert.equal(refused.problems, { 'long.txt': 'FILE_TOO_LARGE' })
})

test('memory: a page that would take more than is allowed is reported, the others are read', async (context) => {
  await writeFile(path.join(context.root, 'a.md'), text('before'))
  await writeFile(
    path.join(context.root, 'huge.html'),
    `<html><body>${'<i>x</i>'.repeat(2_000_000)}</body></html>`,
  )
  await writeFile(path.join(context.root, 'z.md'), text('after'))
  const { documents, problems } = await readAll(
    start(context, { parserMemoryBytes: 256 * MIB }),
    context.root,
  )
  assert.equal([...documents.keys()], ['a.md', 'z.md'])
  assert.equal(problems, { 'huge.html': 'PARSE_MEMORY' })
})

test('a file that hangs, hoards memory, ends or corrupts its process costs nobody else', async (context) => {
  const contents = {
    'a.md': 'one',
    'b.md': 'hang',
    'c.md': 'two',
    'd.md': 'hoard',
    'e.md': 'die',
    'f.md': 'lie',
  }
  for (const [name, content] of Object.entries({ ...contents, 'g.md': 'other', 'h.md': 'three' }))
    await writeFile(path.join(context.root, name), content)
  const ingest = start(context, { parserUrl: HANGING, parserTimeoutMs: 2_500, parserMemoryBytes: 200 * MIB })
  const { documents, problems, done } = await readAll(ingest, context.root)
  assert.equal([...documents.keys()].sort(), ['a.md', 'c.md', 'h.md'])
  assert.equal(problems, {
    'b.md': 'PARSE_TIMEOUT',
    'd.md': 'PARSE_MEMORY',
    'e.md': 'PARSE_FAILED',
    'f.md': 'PARSE_FAILED',
    'g.md': 'PARSE_FAILED',
  })
  assert.is(done.size, 8)
  for (const [name, { isComplete }] of done) assert.is(isComplete, documents.has(name))
})

test('leaving early, aborting and stopping end the work', async (context) => {
  for (let i = 0; i < 200; i++) await writeFile(path.join(context.root, `${i}.md`), text('leaving'))
  const ingest = start(context)
  for await (const event of ingest.parse(filesOf(ingest, context.root, []), { signal }))
    if (event.kind === 'document') break
  const abort = new AbortController()
  const reason = new Error('enough')
  try {
    for await (const _ of ingest.parse(filesOf(ingest, context.root, []), { signal: abort.signal }))
      abort.abort(reason)
    assert.unreachable()
  } catch (error) {
    assert.is(error, reason)
  }
  // Both left the service usable.
  assert.is((await readAll(ingest, context.root)).documents.size, 200)
  await ingest.stop()
  try {
    await readAll(ingest, context.root)
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code?: string }).code, 'SHUTTING_DOWN')
  }
})

test('files that are gone, replaced by a link, or not of a known format', async (context) => {
  await writeFile(path.join(context.root, 'real.md'), text('links'))
  await symlink('real.md', path.join(context.root, 'link.md'))
  const file = (source: string): SourceFile => ({
    path: path.join(context.root, source),
    source,
    sizeBytes: 1,
    modifiedAtMs: 0,
  })
  const problems: Record<string, string> = {}
  const ingest = start(context)
  for await (const event of ingest.parse([file('gone.md'), file('link.md'), file('x.png')], { signal }))
    if (event.kind === 'problem') problems[event.problem.source] = event.problem.code
  assert.equal(problems, {
    'gone.md': 'FILE_CHANGING',
    'link.md': 'LINK_BROKEN',
    'x.png': 'FILE_UNSUPPORTED',
  })
})

test.run()
