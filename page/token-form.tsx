/** Asks for the token. */
import { useState } from 'preact/hooks';
import { useToken } from './api';

export function TokenForm({ known }: { readonly known: () => void }) {
  const [problem, setProblem] = useState('');
  const [given, setGiven] = useState('');
  const show = async (event: Event) => {
    event.preventDefault();
    if (await useToken(given)) known();
    else setProblem('This is not the token.');
  };
  return (
    <form class="token" onSubmit={show}>
      <label>
        Token, which lockstep ui has printed{' '}
        <input
          type="password"
          autocomplete="off"
          value={given}
          onInput={({ currentTarget }) => setGiven(currentTarget.value)}
        />
      </label>{' '}
      <button type="submit">Use it</button>
      <p role="alert">{problem}</p>
    </form>
  );
}
