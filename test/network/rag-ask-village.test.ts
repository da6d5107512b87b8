/** A member answers out of another's collection, says who stands behind it, and says what is missing when that one is gone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAnswers } from '../../node/agents/rag/answers/answers.ts'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import { VillageError } from '../../node/errors.ts'
import { type KnowledgeNode, startKnowledgeVillage, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { libraryDocuments } from '../helpers/memory-knowledge.ts'
import { stopMeshNodes, TEST_LOG, until } from '../helpers/mesh.ts'
import { chunksOf, recordOf } from '../helpers/naive-backend.ts'
import { ANSWERABLE } from '../helpers/small-library.ts'

const indexed = libraryDocuments().map(
  (document): IndexedDocument => ({ record: recordOf(document), chunks: chunksOf(document), vectors: null }),
)
const signal = () => AbortSignal.timeout(30_000)
const QUESTION = ANSWERABLE[1]!.question

let owner: KnowledgeNode
let asker: KnowledgeNode

function answersOf(node: KnowledgeNode) {
  const none = () => Promise.reject(new VillageError('MODEL_UNKNOWN'))
  return createAnswers(
    { knowledge: node.knowledge, embedding: { embed: none }, generation: { generate: none }, log: TEST_LOG },
    { config: { 'knowledge.answerModel': null, 'knowledge.answerThreshold': null } },
  )
}

test.before(async () => {
  const nodes = await startKnowledgeVillage(2)
  owner = nodes[0]!
  asker = nodes[1]!
  await owner.put('town', { access: 'village', replicas: 0 }, indexed)
  await owner.put('diary', {}, [indexed[0]!])
  await asker.put('bread', {}, [indexed[1]!])
  const deadline = Date.now() + 60_000
  for (;;) {
    const known = await asker.knowledge.collections()
    const isKnown = known.some(({ name, holdersPresent }) => name === 'town' && holdersPresent > 0)
    if (isKnown && asker.knowledge.stats().sketches > 0) break
    assert.ok(Date.now() < deadline, 'the collection was never heard of')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})

test('twenty questions are answered out of the collection of another member', async () => {
  for (const { question, source, answer } of ANSWERABLE) {
    const given = await answersOf(asker).ask(question, {}, signal())
    const sentence = given.sentences.find(({ text }) => text.includes(answer))
    assert.ok(sentence !== undefined, `${question}: ${given.confidence} ${given.text}`)
    const cited = given.sources.find(({ number }) => number === sentence.citation)!
    assert.is(cited.source, source)
    assert.equal(given.missing, [])
    // The bakery is described in both collections.
    if (cited.collection === 'bread') continue
    assert.match(cited.collection, /^town@/)
    assert.equal(cited.vouchedBy, [owner.peer])
  }
})

test('a citation is opened at the member that holds it; what is private is not', async () => {
  const { sources } = await answersOf(asker).ask(QUESTION, {}, signal())
  const { value } = await asker.knowledge.chunks([sources[0]!], signal())
  assert.is(value[0]!.text, sources[0]!.text)
  const diary = await answersOf(owner).ask(QUESTION, { collections: ['diary'] }, signal())
  assert.ok(diary.isFound)
  const hidden = await asker.knowledge.chunks([diary.sources[0]!], signal())
  assert.equal(hidden.value, [null])
})

test('asked of this node alone, only what lies here is found', async () => {
  const given = await answersOf(asker).ask(QUESTION, { isLocal: true }, signal())
  assert.is(given.isFound, false)
  assert.ok(given.sources.every(({ collection }) => collection === 'bread'))
})

test('when the other is gone the answer says what is missing', async () => {
  await owner.stop()
  await until('it is gone', () => asker.mesh.mesh.peers().length === 0)
  const given = await answersOf(asker).ask(QUESTION, {}, signal())
  assert.is(given.isFound, false)
  assert.is(given.text, 'Not found in the collections that answered.')
  assert.match(given.missing[0]!.collection, /^town@/)
  assert.is(given.missing[0]!.chunks, indexed.length)
  const bread = await answersOf(asker).ask(ANSWERABLE[3]!.question, {}, signal())
  assert.ok(bread.isFound)
  assert.is(bread.missing.length, 1)
})

test.run()
