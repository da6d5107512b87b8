/** Time zones by the names of their places, as the system knows them: `in Lisbon` → `Europe/Lisbon`. */
import { lineOf, type Word } from './clause.ts'

/** Places that people name and the table of zones does not. */
const MORE: Readonly<Record<string, string>> = {
  delhi: 'Asia/Kolkata',
  mumbai: 'Asia/Kolkata',
  beijing: 'Asia/Shanghai',
  'san francisco': 'America/Los_Angeles',
  seattle: 'America/Los_Angeles',
  boston: 'America/New_York',
  washington: 'America/New_York',
  munich: 'Europe/Berlin',
  hamburg: 'Europe/Berlin',
  frankfurt: 'Europe/Berlin',
  geneva: 'Europe/Zurich',
  barcelona: 'Europe/Madrid',
  milan: 'Europe/Rome',
  edinburgh: 'Europe/London',
  germany: 'Europe/Berlin',
  france: 'Europe/Paris',
  japan: 'Asia/Tokyo',
  india: 'Asia/Kolkata',
  italy: 'Europe/Rome',
  spain: 'Europe/Madrid',
  england: 'Europe/London',
  utc: 'UTC',
  gmt: 'UTC',
}
let places: ReadonlyMap<string, string> | null = null

function zonesByPlace(): ReadonlyMap<string, string> {
  const zones = Intl.supportedValuesOf('timeZone')
  places ??= new Map([
    ...zones.map((zone): [string, string] => [
      zone.split('/').at(-1)!.replaceAll('_', ' ').toLowerCase(),
      zone,
    ]),
    ...Object.entries(MORE),
  ])
  return places
}

/** All that are named, in order; `Europe/Berlin` too. */
export function zonesIn(words: readonly Word[]): string[] {
  const found: string[] = []
  const known = zonesByPlace()
  for (let at = 0; at < words.length; at++) {
    const { text, kind, lower } = words[at]!
    if (kind === 'path' && /^[A-Z][a-z]+\/[A-Z][A-Za-z_]+(?:\/[A-Z][A-Za-z_]+)?$/.test(text)) found.push(text)
    if (
      kind !== 'word' ||
      !(/^(?:in|at|for|and|or|,)$/.test(words[at - 1]?.norm ?? '') || /^(?:utc|gmt)$/.test(lower))
    )
      continue
    const two = `${lower} ${words[at + 1]?.lower ?? ''}`
    const zone = known.get(two) ?? known.get(lower)
    if (zone !== undefined) found.push(zone)
  }
  return lineOf(words) === '' ? [] : [...new Set(found)]
}
