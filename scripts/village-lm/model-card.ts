/** README.md of a model: what it is, what it was made from, how well it does. Written from the manifest and the recipe. */
import { DOMAINS } from './curriculum/domains.ts'
import { type ModelRecord, shareOf } from './manifest.ts'
import { CONTEXT_TOKENS, RECIPES, type Recipe } from './recipes.ts'
import { type Score, wilson } from './scores.ts'
import { SUITE_SEED } from './suites.ts'

const percent = (share: number) => `${(100 * share).toFixed(1)}%`
const count = (value: number) => value.toLocaleString('en-GB')

function scoreRow(title: string, score: Pick<Score, 'right' | 'items'>): string {
  const { low, high } = wilson(score)
  return `| ${title} | ${score.right} of ${score.items} | ${percent(score.right / score.items)} | ${percent(low)} to ${percent(high)} |`
}

function scoresTable(recipe: Recipe, record: ModelRecord): string {
  const rows = record.scores.flatMap((score) => {
    const own = score.domain === recipe.domain
    const groups = own ? score.groups.map((group) => scoreRow(`– ${group.name}`, group)) : []
    return [scoreRow(own ? `**${score.domain}** (its own)` : score.domain, score), ...groups]
  })
  return ['| Held-out questions | Right | Share | 95% interval |', '|---|---|---|---|', ...rows].join('\n')
}

function ability(recipe: Recipe): string {
  const domain = DOMAINS.find(({ name }) => name === recipe.domain)
  if (domain === undefined)
    return 'It has met every kind of text of the curriculum: word problems, multiple choice over a small invented world, operations on spelt words, and plain sentences. It is meant to be trained further, and as a parent of merges and of evolution.'
  return `${domain.title}. It goes on from \`village-lm\` (the base) with questions of this kind.`
}

function example(recipe: Recipe): string {
  const domain = DOMAINS.find(({ name }) => name === recipe.domain) ?? DOMAINS[0]!
  const { prompt, completion } = domain.item(SUITE_SEED, 'held-out', 0)
  return `\`\`\`\n${prompt}${completion}\n\`\`\``
}

function comparison(recipe: Recipe, record: ModelRecord, base: ModelRecord | null): string {
  if (recipe.domain === null || base === null) return ''
  const own = percent(shareOf(record, recipe.domain))
  return `\nOn its own questions it has ${own}, the base ${percent(shareOf(base, recipe.domain))}.\n`
}

export function modelCard(recipe: Recipe, record: ModelRecord, base: ModelRecord | null): string {
  const { training } = record
  const weights = record.files.find(({ name }) => name === 'model.safetensors')!
  const mix = recipe.mix.map(({ source, weight }) => `| ${source} | ${weight} |`).join('\n')
  return `---
license: mit
pipeline_tag: text-generation
title: ${recipe.title}
---
# ${recipe.title}

A language model of ${count(training.parameters)} parameters (${(weights.sizeBytes / 1e6).toFixed(1)} MB as float16) that AIVillage made with its own trainer from text
that AIVillage generates. ${ability(recipe)}

**It knows nothing of the real world.** Its people, places and numbers are invented, it has read no book and no web page, and it
understands no question that is not worded as in its curriculum. It is there so that generation, evaluation and evolution
can be tried on every machine without a download, on tasks where right and wrong are certain.

## How to ask

In the words and the form of its curriculum, the answer beginning right after \`Answer:\`. A question that it has never met:

${example(recipe)}

Words are spelt with spaces (\`c a t\`). Greedy decoding (temperature 0). Context: ${CONTEXT_TOKENS} tokens.

## Scores

Greedy text compared exactly; choices by likelihood. No question of these occurs in training${recipe.domain === null ? '' : ` (${DOMAINS.find(({ name }) => name === recipe.domain)!.heldOut})`}.

${scoresTable(recipe, record)}
${comparison(recipe, record, base)}
The questions are in \`held-out/\` beside the models: \`village evaluate MODEL --suite custom --data held-out/DOMAIN.jsonl\`.

## How it was made

| | |
|---|---|
| Architecture | Llama: width 128, 6 layers, 4 heads over 2 key-value heads, hidden 344, tied embedding |
| Start | ${recipe.base === null ? 'random weights' : `village-lm, ${recipe.base}`} |
| Text | ${count(recipe.documents)} generated documents, seed ${recipe.seed} |
| Steps | ${count(training.steps)} of ${recipe.batch} rows of ${recipe.length} tokens: ${count(training.tokens)} places, ${count(training.learnedTokens)} of them learned |
| Optimiser | AdamW, learning rate ${recipe.learningRate} with ${recipe.warmupSteps} steps of warm-up, falling linearly; weight decay ${recipe.weightDecay}; gradients clipped to norm 1 |
| Loss of the last step | ${training.loss.toFixed(3)} nats by learned token |
| onnxruntime's threads | ${training.threads} |
| SHA-256 of the weights | \`${weights.sha256}\` |

| Documents | Weight |
|---|---|
${mix}

The same for all ${RECIPES.length} models: \`node scripts/run.js scripts/train-village-lm.ts --out DIR\` trains them again. The generators are in
\`scripts/village-lm/curriculum\`. Another machine rounds otherwise, so the weights differ in their last bits and the scores a little.
`
}
