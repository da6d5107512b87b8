import type { DataType } from './data-types.ts'
import type { ByteRange } from './wire.ts'

/** Where the elements of a tensor lie. Nothing of them is in memory. */
export type TensorStorage =
  /**
   * Little-endian elements, back to back, in the model file (`file` null) or in a checked external file (its
   * path).
   */
  | {
      readonly kind: 'raw'
      readonly file: string | null
      readonly offset: number
      readonly sizeBytes: number
    }
  /** Protobuf numbers of a typed field (int32_data and its like), in the ranges' order. */
  | {
      readonly kind: 'typed'
      readonly encoding: 'varint' | 'fixed32' | 'fixed64'
      readonly segments: readonly ByteRange[]
    }
  /** Strings, or a type that this reader only copies. */
  | { readonly kind: 'opaque' }

export interface TensorInfo {
  readonly name: string
  readonly type: DataType
  readonly dims: readonly number[]
  readonly elements: number
  readonly storage: TensorStorage
  /** The body of the TensorProto in the model file. */
  readonly message: ByteRange
}

export interface AttributeInfo {
  readonly name: string
  readonly int: bigint | undefined
  readonly float: number | undefined
  readonly string: Uint8Array | undefined
  readonly ints: readonly bigint[]
  readonly tensors: readonly TensorInfo[]
  readonly graphs: readonly GraphInfo[]
}

export interface NodeInfo {
  readonly name: string
  readonly opType: string
  /** '' is the ONNX default domain. */
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, AttributeInfo>
  /** The body of the NodeProto in the model file. */
  readonly message: ByteRange
}

export interface ValueInfo {
  readonly name: string
  /** Element type code, 0 where it is not a plain tensor or not given. */
  readonly elementType: number
  /** A number, a symbol, or null where it is open; undefined where the rank is not given. */
  readonly dims: readonly (number | string | null)[] | undefined
}

/**
 * One field as it stands in the file, tag included: what is not replaced is copied from here byte for byte.
 */
export interface FieldRange extends ByteRange {
  readonly field: number
  /** Name of the initializer, input, output or value; '' for every other field. */
  readonly name: string
}

export interface GraphInfo {
  readonly name: string
  readonly nodes: readonly NodeInfo[]
  readonly initializers: ReadonlyMap<string, TensorInfo>
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly fields: readonly FieldRange[]
  /** Names that this graph reads but does not make: of its outer graphs, where it is a subgraph. */
  readonly freeNames: ReadonlySet<string>
}

export interface OpsetImport {
  readonly domain: string
  readonly version: number
}

/** Field numbers of onnx.proto that the reader, the writer and the rewriter share. */
export const MODEL_FIELD = {
  irVersion: 1,
  producerName: 2,
  producerVersion: 3,
  domain: 4,
  modelVersion: 5,
  docString: 6,
  graph: 7,
  opsetImport: 8,
  metadataProps: 14,
  trainingInfo: 20,
  functions: 25,
} as const

export const GRAPH_FIELD = {
  node: 1,
  name: 2,
  initializer: 5,
  docString: 10,
  input: 11,
  output: 12,
  valueInfo: 13,
  quantizationAnnotation: 14,
  sparseInitializer: 15,
} as const

export const NODE_FIELD = {
  input: 1,
  output: 2,
  name: 3,
  opType: 4,
  attribute: 5,
  docString: 6,
  domain: 7,
} as const

export const ATTRIBUTE_FIELD = {
  name: 1,
  float: 2,
  int: 3,
  string: 4,
  tensor: 5,
  graph: 6,
  floats: 7,
  ints: 8,
  strings: 9,
  tensors: 10,
  graphs: 11,
  type: 20,
  sparseTensor: 22,
  sparseTensors: 23,
} as const

export const TENSOR_FIELD = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const
