/** What an IndexHost and its threads say to each other: an operation of a table, by name, and what came of it. */
import type { WireError } from '../../../compute/worker-messages.ts'
import type { Steps } from '../search-work.ts'

/** Functions whose arguments and results can be cloned from one thread to another. What takes long returns steps. */
export type ThreadOperations = Readonly<Record<string, (...input: never[]) => unknown>>

/** What a caller gets of an operation. */
export type ThreadResult<Operation extends (...input: never[]) => unknown> =
  ReturnType<Operation> extends Steps<infer T> ? T : Awaited<ReturnType<Operation>>

export type ToThread =
  | {
      readonly type: 'call'
      readonly id: number
      readonly name: string
      readonly input: readonly unknown[]
      /** A peer asks: what this node itself asks goes first. */
      readonly isForeign: boolean
    }
  /** Nobody waits for the call any more: it ends at its next pause, with an answer as ever. */
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'close' }

export type FromThread =
  | { readonly type: 'done'; readonly id: number; readonly output: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError }
  /** The index in this directory has another manifest. */
  | { readonly type: 'changed'; readonly directory: string }
  /** Nobody asked, and an operator should know: `message` is a constant of the source. */
  | { readonly type: 'problem'; readonly message: string; readonly error: WireError }

export interface ThreadInit {
  readonly niceness: number
  /** Names the host in the locks of its writers. */
  readonly owner: string
}
