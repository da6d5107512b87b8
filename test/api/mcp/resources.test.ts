/** Collections as resources of MCP: which URIs there are, and what text they give. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { StoredChunk } from '../../../node/agents/rag/search-types.ts'
import { getPrompt, listPrompts } from '../../../node/api/mcp/prompts.ts'
import { type ResourceCollections, readResource, readUri } from '../../../node/api/mcp/resources.ts'
import { VillageError } from '../../../node/errors.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const TEXT = 'The lighthouse stands.\n\nIts keeper slept.\n\nThe sea did not.'
const spans = [
  [0, 22],
  [13, 41], // overlaps the one before
  [43, 59],
] as const

/** A document whose passages overlap, as chunks do. */
const collections = (calls: unknown[] = []): ResourceCollections => ({
  list: async () => [],
  need: async () => {
    throw new VillageError('COLLECTION_UNKNOWN')
  },
  documents: async () => [],
  async document(collection, document) {
    calls.push([collection, document])
    // Nothing else of a chunk is read.
    return spans.map(([start, end]) => ({ start, end, text: TEXT.slice(start, end) }) as StoredChunk)
  },
})

const read = async (uri: string, calls?: unknown[]) =>
  ((await readResource(collections(calls), uri)).contents[0] as { text: string }).text

test('a document is its passages without what they repeat; a span is that of a citation', async () => {
  const calls: unknown[] = []
  assert.is(await read('village://collection/notes/a%2Fb.md', calls), TEXT)
  assert.equal(calls, [['notes', 'a/b.md']])
  await fc.assert(
    fc.asyncProperty(fc.nat(70), fc.nat(70), async (start, end) => {
      // Between passages there is nothing but the empty line that joins them.
      const wanted = TEXT.slice(start, Math.max(start, end)).trim()
      assert.is((await read(`village://collection/n/d#${start}-${end}`)).trim(), wanted)
    }),
  )
})

test('no other URI names anything', async () => {
  for (const uri of [
    'file:///etc/passwd',
    'village://collection/',
    'village://collection/a/b/c',
    'village://collection/a#0-5',
    'village://collection/a?after=zz',
    'village://collection/%E0%A4%A',
    'village://Collection/a',
  ]) {
    assert.is(readUri(uri), null, uri)
    await rejectsCode(readResource(collections(), uri), 'NOT_FOUND')
  }
  await rejectsCode(readResource(collections(), 'village://collection/a'), 'COLLECTION_UNKNOWN')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => void readUri(`village://collection/${text}`)),
  )
})

test('prompts take what they name, and nothing else', () => {
  for (const { name, arguments: taken = [] } of listPrompts()) {
    const given = Object.fromEntries(taken.map((argument) => [argument.name, 'value']))
    assert.match(JSON.stringify(getPrompt(name, given)), /value/)
    throwsCode(() => getPrompt(name, { ...given, other: 'x' }), 'INVALID_ARGUMENT')
    throwsCode(() => getPrompt(name, {}), 'INVALID_ARGUMENT')
    throwsCode(() => getPrompt(name, { ...given, [taken[0]!.name]: 'x'.repeat(5_000) }), 'INVALID_ARGUMENT')
  }
})

test.run()
