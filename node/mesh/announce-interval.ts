/**
 * How often a member says by gossip what it says again and again. Everybody hears everybody, so at a fixed pace each node would hear more the
 * larger the village is; from a size on the pace falls instead, and what all say together stays the same.
 */

/** Members up to which everybody announces at the pace of the protocol. */
export const STEADY_MEMBERS = 250

/** From the sender's count of members; a receiver with another count is within the three intervals that an announcement counts. */
export const announceEveryMs = (everyMs: number, members: number): number =>
  Math.ceil(everyMs * Math.max(1, members / STEADY_MEMBERS))
