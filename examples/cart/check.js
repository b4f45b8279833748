// `make demo-check`: drives the cart in a real headless browser, and exits by the result.
//
// Every step is something a person would do or see on the page; where the page cannot show it (an old cookie
// that must be dead), the step asks the service directly. Nothing sleeps: a step waits for what it expects.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { open, stacks } = require('./house.js');

const patience = 15_000; // ms that a step may take
let done = 0;
let failed = 0;

async function step(what, run) {
  try {
    await run();
    done += 1;
    console.log(`  ok    ${what}`);
  } catch (err) {
    failed += 1;
    console.log(`  FAIL  ${what}\n        ${err.message.split('\n').slice(0, 6).join('\n        ')}`);
  }
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

// What the page shows, and what can be clicked on it.
class Cart {
  constructor(page, context, address) {
    Object.assign(this, { page, context, address });
  }

  click(stack, button) {
    return this.page.click(`#${stack} button[data-${button}]`, { timeout: patience });
  }

  add(stack, item) {
    return this.click(stack, `add="${item}"`);
  }

  async shows(stack, item, count) {
    await this.page.waitForSelector(`#${stack} li[data-item="${item}"][data-count="${count}"]`, { timeout: patience });
  }

  async showsUser(stack, user) {
    const seen = ([id, want]) => document.querySelector(`#${id} .user`).textContent === want;
    await this.page.waitForFunction(seen, [stack, user], { timeout: patience });
  }

  async showsNothing(stack) {
    await this.page.waitForSelector(`#${stack} li.empty`, { timeout: patience });
  }

  // Whatever is still under way on the page (a click's request, its redrawing) comes to its end.
  async settle() {
    await this.page.waitForFunction(() => document.body.dataset.busy === '0', null, { timeout: patience });
  }

  async cookie() {
    const cookies = await this.context.cookies();
    expect(cookies.length <= 1, `the browser holds ${cookies.length} cookies, expected one at most`);
    return cookies[0];
  }

  // Asks a service directly, with this Cookie header.
  async ask(stack, cookie) {
    const response = await fetch(`${this.address}${stack}/cart`, { headers: cookie ? { Cookie: cookie } : {} });
    expect(response.status === 200, `${stack} answers ${response.status}`);
    return response.json();
  }
}

function after(stack, distance = 1) {
  return stacks[(stacks.indexOf(stack) + distance) % stacks.length];
}

async function sharedCart(cart) {
  for (const [index, stack] of stacks.entries()) {
    await step(`an item added in ${stack} is in all four columns`, async () => {
      await cart.add(stack, 'tea');
      for (const other of stacks) await cart.shows(other, 'tea', index + 1);
    });
    await cart.settle();
  }
  await step('items added in two columns at once are both there', async () => {
    // By script: there is one mouse, and it can't click twice at the same moment.
    await cart.page.evaluate(() => {
      document.querySelector('#express [data-add=cake]').click();
      document.querySelector('#cpp [data-add=jam]').click();
    });
    await cart.settle();
    await cart.page.reload();
    for (const stack of stacks) {
      await cart.shows(stack, 'cake', 1);
      await cart.shows(stack, 'jam', 1);
    }
  });
  await step('the cookie is HttpOnly, SameSite=Lax and for the whole site', async () => {
    const cookie = await cart.cookie();
    expect(cookie.httpOnly && cookie.sameSite === 'Lax' && cookie.path === '/', 'an attribute is missing');
  });
}

// Login in one stack, seen in all; logout in the next one, while a third has a slow request in flight.
async function loginAndLogout(cart, stack) {
  let before;
  await step(`login in ${stack} is login in all, with a new session id and the same cart`, async () => {
    await cart.add(stack, 'tea');
    await cart.settle();
    before = await cart.cookie();
    await cart.click(stack, 'do="login"');
    for (const other of stacks) await cart.showsUser(other, 'ada');
    await cart.settle();
    expect((await cart.cookie()).value !== before.value, 'the session id did not change');
    for (const other of stacks)
      expect('tea' in (await cart.ask(other, await header(cart))).items, `${other} lost the cart`);
  });
  await step(`the id from before that login is dead in all four`, async () => {
    for (const other of stacks) {
      const { items, user } = await cart.ask(other, `${before.name}=${before.value}`);
      expect(user === null && Object.keys(items).length === 0, `${other} still knows it`);
    }
  });

  const [ender, slow] = [after(stack), after(stack, 2)];
  let ended;
  await step(`logout in ${ender} is logout in all, with a slow request in flight in ${slow}`, async () => {
    ended = await header(cart);
    const begun = cart.page.waitForRequest((request) => request.url().includes(`/${slow}/slow`), { timeout: patience });
    await cart.click(slow, 'do="slow"');
    await begun;
    // It has most likely read its session when the service has answered a request that came later.
    await cart.ask(slow, ended);
    await cart.click(ender, 'do="logout"');
    for (const other of stacks) {
      await cart.showsNothing(other);
      await cart.showsUser(other, 'nobody');
    }
  });
  await step(`after ${slow}'s slow request has ended, the session is still gone`, async () => {
    await cart.settle();
    for (const other of stacks) {
      const { items, user } = await cart.ask(other, ended);
      expect(user === null && Object.keys(items).length === 0, `${other} has it again`);
      await cart.showsNothing(other);
      await cart.showsUser(other, 'nobody');
    }
  });
}

async function header(cart) {
  const cookie = await cart.cookie();
  expect(cookie, 'the browser holds no session cookie');
  return `${cookie.name}=${cookie.value}`;
}

async function badDays(cart, house) {
  await step('a cookie that was tampered with is nobody in all four', async () => {
    await cart.add('flask', 'tea');
    await cart.settle();
    const good = await header(cart);
    const bad = good.slice(0, -3) + (good.endsWith('AAA') ? 'BBB' : 'AAA');
    for (const stack of stacks) {
      expect(Object.keys((await cart.ask(stack, bad)).items).length === 0, `${stack} took it`);
      expect('tea' in (await cart.ask(stack, good)).items, `${stack} does not know the good one`);
    }
  });
  for (const stack of stacks) {
    await step(`${stack} killed (-9) and started again still has the cart`, async () => {
      await house.services[stack].stop('SIGKILL');
      await house.services[stack].start();
      await cart.page.reload();
      for (const other of stacks) await cart.shows(other, 'tea', 1);
    });
  }
}

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-demo-'));
  const store = process.env.COATCHECK_STORE || `file:${path.join(folder, 'sessions')}`;
  const house = await open({ store });
  let context;
  try {
    context = await chromium.launchPersistentContext(path.join(folder, 'browser'), {
      executablePath: process.env.COATCHECK_CHROMIUM || '/usr/bin/chromium',
      headless: true,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.on('pageerror', (err) => console.log(`  page: ${err.message}`));
    const cart = new Cart(page, context, house.address);
    await step('the page opens with four empty columns', async () => {
      await page.goto(house.address);
      for (const stack of stacks) await cart.showsNothing(stack);
      expect((await cart.cookie()) === undefined, 'a visitor who did nothing got a cookie');
    });
    await sharedCart(cart);
    for (const stack of stacks) await loginAndLogout(cart, stack);
    await badDays(cart, house);
    await step('nothing was written to the error logs', async () => {
      for (const { name, output } of Object.values(house.services)) {
        expect(!/traceback|error:/i.test(output()), `${name} printed:\n${output()}`);
      }
    });
  } finally {
    await context?.close();
    await house.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

main()
  .catch((err) => {
    failed += 1;
    console.error(`demo-check: ${err.message}`);
  })
  .then(() => {
    process.exitCode = failed === 0 ? 0 : 1;
    console.log(`demo-check: ${stacks.length} stacks, ${done + failed} steps, ${failed} failed`);
  });
