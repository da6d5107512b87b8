/** Constraints of a request as token masks, by a grammar library that is loaded on first use. */
import { VillageError } from '../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { LanguageCard } from '../models/language-card.ts'
import type { LanguageTokenizer } from '../models/tokenizer.ts'
import type { Grammars, Matcher } from './constraint.ts'
import {
  type CompiledGrammar,
  type GrammarCompiler,
  type LoadedLibrary,
  loadGrammarLibrary,
} from './grammar-library.ts'
import { rewriteIntegerRanges } from './integer-ranges.ts'
import type { Constraint } from './language-model.ts'
import { isListExact, listGrammar } from './list-grammar.ts'
import { writtenOutSize } from './pattern-size.ts'
import { checkSchema, MAX_PATTERN_SIZE, unsupported } from './schema-check.ts'

const MAX_CHOICES = 1024
const MAX_CHOICE_UNITS = 1024
const MAX_PATTERN_UNITS = 4096
const MAX_SCHEMA_UNITS = 256 * 1024
const MAX_COMPILED = 16
/** In all lists of a schema: each is gone through, which takes the model's time. */
const MAX_LISTED = 4096
/** Between items and behind names, as Python's json.dumps writes them; no other white space. */
const SEPARATORS: [string, string] = [', ', ': ']

interface Compiler {
  readonly loaded: LoadedLibrary
  readonly compiler: GrammarCompiler
  readonly compiled: Map<string, CompiledGrammar>
  readonly jsonTokens: Int32Array
}

/** How the library is to read the strings of a vocabulary. */
export function vocabularyKind(strings: readonly string[]): 'byte_fallback' | 'byte_level' | 'raw' {
  if (strings.includes('<0x0A>') || strings.some((piece) => piece.startsWith('▁'))) return 'byte_fallback'
  return strings.includes('Ġ') && strings.includes('Ċ') ? 'byte_level' : 'raw'
}

/** Special tokens have no text, so that no text can be made with them: empty strings say so to the library. */
function textStrings(tokenizer: LanguageTokenizer, vocabulary: number): string[] {
  const strings = tokenizer.vocabularyStrings()
  return Array.from({ length: vocabulary }, (_, id) => {
    const piece = strings[id] ?? ''
    const special =
      piece !== '' && tokenizer.decode([id], { skipSpecial: true }) === '' && tokenizer.decode([id]) !== ''
    return special ? '' : piece
  })
}

/** Bytes that JSON text has none of, as byte-fallback vocabularies write them: control characters, and what UTF-8 never has. */
const NO_JSON = /^<0x([01][0-9A-F]|C[01]|F[5-9A-F])>$/
/** The same as byte-level vocabularies write them: 0 to 31 are U+0100 on, the others stand for themselves. */
const NO_JSON_SYMBOL = /[\u0100-\u011f\u00c0\u00c1\u00f5-\u00ff]/
const hasControl = (piece: string) => Array.from(piece).some((character) => character < ' ')

/**
 * Tokens that JSON text may have: the library lets control characters into strings, where JSON demands escapes, and the
 * separators that it is given here have none.
 */
function jsonTokens(strings: readonly string[]): Int32Array {
  const byteLevel = vocabularyKind(strings) === 'byte_level'
  const mask = new Int32Array(Math.ceil(strings.length / 32))
  for (const [id, piece] of strings.entries())
    if (!NO_JSON.test(piece) && !hasControl(piece) && !(byteLevel && NO_JSON_SYMBOL.test(piece)))
      mask[id >>> 5]! |= 1 << (id & 31)
  return mask
}

/** All lists of a schema that was checked; whole-number ranges are lists by now. */
function listsOf(schema: JsonValue): (readonly JsonValue[])[] {
  if (Array.isArray(schema)) return schema.flatMap(listsOf)
  if (!isJsonObject(schema)) return []
  const { enum: list, const: _, default: __, examples: ___, ...parts } = schema
  return [...(Array.isArray(list) ? [list] : []), ...Object.values(parts).flatMap(listsOf)]
}

