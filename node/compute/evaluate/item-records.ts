/**
 * What a model answered to items, and its wire form: version 1, little-endian.
 *
 * | offset | type    | field                                             |
 * |--------|---------|---------------------------------------------------|
 * | 0      | 4 bytes | "VEVI"                                            |
 * | 4      | u16     | version, 1                                        |
 * | 6      | u16     | 0                                                 |
 * | 8      | u32     | start                                             |
 * | 12     | u32     | count                                             |
 * | 16     |         | count records, each a u8 for its type and         |
 *
 * - 1, choice: u32 dropped, u16 choices, and for each f64 log-probability, u32 tokens, u8 greedy (0 or 1);
 * - 2, generate: u32 prompt tokens, u32 dropped, u16 samples, and for each u8 finish, u32 tokens, for each token u32
 *   token, u32 runner-up and f32 gap, then u32 bytes and the text in UTF-8;
 * - 3, text: f64 log-probability, u32 tokens, u32 windows;
 * - 4, embed: u32 dims, f32 for each.
 */
import { VillageError } from '../../errors.ts'
import { ByteReader, ByteWriter } from './byte-fields.ts'

export interface ChoiceAnswer {
  /** Sum over the tokens of the continuation, natural logarithm. */
  readonly logProbability: number
  readonly tokens: number
  /** Each token is the most likely one at its place. */
  readonly greedy: boolean
}

export interface ChoiceRecord {
  readonly type: 'choice'
  /** Tokens of the context that did not fit, cut from its beginning; the most over the choices. */
  readonly dropped: number
  readonly choices: readonly ChoiceAnswer[]
}

export const FINISHES = ['eos', 'stop', 'length', 'context', 'complete'] as const
export type Finish = (typeof FINISHES)[number]

export interface SampleToken {
  readonly token: number
  /** The next most likely token and by how much less likely it is, in nats; the token itself and 0 when sampled. */
  readonly runnerUp: number
  readonly gap: number
}

export interface SampleAnswer {
  readonly tokens: readonly SampleToken[]
  readonly finish: Finish
  readonly text: string
}

export interface GenerateRecord {
  readonly type: 'generate'
  readonly promptTokens: number
  readonly dropped: number
  readonly samples: readonly SampleAnswer[]
}

export interface TextRecord {
  readonly type: 'text'
  readonly logProbability: number
  readonly tokens: number
  readonly windows: number
}

export interface EmbedRecord {
  readonly type: 'embed'
  readonly vector: Float32Array
}

export type ItemRecord = ChoiceRecord | GenerateRecord | TextRecord | EmbedRecord

/** Records of the items `start` to `start + records.length` of a list. */
export interface RecordSet {
  readonly start: number
  readonly records: readonly ItemRecord[]
}

const MAGIC = 0x49564556
const VERSION = 1
const MAX_DIMS = 65_536
export const MAX_RECORD_SET_BYTES = 512 * 2 ** 20

function malformed(what: string): VillageError {
  return new VillageError('EVALUATION_RESULT_MALFORMED', `The evaluation result ${what}`)
}

export function encodeRecords({ start, records }: RecordSet): Uint8Array {
  const writer = new ByteWriter()
  writer.u32(MAGIC)
  writer.u16(VERSION)
  writer.u16(0)
  writer.u32(start)
  writer.u32(records.length)
  for (const record of records) writeRecord(writer, record)
  return writer.bytes()
}

function writeRecord(writer: ByteWriter, record: ItemRecord): void {
  switch (record.type) {
    case 'choice':
      writer.u8(1)
      writer.u32(record.dropped)
      writer.u16(record.choices.length)
      for (const { logProbability, tokens, greedy } of record.choices) {
        writer.f64(logProbability)
        writer.u32(tokens)
        writer.u8(greedy ? 1 : 0)
      }
      return
    case 'generate':
      writer.u8(2)
      writer.u32(record.promptTokens)
      writer.u32(record.dropped)
      writer.u16(record.samples.length)
      for (const { tokens, finish, text } of record.samples) {
        writer.u8(FINISHES.indexOf(finish))
        writer.u32(tokens.length)
        for (const { token, runnerUp, gap } of tokens) {
          writer.u32(token)
          writer.u32(runnerUp)
          writer.f32(gap)
        }
        writer.text(text)
      }
      return
    case 'text':
      writer.u8(3)
      writer.f64(record.logProbability)
      writer.u32(record.tokens)
      writer.u32(record.windows)
      return
    case 'embed':
      writer.u8(4)
      writer.u32(record.vector.length)
      for (const value of record.vector) writer.f32(value)
  }
}

