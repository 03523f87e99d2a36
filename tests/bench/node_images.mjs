/* The images of measure_images.mjs in Node, as sharp's users write them. Imported by node_worker.mjs. */

import sharp from 'sharp';

/* As the plugin is set: a thread for each image, and the same picture again is decoded again. */
sharp.concurrency(1);
sharp.cache(false);

export const imageJob = async ({ data: { source, resize, quality, output } }) => {
  const image = sharp(source).rotate().resize(resize);
  await (output.endsWith('.webp') ? image.webp({ quality, effort: 4 }) : image.jpeg({ quality })).toFile(output);
  return { path: output };
};
