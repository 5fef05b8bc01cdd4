/** Reports of a folder, each in a frame that runs nothing, and loads and sends nothing. */
import { useState } from 'preact/hooks';
import { shownText } from './numbers';

export interface ReportsProps {
  /** Whose they are; '' of those that stand beside the runs. */
  readonly run: string;
  readonly names: readonly string[];
  /** The one that is open at first. */
  readonly first?: string;
}

/** Keeps a frame as high as its report: up to what the style allows, and as high as that where it cannot be seen. */
function showWhole(frame: HTMLIFrameElement): void {
  const root = frame.contentDocument?.documentElement;
  if (!root) return;
  new ResizeObserver(() => {
    frame.style.height = `${root.offsetHeight}px`;
  }).observe(root);
}

export function Reports({ run, names, first }: ReportsProps) {
  const [opened, open] = useState(first);
  return (
    <>
      <div class="controls">
        {names.map((name) => (
          <button
            type="button"
            key={name}
            aria-pressed={name === opened}
            onClick={() => open(name === opened ? undefined : name)}
          >
            {shownText(name)}
          </button>
        ))}
      </div>
      {opened !== undefined && names.includes(opened) && (
        <iframe
          sandbox="allow-same-origin"
          onLoad={({ currentTarget }) => showWhole(currentTarget)}
          title={`Report ${shownText(opened)}`}
          src={`/api/report?${new URLSearchParams({ run, name: opened })}`}
        />
      )}
    </>
  );
}
