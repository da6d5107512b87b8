/**
 * A passage that lies in several collections of one search (an import beside what it was made of, a private copy) is one passage: the
 * segment is the same, so that its bytes are. It is shown once, as of one of them.
 */
import type { Candidate, SearchOutcome } from '../search-types.ts'
import { segmentIn } from './segment-key.ts'

const placeOf = ({ segment, chunk }: Candidate): string => `${segmentIn(segment)}/${chunk}`

/**
 * Each passage of `own`, in its order, under one name, and what `others` found of the same passages under that name too. What only
 * others found is named once for each owner: the word of one about its collection must not stand before the word of another about its
 * own.
 */
export function nameOnce(
  own: readonly SearchOutcome[],
  others: readonly SearchOutcome[] = [],
  ownerOf: (segment: string) => string = () => '',
): SearchOutcome[] {
  const names = new Map<string, string>()
  const ofOwner = (candidate: Candidate) => `${placeOf(candidate)}/${ownerOf(candidate.segment)}`
  for (const candidate of own.flatMap(candidatesOf))
    if (!names.has(placeOf(candidate))) names.set(placeOf(candidate), candidate.segment)
  for (const candidate of others.flatMap(candidatesOf)) {
    const { segment } = candidate
    const known = names.get(ofOwner(candidate))
    // Whoever answers first, the name is the same.
    if (known === undefined || segment < known) names.set(ofOwner(candidate), segment)
  }
  const rename = (candidate: Candidate): Candidate => {
    const segment = names.get(placeOf(candidate)) ?? names.get(ofOwner(candidate)) ?? candidate.segment
    return segment === candidate.segment ? candidate : { ...candidate, segment }
  }
  return [...own, ...others].map(({ lexical, vectors }) => ({
    lexical: lexical.map(rename),
    vectors: vectors.map(rename),
  }))
}

const candidatesOf = ({ lexical, vectors }: SearchOutcome): Candidate[] => [...lexical, ...vectors]
