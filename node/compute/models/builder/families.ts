/** The families of models that a graph can be built for, a row each. */
import { VillageError } from '../../../errors.ts'
import { encoderFamily } from './bert.ts'
import type { ConfigFields } from './config-fields.ts'
import { decoderFamily } from './decoder.ts'
import { BERT_NAMES, DISTILBERT_NAMES, ROBERTA_NAMES } from './encoder-names.ts'
import type { Family } from './family.ts'
import { gpt2 } from './gpt2.ts'

const llama = decoderFamily(
  { architectures: ['LlamaForCausalLM'], modelType: 'llama' },
  {
    biases(config) {
      const attention = config.flag('attention_bias', false)
      return { inputs: attention, output: attention, feedForward: config.flag('mlp_bias', false) }
    },
    headNorms: false,
    window: 'none',
    headSize: null,
  },
)

const mistral = decoderFamily(
  { architectures: ['MistralForCausalLM'], modelType: 'mistral' },
  {
    biases: () => ({ inputs: false, output: false, feedForward: false }),
    headNorms: false,
    window: 'always',
    headSize: null,
  },
)

const qwen2 = decoderFamily(
  { architectures: ['Qwen2ForCausalLM'], modelType: 'qwen2' },
  {
    biases: () => ({ inputs: true, output: false, feedForward: false }),
    headNorms: false,
    window: 'if-asked',
    headSize: null,
  },
)

const qwen3 = decoderFamily(
  { architectures: ['Qwen3ForCausalLM'], modelType: 'qwen3' },
  {
    biases(config) {
      const attention = config.flag('attention_bias', false)
      return { inputs: attention, output: attention, feedForward: false }
    },
    headNorms: true,
    window: 'if-asked',
    headSize: 128,
  },
)

const bert = encoderFamily(
  { architectures: ['BertModel', 'BertForMaskedLM', 'BertForPreTraining'], modelType: 'bert' },
  BERT_NAMES,
)

const roberta = encoderFamily(
  { architectures: ['RobertaModel', 'RobertaForMaskedLM'], modelType: 'roberta' },
  ROBERTA_NAMES,
)

const xlmRoberta = encoderFamily(
  { architectures: ['XLMRobertaModel', 'XLMRobertaForMaskedLM'], modelType: 'xlm-roberta' },
  ROBERTA_NAMES,
)

const distilbert = encoderFamily(
  { architectures: ['DistilBertModel', 'DistilBertForMaskedLM'], modelType: 'distilbert' },
  DISTILBERT_NAMES,
)

export const FAMILIES: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gpt2,
  bert,
  roberta,
  xlmRoberta,
  distilbert,
]

/** Names that config.json may have in `architectures`. */
export function supportedArchitectures(): readonly string[] {
  return FAMILIES.flatMap(({ names }) => names.architectures)
}

/** By `architectures[0]`, or by `model_type` where that is absent. Throws MODEL_ARCHITECTURE_UNSUPPORTED. */
export function familyOf(config: ConfigFields): Family {
  const architectures = config.raw('architectures')
  const [key, name] = Array.isArray(architectures)
    ? ['architectures', architectures[0]]
    : ['model_type', config.raw('model_type')]
  const found = FAMILIES.find(({ names }) =>
    key === 'architectures' ? names.architectures.some((one) => one === name) : names.modelType === name,
  )
  const shown = typeof name === 'string' ? `"${name.slice(0, 100)}"` : 'no name'
  const unsupported = (field: string, what: string): VillageError =>
    new VillageError('MODEL_ARCHITECTURE_UNSUPPORTED', what, { fields: { file: 'config.json', field } })
  if (found === undefined)
    throw unsupported(
      key as string,
      `The key "${key}" of config.json has ${shown}; graphs can be built for ${supportedArchitectures().join(', ')}.`,
    )
  if (config.raw('quantization_config') !== undefined)
    throw unsupported(
      'quantization_config',
      'The weights are quantised already (quantization_config of config.json); take the original ones.',
    )
  return found
}
