/**
 * How often a member says by gossip what it says again and again. Everybody hears everybody, so at a fixed pace each node would hear more the
 * larger the village is; from a size on the pace falls instead, and what all say together stays the same. It falls so far only: whoever may
 * admit members must not be able to keep news from all by their number, and one that is gone has to be noticed.
 */

/** Members up to which everybody announces at the pace of the protocol. */
export const STEADY_MEMBERS = 250
/** Times as long at most, as in a village of 1,000. */
export const MOST_TIMES_AS_LONG = 4

/** From the sender's count of members; a receiver with another count is within the three intervals that an announcement counts. */
export const announceEveryMs = (everyMs: number, members: number): number =>
  Math.ceil(everyMs * Math.min(MOST_TIMES_AS_LONG, Math.max(1, members / STEADY_MEMBERS)))
