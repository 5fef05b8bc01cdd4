/** In what two configs differ. */
import { useEffect, useState } from 'preact/hooks';
import { getDetails } from './api';
import { shownText } from './numbers';

export interface DifferencesProps {
  readonly run: string;
  /** Its config: values by keys with dots. */
  readonly keys: Readonly<Record<string, string>>;
  readonly others: readonly string[];
}

export function Differences({ run, keys, others }: DifferencesProps) {
  const [other, choose] = useState('');
  const [theirs, setTheirs] = useState<Readonly<Record<string, string>>>();
  useEffect(() => {
    setTheirs(undefined);
    if (other !== '')
      getDetails(other).then(
        (details) => setTheirs(details.keys),
        () => {},
      );
  }, [other]);
  const differing = theirs
    ? [...new Set([...Object.keys(keys), ...Object.keys(theirs)])].filter((key) => keys[key] !== theirs[key])
    : [];
  return (
    <div>
      <label>
        Compare with{' '}
        <select value={other} onChange={({ currentTarget }) => choose(currentTarget.value)}>
          <option value="">no other run</option>
          {others.map((name) => (
            <option key={name} value={name}>
              {shownText(name)}
            </option>
          ))}
        </select>
      </label>
      {theirs && differing.length === 0 && <p>Their configs are the same.</p>}
      {differing.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
        <section class="scroll" aria-label="Keys that differ" tabIndex={0}>
          <table class="differences">
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col">{shownText(run)}</th>
                <th scope="col">{shownText(other)}</th>
              </tr>
            </thead>
            <tbody>
              {differing.map((key) => (
                <tr key={key}>
                  <th scope="row">{key}</th>
                  <td>{keys[key] ?? '–'}</td>
                  <td>{theirs![key] ?? '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}
