import type { TopLevelSpec } from 'vega-lite';

import { line } from '../../../chat/answers/answer.ts';
import type { Answer, Block, PictureFile } from '../../../chat/answers/answer.ts';
import { present } from '../../../core/present.ts';
import { ChartError } from '../../../services/charts/chart-service.ts';
import type { Picture } from '../../../services/charts/chart-service.ts';
import type { Services } from '../../../services/services.ts';

/** A picture, or why there is none. */
export type Drawn = Picture | ChartError;

/** Draws a chart. A fault of the drawing does not keep the text of the answer back. */
export async function drawn(
  { charts }: Pick<Services, 'charts'>,
  spec: TopLevelSpec,
): Promise<Drawn> {
  try {
    return await charts.draw(spec);
  } catch (error) {
    if (error instanceof ChartError) {
      return error;
    }
    throw error;
  }
}

/** The answer with the picture, or with a line about why there is none. */
export function withPicture(
  answer: Answer,
  picture: Drawn | undefined,
  described: Pick<PictureFile, 'name' | 'description'>,
): Answer {
  const { body = [] } = answer;
  return {
    ...answer,
    body: picture instanceof ChartError ? [...body, missing(picture)] : body,
    ...present({ file: fileOf(picture, described) }),
  };
}

function fileOf(
  picture: Drawn | undefined,
  described: Pick<PictureFile, 'name' | 'description'>,
): PictureFile | undefined {
  if (picture === undefined || picture instanceof ChartError) {
    return undefined;
  }
  const { png, width, height } = picture;
  return { ...described, contentType: 'image/png', content: png.toString('base64'), width, height };
}

const missing = ({ message }: ChartError): Block =>
  line(`No picture: it couldn’t be drawn (${message}).`);
