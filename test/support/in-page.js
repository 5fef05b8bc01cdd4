/** What is asked of a page inside of the browser: an expression, which a test sends there. */
({
  /** By how many pixels the page is wider than its window. */
  tooWide: () => document.documentElement.scrollWidth - document.documentElement.clientWidth,

  /** Boxes that can be scrolled sideways, by the beginning of their text. */
  scrolling: () =>
    [...document.querySelectorAll('.scroll, pre')]
      .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth)
      .map((box) => `${box.textContent.slice(0, 40)}: ${box.scrollWidth - box.clientWidth} pixels`),

  /** Boxes of which a part cannot be seen on paper, where nobody scrolls. */
  clipped: () =>
    [...document.querySelectorAll('.scroll, pre')]
      .filter((box) => box.checkVisibility() && getComputedStyle(box).overflowX !== 'visible')
      .map((box) => box.textContent.slice(0, 40)),

  fold(isFolded) {
    for (const part of document.querySelectorAll('details')) part.open = !isFolded;
  },

  /** How many parts are folded, and how many of them can be seen nevertheless. */
  folded() {
    const parts = [...document.querySelectorAll('details:not([open]) > :not(summary)')];
    const seen = parts.filter((part) => part.checkVisibility() && part.getBoundingClientRect().height > 10);
    return [parts.length, seen.length];
  },

  /** Cells and names that are squeezed into a column of letters, or that take the better part of a screen. */
  squeezed: () =>
    [...document.querySelectorAll('th, td, dt, dd, li, figcaption')]
      .filter((box) => box.checkVisibility() && box.textContent !== '')
      .filter((box) => box.clientHeight > 320 || (box.textContent.length > 3 && box.clientWidth < 40))
      .map((box) => `${box.textContent.slice(0, 40)}: ${box.clientWidth} x ${box.clientHeight}`),

  background: () => getComputedStyle(document.body).backgroundColor,

  /** Texts and signs that are hard to read (WCAG 2.2, 1.4.3), by the colours that the browser has come to; and how many texts there are. */
  faintTexts() {
    const channels = (colour) => {
      const numbers = colour.match(/[\d.]+(?:e-\d+)?/g).map(Number);
      return colour.startsWith('color(srgb') ? numbers.map((each, i) => (i < 3 ? each * 255 : each)) : numbers;
    };
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const luminance = (colour) => {
      const [r, g, b] = channels(colour).map((each) => linear(each / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
      const { backgroundColor } = getComputedStyle(element);
      return channels(backgroundColor)[3] === 0 ? behind(element.parentElement) : backgroundColor;
    };
    const contrast = (...colours) => {
      const [dark, bright] = colours.map(luminance).sort((a, b) => a - b);
      return (bright + 0.05) / (dark + 0.05);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = [];
    let count = 0;
    const check = (least, what, element, own) => {
      const back = behind(element);
      const most = Math.max(...own.filter((each) => each !== 'none').map((each) => contrast(each, back)));
      if (!(most >= least)) faint.push(`${most.toFixed(2)}: ${what} (${own.join(' and ')} on ${back})`);
    };
    while (texts.nextNode()) {
      const [element, text] = [texts.currentNode.parentElement, texts.currentNode.textContent.trim()];
      if (text === '' || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      count++;
      const { color, fill } = getComputedStyle(element);
      check(4.5, text, element, [element instanceof SVGElement ? fill : color]);
    }
    // A sign is seen by its area or by its edge (1.4.11).
    for (const path of document.querySelectorAll('.sign path')) {
      const { fill, stroke } = getComputedStyle(path);
      check(3, path.closest('li').textContent, path.closest('li'), [fill, stroke]);
    }
    return { faint, count };
  },
});
