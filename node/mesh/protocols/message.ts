/**
 * Protobuf messages declared as data, one table of fields a message, so that a protocol file is readable as its own
 * specification. Encoding is proto3 (https://protobuf.dev/programming-guides/encoding/) on the reader and writer of
 * protons-runtime. Code generators were not an option: theirs emit TypeScript namespaces, which Node cannot strip.
 *
 * Every string, byte field and list has a bound of its own, checked on both sides.
 */
import { type Reader, reader, type Writer, writer } from 'protons-runtime'
import { VillageError } from '../../errors.ts'

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2

interface Field<T> {
  readonly wireType: number
  readonly repeated: boolean
  /** The value of an absent field (proto3 default); undefined for optional ones. */
  absent(): T
  /** Proto3 leaves out fields at their default. */
  isAbsent(value: T): boolean
  write(tag: number, value: T, target: Writer): void
  /** Writes all but the bytes of the value themselves; for fields that can go uncopied. */
  writeHead?(tag: number, value: Uint8Array, target: Writer): void
  read(source: Reader, before: T): T
}

export interface Message<T> {
  readonly name: string
  encode(value: T): Uint8Array
  /** As encode(), in pieces: large byte fields are not copied, so they must stay as they are until they are sent. */
  encodeParts(value: T): Uint8Array[]
  /** Throws PROTOCOL_MALFORMED. Unknown fields are skipped, so that a later minor version can add some. */
  decode(bytes: Uint8Array): T
}

type Fields = Record<string, readonly [tag: number, field: Field<never> | Field<unknown>]>
// biome-ignore lint/suspicious/noExplicitAny: the constraint has to accept a field of every type
type AnyFields = Record<string, readonly [tag: number, field: Field<any>]>
export type Infer<M> = M extends Message<infer T> ? T : never
type InferFields<F extends AnyFields> = { [K in keyof F]: F[K][1] extends Field<infer T> ? T : never }

function malformed(reason: string): VillageError {
  return new VillageError('PROTOCOL_MALFORMED', `A message is malformed: ${reason}`)
}

function scalar<T>(
  wireType: number,
  absent: T,
  write: (target: Writer, value: T) => void,
  read: (source: Reader) => T,
  isAbsent: (value: T) => boolean = (value) => value === absent,
): Field<T> {
  return {
    wireType,
    repeated: false,
    absent: () => absent,
    isAbsent,
    write(tag, value, target) {
      target.uint32((tag << 3) | wireType)
      write(target, value)
    },
    read: (source) => read(source),
  }
}

export const uint32 = (): Field<number> =>
  scalar(
    VARINT,
    0,
    (target, value) => target.uint32(value),
    (source) => source.uint32(),
  )

/** An integer from 0 to 2^53 − 1 on the wire type uint64. */
export const uint64 = (): Field<number> =>
  scalar(
    VARINT,
    0,
    (target, value) => target.uint64Number(value),
    (source) => {
      const value = source.uint64()
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('an integer is over 2^53')
      return Number(value)
    },
  )

export const bool = (): Field<boolean> =>
  scalar(
    VARINT,
    false,
    (target, value) => target.bool(value),
    (source) => source.bool(),
  )

export const double = (): Field<number> =>
  scalar(
    FIXED64,
    0,
    (target, value) => target.double(value),
    (source) => source.double(),
    (value) => Object.is(value, 0),
  )

const textDecoder = new TextDecoder('utf-8', { fatal: true })

function boundedBytes(source: Reader, maxBytes: number): Uint8Array {
  const start = source.pos
  const length = source.uint32()
  if (length > maxBytes) throw malformed(`a field of ${length} bytes is over its limit of ${maxBytes}`)
  source.pos = start
  return source.bytes()
}

export const string = (maxBytes: number): Field<string> =>
  scalar(
    LENGTH_DELIMITED,
    '',
    (target, value) => {
      if (Buffer.byteLength(value) > maxBytes)
        throw malformed(`a string is over its limit of ${maxBytes} bytes`)
      target.string(value)
    },
    (source) => {
      try {
        return textDecoder.decode(boundedBytes(source, maxBytes))
      } catch (error) {
        if (error instanceof VillageError) throw error
        throw malformed('a string is not UTF-8')
      }
    },
  )

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** A byte field from this size on is not copied by encodeParts(). */
const UNCOPIED_MIN_BYTES = 16 * 1024

