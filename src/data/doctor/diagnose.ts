/** Reads the data of a config as a run does, and says what there is and what is odd. */
import { type DataConfig, tableIn } from '../../config/data.js';
import { targetParts } from '../../config/table-fields.js';
import { namedImages } from '../images/image-table.js';
import { loadDataset } from '../load-data.js';
import { Reading, type ReadingOptions } from '../reading.js';
import { closeExamples } from '../row-writer.js';
import { deciderOf, sectionOf } from '../splits/split-plan.js';
import type { DataDiagnosis, DataFinding } from './diagnosis.js';
import { duplicateFindings, duplicatesOf } from './duplicates.js';
import { fieldFindings, fieldReports } from './field-reports.js';
import { gapFindings, gapsOf, groupFindings, groupReports } from './gaps-and-groups.js';
import { groupsByKey, splitReport } from './split-report.js';

/**
 * @param config as a run reads it; rows with gaps that a run would refuse are left out here, and told
 * @param seed of the run
 * @throws DataError if the data cannot be read
 */
export async function diagnose(
  config: DataConfig,
  seed: number,
  options: Omit<ReadingOptions, 'warn'> = {},
): Promise<DataDiagnosis> {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const table = tableIn(config);
  const files = config.source === 'images' && table ? namedImages(config, table.file) : [];
  const quiet = new Reading({ signal: options.signal });
  const missing = table && (await gapsOf({ config: table, files }, quiet));
  const hasGaps = table && missing && missing.length > 0 && table.missing === 'error';
  const readable = hasGaps ? { ...config, missing: 'drop' as const } : config;
  const dataset = await loadDataset(readable, seed, { ...options, warn });
  try {
    const { splits } = dataset;
    const rows = { training: splits.training.length, validation: splits.validation.length, test: splits.test.length };
    const fields = await fieldReports(dataset);
    const targets = fields.filter(({ role }) => role === 'target').map(({ name }) => name);
    const duplicates = await duplicatesOf(dataset, config.source !== 'text');
    const rowsOf = tableIn(readable);
    const groups = rowsOf ? await groupReports({ config: rowsOf, files }, splits, quiet) : groupsByKey(dataset);
    return {
      source: config.source,
      description: dataset.description,
      rows: { total: rows.training + rows.validation + rows.test, ...rows },
      fields,
      columns: dataset.columns,
      missing,
      duplicates,
      splitBy: splitReport(dataset),
      groups,
      findings: [
        ...warnings.map(asFinding),
        ...(table && missing ? gapFindings(missing, table) : []),
        ...fieldFindings(fields, dataset, (target) => mixingOf(config, targets, target)),
        ...duplicateFindings(duplicates, rows, config),
        ...groupFindings(groups ?? [], config),
      ],
    };
  } finally {
    closeExamples(dataset.examples);
  }
}

/** The setting by which splits get a share of each class; a text, and what is divided by something else, has none. */
function mixingOf(config: DataConfig, targets: readonly string[], target: string): string | undefined {
  if (config.source === 'text') return undefined;
  const decider = deciderOf(config);
  if (decider && decider.kind !== 'stratify') return undefined;
  const named = tableIn(config)?.targets?.[target];
  if (named) return `data.split.stratify: ${targetParts(named).columns[0]}`;
  return targets.length > 1 ? `data.split.stratify: ${target}` : `${sectionOf(config)}.stratify: true`;
}

/** Warnings end in what to do. */
function asFinding(message: string): DataFinding {
  const end = message.includes('; ') ? message.lastIndexOf('; ') : message.lastIndexOf(': ');
  if (end < 0) return { about: 'reading', problem: message, remedy: 'look at it before you train' };
  return { about: 'reading', problem: message.slice(0, end), remedy: message.slice(end + 2) };
}
