/** A list that is read from the daemon, in every state that it can be in. */
import { html } from './html.js'
import { Empty, Loading, Problem } from './widgets.js'

/**
 * The failure of the read; lines of the height of what will be there until it is; `empty` where there is none of it; else what
 * `children(rows)` makes of them. What was read stays while a later read fails.
 * @param {{ error: Error | null, rows: any[] | undefined, lines?: number, empty: unknown, children(rows: any[]): unknown }} given
 */
export const Read = ({ error, rows, lines = 3, empty, children }) => html`<${Problem} error=${error} />
  ${
    rows === undefined
      ? error === null
        ? html`<${Loading} lines=${lines} />`
        : null
      : rows.length === 0
        ? html`<${Empty}>${empty}<//>`
        : children(rows)
  }`
