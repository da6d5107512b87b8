/**
 * Manifests as they were read last, for as long as their files were not replaced. What goes on by itself looks at the manifests of all
 * collections again and again; the reading thread keeps far fewer indexes open than there may be, and would open each anew every time.
 */
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Manifest } from './manifest.ts'
import { MANIFEST_FILE } from './manifest-file.ts'

export interface ManifestCache {
  /** Throws what `read` throws. */
  of(directory: string): Promise<Manifest>
  /** The index is closed or gone: at the next look it is opened again, and its segments are checked. */
  forget(directory: string): void
}

/** A manifest has some 200 bytes by segment. */
const MAX_MANIFESTS = 1_024

async function stampOf(directory: string): Promise<string | null> {
  try {
    const { ino, ctimeNs, size } = await stat(path.join(directory, MANIFEST_FILE), { bigint: true })
    return `${ino}.${ctimeNs}.${size}`
  } catch {
    // Whoever reads it says what is wrong.
    return null
  }
}

export function createManifestCache(components: {
  /** Opens the index and its segments. */
  read: (directory: string) => Promise<Manifest>
}): ManifestCache {
  const known = new Map<string, { readonly stamp: string; readonly manifest: Manifest }>()
  /** Counts what was forgotten: a read that began before must not be kept. */
  let epoch = 0

  return {
    async of(directory) {
      // Before it is read: one that is replaced meanwhile is noticed at the next look.
      const stamp = await stampOf(directory)
      const before = known.get(directory)
      if (before !== undefined && before.stamp === stamp) return before.manifest
      const begun = epoch
      const manifest = await components.read(directory)
      if (stamp !== null && begun === epoch) {
        known.delete(directory)
        if (known.size >= MAX_MANIFESTS) known.delete(known.keys().next().value!)
        known.set(directory, { stamp, manifest })
      }
      return manifest
    },
    forget(directory) {
      epoch += 1
      known.delete(directory)
    },
  }
}
