/** What an IndexHost and its threads say to each other: an operation of a table, by name, and what came of it. */
import type { WireError } from '../../../compute/worker-messages.ts'

/** Functions whose arguments and results can be cloned from one thread to another. */
export type ThreadOperations = Readonly<Record<string, (...input: never[]) => unknown>>

export type ToThread =
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly input: readonly unknown[] }
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
