/** Small files that appear whole or not at all. */
import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'

export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  writeFileSync(temporary, text, { flush: true })
  renameSync(temporary, path)
}
