/**
 * A chart as SVG by Vega-Lite. The build makes one file of this, with the library in it: of its 75 packages a report needs a part,
 * nobody who installs Lockstep needs their sources, and one file is loaded in a quarter of the time.
 */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/**
 * What is inside the `<svg>` element, and its view box.
 * @param spec of Vega-Lite; what Vega-Lite warns of is a mistake of the spec
 */
export async function drawSvg(spec: object): Promise<{ readonly viewBox: string; readonly content: string }> {
  const refuse = (message: string) => {
    throw new Error(`the chart cannot be drawn as asked: ${message}`);
  };
  const logger = { level: () => logger, error: refuse, warn: refuse, info: () => logger, debug: () => logger } as never;
  const view = new View(parse(compile(spec as TopLevelSpec, { logger }).spec), { renderer: 'none', logger });
  try {
    const [, viewBox, content] = /^<svg[^>]*viewBox="([^"]*)"[^>]*>([\s\S]*)<\/svg>$/.exec(await view.toSVG())!;
    return { viewBox, content };
  } finally {
    view.finalize();
  }
}
