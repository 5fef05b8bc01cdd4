/** A POST with a token, to a server whose authority is one of a cluster. */
import { request } from 'node:https';

/**
 * @param ca PEM of the only authority that is trusted; undefined for those of the system
 * @param patience milliseconds
 * @throws Error where it was not taken
 */
export function postStatus(
  url: string,
  body: object,
  token: string,
  ca: string | undefined,
  patience: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A token is not for whoever listens in.
    if (!url.startsWith('https:')) throw new Error('is no address of a server (https://)');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const sent = request(url, { method: 'POST', headers, ca, signal: AbortSignal.timeout(patience) }, (answer) => {
      answer.resume();
      const { statusCode = 0, statusMessage } = answer;
      if (statusCode >= 200 && statusCode < 300) resolve();
      else reject(new Error(`the answer was ${statusCode} ${statusMessage}`));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}
