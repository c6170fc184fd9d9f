import { answeredError } from './http-errors.ts';
import { justSend, sent, urlOf } from './http.ts';
import type { Http, PathAndQuery, RequestBounds } from './http.ts';

/**
 * Reads the answer to a GET, as bytes.
 *
 * @throws TooLargeAnswerError there are more than `maxBytes`; the rest is not read
 * @throws as `SendRequest`
 */
export type Download = (
  template: string,
  options: PathAndQuery & { readonly maxBytes: number },
) => Promise<Buffer>;

/** Downloads from the API at `baseUrl`. */
export function createDownload(
  http: Http,
  baseUrl: string,
  { around = justSend, ...bounds }: RequestBounds = {},
): Download {
  const downloadOne: Download = async (template, { maxBytes, ...options }) => {
    const request = `GET ${template}`;
    const url = urlOf(baseUrl, template, options);
    const { status, body } = await sent(request, maxBytes, async () =>
      http(url, {
        method: 'GET',
        retry: 'safe',
        timeoutMs: bounds.maxTimeoutMs,
        maxBytes,
        stop: bounds.stop,
      }),
    );
    if (status >= 300) {
      throw answeredError(status, body, request);
    }
    return body;
  };
  return async (template, options) =>
    around(`GET ${template}`, async () => downloadOne(template, options));
}
