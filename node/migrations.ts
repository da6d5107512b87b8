/**
 * How data of one version becomes data of the next: files that move, and writes to the store. Rows only: data-upgrade.ts carries them out,
 * so that none of them has to think of crashes, full disks or the way back.
 */
import { readdir } from 'node:fs/promises'
import type { Database } from './store.ts'

export interface FileMove {
  /** Relative to the data directory. */
  readonly from: string
  readonly to: string
}

export type RecordWrite =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string }

export interface Migration {
  /** What is different afterwards, for people. */
  readonly title: string
  /** Files that lie elsewhere in the new version. Changes nothing. */
  moves(directory: string): Promise<FileMove[]>
  /** Records that are written together with the new version number, or not at all. Changes nothing. */
  writes(db: Database): Promise<RecordWrite[]>
}

/** Version of the layout of the data directory; raise it together with a row in MIGRATIONS. */
export const DATA_VERSION = 2

/** Of villages; the identity and the token of the API lie beside it. */
export const KEYS_FOLDER = 'keys'
const LOOSE_KEYS = /^village-.*\.key$/

/** `MIGRATIONS[n]` brings a data directory of version n to n + 1. */
export const MIGRATIONS: Readonly<Record<number, Migration>> = {
  1: {
    title: 'the keys of villages lie in a folder of their own, keys',
    async moves(directory) {
      const names = await readdir(directory)
      return names
        .filter((name) => LOOSE_KEYS.test(name))
        .map((name) => ({ from: name, to: `${KEYS_FOLDER}/${name}` }))
    },
    writes: async () => [],
  },
}