export function createGrammars(card: LanguageCard, tokenizer: LanguageTokenizer): Grammars {
  let ready: Promise<Compiler> | undefined

  async function prepare(): Promise<Compiler> {
    const loaded = loadGrammarLibrary()
    const strings = textStrings(tokenizer, card.vocabulary)
    const info = await loaded.library.TokenizerInfo.createTokenizerInfo(
      strings,
      vocabularyKind(strings),
      false,
      card.vocabulary,
      [...card.eosTokens],
    )
    const compiler = await loaded.library.GrammarCompiler.createGrammarCompiler(info)
    return { loaded, compiler, compiled: new Map(), jsonTokens: jsonTokens(strings) }
  }

  /** Throws CONSTRAINT_UNSUPPORTED for a list that the library would not keep to. */
  async function checkLists({ loaded }: Compiler, schema: JsonValue): Promise<void> {
    const lists = listsOf(schema)
    if (lists.reduce((sum, list) => sum + list.length, 0) > MAX_LISTED)
      throw unsupported(`The lists and ranges of the schema have more than ${MAX_LISTED} values`)
    for (const list of lists) {
      const texts = list.map((value) => JSON.stringify(value))
      if (texts.length > 1 && !(await isListExact(loaded.library, texts)))
        throw unsupported(`The list from ${texts[0]} to ${texts.at(-1)} cannot be kept to exactly`)
    }
  }

  async function compile(use: Compiler, constraint: Constraint): Promise<CompiledGrammar> {
    const { compiler } = use
    const fromSchema = (schema: JsonValue) =>
      compiler.compileJSONSchema(JSON.stringify(schema), false, -1, SEPARATORS, true)
    switch (constraint.kind) {
      case 'json':
        return fromSchema({})
      case 'json-schema': {
        const schema = rewriteIntegerRanges(constraint.schema)
        await checkLists(use, schema)
        return fromSchema(schema)
      }
      case 'choice':
        return compiler.compileGrammar(listGrammar(constraint.choices))
      case 'regex':
        return compiler.compileStructuralTag({
          type: 'structural_tag',
          format: { type: 'regex', pattern: constraint.pattern },
        })
    }
  }

  async function compiledFor(constraint: Constraint): Promise<{ use: Compiler; grammar: CompiledGrammar }> {
    check(constraint)
    ready ??= prepare()
    const use = await ready
    const key = canonicalJson(constraint as unknown as JsonObject)
    let grammar = use.compiled.get(key)
    if (grammar !== undefined) return { use, grammar }
    try {
      grammar = await compile(use, constraint)
    } catch (error) {
      if (error instanceof VillageError) throw error
      // It has aborted: what it holds is in doubt.
      ready = undefined
      throw new VillageError(
        'CONSTRAINT_UNSUPPORTED',
        `The grammar cannot be made: ${use.loaded.complaint() || 'the library gave up'}`,
        { cause: error },
      )
    }
    use.compiled.set(key, grammar)
    if (use.compiled.size > MAX_COMPILED) {
      const [oldest, old] = use.compiled.entries().next().value!
      use.compiled.delete(oldest)
      old.dispose()
    }
    return { use, grammar }
  }

  return {
    async matcher(constraint): Promise<Matcher> {
      const { use, grammar } = await compiledFor(constraint)
      const isJson = constraint.kind === 'json' || constraint.kind === 'json-schema'
      // Without an end-of-text token, a complete text ends by itself.
      const matcher = await use.loaded.library.GrammarMatcher.createGrammarMatcher(
        grammar,
        undefined,
        card.eosTokens.length === 0,
      )
      return {
        async mask() {
          if (matcher.isTerminated()) return new Int32Array(Math.ceil(card.vocabulary / 32))
          const mask = await matcher.getNextTokenBitmask()
          if (isJson) for (const [word, bits] of use.jsonTokens.entries()) mask[word]! &= bits
          return mask
        },
        accept(token) {
          if (!matcher.acceptToken(token))
            throw new VillageError('INTERNAL', 'The grammar refused a token that it had allowed.')
        },
        dispose: () => matcher.dispose(),
      }
    },
    dispose() {
      ready = undefined
    },
  }
}

/** What can be told without the library. */
function check(constraint: Constraint): void {
  switch (constraint.kind) {
    case 'json':
      return
    case 'json-schema':
      if (JSON.stringify(constraint.schema).length > MAX_SCHEMA_UNITS)
        throw unsupported('The schema is too large')
      checkSchema(constraint.schema)
      return
    case 'choice': {
      const { choices } = constraint
      if (choices.length === 0 || choices.length > MAX_CHOICES)
        throw unsupported(`1 to ${MAX_CHOICES} choices can be given`)
      if (choices.some((choice) => choice.length === 0 || choice.length > MAX_CHOICE_UNITS))
        throw unsupported(`A choice has 1 to ${MAX_CHOICE_UNITS} characters`)
      return
    }
    case 'regex':
      if (constraint.pattern.length === 0 || constraint.pattern.length > MAX_PATTERN_UNITS)
        throw unsupported(`A pattern has 1 to ${MAX_PATTERN_UNITS} characters`)
      if (writtenOutSize(constraint.pattern) > MAX_PATTERN_SIZE)
        throw unsupported('The pattern repeats too much')
  }
}
