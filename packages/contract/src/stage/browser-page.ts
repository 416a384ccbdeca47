/**
 * The events of its life that a browser sends to a page, for the devices that are made after `open` and until `close`.
 */
export class BrowserPage {
  readonly #target = new EventTarget();
  readonly #before = new Map<string, PropertyDescriptor | undefined>();
  readonly #document = { hidden: false };

  /** Gives this process the events and the `document.hidden` of a page. */
  static open(): BrowserPage {
    const page = new BrowserPage();
    const target = page.#target;
    page.#define('addEventListener', target.addEventListener.bind(target));
    page.#define('removeEventListener', target.removeEventListener.bind(target));
    page.#define('document', page.#document);
    return page;
  }

  hide(): void {
    this.#document.hidden = true;
    this.tell('visibilitychange');
  }

  show(): void {
    this.#document.hidden = false;
    this.tell('visibilitychange');
  }

  tell(type: 'online' | 'pageshow' | 'visibilitychange'): void {
    this.#target.dispatchEvent(new Event(type));
  }

  /** Takes them away again. */
  close(): void {
    for (const [name, descriptor] of this.#before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else Reflect.deleteProperty(globalThis, name);
    }
  }

  #define(name: string, value: unknown): void {
    this.#before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
