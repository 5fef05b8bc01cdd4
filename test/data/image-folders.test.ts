/** Folders of images that cannot be used, and images to predict from. */
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageInputs } from '../../src/data/images/inputs.js';
import { DataError } from '../../src/errors.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { greyPixel, imageFolders, loadImages, picture } from '../support/images.js';
import { partsOf } from '../support/parts.js';

const root = temporaryFolder();
const { folderOf, exportDigits } = imageFolders(root);

describe('a folder that cannot be used', () => {
  const noise = Array.from({ length: 40 * 40 * 3 }, (_, i) => (i * i * 31 + i * 7) % 251);

  async function failure(dir: string, options: object = {}): Promise<DataError> {
    const error = await loadImages(dir, options).catch((reason) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect(error.remedy).not.toBe('');
    expect(error.problem).not.toContain('\n');
    return error;
  }

  it('is missing, a file, empty, without folders, of one class, or has a class without images', async () => {
    const image = await greyPixel(1);
    const missing = join(root, 'nowhere');
    expect((await failure(missing)).problem).toBe(`data.dir: ${missing} does not exist`);
    const flat = folderOf({ '1.png': image });
    expect((await failure(join(flat, '1.png'))).problem).toBe(`data.dir: ${join(flat, '1.png')} is not a folder`);
    expect((await failure(flat)).problem).toBe(`data.dir: ${flat} holds files but no folders`);
    const empty = folderOf({});
    expect((await failure(empty)).problem).toBe(`data.dir: ${empty} is empty`);
    const single = folderOf({ 'cats/1.png': image });
    expect((await failure(single)).problem).toBe(`data.dir: ${single} has one class only, cats`);
    const hollow = folderOf({ 'cats/1.png': image, 'dogs/readme.txt': 'none yet' });
    expect((await failure(hollow)).problem).toBe(`data.dir: ${join(hollow, 'dogs')} holds no PNG or JPEG files`);
  });

  it.each([
    { kind: 'a truncated PNG', name: 'x.png', damage: (image: Buffer) => image.subarray(0, image.length * 0.6) },
    { kind: 'a PNG that lacks its last rows', name: 'x.png', damage: (image: Buffer) => image.subarray(0, -60) },
    { kind: 'a truncated JPEG', name: 'x.jpg', damage: (image: Buffer) => image.subarray(0, image.length * 0.6) },
    { kind: 'a JPEG that lacks its end', name: 'x.jpg', damage: (image: Buffer) => image.subarray(0, -2) },
    { kind: 'text', name: 'x.png', damage: () => Buffer.from('<html>404 Not Found</html>') },
    { kind: 'nothing', name: 'x.jpg', damage: () => Buffer.alloc(0) },
  ])('holds $kind', async ({ name, damage }) => {
    const image = picture(noise, 40, 40, 3);
    const whole = await (name === 'x.png' ? image.png() : image.jpeg()).toBuffer();
    const dir = folderOf({ 'a/1.png': await image.png().toBuffer(), [`b/${name}`]: damage(whole), 'b/y.png': 'late' });
    const { problem } = await failure(dir);
    expect(problem).toContain(`${join(dir, 'b', name)} cannot be decoded (`);
    // The same with the whole file is not to blame.
    expect((await loadImages(folderOf({ [`a/${name}`]: whole, [`b/${name}`]: whole }))).examples.count).toBe(2);
  });

  it('holds a file that cannot be read', async () => {
    const dir = folderOf({ 'a/1.png': await greyPixel(1) });
    mkdirSync(join(dir, 'b'));
    symlinkSync(join(dir, 'gone.png'), join(dir, 'b', 'x.png'));
    expect((await failure(dir)).problem).toContain(`${join(dir, 'b', 'x.png')} cannot be read (ENOENT`);
  });

  it('holds a link to itself', async () => {
    const dir = folderOf({ 'a/1.png': await greyPixel(1), 'b/1.png': await greyPixel(1) });
    symlinkSync(dir, join(dir, 'b', 'loop'));
    expect((await failure(dir)).problem).toContain('is a link to a folder around it');
  });

  it('holds images of two sizes, and data.size is not given', async () => {
    const dir = folderOf({
      'a/1.png': await picture(new Uint8Array(6), 2, 3, 1).png().toBuffer(),
      'b/1.png': await picture(new Uint8Array(6), 2, 3, 1).png().toBuffer(),
      'b/2.png': await picture(new Uint8Array(8), 2, 4, 1).png().toBuffer(),
    });
    const { problem, remedy } = await failure(dir);
    const [first, odd] = [join(dir, 'a', '1.png'), join(dir, 'b', '2.png')];
    expect(problem).toBe(`${odd} is 2 x 4 pixels (height x width), ${first} is 2 x 3 pixels`);
    expect(remedy).toContain('--set data.size=[2,3]');
    expect((await loadImages(dir, { size: [2, 3] })).examples.count).toBe(3);
  });

  it('serves two splits, or names a class that training lacks', async () => {
    const image = await greyPixel(1);
    const dir = folderOf({ 'cats/1.png': image, 'dogs/1.png': image });
    const other = folderOf({ 'cats/1.png': image, 'dogz/1.png': image, 'hens/1.png': image });
    const unknown = await failure(dir, { test: other });
    expect(unknown.problem).toBe(`data.test: ${join(other, 'dogz')} is no class of data.dir`);
    expect(unknown.remedy).toBe('did you mean dogs?');
    const far = folderOf({ 'hens/1.png': image });
    expect((await failure(dir, { validation: far })).remedy).toBe('remove it; the classes are cats, dogs');
    expect((await failure(dir, { validation: dir })).problem).toContain(`shares images with data.dir, ${dir}`);
    const link = join(root, 'link');
    symlinkSync(dir, link);
    expect((await failure(dir, { validation: link })).problem).toContain(`shares images with data.dir, ${dir}`);
    const nested = folderOf({ 'cats/1.png': image, 'dogs/1.png': image, 'val/cats/1.png': image });
    const inside = await failure(nested, { validation: join(nested, 'val') });
    expect(inside.problem).toContain(`data.validation: ${join(nested, 'val')} shares images with data.dir`);
    expect((await failure(dir, { validation: join(root, 'nowhere') })).problem).toContain('data.validation: ');
  });

  it('is refused by the command line, with nothing written', async () => {
    const dir = folderOf({ 'a/1.png': await greyPixel(1), 'b/broken.jpg': 'no image' });
    const work = folderOf({});
    const file = writeConfig(dir, 'run', {
      data: { source: 'images', dir, validation: 0, test: 0 },
      model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
      loss: 'sparseCategoricalCrossentropy',
      training: { epochs: 1, batchSize: 2 },
    });
    const before = snapshot(dir);
    const { code, stdout, stderr } = await lockstepServed(['train', file, '--json'], work);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const { code: kind, message, remedy } = eventOf(eventsOf(stdout), 'error');
    expect({ kind, remedy }).toEqual({ kind: 'LOCKSTEP_DATA', remedy: 'save it as PNG or JPEG again, or remove it' });
    expect(message).toContain(`${join(dir, 'b', 'broken.jpg')} cannot be decoded (`);
    expect([readdirSync(work), snapshot(dir)]).toEqual([[], before]);
  });
});

describe('images to predict from', () => {
  const encoding = { kind: 'image', height: 28, width: 28, channels: 1, fit: 'cover' } as const;

  async function readInputs(path: string, how: Parameters<typeof imageInputs>[1] = encoding) {
    const { names, rows } = await imageInputs(path, how);
    const images: Uint8Array[] = [];
    for await (const row of rows) images.push(row);
    return { names, rows: images };
  }

  it('are read as those of training, from a folder or one by one', async () => {
    const dir = await exportDigits(30, 5);
    const { examples } = await loadImages(dir, { greyscale: true });
    const { names: files, rows } = await readInputs(dir);
    expect(files.slice(0, 4)).toEqual(['eight/00008.png', 'eight/00018.png', 'eight/00028.png', 'five/00005.png']);
    expect(Buffer.concat(rows)).toEqual(Buffer.from(partsOf(examples).features));
    const file = join(dir, 'five', '00005.png');
    expect(await readInputs(file)).toEqual({ names: [file], rows: [rows[3]] });
  });

  it('are scaled to the size of the model', async () => {
    const file = join(
      folderOf({
        'x.jpg': await picture(new Uint8Array(900 * 3), 30, 30, 3)
          .jpeg()
          .toBuffer(),
      }),
      'x.jpg',
    );
    const { rows } = await readInputs(file, { ...encoding, height: 12, width: 20, channels: 3 });
    expect(rows.map((row) => row.length)).toEqual([12 * 20 * 3]);
  });

  it('must be there', async () => {
    const dir = folderOf({ 'notes.txt': 'no image' });
    const failure = (path: string) => readInputs(path).catch((reason) => reason);
    expect(await failure(dir)).toEqual(
      new DataError(`${dir} holds no PNG or JPEG files`, 'name an image file or a folder of images'),
    );
    expect((await failure(join(dir, 'x.png'))).problem).toContain('does not exist or may not be read');
    expect((await failure(join(dir, 'notes.txt'))).problem).toContain(`${join(dir, 'notes.txt')} cannot be decoded (`);
  });
});