export const bytes = (maxBytes: number): Field<Uint8Array> => {
  const check = (value: Uint8Array) => {
    if (value.byteLength > maxBytes) throw malformed(`a byte field is over its limit of ${maxBytes} bytes`)
  }
  return {
    ...scalar(
      LENGTH_DELIMITED,
      NO_BYTES,
      (target, value) => {
        check(value)
        target.bytes(value)
      },
      (source) => boundedBytes(source, maxBytes),
      (value) => value.byteLength === 0,
    ),
    writeHead(tag, value, target) {
      check(value)
      target.uint32((tag << 3) | LENGTH_DELIMITED)
      target.uint32(value.byteLength)
    },
  }
}

/** A message inside a message. It is absent, not defaulted, when it was not sent: wrap it in optional() or list(). */
export const nested = <T>(inner: Message<T>, maxBytes: number): Field<T | undefined> => ({
  wireType: LENGTH_DELIMITED,
  repeated: false,
  absent: () => undefined,
  isAbsent: (value) => value === undefined,
  write(tag, value, target) {
    target.uint32((tag << 3) | LENGTH_DELIMITED)
    target.bytes(inner.encode(value as T))
  },
  read: (source) => inner.decode(boundedBytes(source, maxBytes)),
})

/** Tells a field that was not sent (undefined) from one at its default. */
export const optional = <T>(field: Field<T>): Field<T | undefined> => ({
  wireType: field.wireType,
  repeated: false,
  absent: () => undefined,
  isAbsent: (value) => value === undefined,
  write: (tag, value, target) => field.write(tag, value as T, target),
  read: (source) => field.read(source, field.absent()),
})

/** A repeated field, never packed, of at most `maxItems`. */
export const list = <T>(field: Field<T>, maxItems: number): Field<NonNullable<T>[]> => ({
  wireType: field.wireType,
  repeated: true,
  absent: () => [],
  isAbsent: (value) => value.length === 0,
  write(tag, values, target) {
    if (values.length > maxItems) throw malformed(`a list is over its limit of ${maxItems} items`)
    for (const value of values) field.write(tag, value, target)
  },
  read(source, before) {
    if (before.length >= maxItems) throw malformed(`a list is over its limit of ${maxItems} items`)
    before.push(field.read(source, field.absent()) as NonNullable<T>)
    return before
  },
})

export function message<F extends AnyFields>(name: string, fields: F): Message<InferFields<F>> {
  const entries = Object.entries(fields as Fields) as [string, readonly [number, Field<unknown>]][]
  const byTag = new Map(entries.map(([key, [tag, field]]) => [tag, { key, field }]))
  if (byTag.size !== entries.length) throw new Error(`message ${name} uses a field number twice`)
  return {
    name,
    encode(value) {
      const target = writer()
      for (const [key, [tag, field]] of entries) {
        const part = (value as Record<string, unknown>)[key]
        if (part !== undefined && !field.isAbsent(part)) field.write(tag, part, target)
      }
      return target.finish()
    },
    encodeParts(value) {
      const parts: Uint8Array[] = []
      let target = writer()
      for (const [key, [tag, field]] of entries) {
        const part = (value as Record<string, unknown>)[key]
        if (part === undefined || field.isAbsent(part)) continue
        if (
          field.writeHead === undefined ||
          !(part instanceof Uint8Array) ||
          part.length < UNCOPIED_MIN_BYTES
        ) {
          field.write(tag, part, target)
          continue
        }
        field.writeHead(tag, part, target)
        parts.push(target.finish(), part)
        target = writer()
      }
      const rest = target.finish()
      return rest.byteLength > 0 || parts.length === 0 ? [...parts, rest] : parts
    },
    decode(encoded) {
      const result: Record<string, unknown> = {}
      for (const [key, [, field]] of entries) result[key] = field.absent()
      try {
        const source = reader(encoded)
        while (source.pos < source.len) {
          const head = source.uint32()
          const known = byTag.get(head >>> 3)
          if (known === undefined) source.skipType(head & 7)
          else if (known.field.wireType !== (head & 7))
            throw malformed(`field ${known.key} of ${name} has the wrong type`)
          else result[known.key] = known.field.read(source, result[known.key])
        }
        if (source.pos !== source.len) throw malformed(`${name} is cut off`)
      } catch (error) {
        if (error instanceof VillageError) throw error
        throw malformed(`${name} is cut off or not protobuf`)
      }
      return result as InferFields<F>
    },
  }
}
