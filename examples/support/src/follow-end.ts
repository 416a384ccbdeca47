/** Keeps the page at its end while an answer grows, until the reader scrolls up. Returns a function that ends it. */
export function followEnd(): () => void {
  const page = document.documentElement;
  let isAtEnd = true;
  const look = (): void => {
    // Fractions of a pixel, and a finger that has moved a little.
    isAtEnd = page.scrollHeight - innerHeight - scrollY < 32;
  };
  const observer = new ResizeObserver(() => isAtEnd && scrollTo(0, page.scrollHeight));
  addEventListener('scroll', look, { passive: true });
  observer.observe(document.body);
  return () => {
    removeEventListener('scroll', look);
    observer.disconnect();
  };
}
