/**
 * One tokenizer with the tokens of several. The leading one keeps its ids, so that its special tokens and its rows stay where they are; what
 * it lacks comes behind them, model by model in the order of ids. Texts may be cut otherwise than by any of the parents: rules of
 * all of them apply.
 */
import { VillageError } from '../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { AddedToken, TokenizerTokens } from './tokenizer-tokens.ts'

/** Parts that make texts into pieces before, and texts of pieces after: with other ones the same token would mean something else. */
const SAME_PARTS = ['normalizer', 'pre_tokenizer', 'decoder'] as const
/** Of the model: everything but what is put together, and the score that a piece of no use has. */
const JOINED_FIELDS = new Set(['vocab', 'merges'])
/** Below every score of a real piece. */
const UNUSED_SCORE = -1e9

function differs(name: string, part: string): VillageError {
  return new VillageError(
    'MERGE_TOKENIZER_DIFFERS',
    `The tokenizer of "${name}" has another ${part}, and tokens of both would not mean the same; choose one with tokenizer_source`,
    { fields: { model: name, part } },
  )
}

const fixedFields = (model: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(model).filter(
      ([key, value]) => !JOINED_FIELDS.has(key) && value !== null && value !== false,
    ),
  )

function checkSameKind(lead: TokenizerTokens, other: TokenizerTokens, name: string): void {
  const same = (a: JsonValue, b: JsonValue) => canonicalJson(a) === canonicalJson(b)
  for (const part of SAME_PARTS)
    if (!same(lead.json[part] ?? null, other.json[part] ?? null)) throw differs(name, part)
  const [ours, theirs] = [fixedFields(lead.model), fixedFields(other.model)]
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    // Where the unknown piece lies is a matter of ids.
    if (key === 'unk_id') continue
    if (!same(ours[key] ?? null, theirs[key] ?? null)) throw differs(name, `model.${key}`)
  }
}

/** `a b` or ["a", "b"], as text. */
const mergeText = (merge: JsonValue): string => (Array.isArray(merge) ? merge.join(' ') : String(merge))

function joinedMerges(all: readonly TokenizerTokens[]): JsonValue[] {
  const known = new Set<string>()
  const merges: JsonValue[] = []
  for (const { model } of all)
    for (const merge of (model.merges ?? []) as readonly JsonValue[]) {
      const text = mergeText(merge)
      if (known.has(text)) continue
      known.add(text)
      merges.push(merge)
    }
  return merges
}

/** Pieces with scores by id; an id that an added token has gets a piece that no text is cut into. */
function scoredVocabulary(ids: ReadonlyMap<string, number>, all: readonly TokenizerTokens[]): JsonValue[] {
  const scores = new Map<string, number>()
  for (const { model } of all)
    for (const row of model.vocab as readonly (readonly [string, number])[])
      if (!scores.has(row[0])) scores.set(row[0], row[1])
  const size = Math.max(...ids.values()) + 1
  const rows: JsonValue[] = Array.from({ length: size }, (_, id) => [`<unused-${id}>`, UNUSED_SCORE])
  for (const [text, id] of ids) rows[id] = [text, scores.get(text) ?? UNUSED_SCORE]
  return rows
}

function joinedAdded(ids: ReadonlyMap<string, number>, all: readonly TokenizerTokens[]): AddedToken[] {
  const added = new Map<string, AddedToken>()
  const plain = new Set<string>()
  for (const { added: own, ids: known } of all) {
    for (const token of own)
      if (!added.has(token.content) && !plain.has(token.content))
        added.set(token.content, { ...token, id: ids.get(token.content)! })
    // A token that an earlier model has as an ordinary one stays ordinary.
    for (const text of known.keys()) if (!added.has(text)) plain.add(text)
  }
  return [...added.values()].sort((a, b) => a.id - b.id)
}

/** The tokens of the leading model, then of the others. Throws MERGE_TOKENIZER_DIFFERS for tokenizers that work in other ways. */
export function unionTokenizer(
  models: readonly { readonly name: string; readonly tokens: TokenizerTokens }[],
): { json: JsonObject; ids: Map<string, number> } {
  const [lead, ...others] = models
  const all = models.map(({ tokens }) => tokens)
  const ids = new Map(lead!.tokens.ids)
  let next = lead!.tokens.size
  for (const { name, tokens } of others) {
    checkSameKind(lead!.tokens, tokens, name)
    const inOrder = [...tokens.ids].sort((a, b) => a[1] - b[1])
    for (const [text] of inOrder) if (!ids.has(text)) ids.set(text, next++)
  }
  const { model, json } = lead!.tokens
  const isScored = Array.isArray(model.vocab)
  const added = joinedAdded(ids, all)
  const addedTexts = new Set(added.map(({ content }) => content))
  const hasOwnVocab = (text: string) =>
    all.some(
      ({ model: one }) => isJsonObject(one.vocab ?? null) && Object.hasOwn(one.vocab as JsonObject, text),
    )
  const plain = () =>
    Object.fromEntries(
      [...ids].filter(([text]) => !addedTexts.has(text) || hasOwnVocab(text)).sort((a, b) => a[1] - b[1]),
    )
  const joined: JsonObject = {
    ...model,
    vocab: isScored ? scoredVocabulary(ids, all) : plain(),
    ...(model.merges !== undefined && { merges: joinedMerges(all) }),
  }
  return { json: { ...json, model: joined, added_tokens: added }, ids }
}
