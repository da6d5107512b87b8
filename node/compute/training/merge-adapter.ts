/** LoRA matrices put into the weights that they adapt, or written as an adapter of their own in the form of PEFT. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { AdapterModule } from '../models/language-card.ts'
import { ADAPTER_BASE, ADAPTER_CONFIG_FILE, ADAPTER_FILE } from '../models/model-files.ts'
import { openModel } from '../onnx/read.ts'
import { replaceTensors } from '../onnx/replace-tensors.ts'
import { type WrittenTensor, writeSafetensors } from '../safetensors/write.ts'

/** PEFT wraps the model twice. */
const PREFIX = 'base_model.model.'

export interface AdapterInit {
  readonly rank: number
  readonly alpha: number
  readonly modules: readonly AdapterModule[]
  /** `<module>.lora_A` [inputs, rank] and `<module>.lora_B` [rank, outputs], unscaled; modules without them stay as they are. */
  readonly parameters: ReadonlyMap<string, Float32Array>
}

interface Trained extends AdapterModule {
  readonly down: Float32Array
  readonly up: Float32Array
}

function trainedModules({ modules, parameters, rank }: AdapterInit): Trained[] {
  return modules.flatMap(({ name, inputs, outputs }) => {
    const down = parameters.get(`${name}.lora_A`)
    const up = parameters.get(`${name}.lora_B`)
    if (down === undefined || up === undefined) return []
    if (down.length !== inputs * rank || up.length !== rank * outputs)
      throw new VillageError('INVALID_ARGUMENT', `The adapter of ${name} has not the shape of the module`)
    return [{ name, inputs, outputs, down, up }]
  })
}

/** weight [inputs, outputs] + alpha/rank · A·B, summed in double precision. */
function merged(weight: Float32Array, module: Trained, init: AdapterInit): Float32Array {
  const { inputs, outputs, down, up } = module
  const { rank, alpha } = init
  const scale = alpha / rank
  const row = new Float64Array(outputs)
  for (let input = 0; input < inputs; input++) {
    row.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = down[input * rank + k]!
      for (let output = 0; output < outputs; output++) row[output]! += factor * up[k * outputs + output]!
    }
    const at = input * outputs
    for (let output = 0; output < outputs; output++) weight[at + output]! += scale * row[output]!
  }
  return weight
}

/** Copies the model to `outDir` with the adapter in its weights. Memory is one weight. */
export function mergeAdapter(modelPath: string, outDir: string, init: AdapterInit): void {
  using model = openModel(modelPath)
  const values = new Map<string, () => Float32Array>()
  for (const module of trainedModules(init)) {
    const name = `${module.name}.weight`
    const tensor = model.graph.initializers.get(name)
    if (tensor === undefined || tensor.dims[0] !== module.inputs || tensor.dims[1] !== module.outputs)
      throw new VillageError('INVALID_ARGUMENT', `The model has no weight of the module ${module.name}`)
    values.set(name, () => merged(model.readTensor(tensor), module, init))
  }
  replaceTensors(modelPath, outDir, values)
}

function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) out[col * rows + row] = values[row * cols + col]!
  return out
}

/** Writes `adapter_model.safetensors` and `adapter_config.json`, which PEFT and this project read. Returns its parameters. */
export function writeAdapter(
  outDir: string,
  init: AdapterInit & { readonly base: string; readonly baseCid: string; readonly architecture: string },
): number {
  const { rank, alpha } = init
  const trained = trainedModules(init)
  const tensors = trained.flatMap(({ name, inputs, outputs, down, up }): WrittenTensor[] => [
    {
      name: `${PREFIX}${name}.lora_A.weight`,
      shape: [rank, inputs],
      dtype: 'F32',
      values: () => [transposed(down, inputs, rank)],
    },
    {
      name: `${PREFIX}${name}.lora_B.weight`,
      shape: [outputs, rank],
      dtype: 'F32',
      values: () => [transposed(up, rank, outputs)],
    },
  ])
  writeSafetensors(path.join(outDir, ADAPTER_FILE), tensors, {
    format: 'pt',
    [ADAPTER_BASE]: init.baseCid,
  })
  const config: JsonObject = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: init.base,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    bias: 'none',
    // Conv1D of GPT-2 holds its weights the other way round.
    fan_in_fan_out: init.architecture === 'gpt2',
    target_modules: [...new Set(trained.map(({ name }) => name.split('.').at(-1)!))].sort(),
    inference_mode: true,
  }
  writeFileSync(path.join(outDir, ADAPTER_CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`)
  return trained.reduce((sum, { down, up }) => sum + down.length + up.length, 0)
}
