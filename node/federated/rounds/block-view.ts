/** What people and programs are shown of a block: who said what; not the scores themselves. */
import type { Block } from '../ledger/block.ts'
import type { Statement } from '../ledger/statement.ts'
import type { Certificate } from '../ledger/vote.ts'

export interface StatementView {
  readonly kind: string
  readonly author: string
  /** What it is about: `slots 0, 3`, `pause`, a CID. */
  readonly about: string
}

export interface BlockView {
  readonly height: number
  readonly hash: string
  readonly parent: string
  readonly timeMs: number
  readonly proposer: string
  /** View of its proposal, and of the certificate: later, where it took more than one. */
  readonly view: number
  readonly certifiedView: number
  readonly votes: number
  readonly sizeBytes: number
  readonly statements: readonly StatementView[]
}

function aboutOf(statement: Statement): string {
  switch (statement.kind) {
    case 'join':
      return `${statement.cores} cores, version ${statement.software}`
    case 'leave':
      return ''
    case 'control':
      return statement.action
    case 'propose':
      return statement.entries.length === 0 ? 'as the strategy says' : slots(statement.entries)
    case 'commit':
    case 'reveal':
      return slots(statement.entries)
    case 'built':
      return statement.cid
    case 'proof':
      return `${statement.voter} signed two votes`
  }
}

const slots = (entries: readonly { readonly slot: number }[]): string =>
  `slots ${entries.map(({ slot }) => slot).join(', ')}`

export function blockView(block: Block, certificate: Certificate): BlockView {
  const { height, hash, parent, timeMs, proposer, view, bytes, statements } = block
  return {
    height,
    hash,
    parent,
    timeMs,
    proposer,
    view,
    certifiedView: certificate.view,
    votes: certificate.votes.length,
    sizeBytes: bytes.byteLength,
    statements: statements.map(({ statement }) => ({
      kind: statement.kind,
      author: statement.author,
      about: aboutOf(statement),
    })),
  }
}
