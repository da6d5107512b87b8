/** What a row of the family table is. */
import type { ModelSpec } from '../../onnx/write.ts'
import type { EncoderCard } from '../model-card.ts'
import type { ConfigFields } from './config-fields.ts'
import type { LanguageGraph } from './language-graph.ts'
import type { SourceWeights } from './source-weights.ts'

export interface FamilySource {
  readonly config: ConfigFields
  readonly weights: SourceWeights
  /** Whether linear layers get LoRA inputs. */
  readonly adapters: boolean
  readonly modelDir: string
}

interface FamilyNames {
  /** What `architectures[0]` of config.json may be, and `model_type`. */
  readonly architectures: readonly string[]
  readonly modelType: string
}

export interface LanguageFamily {
  readonly task: 'text-generation'
  readonly names: FamilyNames
  /** Tensors that may be there and are not needed. */
  readonly ignored: readonly RegExp[]
  build(source: FamilySource): {
    readonly to: LanguageGraph
    readonly shape: {
      readonly layers: number
      readonly keyValueHeads: number
      readonly headSize: number
      readonly vocabulary: number
      readonly contextTokens: number
    }
    readonly ignored: readonly RegExp[]
  }
}

export interface EncoderFamily {
  readonly task: 'sentence-embedding'
  readonly names: FamilyNames
  readonly ignored: readonly RegExp[]
  build(source: FamilySource): {
    readonly model: ModelSpec
    readonly card: Pick<
      EncoderCard,
      'dimensions' | 'maxTokens' | 'inputs' | 'output' | 'pooling' | 'normalise' | 'specialTokens'
    >
  }
}

export type Family = LanguageFamily | EncoderFamily