/** Reads bytes that may come from anybody; EVALUATION_RESULT_MALFORMED says what is wrong. */
export function decodeRecords(bytes: Uint8Array): RecordSet {
  if (bytes.length > MAX_RECORD_SET_BYTES) throw malformed(`is longer than ${MAX_RECORD_SET_BYTES} bytes`)
  const reader = new ByteReader(bytes, malformed)
  if (reader.u32() !== MAGIC) throw malformed('does not begin with its mark')
  const version = reader.u16()
  if (version !== VERSION) throw malformed(`has version ${version} instead of ${VERSION}`)
  if (reader.u16() !== 0) throw malformed('has a field set that is not in use')
  const start = reader.u32()
  const count = reader.u32()
  if (count < 1) throw malformed('has no items')
  const records: ItemRecord[] = []
  for (let i = 0; i < count; i++) records.push(readRecord(reader))
  if (reader.left() > 0) throw malformed('is longer than what it announces')
  return { start, records }
}

function readRecord(reader: ByteReader): ItemRecord {
  const type = reader.u8()
  if (type === 1) {
    const dropped = reader.u32()
    const choices = reader.list(reader.u16(), 13, () => ({
      logProbability: logProbability(reader),
      tokens: reader.u32(),
      greedy: flag(reader),
    }))
    return { type: 'choice', dropped, choices }
  }
  if (type === 2) {
    const [promptTokens, dropped] = [reader.u32(), reader.u32()]
    const samples = reader.list(reader.u16(), 9, () => readSample(reader))
    return { type: 'generate', promptTokens, dropped, samples }
  }
  if (type === 3)
    return {
      type: 'text',
      logProbability: logProbability(reader),
      tokens: reader.u32(),
      windows: reader.u32(),
    }
  if (type === 4) {
    const dims = reader.u32()
    if (dims < 1 || dims > MAX_DIMS) throw malformed(`has a vector of ${dims} numbers`)
    return { type: 'embed', vector: Float32Array.from(reader.list(dims, 4, () => finite(reader.f32()))) }
  }
  throw malformed('has a record of an unknown type')
}

function readSample(reader: ByteReader): SampleAnswer {
  const finish = FINISHES[reader.u8()]
  if (finish === undefined) throw malformed('has a text that ended in no known way')
  const tokens = reader.list(reader.u32(), 12, () => {
    const [token, runnerUp, gap] = [reader.u32(), reader.u32(), finite(reader.f32())]
    if (gap < 0) throw malformed('has a token that was not the most likely one')
    return { token, runnerUp, gap }
  })
  return { finish, tokens, text: reader.text() }
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw malformed('has a number that is not finite')
  return value
}

function logProbability(reader: ByteReader): number {
  const value = finite(reader.f64())
  if (value > 0) throw malformed('has a probability above 1')
  return value
}

function flag(reader: ByteReader): boolean {
  const value = reader.u8()
  if (value > 1) throw malformed('has a flag that is neither 0 nor 1')
  return value === 1
}

/** Puts the parts of one evaluation together, from item 0 on; a gap or an overlap throws EVALUATION_RESULT_MALFORMED. */
export function joinRecords(parts: readonly RecordSet[]): RecordSet {
  const sorted = [...parts].sort((a, b) => a.start - b.start)
  const records: ItemRecord[] = []
  for (const part of sorted) {
    if (part.start !== records.length)
      throw malformed(`has item ${Math.min(part.start, records.length)} twice or lacks it`)
    for (const record of part.records) records.push(record)
  }
  if (records.length === 0) throw malformed('has no parts')
  return { start: 0, records }
}
