/**
 * How much of the replicas a member can get, whatever it says that it lends: nobody can check the room on another's disk, and who
 * claims all the room in the world would win every segment of everybody, and lose them all when it leaves.
 */
import { countsForPlacement, type Presence } from './presence.ts'

/**
 * A member counts for at most this many times the median: with n members one that lies gets at most about 4 of n + 3 shares, and
 * a large disk among small ones is still worth something.
 */
const MOST_OF_MEDIAN = 4

interface Weighed {
  readonly weight: number
  readonly presence: Presence
}

/**
 * The same members with their weights capped. The median (the lower of two) is of those that count for placement and lend
 * something, cut to a power of two: while members come and go the cap mostly stays where it is, and with it the copies.
 */
export function capWeights<M extends Weighed>(members: readonly M[]): M[] {
  const weights = members
    .filter(({ weight, presence }) => weight > 0 && countsForPlacement(presence))
    .map(({ weight }) => weight)
    .sort((a, b) => a - b)
  const median = weights[Math.floor((weights.length - 1) / 2)]
  if (median === undefined) return [...members]
  const cap = MOST_OF_MEDIAN * 2 ** Math.floor(Math.log2(median))
  return members.map((member) => (member.weight > cap ? { ...member, weight: cap } : member))
}
