/** The Range header of one byte range (RFC 9110, section 14). */
import { VillageError } from '../errors.ts'

export interface ByteRange {
  offset: number
  length: number
}

/**
 * Null when the whole content is to be sent: no header, another unit, several ranges or a malformed one, which a
 * server ignores. Throws API_RANGE when the range lies wholly outside the content.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return null
  const unsatisfiable = () =>
    new VillageError('API_RANGE', `The content has ${sizeBytes} bytes`, { fields: { sizeBytes } })
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), sizeBytes)
    if (length === 0) throw unsatisfiable()
    return { offset: sizeBytes - length, length }
  }
  const first = Number(match[1])
  const last = match[2] === '' ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1)
  if (match[2] !== '' && Number(match[2]) < first) return null
  if (first >= sizeBytes) throw unsatisfiable()
  return { offset: first, length: last - first + 1 }
}
