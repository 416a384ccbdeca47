import type { FileUIPart } from 'ai';

/**
 * How much the images of one message may have together, in bytes. They travel inside the message, a third larger (base64), and the server takes
 * requests of at most 4 MiB (`maxBodyBytes`). An app uploads its files instead: see docs/attachments.md.
 */
const maxImageBytes = 3_000_000;

const inMegabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

/** The rule as a sentence. */
export const imageRule: string = `A message can carry images of ${inMegabytes(maxImageBytes)} in all.`;

/** Adds the images among `files` to those that are attached, and says in a sentence why others cannot be. */
export async function addImages(
  attached: readonly FileUIPart[],
  files: readonly File[],
): Promise<{ readonly images: readonly FileUIPart[]; readonly refusals: readonly string[] }> {
  const images = [...attached];
  const refusals: string[] = [];
  for (const file of files) {
    const refusal = refusalOf(
      file,
      images.reduce((sum, { url }) => sum + bytesOf(url), 0),
    );
    const url = refusal === undefined ? await dataUrl(file) : undefined;
    if (url !== undefined) images.push({ type: 'file', mediaType: file.type, filename: file.name, url });
    else refusals.push(refusal ?? `${file.name} could not be read.`);
  }
  return { images, refusals };
}

function refusalOf({ name, type, size }: File, used: number): string | undefined {
  if (!type.startsWith('image/')) return `${name} is not an image, and only images can be attached.`;
  if (used + size <= maxImageBytes) return undefined;
  return `${name} has ${inMegabytes(size)}. ${imageRule}`;
}

/** The size of the file in a data URL. */
function bytesOf(url: string): number {
  return ((url.length - url.indexOf(',') - 1) * 3) / 4;
}

function dataUrl(file: File): Promise<string | undefined> {
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string);
    reader.onerror = () => done(undefined);
    reader.readAsDataURL(file);
  });
}
