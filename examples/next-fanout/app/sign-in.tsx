import type { ReactNode } from 'react';

/** Asks for a name, and goes back to `back`. */
export function SignIn({ back }: { back: string }): ReactNode {
  return (
    <main>
      <h1>Who are you?</h1>
      <p className="bar">
        Any name of small letters and digits will do; the same name on two devices is the same person.
      </p>
      <form className="sign-in" method="post" action="/api/session">
        <input type="hidden" name="back" value={back} />
        <input
          aria-label="Name"
          placeholder="Name"
          name="name"
          required
          pattern="[a-z0-9]{1,20}"
          title="1 to 20 small letters and digits"
          autoCapitalize="none"
          autoComplete="off"
        />
        <button type="submit">Sign in</button>
      </form>
    </main>
  );
}
