/** Language models that a worker thread keeps loaded for evaluations. */
import type { LanguageModel } from '../generate/language-model.ts'

export interface WorkerModels {
  /** Lends the model of a directory to `use`; it stays loaded for a while. */
  with<T>(modelDir: string, use: (model: LanguageModel) => Promise<T>): Promise<T>
  /** Directories whose models are loaded, the least recently used first. */
  loaded(): readonly string[]
  close(): Promise<void>
}

interface Loaded {
  readonly model: Promise<LanguageModel>
  users: number
}

/**
 * At most `maxModels` stay loaded, the least recently used goes first, and all go when none was used for `idleMs`. One that
 * is in use is never closed under its user.
 */
export function createWorkerModels(
  components: { open: (modelDir: string) => Promise<LanguageModel> },
  init: { maxModels: number; idleMs: number },
): WorkerModels {
  /** In order of use. */
  const models = new Map<string, Loaded>()
  let idle: NodeJS.Timeout | undefined

  async function shut(modelDir: string, { model }: Loaded): Promise<void> {
    models.delete(modelDir)
    await (await model).close()
  }

  async function shrink(most: number): Promise<void> {
    for (const [modelDir, loaded] of [...models])
      if (models.size > most && loaded.users === 0) await shut(modelDir, loaded)
  }

  function restartIdle(): void {
    clearTimeout(idle)
    idle = setTimeout(() => void shrink(0), init.idleMs)
    // A worker that was told to close is not kept by it.
    idle.unref()
  }

  return {
    loaded: () => [...models.keys()],
    async with(modelDir, use) {
      clearTimeout(idle)
      const known = models.get(modelDir)
      models.delete(modelDir)
      // Memory is free before it is taken.
      if (known === undefined) await shrink(init.maxModels - 1)
      const again = models.get(modelDir) ?? known
      const loaded: Loaded = again ?? { model: components.open(modelDir), users: 0 }
      models.delete(modelDir)
      models.set(modelDir, loaded)
      loaded.users += 1
      try {
        return await use(await loaded.model)
      } catch (error) {
        // A model that could not be opened is not one that is loaded.
        await loaded.model.catch(() => models.get(modelDir) === loaded && models.delete(modelDir))
        throw error
      } finally {
        loaded.users -= 1
        await shrink(init.maxModels)
        restartIdle()
      }
    },
    async close() {
      clearTimeout(idle)
      await shrink(0)
    },
  }
}
