/** What people read of the geometry of models. */
import { count, facts, table } from './format.ts'
import {
  type GeometryView,
  isPowerLaw,
  type LayerView,
  type LookView,
  type MatrixView,
  type ModelView,
  type PairView,
} from './geometry-view.ts'

const figure = (value: number | null | undefined, places: number): string =>
  value === null || value === undefined ? '–' : value.toFixed(places)

/** Names of a file's weights share these parts, and a table has no room for them. */
const brief = (name: string): string => name.replace(/^model\./, '').replace(/\.weight$/, '')

const alphaText = ({ tail }: MatrixView): string =>
  tail === null
    ? '–'
    : tail.p !== null && !isPowerLaw(tail.p)
      ? 'no power law'
      : `${tail.alpha.toFixed(2)}${tail.p === null ? '' : ` (p ${tail.p.toFixed(2)})`}`

/** `7.1 ± 0.3`; `> 44` where it is beyond what the correction knows. */
function dimensionText({ intrinsic }: LayerView): string {
  if (intrinsic === null) return '–'
  const { dimension, maximumLikelihood, standardError } = intrinsic
  return dimension === null
    ? `> ${maximumLikelihood.toFixed(0)}`
    : `${dimension.toFixed(1)} ± ${((standardError * dimension) / maximumLikelihood).toFixed(1)}`
}

function modelText({ model, matrices, layers, texts }: ModelView): string {
  const parts = [
    table(
      [model, 'SIZE', 'STABLE RANK', 'EFF. RANK', 'ENTROPY', 'ALPHA'],
      matrices.map((matrix) => [
        brief(matrix.name),
        `${matrix.rows}×${matrix.cols}`,
        figure(matrix.stableRank, 1),
        figure(matrix.effectiveRank, 1),
        figure(matrix.entropy, 3),
        alphaText(matrix),
      ]),
      { whole: [1, 2, 3, 4, 5] },
    ),
  ]
  if (layers === null) parts.push('It reads no texts: nothing is said of its layers.')
  else
    parts.push(
      table(
        [`INPUT OF (${count(texts)} texts)`, 'WIDTH', 'DIMENSION', 'PART. RATIO', '90%', '99%'],
        layers.map((layer) => [
          brief(layer.layer),
          String(layer.dims),
          dimensionText(layer),
          figure(layer.principal?.participationRatio, 1),
          figure(layer.principal?.directions90, 0),
          figure(layer.principal?.directions99, 0),
        ]),
        { whole: [1, 2, 3, 4, 5] },
      ),
    )
  return parts.join('\n\n')
}

const isWorseThanChance = ({ line, vocabulary }: NonNullable<PairView['barrier']>): boolean =>
  vocabulary !== undefined && [line[0]!, line.at(-1)!].every(({ loss }) => loss >= Math.log(vocabulary))

function barrierText({ barrier, noBarrier }: PairView): [string, string][] {
  if (barrier !== null)
    return [
      [
        'barrier',
        barrier.height > 0
          ? `${barrier.height.toFixed(4)} nats a token, highest at ${barrier.at.toFixed(2)} of the way`
          : 'none: nowhere on the line is the loss above that of the ends',
      ],
      ['loss on the line', barrier.line.map(({ loss }) => loss.toFixed(3)).join(' ')],
      ...(isWorseThanChance(barrier)
        ? ([
            [
              'note',
              `with ${count(barrier.vocabulary!)} tokens chance is ${Math.log(barrier.vocabulary!).toFixed(1)} nats: neither model knows these texts, and the barrier says nothing. Give --data`,
            ],
          ] as [string, string][])
        : []),
    ]
  return noBarrier === null ? [] : [['barrier', `not measured: ${noBarrier}`]]
}

function pairText(pair: PairView): string {
  const { first, second, alignment } = pair
  const parts = [facts([['compared', `${first} with ${second}`], ...barrierText(pair)])]
  if (alignment !== null && alignment.same.length > 0)
    parts.push(
      table(
        ['INPUT OF', 'CKA', 'DEBIASED'],
        alignment.same.map(({ layer, linear, debiased }) => [
          brief(layer),
          figure(linear, 3),
          figure(debiased, 3),
        ]),
        { whole: [1, 2] },
      ),
    )
  return parts.join('\n\n')
}

export const geometryText = ({ models, pairs }: GeometryView): string =>
  [...models.map(modelText), ...pairs.map(pairText)].join('\n\n')

const dimensionOf = ({ dimension, standardError }: LookView): string =>
  dimension === null ? '–' : `${figure(dimension, 1)} ± ${figure(standardError, 1)}`

const shape = (look: LookView): string[] => [
  dimensionOf(look),
  figure(look.participationRatio, 1),
  figure(look.stableRank, 1),
  figure(look.alpha, 2),
]
const SHAPE = ['DIMENSION', 'PART. RATIO', 'STABLE RANK', 'ALPHA']

function trainingHistory(looks: readonly LookView[]): string {
  const signs = looks.filter(({ grokking }) => grokking === true)
  return [
    table(
      ['STEP', 'LOSS', 'HELD OUT', ...SHAPE],
      looks.map((look) => [
        count(look.step ?? 0),
        figure(look.loss, 4),
        figure(look.heldOutLoss, 4),
        ...shape(look),
      ]),
    ),
    signs.length === 0
      ? 'No sign of grokking: the dimension did not fall while training had slowed.'
      : `Sign of grokking at step ${signs.map(({ step }) => count(step ?? 0)).join(', ')}: the dimension falls while training has slowed.`,
  ].join('\n\n')
}

const isOfRun = (looks: readonly LookView[]): boolean => looks[0]?.generation !== undefined

export const historyText = (looks: readonly LookView[]): string =>
  isOfRun(looks)
    ? table(
        ['GENERATION', 'BEST', 'SCORE', ...SHAPE],
        looks.map((look) => [String(look.generation), look.id ?? '', figure(look.mean, 4), ...shape(look)]),
      )
    : trainingHistory(looks)
