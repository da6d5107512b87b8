/** A parser process that does what the text of a file says: for tests of the limits around it. */
import { readFileSync } from 'node:fs'

interface Message {
  readonly type: string
  readonly files?: readonly { readonly path: string; readonly source: string }[]
}

const hoard: Uint8Array[] = []

function answer(index: number, source: string, text: string): void {
  const head = {
    source,
    contentHash: '0'.repeat(64),
    sizeBytes: text.length,
    modifiedAtMs: 0,
    title: null,
    language: null,
    mediaType: 'text/plain',
    fields: {},
    warnings: [],
    signature: null,
  }
  const chunk = { ordinal: 0, title: '', headings: [], text, page: null, start: 0, end: text.length }
  const isLie = text === 'lie'
  const items = [
    { kind: 'document', file: index, head: isLie ? { ...head, contentHash: 'x' } : head, chunkCount: 1 },
    { kind: 'chunks', file: index, chunks: [chunk] },
    { kind: 'done', file: index, isComplete: true },
  ]
  process.send!({
    type: 'results',
    items: text === 'other' ? items.map((item) => ({ ...item, file: 7 })) : items,
  })
}

process.on('message', (message: Message) => {
  if (message.type === 'start') process.send!({ type: 'ready' })
  for (const [index, { path, source }] of (message.files ?? []).entries()) {
    const text = readFileSync(path, 'utf8')
    if (text === 'hang') for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    if (text === 'die') process.exit(3)
    // Outside the JavaScript heap, and touched, so that it is really taken.
    if (text === 'hoard') for (;;) hoard.push(new Uint8Array(8 * 2 ** 20).fill(1))
    answer(index, source, text)
  }
})
process.on('disconnect', () => process.exit(0))
