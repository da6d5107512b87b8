/** What a constrained text needs of a grammar: which tokens may come next. */
import type { Constraint } from './language-model.ts'
import type { TokenMask } from './sampling.ts'

export interface Matcher {
  /** Tokens that may come next; none where the text is complete and the model has no end-of-text token. */
  mask(): Promise<TokenMask>
  accept(token: number): void
  dispose(): void
}

export interface Grammars {
  /** Throws CONSTRAINT_UNSUPPORTED, which names what cannot be honoured. */
  matcher(constraint: Constraint): Promise<Matcher>
  dispose(): void
}
