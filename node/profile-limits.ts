/**
 * What the store and the mesh may hold in memory, by profile: an edge box keeps little, a server has room for what saves it work.
 * What a machine lends to jobs is another matter (compute/resources.ts).
 */

const MIB = 2 ** 20

/** Sizes in bytes, as LevelDB is opened with them. */
export interface StoreLimits {
  /** Blocks of tables, uncompressed. */
  readonly cacheSize: number
  /** What was written last, in memory and in the log; up to two of them are held at once. */
  readonly writeBufferSize: number
  /** Tables kept open with their indexes. */
  readonly maxOpenFiles: number
}

export interface MeshLimits {
  /** Connections kept at once where the configuration does not say. */
  readonly maxConnections: number
  readonly streamsByConnection: number
  /** What a peer may send on a stream before it is taken; a stream holds twice of it at most. */
  readonly streamWindowBytes: number
  readonly parallelDials: number
  /** Dials that wait; more fail at once, and are tried again later. */
  readonly waitingDials: number
  /** Heartbeats (one a second) for which messages are kept, to be sent again to who missed them. */
  readonly gossipKeptHeartbeats: number
  /** Of these the newest, of which others are told. */
  readonly gossipToldHeartbeats: number
}

/** What has had nothing to do for so long ends, and the models that it had loaded with it. */
export interface IdleLimits {
  readonly threadMs: number
  /** The process that reads documents. */
  readonly parserMs: number
}

export interface ProfileLimits {
  readonly store: StoreLimits
  readonly mesh: MeshLimits
  readonly idle: IdleLimits
}

/** LevelDB's and libp2p's own; fewer connections (300 there), smaller buffers of streams. */
const LAPTOP: ProfileLimits = {
  store: { cacheSize: 8 * MIB, writeBufferSize: 4 * MIB, maxOpenFiles: 1_000 },
  mesh: {
    maxConnections: 100,
    streamsByConnection: 256,
    streamWindowBytes: 4 * MIB,
    parallelDials: 16,
    waitingDials: 500,
    gossipKeptHeartbeats: 5,
    gossipToldHeartbeats: 3,
  },
  // Long enough that the tasks of a job find their sessions loaded.
  idle: { threadMs: 60_000, parserMs: 30_000 },
}

export const PROFILE_LIMITS = {
  laptop: LAPTOP,
  server: {
    // No more files: the state of a large node is some hundred tables.
    store: { ...LAPTOP.store, cacheSize: 64 * MIB, writeBufferSize: 16 * MIB },
    mesh: { ...LAPTOP.mesh, maxConnections: 300, parallelDials: 32 },
    idle: LAPTOP.idle,
  },
  edge: {
    store: { cacheSize: MIB, writeBufferSize: MIB, maxOpenFiles: 100 },
    mesh: {
      maxConnections: 30,
      streamsByConnection: 128,
      streamWindowBytes: MIB,
      parallelDials: 4,
      waitingDials: 100,
      gossipKeptHeartbeats: 3,
      gossipToldHeartbeats: 2,
    },
    idle: { threadMs: 5_000, parserMs: 2_000 },
  },
} as const satisfies Readonly<Record<string, ProfileLimits>>

/** Throws nothing: the configuration has been checked, and knows these profiles only. */
export const profileLimits = (profile: string): ProfileLimits =>
  PROFILE_LIMITS[profile as keyof typeof PROFILE_LIMITS]
