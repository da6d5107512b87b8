/** The encoders of collections: named by CID, so that vectors of one collection are never made by two models. */
import type { Embedding } from '../../../compute/models/embedding.ts'
import type { ModelEntry } from '../../../compute/models/model-entry.ts'
import type { Models } from '../../../compute/models/registry.ts'
import type { Embeddings } from '../../../compute/models/sentence-encoder.ts'
import { VillageError } from '../../../errors.ts'

export interface CollectionEncoder {
  /**
   * CID and length of vectors of a model, by id or CID; of the one that comes with the daemon when none is named, which is added
   * to the models where it is missing. Throws MODEL_UNKNOWN, MODEL_NOT_ENCODER.
   */
  resolve(model: string | undefined, signal: AbortSignal): Promise<{ cid: string; dims: number }>
  /** Whether embed() knows the model: it is one of this node's, or the one that comes with the daemon. */
  has(cid: string, signal: AbortSignal): Promise<boolean>
  /** Throws MODEL_UNKNOWN where the model has been removed, and as Embedding. */
  embed(cid: string, texts: readonly string[], signal: AbortSignal): Promise<Embeddings>
}

interface Components {
  readonly models: Pick<Models, 'add' | 'list' | 'get' | 'need'>
  readonly embedding: Embedding
}

const EMBEDDED = 'encoder'

export function createCollectionEncoder(components: Components): CollectionEncoder {
  const { models, embedding } = components
  let adding: Promise<ModelEntry> | undefined
  /** Of the encoder that comes with the daemon, once it is known: the same on every node. */
  let embeddedCid: string | undefined

  /** It is written from a package of the installation: nothing is downloaded. */
  function addEmbedded(signal: AbortSignal): Promise<ModelEntry> {
    adding ??= models
      .add({ embedded: EMBEDDED }, signal)
      .then((entry) => {
        embeddedCid = entry.cid
        return entry
      })
      .finally(() => {
        adding = undefined
      })
    return adding
  }

  async function embedded(signal: AbortSignal): Promise<ModelEntry> {
    const known = embeddedCid === undefined ? null : await models.get(embeddedCid)
    return known ?? addEmbedded(signal)
  }

  async function embed(cid: string, texts: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    if ((await models.get(cid)) !== null) return embedding.embed(cid, texts, signal)
    // Whoever removed it from the models did not mean to make collections useless: the embedded one is always at hand.
    const isOther = embeddedCid !== undefined && embeddedCid !== cid
    if (isOther || (await addEmbedded(signal)).cid !== cid)
      throw new VillageError(
        'MODEL_UNKNOWN',
        'The model that made the vectors of the collection is not here',
        {
          fields: { model: cid },
        },
      )
    return embedding.embed(cid, texts, signal)
  }

  return {
    embed,
    async has(cid, signal) {
      return (await models.get(cid)) !== null || (embeddedCid ?? (await addEmbedded(signal)).cid) === cid
    },
    async resolve(model, signal) {
      const entry = model === undefined ? await embedded(signal) : await models.need(model)
      const { dims } = await embed(entry.cid, ['How long is a vector?'], signal)
      return { cid: entry.cid, dims }
    },
  }
}
