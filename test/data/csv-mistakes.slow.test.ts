import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { csvFiles, csvSource, failure } from '../support/tables.js';

const folder = temporaryFolder();
const { csv, raw } = csvFiles(folder);
const there = csv('x,k,y', '1,a,1');
const good = ['1,a,0.5', '2,b,1'];
const manyNames = Array.from({ length: 10_001 }, (_, i) => `${i},name ${i},${i}`);

describe('a mistake', () => {
  it.each([
    { what: 'no file', file: join(folder, 'none.csv'), problem: 'none.csv does not exist', remedy: 'check the path' },
    {
      what: 'a slip in the name of a file',
      file: there.replace('.csv', '.cvs'),
      problem: '.cvs does not exist',
      remedy: `did you mean ${there}?`,
    },
    {
      what: 'a slip in the name of its folder',
      file: join(`${folder}s`, basename(there)),
      problem: 'does not exist',
      remedy: `did you mean ${there}?`,
    },
    {
      what: 'YAML',
      file: raw('# rows\n- x: 1\n  k: a, b\n  y: 0.5\n'),
      problem: 'is YAML, no CSV',
      remedy: 'write it as CSV: the names of the columns',
    },
    {
      what: 'columns that something else stands between',
      file: csv('x;k;y', '1;a;0.5'),
      problem: 'has no column "y"',
      remedy: 'set data.delimiter: ";"',
    },
    { what: 'a folder', file: folder, problem: 'is a folder' },
    { what: 'an empty file', file: raw(''), problem: 'is empty', remedy: 'a row for each example' },
    { what: 'only a header', file: csv('x,k,y'), problem: 'has no rows' },
    {
      what: 'no complete row',
      file: csv('x,k,y', '1,,2'),
      options: { missing: 'drop' },
      problem: 'has no complete row',
      remedy: 'data.missing: mean',
    },
    {
      what: 'a short row',
      file: csv('x,k,y', ...good, '1,2'),
      problem: 'line 4 has 2 values, the first row has 3',
      remedy: 'data.delimiter',
    },
    {
      what: 'a long row behind a quoted line end',
      file: raw('x,k,y\r\n1,"a\r\nb",2\r\n\r\n1,2,3,4\r\n'),
      problem: 'line 5 has 4',
    },
    {
      what: 'another name for the target',
      file: csv('x,k,label', ...good),
      options: { target: 'lable' },
      problem: 'data.target: ',
      remedy: 'did you mean label?',
    },
    { what: 'an unlike name', file: csv('aa,bb,cc', ...good), problem: 'no column "y"', remedy: 'it has aa, bb, cc' },
    {
      what: 'an unknown weight',
      file: csv('x,weight,y', ...good),
      options: { weight: 'wieght' },
      problem: 'data.weight: ',
      remedy: 'did you mean weight?',
    },
    {
      what: 'an unknown feature',
      file: csv('x,k,y', ...good),
      options: { features: ['x', 'q'] },
      problem: 'data.features: ',
    },
    {
      what: 'an unknown column left out',
      file: csv('x,k,y', ...good),
      options: { exclude: ['id'] },
      problem: 'data.exclude: ',
    },
    {
      what: 'an unknown category',
      file: csv('x,k,y', ...good),
      options: { categorical: ['kk'] },
      problem: 'data.categorical: ',
      remedy: 'did you mean k?',
    },
    {
      what: 'a target among the features',
      file: csv('x,k,y', ...good),
      options: { features: ['x', 'y'] },
      problem: 'data.target and data.features both name y',
      remedy: 'one role',
    },
    {
      what: 'a target among the categories',
      file: csv('x,k,y', ...good),
      options: { categorical: ['y'] },
      problem: 'data.categorical names the target y',
      remedy: 'data.targetType: class',
    },
    { what: 'a target alone', file: csv('y', '1', '2'), problem: 'no column left to predict from' },
    {
      what: 'two columns of one name',
      file: csv('x,x,y', ...good),
      problem: 'two columns named "x"',
      remedy: 'rename',
    },
    {
      what: 'text among numbers',
      file: csv('x,k,y', ...good, '12 cm,a,1'),
      problem: 'line 4: column x holds "12 cm", not a number as the rows before',
      remedy: 'list the column under data.categorical, or list "12 cm" under data.missingValues',
    },
    {
      what: 'text among numbers to predict',
      file: csv('x,k,y', ...good, '1,a,high'),
      problem: 'line 4: column y holds "high"',
      remedy: 'data.targetType: class',
    },
    {
      what: 'text to predict as numbers',
      file: csv('x,k,y', '1,a,high'),
      options: { targetType: 'number' },
      problem: 'line 2: column y holds "high"',
    },
    {
      what: 'infinity',
      file: csv('x,k,y', ...good, '-inf,a,1'),
      problem: 'line 4: column x holds "-inf", which is not finite',
    },
    {
      what: 'a huge number',
      file: csv('x,k,y', '1e39,a,1'),
      problem: 'beyond the range of 32-bit numbers',
      remedy: '3.4e38',
    },
    {
      what: 'a negative weight',
      file: csv('x,w,y', '1,1,1', '1,-1,1'),
      options: { weight: 'w' },
      problem: 'line 3: column w holds "-1", but a weight is 0 or more',
    },
    {
      what: 'one class',
      file: csv('x,k,y', '1,a,yes', '2,b,yes'),
      problem: 'all rows have one class in column y, "yes"',
      remedy: 'two classes or more',
    },
    {
      what: 'text in one of several targets',
      file: csv('x,k,y', ...good),
      options: { target: ['y', 'k'] },
      problem: 'column k is text, and several targets must be numbers',
    },
    {
      what: 'several classes to predict',
      file: csv('x,k,y', ...good),
      options: { target: ['y', 'k'], targetType: 'class' },
      problem: 'takes one target, data.target names 2 columns',
    },
    {
      what: 'a column without a value',
      file: csv('x,k,y', '1,,1', '2,NA,2'),
      options: { missing: 'mean' },
      problem: 'column k has no value in any row',
      remedy: 'data.exclude',
    },
    {
      what: 'identifiers for categories',
      file: csv('x,k,y', ...manyNames),
      problem: 'column k holds another text in nearly every row: 10,001 in 10,001 rows',
      remedy: 'data.exclude',
    },
    {
      what: 'a quote that is not closed',
      file: csv('x,k,y', '1,"a,1', '2,b,2'),
      problem: 'ends inside of a quoted value',
    },
    {
      what: 'a quote inside of a value',
      file: csv('x,k,y', ...good, '1,5" pipe,2'),
      problem: 'line 4 has a quote inside',
      remedy: '""',
    },
    { what: 'text after a quote', file: csv('x,k,y', '1,"a"b,1'), problem: 'line 2 has text after a closing quote' },
    {
      what: 'another encoding',
      file: raw(Buffer.from('x,k,y\n1,a,1\n1,\xfc,1\n', 'latin1')),
      problem: 'line 3 is not UTF-8',
      remedy: 'save the file as UTF-8',
    },
  ])('such as $what is told', async ({ file, options = {}, problem, remedy = '' }) => {
    const error = await failure(csvSource(file, options));
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it('ends the command with code 2, and nothing is written', async () => {
    const config = {
      data: csvSource(csv('x,k,y', ...good, 'one,a,1')),
      model: { layers: [{ dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 2 },
    };
    const file = writeConfig(folder, 'mistake', config);
    const before = snapshot(folder);
    const { code, stdout, stderr } = await lockstepServed(['train', file, '--json'], folder);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const { message, remedy } = eventOf(eventsOf(stdout), 'error');
    expect(message).toContain('line 4: column x holds "one"');
    expect(remedy).toContain('correct it');
    expect(snapshot(folder)).toEqual(before);
  });
});
