/** Names of the files of a model directory. */

export const MODEL_FILE = 'model.onnx'
export const TOKENIZER_FILE = 'tokenizer.json'
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json'
export const CHAT_TEMPLATE_FILE = 'chat_template.jinja'
export const CONFIG_FILE = 'config.json'
export const GENERATION_CONFIG_FILE = 'generation_config.json'
export const SAFETENSORS_INDEX_FILE = 'model.safetensors.index.json'
export const README_FILE = 'README.md'
export const CARD_FILE = 'model.json'
/** Of an adapter, in the form of PEFT. */
export const ADAPTER_FILE = 'adapter_model.safetensors'
export const ADAPTER_CONFIG_FILE = 'adapter_config.json'
/** Key in the metadata of an adapter's safetensors: CID of the model that it was trained from. */
export const ADAPTER_BASE = 'village_base_cid'
/** In both forms of a compressed ONNX model: what it was made of. */
export const COMPRESSED_FILE = 'compressed.json'
/** Of the packed form of a compressed model. */
export const PACKED_FILE = 'packed.json'

/** Small files that go along with a model wherever it goes: its card, its tokenizer, and what trainers put beside weights. */
export const EXTRA_FILES = [
  CARD_FILE,
  TOKENIZER_FILE,
  CONFIG_FILE,
  GENERATION_CONFIG_FILE,
  TOKENIZER_CONFIG_FILE,
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.model',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  CHAT_TEMPLATE_FILE,
  SAFETENSORS_INDEX_FILE,
  README_FILE,
  COMPRESSED_FILE,
] as const
