import { VillageError } from '../errors.ts'

const UNITS_MS: Record<string, number> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

/** `7d`, `12h`, `90m`, `1d12h` → milliseconds. Throws USAGE. */
export function parseDuration(text: string): number {
  const parts = [...text.trim().matchAll(/(\d{1,9})([smhdw])/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text.trim())
    throw new VillageError('USAGE', `"${text}" is not a duration such as 7d, 12h, 90m or 1d12h`)
  return parts.reduce((sum, part) => sum + Number(part[1]) * UNITS_MS[part[2]!]!, 0)
}
