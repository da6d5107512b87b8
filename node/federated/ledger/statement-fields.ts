/** The fields of each kind of statement, as they are encoded and read. A row a kind; `length` is the number of its fields. */
import { canonicalJson } from '../../json.ts'
import { publicKeyOf } from '../../mesh/membership/keys.ts'
import { MAX_GENOME_BYTES } from '../evolve/strategy.ts'
import {
  type CborValue,
  fromHex,
  malformed,
  readBytes,
  readHash,
  readInteger,
  readJson,
  readList,
  readNumber,
  readPeer,
  readText,
  readTuple,
} from './codec.ts'
import {
  CONTROL_ACTIONS,
  MAX_GENERATION,
  MAX_PARENTS,
  MAX_SLOTS,
  MAX_STAGE,
  MAX_VALUES_BYTES,
  NONCE_BYTES,
  type Statement,
  type StatementKind,
} from './statement.ts'
import { readVote, voteFields } from './vote.ts'

type OfKind<K extends StatementKind> = Extract<Statement, { readonly kind: K }>

interface Row<K extends StatementKind> {
  readonly code: number
  readonly length: number
  write(statement: OfKind<K>): CborValue[]
  /** Throws LEDGER_MALFORMED. */
  read(author: string, fields: readonly unknown[]): OfKind<K>
}

const MAX_COUNT = Number.MAX_SAFE_INTEGER
/** A lifetime's work of one candidate: no honest figure comes near. */
const MAX_JOULES = 1e12
const MAX_BUSY_MS = 1e12

const readSequence = (value: unknown) => readInteger(value, 1, MAX_COUNT, 'the sequence of a statement')
const readGeneration = (value: unknown) => readInteger(value, 0, MAX_GENERATION, 'a generation')
const readStage = (value: unknown) => readInteger(value, 0, MAX_STAGE, 'a stage')
const readSlot = (value: unknown) => readInteger(value, 0, MAX_SLOTS - 1, 'a slot')

/** Entries by slot, slots rising, so that one meaning has one encoding. None says: nothing of its own (`propose`), nothing scored. */
function readEntries<T extends { readonly slot: number }>(
  value: unknown,
  length: number,
  read: (fields: readonly unknown[]) => T,
): T[] {
  const entries = readList(value, MAX_SLOTS, 'the entries of a statement').map((entry) =>
    read(readTuple(entry, length, 'an entry of a statement')),
  )
  if (entries.some(({ slot }, index) => index > 0 && slot <= entries[index - 1]!.slot))
    throw malformed('the slots of a statement do not rise')
  return entries
}

export const STATEMENT_FIELDS: { readonly [K in StatementKind]: Row<K> } = {
  join: {
    code: 1,
    length: 4,
    write: (said) => [said.sequence, said.cores, said.memoryBytes, said.software],
    read: (author, [sequence, cores, memoryBytes, software]) => ({
      kind: 'join',
      author,
      sequence: readSequence(sequence),
      cores: readInteger(cores, 1, 65_536, 'the cores of a participant'),
      memoryBytes: readInteger(memoryBytes, 0, MAX_COUNT, 'the memory of a participant'),
      software: readText(software, /^[\w.+-]{1,32}$/, 'the software of a participant'),
    }),
  },
  leave: {
    code: 2,
    length: 1,
    write: (said) => [said.sequence],
    read: (author, [sequence]) => ({ kind: 'leave', author, sequence: readSequence(sequence) }),
  },
  control: {
    code: 3,
    length: 2,
    write: (said) => [said.sequence, CONTROL_ACTIONS.indexOf(said.action)],
    read: (author, [sequence, action]) => ({
      kind: 'control',
      author,
      sequence: readSequence(sequence),
      action: CONTROL_ACTIONS[readInteger(action, 0, CONTROL_ACTIONS.length - 1, 'an action')]!,
    }),
  },
  propose: {
    code: 4,
    length: 2,
    write: (said) => [
      said.generation,
      said.entries.map(({ slot, genome, origin }) => [
        slot,
        canonicalJson(genome),
        origin.parents,
        origin.by,
      ]),
    ],
    read: (author, [generation, entries]) => ({
      kind: 'propose',
      author,
      generation: readGeneration(generation),
      entries: readEntries(entries, 4, ([slot, genome, parents, by]) => ({
        slot: readSlot(slot),
        genome: readJson(genome, MAX_GENOME_BYTES, 'a genome'),
        origin: {
          parents: readList(parents, MAX_PARENTS, 'the parents of a candidate').map((id) =>
            readText(id, /^\d{1,6}\.\d{1,3}$/, 'the id of a parent'),
          ),
          by: readText(by, /^[a-z][a-z0-9-]{0,23}$/, 'the origin of a candidate'),
        },
      })),
    }),
  },
  commit: {
    code: 5,
    length: 3,
    write: (said) => [
      said.generation,
      said.stage,
      said.entries.map(({ slot, digest }) => [slot, digest === null ? null : fromHex(digest)]),
    ],
    read: (author, [generation, stage, entries]) => ({
      kind: 'commit',
      author,
      generation: readGeneration(generation),
      stage: readStage(stage),
      entries: readEntries(entries, 2, ([slot, digest]) => ({
        slot: readSlot(slot),
        digest: digest === null ? null : readHash(digest, 'a commitment'),
      })),
    }),
  },
  reveal: {
    code: 6,
    length: 3,
    write: (said) => [
      said.generation,
      said.stage,
      said.entries.map(({ slot, nonce, values, joules, busyMs }) => [slot, nonce, values, joules, busyMs]),
    ],
    read: (author, [generation, stage, entries]) => ({
      kind: 'reveal',
      author,
      generation: readGeneration(generation),
      stage: readStage(stage),
      entries: readEntries(entries, 5, ([slot, nonce, values, joules, busyMs]) => ({
        slot: readSlot(slot),
        nonce: readBytes(nonce, NONCE_BYTES, NONCE_BYTES, 'the nonce of a reveal'),
        values: readBytes(values, 0, MAX_VALUES_BYTES, 'the scores of a candidate'),
        joules: readNumber(joules, 0, MAX_JOULES, 'the energy of a candidate'),
        busyMs: readInteger(busyMs, 0, MAX_BUSY_MS, 'the time of a candidate'),
      })),
    }),
  },
  built: {
    code: 7,
    length: 1,
    write: (said) => [said.cid],
    read: (author, [cid]) => ({
      kind: 'built',
      author,
      cid: readText(cid, /^b[a-z2-7]{8,127}$/, 'the CID of a result'),
    }),
  },
  proof: {
    code: 8,
    length: 3,
    write: (said) => [publicKeyOf(said.voter), voteFields(said.votes[0]), voteFields(said.votes[1])],
    read: (author, [voter, first, second]) => ({
      kind: 'proof',
      author,
      voter: readPeer(voter, 'whom a proof accuses'),
      votes: [readVote(first), readVote(second)],
    }),
  },
}

/** Throws LEDGER_MALFORMED. */
export function kindOfCode(code: number): StatementKind {
  for (const kind of Object.keys(STATEMENT_FIELDS) as StatementKind[])
    if (STATEMENT_FIELDS[kind].code === code) return kind
  throw malformed('a statement is of no known kind')
}
